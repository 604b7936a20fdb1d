"""Owns the peerings of declared networks: both sides there, Connected, in sync, with declared flags.

A Disconnected side is never revived: what is left of the peering is deleted and made again in one
unit. Never written: a side of a network that the manifest does not own, a side that leads elsewhere
than declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Absent, Actual, Read
from shared.model.environment import Environment
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.intent import Intent
from shared.model.plan import Need, Requirement, Unit
from shared.model.resource_id import ResourceId
from shared.model.step import AwaitState, Change, Condition, DeleteResource, PutResource, Step
from shared.remediation import sources
from shared.remediation.differences import Difference, finding, unanswered
from shared.remediation.peerings import (
    CONNECTED,
    PeeringView,
    Side,
    broken,
    changed_flags,
    differences,
    peering_body,
    reads_of,
    remade,
    sides,
    view_of,
)
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "network_peering"
_PEERINGS: Final = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Each network once: it shows its peerings. More only where a side is not Connected."""
    wanted = (read for side in sides(environment) for read in reads_of(side, environment, actual))
    yield from unanswered(actual, wanted)


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every difference of every declared side, and networks that are gone."""
    found = [
        finding(_NAME, side.id, item, owned=side.network.owned)
        for side in sides(environment)
        for item in differences(side, environment, actual)
    ]
    return [*_gone(environment, actual), *found]


def _gone(environment: Environment, actual: Actual) -> Iterator[Finding]:
    seen = (Evidence("virtual network", "none (404)", "the declared network"),)
    lost = Difference("NetworkGone", seen, "", Disposition.REPORT, "ResourceGone")
    for network in sorted(environment.virtual_networks, key=lambda network: network.id):
        if network.peerings and isinstance(actual.answer(network.id), Absent):
            yield finding(_NAME, network.id, lost, owned=network.owned)


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per peering that is broken, otherwise one per side."""
    mine = [item for item in findings if item.disposition is Disposition.REPAIR]
    units: list[Unit] = []
    settled: set[ResourceId] = set()
    for side in sides(environment):
        if side.id in settled or side.id not in {item.resource for item in mine}:
            continue
        if not side.network.owned:
            continue
        ours = remade(side, environment)
        again = broken(side, environment, actual) and any(_doomed(each, actual) for each in ours)
        together = ours if again else (side,)
        settled |= {each.id for each in together}
        keys = tuple(f.key for f in mine if f.resource in {each.id for each in together})
        unit = _remaking if again else _writing
        units.append(unit(side, together, actual, keys))
    return units


def _writing(
    side: Side, _together: tuple[Side, ...], actual: Actual, keys: tuple[str, ...]
) -> Unit:
    return Unit(
        id=f"{_NAME}:write:{side.id.key}",
        remediator=_NAME,
        title=f"Write peering {side.peering.name} of {side.network.id.name}",
        resource=side.id,
        findings=keys,
        steps=(_put(side, actual),),
        exclusive=_exclusive(side),
    )


def _remaking(
    side: Side, together: tuple[Side, ...], actual: Actual, keys: tuple[str, ...]
) -> Unit:
    """Delete what is left, then create: deleting one side later would disconnect a new other one."""
    doomed = [(each, view) for each in together if (view := _doomed(each, actual)) is not None]
    deletions = [step for each, view in doomed for step in _deletion(each, view.guid, view.state)]
    gone = [each for each in together if view_of(each, actual) is None]
    new = sorted([*gone, *(each for each, _ in doomed)], key=lambda each: each.id)
    creations = [_put(each, actual) for each in new]
    intents = [Intent(each.id, peering_body(each, view), view.guid) for each, view in doomed]
    return Unit(
        id=f"{_NAME}:remake:{side.id.key}",
        remediator=_NAME,
        title=f"Make the peering of {side.network.id.name} and {side.remote.name} again",
        resource=side.id,
        findings=keys,
        steps=(*deletions, *creations),
        exclusive=_exclusive(side),
        requires=tuple(sorted({r for each in together for r in _requirements(each)})),
        intent=intents[0],
        more_intents=tuple(intents[1:]),
    )


def _doomed(side: Side, actual: Actual) -> PeeringView | None:
    """The side as it is, if it has to go before the peering can be made again."""
    view = view_of(side, actual)
    return view if view is not None and view.state != CONNECTED else None


def _deletion(side: Side, guid: str, state: str) -> Iterator[Step]:
    yield DeleteResource(side.id, guid, (Change("peeringState", state, None),))
    yield AwaitState(side.id, Condition.GONE)


def _put(side: Side, actual: Actual) -> PutResource:
    view = view_of(side, actual)
    if view is None:
        changes = [Change("peeringState", None, CONNECTED)]
    else:
        flags = changed_flags(side, view)
        changes = [Change(flag, before, after) for flag, (before, after) in flags.items()]
        if view.state != CONNECTED:
            changes.append(Change("peeringState", view.state, CONNECTED))
        elif view.sync != "fullyinsync":
            changes.append(Change("peeringSyncLevel", view.sync, "fullyinsync"))
    intent = actual.memory.intent(side.id) if view is None else None
    last = PeeringView.of(intent.body) if intent is not None else view
    return PutResource(side.id, peering_body(side, last), tuple(changes))


def _exclusive(side: Side) -> tuple[str, ...]:
    """A write to a peering touches both networks; another meanwhile is refused (domain.md 6)."""
    return tuple(f"network:{key}" for key in sorted((side.network.id.key, side.remote.key)))


def _requirements(side: Side) -> Iterator[Requirement]:
    """What must be true so that the side can be made again (domain.md 7)."""
    for verb in ("write", "delete"):
        yield Requirement(Need.PERMISSION, side.network.id, f"{_PEERINGS}/{verb}")
    peer = "Microsoft.Network/virtualNetworks/peer/action"
    yield Requirement(Need.PERMISSION, side.remote, peer)
    yield Requirement(Need.EXISTS, side.network.id)
    yield Requirement(Need.EXISTS, side.remote)


_NOT_REVIVED: Final = "a write does not revive a Disconnected side: both are deleted first"
_DISRUPTION: Final = "nothing more: while a side is not Connected, no traffic passes"

REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/write",
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/delete",
        "Microsoft.Network/virtualNetworks/write",
        "Microsoft.Network/virtualNetworks/delete",
    ),
    permissions=(
        f"{_PEERINGS}/write",
        f"{_PEERINGS}/delete",
        # The consent of the network on the other side, asked for with every write
        # (learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering, permissions).
        "Microsoft.Network/virtualNetworks/peer/action",
    ),
    read_permissions=(
        "Microsoft.Network/virtualNetworks/read",
        f"{_PEERINGS}/read",
        "Microsoft.Authorization/locks/read",
        "Microsoft.Authorization/permissions/read",
    ),
    reads=reads,
    detect=detect,
    plan=plan,
    reasons={
        "PeeringFailed": Reason(
            "Its last operation failed, so Azure does not vouch for it.",
            f"{sources.MLOPS}: hub and spoke networks are peered",
        ),
        "PeeringUnsettled": Reason(
            "Azure is at work on it, or shows a state that Relink does not know.",
            sources.RELINK,
            Response.STATE,
        ),
        "PeeringMissing": Reason(
            "A declared side of a peering does not exist.",
            f"{sources.MLOPS}: hub and spoke networks are peered",
        ),
        "PeeringDisconnected": Reason(
            "The other side was deleted; a Disconnected side cannot be revived.",
            f"{sources.PEERING}: Disconnected",
            disruption=_DISRUPTION,
            no_less=_NOT_REVIVED,
        ),
        "PeeringHalf": Reason(
            "The other side is missing or Disconnected, so this one waits: made again where both "
            "are declared here, reported where they are not.",
            f"{sources.PEERING}: Initiated",
            Response.EITHER,
            _DISRUPTION,
            f"a missing side is created and nothing is deleted; {_NOT_REVIVED}",
        ),
        "PeeringFlagsChanged": Reason(
            "It lets through other traffic than declared.", f"{sources.PEERING}: settings"
        ),
        "PeeringOutOfSync": Reason(
            "A network got other addresses since the peering was made: the side that does not know "
            "them is written, one that is declared nowhere is reported.",
            f"{sources.PEERING}: address space and synchronisation",
            Response.EITHER,
        ),
        "PeeringElsewhere": Reason(
            "A peering of this name leads to another network.",
            f"{sources.PEERING}: the remote network is fixed",
            Response.REPORTED,
        ),
        "PeeringUnreadable": Reason(
            "Its network could not be read, so nothing is known of it.",
            sources.RELINK,
            Response.STATE,
        ),
        "NetworkGone": Reason(
            "The declared virtual network does not exist.",
            f"{sources.SECURE_INFERENCE}: the cluster's network and its peers",
            Response.REPORTED,
        ),
    },
)
