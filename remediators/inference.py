"""Owns what is served on Kubernetes computes: online endpoints and deployments that failed. Reported only.

What ARM shows and never more: a deployment that ARM calls Succeeded may still not answer. Looked at where
both the workspace and the compute are declared and judged, so that a look narrowed to one of them
(an event) costs nothing here: one list a workspace, then one an endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shared.model.actual import Absent, Actual, Found, Question, Read, Unreadable
from shared.model.arm import SUCCEEDED, provisioning_state
from shared.model.environment import Compute, Environment, Workspace
from shared.model.finding import Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.remediation import sources
from shared.remediation.commands import run
from shared.remediation.differences import Difference, finding, held, unanswered, unread
from shared.remediation.reporting import no_units, reported
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "inference"
_ENDPOINTS: Final = "onlineEndpoints"
_DEPLOYMENTS: Final = "deployments"


@dataclass(frozen=True, slots=True)
class _Served:
    """An online endpoint and the declared compute that it is served on."""

    id: ResourceId
    body: JsonObject
    compute: Compute


def _workspaces(environment: Environment) -> tuple[Workspace, ...]:
    """Those that are judged themselves and have declared computes."""
    used = {compute.workspace for compute in environment.computes}
    found = (w for w in environment.workspaces if w.id in used and w.judged)
    return tuple(sorted(found, key=lambda workspace: workspace.id))


def _served(environment: Environment, workspace: Workspace, actual: Actual) -> Iterator[_Served]:
    by_id = {compute.id: compute for compute in environment.computes}
    for body in actual.items(workspace.id, Question.LIST, _ENDPOINTS) or ():
        own, on = (
            ResourceId.maybe(body.get("id")),
            ResourceId.maybe(dig(body, "properties.compute")),
        )
        if own is not None and on in by_id:
            yield _Served(own, body, by_id[on])


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """The endpoints of each workspace, then the deployments of those on declared computes."""
    wanted = (read for w in _workspaces(environment) for read in _reads(environment, w, actual))
    yield from unanswered(actual, wanted)


def _reads(environment: Environment, workspace: Workspace, actual: Actual) -> Iterator[Read]:
    yield Read(Question.LIST, workspace.id, _ENDPOINTS)
    for endpoint in _served(environment, workspace, actual):
        yield Read(Question.LIST, endpoint.id, _DEPLOYMENTS)


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Endpoints and deployments that ARM shows as failed, and lists that could not be read."""
    found: list[Finding] = []
    for workspace in _workspaces(environment):
        items = _unseen(workspace.id, _ENDPOINTS, "InferenceUnreadable", actual)
        found += [finding(_NAME, workspace.id, item, owned=workspace.owned) for item in items]
        for endpoint in _served(environment, workspace, actual):
            found += _of_endpoint(endpoint, actual)
    return found


def _unseen(resource: ResourceId, what: str, reason: str, actual: Actual) -> Iterator[Difference]:
    """A workspace that is gone has no endpoints; that it is gone is another's finding."""
    match actual.answer(resource, Question.LIST, what):
        case Unreadable() as answer:
            yield held(Difference(reason, ()), unread(what, answer))
        case Found() | Absent() | None:
            return


def _of_endpoint(endpoint: _Served, actual: Actual) -> Iterator[Finding]:
    owned, compute = endpoint.compute.owned, endpoint.compute.id
    for item in _of_state("OnlineEndpointFailed", endpoint.id, endpoint.body, compute):
        yield finding(_NAME, endpoint.id, item, owned=owned)
    for item in _unseen(endpoint.id, _DEPLOYMENTS, "InferenceUnreadable", actual):
        yield finding(_NAME, endpoint.id, item, owned=owned)
    for body in actual.items(endpoint.id, Question.LIST, _DEPLOYMENTS) or ():
        own = ResourceId.maybe(body.get("id"))
        if own is not None:
            for item in _of_state("DeploymentFailed", own, body, compute):
                yield finding(_NAME, own, item, owned=owned)


def _of_state(
    reason: str, resource: ResourceId, body: JsonObject, compute: ResourceId
) -> Iterator[Difference]:
    state = provisioning_state(body)
    if phase(state) is Phase.BAD:
        seen = (Evidence("provisioningState", state, SUCCEEDED), Evidence("compute", str(compute)))
        yield reported(reason, *seen, command=_show(resource))


def _show(resource: ResourceId) -> str:
    workspace, *names = resource.names
    place = ["--workspace-name", workspace, "--resource-group", resource.resource_group]
    place += ["--subscription", resource.subscription]
    if len(names) == 1:
        return run("az ml online-endpoint show", "--name", names[0], *place)
    endpoint, deployment = names
    words = ["--name", deployment, "--endpoint-name", endpoint]
    return run("az ml online-deployment get-logs", *words, *place)


REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.MachineLearningServices/workspaces/computes/write",
        "Microsoft.MachineLearningServices/workspaces/computes/delete",
    ),
    permissions=(),
    read_permissions=(
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/read",
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/read",
    ),
    reads=reads,
    detect=detect,
    plan=no_units,
    reasons={
        "OnlineEndpointFailed": Reason(
            "ARM shows an online endpoint on a declared compute as failed.",
            f"{sources.TROUBLE}: endpoints after a compute was attached again",
            Response.REPORTED,
        ),
        "DeploymentFailed": Reason(
            "ARM shows a deployment on a declared compute as failed.",
            f"{sources.TROUBLE}: deployments after a compute was attached again",
            Response.REPORTED,
        ),
        "InferenceUnreadable": Reason(
            "Online endpoints or deployments could not be read, so nothing is known of them.",
            sources.RELINK,
            Response.STATE,
        ),
    },
)
