"""Owns the drift of Kubernetes computes attached from AKS: gone, failed, or older than a restart.

ARM shows a compute whose cluster was restarted as Succeeded (domain.md 3.1), so that it is stale
has to be proved: the restart really happened, and the compute was created before it. A compute
that merely differs is reported; one from an Arc cluster is never detached.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Absent, Actual, Found, Observation, Read, Unreadable
from shared.model.arm import SUCCEEDED, ComputeView
from shared.model.environment import Compute, Environment
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.json import JsonObject
from shared.model.plan import Unit
from shared.model.states import Phase, phase
from shared.remediation import restarting, sources
from shared.remediation.assignments import assignments, label, missing, role_reads
from shared.remediation.cluster_endpoints import cluster_endpoint_reads, cluster_obstacle
from shared.remediation.cluster_endpoints import judge as judge_endpoint
from shared.remediation.compute_debts import compute_verdict, restart_shown, without_log
from shared.remediation.compute_errors import explained, remarks
from shared.remediation.computes import ELSEWHERE, changes
from shared.remediation.differences import (
    UNREADABLE,
    Difference,
    Obstacle,
    finding,
    get,
    held,
    repairs_of,
    state_obstacle,
    unanswered,
    unread,
)
from shared.remediation.reattaching import (
    NAME,
    attachment,
    former,
    former_principal,
    reattachment,
    role_change,
    role_names_to_read,
)
from shared.remediation.restarting import claimed, debts_on, power_read, settle
from shared.remediator import Reason, Remediator, Response

_REATTACH: Final = "Relink detaches it and attaches it again as declared."
_DESTRUCTIVE: Final = frozenset({"ComputeFailed", "ComputeStale"})
_NEEDS_CLUSTER: Final = _DESTRUCTIVE | {"ComputeMissing"}


def _declared(environment: Environment) -> tuple[Compute, ...]:
    return tuple(sorted(environment.computes, key=lambda compute: compute.id))


def _is_aks(environment: Environment, compute: Compute) -> bool:
    cluster = environment.cluster(compute.cluster)
    return cluster is not None and cluster.is_aks


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """The computes with cluster, workspace, roles, the cluster's endpoints, and logs for debts."""
    wanted = (r for c in _declared(environment) for r in _reads(environment, c, actual))
    yield from unanswered(actual, wanted)


def _reads(environment: Environment, compute: Compute, actual: Actual) -> Iterator[Read]:
    yield get(compute.id)
    body = actual.body(compute.id)
    if body is not None:
        yield from role_reads(compute, ComputeView.of(body).principal)
    yield from role_reads(compute, former_principal(compute, actual))
    yield from (get(name) for name in role_names_to_read(compute, actual))
    if not _is_aks(environment, compute):
        return
    yield get(compute.workspace)
    yield get(compute.cluster)
    for endpoint in environment.cluster_endpoints(compute.cluster):
        yield from cluster_endpoint_reads(environment, endpoint, actual)
    if cluster_obstacle(compute.cluster, actual) is None:
        view = ComputeView.of(body or {})
        owed = debts_on(compute.id, actual)
        yield from (power_read(debt) for debt in owed if without_log(debt, view) is None)


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every difference of every declared compute, and what its debts come to."""
    return [
        finding(NAME, compute.id, item, owned=compute.owned)
        for compute in _declared(environment)
        for item in _judge(environment, compute, actual)
    ]


def _judge(environment: Environment, compute: Compute, actual: Actual) -> list[Difference]:
    answer = actual.answer(compute.id)
    found = list(_of_state(compute, answer))
    if isinstance(answer, Found):
        found += _of_changes(compute, answer.body)
        found += _of_roles(compute, answer.body, actual)
    found += _of_orphans(compute, actual)
    if not any(item.reason in _DESTRUCTIVE for item in found):
        found += _of_debts(environment, compute, answer, actual)
    obstacles = (
        _obstacle(environment, compute, actual),
        _obstacle_to_detaching(compute, answer, actual, found),
        _in_progress(answer),
    )
    return [_hold(item, answer, *obstacles) for item in found]


def _hold(
    item: Difference,
    answer: Observation | None,
    general: Obstacle | None,
    detaching: Obstacle | None,
    progress: Obstacle | None,
) -> Difference:
    """Roles go ahead whatever the cluster does, except where the compute is to be attached first."""
    if item.reason in _NEEDS_CLUSTER or isinstance(answer, Absent):
        item = held(item, general)
    if item.reason in _DESTRUCTIVE:
        item = held(item, detaching)
    return held(item, progress)


def _of_state(compute: Compute, answer: Observation | None) -> Iterator[Difference]:
    match answer:
        case Found(body=body):
            yield from _of_provisioning(compute, ComputeView.of(body))
        case Absent():
            seen = Evidence("compute", "none (404)", f"one attached from {compute.cluster}")
            repair = f"Relink attaches it as declared. {remarks(compute)}"
            yield Difference("ComputeMissing", (seen,), repair)
        case Unreadable():
            yield held(Difference("ComputeUnreadable", ()), unread("compute", answer))
        case None:
            return


def _of_provisioning(compute: Compute, view: ComputeView) -> Iterator[Difference]:
    errors = f" ({', '.join(view.errors)})" if any(view.errors) else ""
    state = Evidence("provisioningState", f"{view.state or 'nothing'}{errors}", SUCCEEDED)
    if phase(view.state) is Phase.BAD:
        seen = (state, *explained(view.errors))
        yield Difference("ComputeFailed", seen, f"{_REATTACH} {remarks(compute)}")
    elif view.state != SUCCEEDED:
        waiting = state_obstacle(view.state) or Obstacle(Disposition.BLOCK, "StateUnknown")
        yield held(Difference("ComputeUnsettled", (state,)), waiting)


def _of_changes(compute: Compute, body: JsonObject) -> Iterator[Difference]:
    seen = tuple(changes(compute, body))
    if seen:
        yield Difference("ComputeChanged", seen, "", Disposition.REPORT, "CreateOnly")


def _of_roles(compute: Compute, body: JsonObject, actual: Actual) -> Iterator[Difference]:
    principal = ComputeView.of(body).principal
    if not principal or not compute.roles:
        return
    views = assignments(compute, principal, actual)
    if views is None:
        yield held(Difference("RolesUnreadable", ()), _unread_roles(compute, principal, actual))
        return
    lacking = missing(compute, views)
    if lacking:
        seen = tuple(Evidence(label(role), "not assigned", f"to {principal}") for role in lacking)
        yield Difference("RoleMissing", seen, "Relink assigns what is missing.")


def _of_orphans(compute: Compute, actual: Actual) -> Iterator[Difference]:
    """Assignments of a principal that went with a compute that Relink detached."""
    dead = former_principal(compute, actual)
    found = former(compute, actual)
    if found is None:
        unseen = _unread_roles(compute, dead, actual)
        yield held(Difference("OrphanRolesUnreadable", ()), unseen)
    if found:
        seen = tuple(Evidence("role assignment", f"{view.id} for {dead}", "none") for view in found)
        yield Difference("OrphanRole", seen, "Relink removes it, as that principal is gone.")


def _unread_roles(compute: Compute, principal: str, actual: Actual) -> Obstacle:
    unseen = next(
        read
        for read in role_reads(compute, principal)
        if actual.items(read.resource, read.question, read.detail) is None
    )
    answer = actual.answer(unseen.resource, unseen.question, unseen.detail)
    return unread(f"role assignments at {unseen.resource}", answer)


def _of_debts(
    environment: Environment, compute: Compute, answer: Observation | None, actual: Actual
) -> Iterator[Difference]:
    """A debt of a compute that is there and settled; anything else has a difference of its own."""
    debts = debts_on(compute.id, actual)
    if not debts or not isinstance(answer, Found):
        return
    view = ComputeView.of(answer.body)
    if view.state != SUCCEEDED:
        return
    if not _is_aks(environment, compute):
        yield Difference(
            "RestartSuspected", (claimed(debts[-1]),), "", Disposition.REPORT, "ArcCluster"
        )
        return
    obstacle = cluster_obstacle(compute.cluster, actual)
    if obstacle is not None:
        yield held(Difference("RestartSuspected", (claimed(debts[-1]),)), obstacle)
        return
    shown = restart_shown(environment, compute, actual)
    verdicts = [compute_verdict(debt, view, answer.at, shown, actual) for debt in debts]
    settled = settle(verdicts, "ComputeStale", f"{_REATTACH} {remarks(compute)}")
    if settled is not None:
        yield settled


def _obstacle(environment: Environment, compute: Compute, actual: Actual) -> Obstacle | None:
    """What holds back attaching it, again or for the first time."""
    if not _is_aks(environment, compute):
        return Obstacle(Disposition.REPORT, "ArcCluster")
    obstacle = cluster_obstacle(compute.cluster, actual)
    if obstacle is not None:
        return obstacle
    if actual.absent(compute.workspace):
        seen = Evidence("workspace", "none (404)", str(compute.workspace))
        return Obstacle(Disposition.BLOCK, "WorkspaceGone", (seen,))
    if actual.body(compute.workspace) is None:
        return unread(f"workspace {compute.workspace}", actual.answer(compute.workspace))
    for name in role_names_to_read(compute, actual):
        if not isinstance(actual.answer(name), Found | Absent):
            return unread(f"role assignment {name}", actual.answer(name))
    return _endpoint_not_ready(environment, compute, actual)


def _endpoint_not_ready(
    environment: Environment, compute: Compute, actual: Actual
) -> Obstacle | None:
    """An endpoint that is not repaired in this plan would make the attach fail."""
    for endpoint in environment.cluster_endpoints(compute.cluster):
        for item in judge_endpoint(environment, endpoint, actual):
            waits = item.disposition in {Disposition.BLOCK, Disposition.DEFER}
            foreign = not endpoint.owned and item.disposition is Disposition.REPAIR
            if (waits or foreign) and item.why != "AksOwned":
                state = f"{item.reason} {item.why or 'NotOwned'}"
                seen = Evidence(f"endpoint {endpoint.id}", state, "in order or being repaired")
                if item.why == UNREADABLE:
                    return Obstacle(item.disposition, UNREADABLE, (seen,))
                return Obstacle(Disposition.DEFER, "EndpointNotReady", (seen,))
    return None


def _obstacle_to_detaching(
    compute: Compute, answer: Observation | None, actual: Actual, found: Sequence[Difference]
) -> Obstacle | None:
    """What forbids detaching the live compute."""
    if not isinstance(answer, Found):
        return None
    view = ComputeView.of(answer.body)
    if not view.incarnation:
        unknown = Evidence("createdOn", "nothing", "a time")
        return Obstacle(Disposition.BLOCK, "IncarnationUnknown", (unknown,))
    for item in found:
        if item.reason == "ComputeChanged" and any(e.what in ELSEWHERE for e in item.evidence):
            return Obstacle(Disposition.BLOCK, "ComputeChanged", item.evidence)
    if compute.roles and view.principal and assignments(compute, view.principal, actual) is None:
        return _unread_roles(compute, view.principal, actual)
    return None


def _in_progress(answer: Observation | None) -> Obstacle | None:
    return state_obstacle(ComputeView.of(answer.body).state) if isinstance(answer, Found) else None


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per compute: reattach it, attach it, or put its roles right."""
    units = []
    for compute in _declared(environment):
        mine = repairs_of(findings, compute.id)
        if not mine or not compute.owned:
            continue
        keys, reasons = tuple(f.key for f in mine), {f.reason for f in mine}
        if reasons & _DESTRUCTIVE:
            units.append(reattachment(environment, compute, actual, keys))
        elif "ComputeMissing" in reasons:
            units.append(attachment(environment, compute, actual, keys))
        else:
            units.append(role_change(compute, actual, keys, reasons))
    return units


_WRITES_DO_NOTHING: Final = "updates of an attached compute are taken and do nothing"
_COMPUTE: Final = (
    "creating and changing what is deployed on it, for the minutes of attaching it again"
)

REMEDIATOR: Final = Remediator(
    name=NAME,
    needs=("cluster_endpoint",),
    watches=(
        "Microsoft.MachineLearningServices/workspaces/computes/write",
        "Microsoft.MachineLearningServices/workspaces/computes/delete",
        "Microsoft.ContainerService/managedClusters/start/action",
        "Microsoft.ContainerService/managedClusters/stop/action",
        "Microsoft.ContainerService/managedClusters/write",
        "Microsoft.ContainerService/managedClusters/delete",
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleAssignments/delete",
    ),
    permissions=(
        "Microsoft.MachineLearningServices/workspaces/computes/write",
        "Microsoft.MachineLearningServices/workspaces/computes/delete",
        "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleAssignments/delete",
    ),
    read_permissions=(
        "Microsoft.MachineLearningServices/workspaces/read",
        "Microsoft.MachineLearningServices/workspaces/computes/read",
        "Microsoft.MachineLearningServices/workspaces/jobs/read",
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/read",
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/read",
        "Microsoft.ContainerService/managedClusters/read",
        "Microsoft.KubernetesConfiguration/extensions/read",
        "Microsoft.Insights/eventtypes/values/read",
        "Microsoft.Authorization/roleAssignments/read",
        "Microsoft.Authorization/locks/read",
        "Microsoft.Authorization/permissions/read",
    ),
    reads=reads,
    detect=detect,
    plan=plan,
    reasons={
        "ComputeMissing": Reason(
            "The declared compute does not exist.", f"{sources.ATTACH}: attaching a cluster"
        ),
        "ComputeFailed": Reason(
            "Attaching it, or its last operation, failed.",
            f"{sources.TROUBLE}: reattach the compute; updates of an attached one have no effect",
            disruption=_COMPUTE,
            no_less=_WRITES_DO_NOTHING,
        ),
        "ComputeStale": Reason(
            "It was attached before the last restart of its cluster.",
            f"{sources.SECURE_INFERENCE}: note on stopped and restarted clusters, step 2",
            disruption=_COMPUTE,
            no_less=_WRITES_DO_NOTHING,
        ),
        "ComputeChanged": Reason(
            "It differs in what is fixed when it is attached.",
            f"{sources.ATTACH}: settings of a compute target",
            Response.REPORTED,
        ),
        "ComputeUnsettled": Reason(
            "Azure is at work on it, or shows a state that says nothing.",
            sources.RELINK,
            Response.STATE,
        ),
        "ComputeUnreadable": Reason(
            "It could not be read, so nothing is known of it.", sources.RELINK, Response.STATE
        ),
        "RoleMissing": Reason(
            "Its identity lacks a declared role.",
            f"{sources.ATTACH}: Azure roles of the managed identity",
        ),
        "RolesUnreadable": Reason(
            "The roles of its identity could not be read.", sources.RELINK, Response.STATE
        ),
        "OrphanRole": Reason(
            "A role assignment of its former identity is left over.",
            f"{sources.ATTACH}: an identity of the system is new with each attachment",
        ),
        "OrphanRolesUnreadable": Reason(
            "The roles of its former identity could not be read.", sources.RELINK, Response.STATE
        ),
        **restarting.REASONS,
    },
)
