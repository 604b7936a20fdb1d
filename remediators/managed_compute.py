"""Owns the computes that Azure Machine Learning makes itself: clusters of nodes and instances. Reported only.

Subnet, public addresses and SSH are chosen when such a compute is made, and making one costs money and
loses what is on it, so a person does it. Kubernetes computes are ``kubernetes_compute``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.arm import SUCCEEDED, provisioning_state
from shared.model.environment import Environment, ManagedCompute
from shared.model.finding import Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.remediation import sources
from shared.remediation.commands import az_child
from shared.remediation.differences import (
    Difference,
    finding,
    get,
    held,
    unanswered,
    unread,
    unsettled,
)
from shared.remediation.reporting import no_units, reported
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "managed_compute"
_INNER: Final = "properties.properties"
_BROKEN: Final = frozenset({"createfailed", "setupfailed", "unusable"})  # of an instance


def _declared(environment: Environment) -> tuple[ManagedCompute, ...]:
    return tuple(sorted(environment.managed_computes, key=lambda compute: compute.id))


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Each compute itself, once."""
    yield from unanswered(actual, (get(compute.id) for compute in _declared(environment)))


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """What is missing, failed, or otherwise than declared."""
    return [
        finding(_NAME, compute.id, item, owned=compute.owned)
        for compute in _declared(environment)
        for item in _differences(compute, actual)
    ]


def _differences(compute: ManagedCompute, actual: Actual) -> Iterator[Difference]:
    match actual.answer(compute.id):
        case Found(body=body):
            yield from _of_state(compute, body)
            yield from _of_subnet(compute, body)
            yield from _of_switches(compute, body)
        case Absent():
            seen = Evidence("compute", "none (404)", "one as declared")
            yield reported("ManagedComputeMissing", seen, command=_create(compute, {}))
        case Unreadable() as answer:
            yield held(Difference("ManagedComputeUnreadable", ()), unread("compute", answer))
        case None:
            return


def _of_state(compute: ManagedCompute, body: JsonObject) -> Iterator[Difference]:
    state = provisioning_state(body)
    runs = str(dig(body, f"{_INNER}.state") or "")
    errors = [
        *(dig(body, "properties.provisioningErrors") or ()),
        *(dig(body, f"{_INNER}.errors") or ()),
    ]
    said = tuple(Evidence("error", str(code)) for e in errors if (code := dig(e, "error.code")))
    show = az_child("ml compute show", "--workspace-name", compute.id)
    if phase(state) is Phase.BAD:
        seen = Evidence("provisioningState", state, SUCCEEDED)
        yield reported("ManagedComputeFailed", seen, *said, command=show)
    elif runs.lower() in _BROKEN:
        yield reported(
            "ManagedComputeFailed", Evidence("state", runs, "usable"), *said, command=show
        )
    else:
        yield from unsettled("ManagedComputeUnsettled", state)


def _of_subnet(compute: ManagedCompute, body: JsonObject) -> Iterator[Difference]:
    live = dig(body, f"{_INNER}.subnet.id")
    if compute.subnet is not None and ResourceId.maybe(live) != compute.subnet:
        seen = Evidence("subnet", str(live or "none"), str(compute.subnet))
        yield _remade("ManagedComputeElsewhere", seen, compute, body)


def _of_switches(compute: ManagedCompute, body: JsonObject) -> Iterator[Difference]:
    """Public addresses are on where nothing is said; so is SSH of nodes outside of a network."""
    public = dig(body, f"{_INNER}.enableNodePublicIp") is not False
    if compute.public_ip is not None and public is not compute.public_ip:
        seen = Evidence("enableNodePublicIp", _text(public), _text(compute.public_ip))
        reason = "NodesPublic" if public else "NodesPrivate"
        yield _remade(reason, seen, compute, body)
    opened, shown = _ssh(body)
    if compute.ssh is not None and opened is not compute.ssh:
        wanted = "open" if compute.ssh else "closed"
        reason = "SshOpen" if opened else "SshClosed"
        yield _remade(reason, Evidence("public SSH", shown, wanted), compute, body)


def _ssh(body: JsonObject) -> tuple[bool, str]:
    """Whether the public SSH port is open, and what says so (machinelearningservices 2024-04-01)."""
    if str(dig(body, "properties.computeType") or "").lower() == "computeinstance":
        found = str(dig(body, f"{_INNER}.sshSettings.sshPublicAccess") or "Disabled")
        return found.lower() == "enabled", f"sshPublicAccess {found}"
    found = str(dig(body, f"{_INNER}.remoteLoginPortPublicAccess") or "NotSpecified")
    unsaid = found.lower() == "notspecified" and dig(body, f"{_INNER}.subnet.id") is None
    return found.lower() == "enabled" or unsaid, f"remoteLoginPortPublicAccess {found}"


def _text(value: bool) -> str:  # noqa: FBT001 - a value to show
    return str(value).lower()


def _remade(reason: str, seen: Evidence, compute: ManagedCompute, body: JsonObject) -> Difference:
    return reported(reason, seen, command=_create(compute, body), why="MadeAnew")


def _create(compute: ManagedCompute, body: JsonObject) -> str:
    """What makes it as declared; a word in capitals is for the person to fill in."""
    words = ["--type", str(dig(body, "properties.computeType") or "AmlCompute")]
    words += ["--size", str(dig(body, f"{_INNER}.vmSize") or "VM_SIZE")]
    if compute.subnet is not None:
        words += ["--subnet", compute.subnet.text]
    if compute.public_ip is not None:
        words += ["--enable-node-public-ip", _text(compute.public_ip)]
    if compute.ssh is not None:
        words += ["--ssh-public-access-enabled", _text(compute.ssh)]
    return az_child("ml compute create", "--workspace-name", compute.id, *words)


_RULES: Final = f"{sources.WORKSPACE_VNET}: compute clusters and instances in a virtual network"

REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.MachineLearningServices/workspaces/computes/write",
        "Microsoft.MachineLearningServices/workspaces/computes/delete",
    ),
    permissions=(),
    read_permissions=("Microsoft.MachineLearningServices/workspaces/computes/read",),
    reads=reads,
    detect=detect,
    plan=no_units,
    reasons={
        "ManagedComputeMissing": Reason(
            "The declared compute cluster or instance does not exist.", _RULES, Response.REPORTED
        ),
        "ManagedComputeFailed": Reason(
            "Making it, or its last operation, failed.", _RULES, Response.REPORTED
        ),
        "ManagedComputeUnsettled": Reason(
            "Azure is at work on it.", sources.RELINK, Response.STATE
        ),
        "ManagedComputeElsewhere": Reason(
            "It lies in another subnet than declared, or in none.", _RULES, Response.REPORTED
        ),
        "NodesPublic": Reason(
            "Its nodes have public addresses and were declared to have none.",
            f"{sources.WORKSPACE_VNET}: no public IP",
            Response.REPORTED,
        ),
        "NodesPrivate": Reason(
            "Its nodes have no public addresses and were declared to have them.",
            f"{sources.WORKSPACE_VNET}: no public IP",
            Response.REPORTED,
        ),
        "SshOpen": Reason(
            "Its public SSH port is open and was declared closed.",
            f"{sources.WORKSPACE_VNET}: SSH of computes",
            Response.REPORTED,
        ),
        "SshClosed": Reason(
            "Its public SSH port is closed and was declared open.",
            f"{sources.WORKSPACE_VNET}: SSH of computes",
            Response.REPORTED,
        ),
        "ManagedComputeUnreadable": Reason(
            "It could not be read, so nothing is known of it.", sources.RELINK, Response.STATE
        ),
    },
)
