"""Owns the judgement of one declared private endpoint, whatever it leads to.

It says how the endpoint differs and what holds its repair back. It refuses to conclude anything
from an answer that is missing, and never lets an endpoint be replaced whose incarnation is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.arm import (
    APPROVED,
    SUCCEEDED,
    EndpointView,
    InterfaceView,
)
from shared.model.environment import PrivateEndpoint
from shared.model.finding import Disposition, Evidence
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.remediation import sources
from shared.remediation.commands import make_group
from shared.remediation.differences import (
    Difference,
    Obstacle,
    get,
    held,
    state_obstacle,
    unread,
    unsettled,
)
from shared.remediation.zone_groups import group_answer, group_reads, of_zone_group
from shared.remediator import Reason, Response

REPLACING: Final = frozenset(
    {
        "EndpointDisconnected",
        "EndpointRejected",
        "EndpointMispointed",
        "EndpointStale",
        "LinkRenewed",
    }
)
"""Reasons that only a deletion and a new creation can settle.

``EndpointFailed`` is none of them: the state tells of the last write and not of the traffic, and
the document on failed states has the resource written again. What shows that it is dead beyond a
write is its connection, its aim, or a restart of its cluster, each a reason of its own.
"""

_BY_CONNECTION: Final = {
    "disconnected": "EndpointDisconnected",
    "rejected": "EndpointRejected",
    "pending": "EndpointPending",
}
_REPLACE: Final = "Relink deletes it and creates it again as declared."
_FINISH: Final = "Relink writes it again as declared, which deletes nothing."
_AGAIN: Final = "Relink writes it again as it is, which deletes nothing."
_NO_INTERFACE: Final = Evidence("network interface", "none", "the endpoint's own")

MOMENT: Final = "what goes through the endpoint, for the minutes of making it again"
REASONS: Final = {
    "EndpointMissing": Reason(
        "The declared private endpoint does not exist.",
        f"{sources.SECURE_INFERENCE}: private endpoints in the cluster's network or a peered one",
    ),
    "EndpointDisconnected": Reason(
        "Its connection was removed at the target; it will not come back.",
        f"{sources.ENDPOINTS}: a Disconnected endpoint is only informative and should be deleted",
        disruption=MOMENT,
        no_less="a write is taken and the connection stays Disconnected: the target holds it no longer",
    ),
    "EndpointRejected": Reason(
        "Its connection was rejected at the target.",
        f"{sources.ENDPOINTS}: connection states",
        disruption=MOMENT,
        no_less="a write leaves the rejection as it is; only a new connection asks again",
    ),
    "EndpointFailed": Reason(
        "Its last write failed. It is written again as it is, and replaced only where its "
        "connection, its aim or a restart shows that a write cannot heal it.",
        f"{sources.FAILED_STATES}: write the resource again",
    ),
    "EndpointUnfinished": Reason(
        "Its creation failed before it had an interface; the write is made again.",
        f"{sources.ENDPOINTS}: an endpoint has an interface",
    ),
    "EndpointPending": Reason(
        "Its connection waits for the target's owner.",
        f"{sources.ENDPOINTS}: manual approval",
        Response.REPORTED,
    ),
    "EndpointMispointed": Reason(
        "It leads to another target or group, or lies in another subnet.",
        f"{sources.ENDPOINTS}: target and subnet are fixed for its life",
        disruption=MOMENT,
        no_less="a write cannot change target, groups or subnet",
    ),
    "EndpointUnsettled": Reason(
        "Azure is at work on it, or shows a state that says nothing.",
        sources.RELINK,
        Response.STATE,
    ),
    "EndpointUnreadable": Reason(
        "It could not be read, so nothing is known of it.", sources.RELINK, Response.STATE
    ),
    "GroupGone": Reason(
        "The resource group that it belongs in does not exist.",
        f"{sources.SECURE_INFERENCE}: the workspace and its associated resources",
        Response.REPORTED,
    ),
    "TargetGone": Reason(
        "What it leads to does not exist.",
        f"{sources.SECURE_INFERENCE}: the workspace and its associated resources",
        Response.REPORTED,
    ),
    "ZoneGroupMissing": Reason(
        "Its zone group does not exist, so its names do not resolve.",
        f"{sources.SECURE_INFERENCE}: private DNS zone integration enabled",
    ),
    "ZoneGroupChanged": Reason(
        "Its zone group names other zones than declared.", f"{sources.ENDPOINT_DNS}: zone groups"
    ),
    "ZoneGone": Reason(
        "A private DNS zone that its names belong in does not exist.",
        f"{sources.ENDPOINT_DNS}: zones",
        Response.REPORTED,
    ),
}
"""The reasons of this module, for the ``reasons`` of the remediators that use it."""


def zones_of(endpoint: PrivateEndpoint) -> tuple[ResourceId, ...]:
    """The zones of its zone group and of its own records, each once."""
    grouped = endpoint.zone_group.zones if endpoint.zone_group else ()
    zones = [zone.private_dns_zone_id for zone in grouped]
    zones += [record.zone for record in endpoint.records]
    return tuple(dict.fromkeys(zones))


def reads_of(endpoint: PrivateEndpoint, actual: Actual) -> Iterator[Read]:
    """What must be read to judge it; its interface only once something would be replaced."""
    yield get(endpoint.id)
    yield get(endpoint.target)
    yield from (get(zone) for zone in zones_of(endpoint))
    yield from group_reads(endpoint, actual)
    view = view_of(endpoint, actual)
    if view is not None and view.interface is not None and _wants_interface(endpoint, actual):
        yield get(view.interface)


def _wants_interface(endpoint: PrivateEndpoint, actual: Actual) -> bool:
    found = differences(endpoint, actual)
    return endpoint.to_cluster or any(item.reason in REPLACING for item in found)


def view_of(endpoint: PrivateEndpoint, actual: Actual) -> EndpointView | None:
    """The live endpoint, if it was found."""
    body = actual.body(endpoint.id)
    return EndpointView.of(body) if body is not None else None


def interface_of(endpoint: PrivateEndpoint, actual: Actual) -> InterfaceView | None:
    """Its interface, if it was found: the incarnation and the addresses."""
    view = view_of(endpoint, actual)
    body = actual.body(view.interface) if view and view.interface else None
    return InterfaceView.of(body) if body is not None else None


def unread_interface(endpoint: PrivateEndpoint, actual: Actual) -> Obstacle:
    """The obstacle that its interface, or the endpoint that would name it, could not be read."""
    view = view_of(endpoint, actual)
    if view is None or view.interface is None:
        return unread("private endpoint", actual.answer(endpoint.id))
    return unread(f"network interface {view.interface}", actual.answer(view.interface))


def differences(endpoint: PrivateEndpoint, actual: Actual) -> list[Difference]:
    """Every way in which the endpoint and its zone group differ, nothing held back yet."""
    match actual.answer(endpoint.id):
        case Found(body=body):
            view = EndpointView.of(body)
            return [*_of_state(view), *_of_aim(endpoint, view), *of_zone_group(endpoint, actual)]
        case Absent():
            seen = Evidence("private endpoint", "none (404)", "one as declared")
            missing = Difference("EndpointMissing", (seen,), "Relink creates it as declared.")
            return [missing, *of_zone_group(endpoint, actual)]
        case Unreadable() as answer:
            obstacle = unread("private endpoint", answer)
            return [held(Difference("EndpointUnreadable", ()), obstacle)]
        case None:
            return []


def _of_state(view: EndpointView) -> Iterator[Difference]:
    state = Evidence("provisioningState", view.state or "nothing", SUCCEEDED)
    connection = Evidence("connection", _shown(view), APPROVED)
    failed = phase(view.state) is Phase.BAD
    if failed and view.interface is None and view.connection not in _BY_CONNECTION:
        yield Difference("EndpointUnfinished", (state, _NO_INTERFACE), _FINISH)
    elif failed:
        yield Difference("EndpointFailed", (state, connection), _AGAIN)
    if state_obstacle(view.state) is not None:
        yield from unsettled("EndpointUnsettled", view.state)
    elif view.connection in _BY_CONNECTION:
        yield _of_connection(_BY_CONNECTION[view.connection], connection)
    elif view.connection != APPROVED and not failed:
        unclear = Obstacle(Disposition.BLOCK, "Unreadable")
        yield held(Difference("EndpointUnsettled", (connection,)), unclear)


def _of_connection(reason: str, connection: Evidence) -> Difference:
    difference = Difference(reason, (connection,), _REPLACE)
    if reason == "EndpointPending":
        return held(difference, Obstacle(Disposition.BLOCK, "TargetApproval"))
    return difference


def _shown(view: EndpointView) -> str:
    said = f" ('{view.description[:200]}')" if view.description else ""
    return f"{view.connection or 'nothing'}{said}"


def _of_aim(endpoint: PrivateEndpoint, view: EndpointView) -> Iterator[Difference]:
    """Target, groups and subnet cannot be changed by a PUT (domain.md 4)."""
    seen = []
    if view.target is not None and view.target != endpoint.target:
        seen.append(Evidence("target", str(view.target), str(endpoint.target)))
    groups = {name.lower() for name in view.group_ids}
    if view.group_ids and groups != {name.lower() for name in endpoint.group_ids}:
        seen.append(Evidence("groupIds", ", ".join(view.group_ids), ", ".join(endpoint.group_ids)))
    if view.subnet is not None and view.subnet != endpoint.subnet:
        seen.append(Evidence("subnet", str(view.subnet), str(endpoint.subnet)))
    if seen:
        yield Difference("EndpointMispointed", tuple(seen), _REPLACE)


def gone(endpoint: PrivateEndpoint, actual: Actual) -> Iterator[Difference]:
    """What the endpoint needs and Azure says does not exist: reported, never created."""
    answer = actual.answer(endpoint.id)
    if isinstance(answer, Absent) and answer.with_its_group:
        group = endpoint.id.group
        seen = Evidence("resource group", f"none at {group} (404)", "the group")
        command = make_group(group, str(endpoint.body["location"]))
        yield Difference("GroupGone", (seen,), "", Disposition.BLOCK, "GroupGone", command)
    if actual.absent(endpoint.target):
        seen = Evidence("target", f"none at {endpoint.target} (404)", "the declared target")
        yield Difference("TargetGone", (seen,), "", Disposition.BLOCK, "TargetGone")
    lost = [zone for zone in zones_of(endpoint) if actual.absent(zone)]
    if lost:
        found = tuple(Evidence("zone", f"none at {zone} (404)", "the zone") for zone in lost)
        yield Difference("ZoneGone", found, "", Disposition.BLOCK, "ZoneGone")


def obstacle_to_repair(endpoint: PrivateEndpoint, actual: Actual) -> Obstacle | None:
    """What holds back every repair of the endpoint: lost or unread surroundings, work under way."""
    absent = next(gone(endpoint, actual), None)
    if absent is not None:
        return Obstacle(absent.disposition, absent.why, absent.evidence)
    for what, resource in (("target", endpoint.target), *(("zone", z) for z in zones_of(endpoint))):
        if actual.body(resource) is None:
            return unread(f"{what} {resource}", actual.answer(resource))
    group = group_answer(endpoint, actual)
    if endpoint.zone_group is not None and not isinstance(group, Found | Absent):
        return unread("zone group", group)
    view = view_of(endpoint, actual)
    return state_obstacle(view.state) if view is not None else None


def obstacle_to_replacement(endpoint: PrivateEndpoint, actual: Actual) -> Obstacle | None:
    """What forbids destroying the live endpoint, besides what holds back every repair."""
    view = view_of(endpoint, actual)
    if view is None:
        return unread("private endpoint", actual.answer(endpoint.id))
    connection = Evidence("connection", _shown(view), APPROVED)
    if view.connection == "pending" or (endpoint.manual and view.connection == APPROVED):
        return Obstacle(Disposition.BLOCK, "TargetApproval", (connection,))
    if view.interface is None:
        return Obstacle(Disposition.BLOCK, "IncarnationUnknown", (_NO_INTERFACE,))
    interface = interface_of(endpoint, actual)
    if interface is None:
        return unread_interface(endpoint, actual)
    if not interface.guid:
        unknown = Evidence("resourceGuid of the interface", "nothing", "a guid")
        return Obstacle(Disposition.BLOCK, "IncarnationUnknown", (unknown,))
    own = (record.zone.child("A", record.name) for record in endpoint.records)
    lost = next((r for r in own if not isinstance(actual.answer(r), Found | Absent)), None)
    return unread(f"A record {lost}", actual.answer(lost)) if lost is not None else None


def _obstacle_to_writing_again(
    endpoint: PrivateEndpoint, actual: Actual, found: list[Difference]
) -> Obstacle | None:
    """A connection that waits for somebody, or a restart that is still a question.

    A write of the endpoint after a restart is taken as proof that it was made since
    (``endpoint_debts``), so it must not come before the answer.
    """
    view = view_of(endpoint, actual)
    if view is not None and view.connection == "pending":
        connection = Evidence("connection", _shown(view), APPROVED)
        return Obstacle(Disposition.BLOCK, "TargetApproval", (connection,))
    doubts = (item for item in found if item.reason == "RestartSuspected")
    return next(
        (
            Obstacle(item.disposition, item.why)
            for item in doubts
            if item.disposition is not Disposition.NOT_NEEDED
        ),
        None,
    )


def hold(
    endpoint: PrivateEndpoint, actual: Actual, found: list[Difference], first: Obstacle | None
) -> list[Difference]:
    """``found`` with each repair held back by what stands in its way; ``first`` goes first.

    A cluster that runs though its last operation failed serves its private link, often for weeks: it
    holds back what would destroy an endpoint, and not what makes one or writes its names.
    """
    dead = any(item.reason in REPLACING for item in found)
    general = obstacle_to_repair(endpoint, actual)
    if first is not None and (dead or first.why != "ClusterFailed"):
        general = first
    settled = []
    for item in found:
        special, shown = None, item
        if item.reason in REPLACING or (dead and item.reason == "EndpointFailed"):
            special = obstacle_to_replacement(endpoint, actual)
            shown = replace(item, repair=_REPLACE)
        elif item.reason == "EndpointFailed":
            special = _obstacle_to_writing_again(endpoint, actual, found)
        settled.append(held(shown, general or special))
    return settled
