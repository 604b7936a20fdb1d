"""Owns the judgement of one side of a peering: how it differs, and what forbids to mend it.

Both sides of a peering are shown by their networks. A Disconnected side cannot be revived: it is
deleted and made again, and a peering comes back only when both sides are new (domain.md 4).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.environment import Environment, Peering, VirtualNetwork
from shared.model.finding import Disposition, Evidence
from shared.model.json import JsonObject, dig
from shared.model.networks import PEERING_FLAGS
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.remediation.commands import az_child
from shared.remediation.differences import (
    Difference,
    Obstacle,
    get,
    held,
    state_obstacle,
    unread,
    unsettled,
)

DISCONNECTED: Final = "disconnected"
INITIATED: Final = "initiated"
CONNECTED: Final = "connected"

_DEFAULTS: Final = MappingProxyType({"allowVirtualNetworkAccess": True})
"""What a flag is when Azure shows none; the others are false (network 2025-09-01)."""
_KEPT: Final = (
    *PEERING_FLAGS,
    "doNotVerifyRemoteGateways",
    "peerCompleteVnets",
    "enableOnlyIPv6Peering",
    "localSubnetNames",
    "remoteSubnetNames",
)
"""Writable members that a peering keeps where the manifest does not say them."""
_STALE: Final = frozenset({"remotenotinsync", "localandremotenotinsync"})
_PUT: Final = "Relink writes it as declared."
_REMAKE: Final = "Relink deletes what is left of the peering and creates both sides again."


_NETWORK: Final = "--vnet-name"


def _create(peering: ResourceId, remote: ResourceId) -> str:
    more = ("--remote-vnet", remote.text, "--allow-vnet-access")
    return az_child("network vnet peering create", _NETWORK, peering, *more)


@dataclass(frozen=True, slots=True)
class Side:
    """One declared side: the network it belongs to and what is declared of it."""

    network: VirtualNetwork
    peering: Peering

    @property
    def id(self) -> ResourceId:
        """The peering's own id."""
        return self.network.id.child("virtualNetworkPeerings", self.peering.name)

    @property
    def remote(self) -> ResourceId:
        """The network on the other side."""
        return self.peering.remote


@dataclass(frozen=True, slots=True)
class PeeringView:
    """A peering as ARM shows it (network 2025-09-01). States are in lower case."""

    id: ResourceId | None
    state: str
    sync: str
    provisioning: str
    guid: str
    remote: ResourceId | None
    properties: JsonObject

    @classmethod
    def of(cls, body: JsonObject) -> PeeringView:
        """Read a peering's body, its own or the one inside its network's."""

        def word(name: str) -> str:
            return str(dig(body, f"properties.{name}") or "")

        return cls(
            id=ResourceId.maybe(dig(body, "id")),
            state=word("peeringState").lower(),
            sync=word("peeringSyncLevel").lower(),
            provisioning=word("provisioningState").lower(),
            guid=word("resourceGuid"),
            remote=ResourceId.maybe(dig(body, "properties.remoteVirtualNetwork.id")),
            properties=dig(body, "properties") or {},
        )


def sides(environment: Environment) -> tuple[Side, ...]:
    """Every declared side, in the order of the ids."""
    found = (Side(n, peering) for n in environment.virtual_networks for peering in n.peerings)
    return tuple(sorted(found, key=lambda side: side.id))


def other_side(side: Side, environment: Environment) -> Side | None:
    """The declared side of the other network that leads back here."""
    back = (s for s in sides(environment) if s.network.id == side.remote)
    return next((s for s in back if s.remote == side.network.id), None)


def view_of(side: Side, actual: Actual) -> PeeringView | None:
    """The live side: as read by itself, else as its network shows it."""
    match actual.answer(side.id):
        case Found(body=body):
            return PeeringView.of(body)
        case Absent():
            return None
    network = actual.body(side.network.id)
    name = side.peering.name.lower()
    listed = dig(network, "properties.virtualNetworkPeerings") or ()
    return next((PeeringView.of(p) for p in listed if str(dig(p, "name")).lower() == name), None)


def broken(side: Side, environment: Environment, actual: Actual) -> bool:
    """Whether either declared side is Disconnected: then both have to be new."""
    both = (s for s in (side, other_side(side, environment)) if s is not None)
    return any(_cut(each, view_of(each, actual)) for each in both)


def _cut(side: Side, view: PeeringView | None) -> bool:
    """Whether a side is Disconnected that leads where it is declared to."""
    return view is not None and view.state == DISCONNECTED and not leads_elsewhere(side, view)


def leads_elsewhere(side: Side, view: PeeringView) -> bool:
    """Whether a peering of this name leads to another network: it is somebody else's, then."""
    return view.remote is not None and view.remote != side.remote


def reads_of(side: Side, environment: Environment, actual: Actual) -> Iterator[Read]:
    """Its network; the side itself before it is destroyed; the other network where it decides."""
    yield get(side.network.id)
    if actual.body(side.network.id) is None:
        return
    view = view_of(side, actual)
    if view is None or view.state != CONNECTED or view.sync == "localnotinsync":
        yield get(side.remote)
    if view is not None and broken(side, environment, actual):
        yield get(side.id)


def differences(side: Side, environment: Environment, actual: Actual) -> list[Difference]:
    """Every difference of one side, with what holds its repair back."""
    match actual.answer(side.network.id):
        case Found():
            found = _of_side(side, environment, actual)
            return [held(item, _obstacle(side, environment, actual, item)) for item in found]
        case Unreadable() as answer:
            return [held(Difference("PeeringUnreadable", ()), unread("virtual network", answer))]
        case Absent() | None:
            return []


def _of_side(side: Side, environment: Environment, actual: Actual) -> list[Difference]:
    if isinstance(actual.answer(side.id), Unreadable):
        unseen = Difference("PeeringUnreadable", ())
        return [held(unseen, unread("peering", actual.answer(side.id)))]
    view = view_of(side, actual)
    if view is None:
        seen = Evidence("peering", "none", "one as declared")
        return [Difference("PeeringMissing", (seen,), "Relink creates it as declared.")]
    if leads_elsewhere(side, view):
        return [_elsewhere(side, view)]
    return [
        *_of_provisioning(view),
        *_of_flags(side, view),
        *_of_state(side, view, environment, actual),
        *_of_sync(side, view, environment, actual),
    ]


def _of_provisioning(view: PeeringView) -> Iterator[Difference]:
    if phase(view.provisioning) is Phase.BAD:
        seen = Evidence("provisioningState", view.provisioning, "succeeded")
        yield Difference("PeeringFailed", (seen,), _PUT)
    yield from unsettled("PeeringUnsettled", view.provisioning)


def _elsewhere(side: Side, view: PeeringView) -> Difference:
    seen = Evidence("remoteVirtualNetwork", str(view.remote), str(side.remote))
    gone = az_child("network vnet peering delete", _NETWORK, side.id)
    command = f"{gone} && {_create(side.id, side.remote)}"
    return Difference("PeeringElsewhere", (seen,), "", Disposition.REPORT, "ByHand", command)


def live_flag(view: PeeringView, flag: str) -> bool:
    """A flag as Azure has it, its default where none is shown."""
    return bool(dig(view.properties, flag, _DEFAULTS.get(flag, False)))


def changed_flags(side: Side, view: PeeringView) -> dict[str, tuple[bool, bool]]:
    """Flag → (live, declared), of the declared flags that differ."""
    declared = dig(side.peering.body, "properties") or {}
    wanted = {flag: dig(declared, flag) for flag in PEERING_FLAGS}
    return {
        flag: (live_flag(view, flag), bool(value))
        for flag, value in wanted.items()
        if value is not None and live_flag(view, flag) != bool(value)
    }


def _of_flags(side: Side, view: PeeringView) -> Iterator[Difference]:
    seen = tuple(
        Evidence(flag, str(live).lower(), str(wanted).lower())
        for flag, (live, wanted) in changed_flags(side, view).items()
    )
    if seen:
        yield Difference("PeeringFlagsChanged", seen, _PUT)


def _of_state(
    side: Side, view: PeeringView, environment: Environment, actual: Actual
) -> Iterator[Difference]:
    seen = Evidence("peeringState", view.state or "nothing", CONNECTED)
    if view.state == DISCONNECTED:
        yield Difference("PeeringDisconnected", (seen,), _REMAKE)
    elif view.state == INITIATED:
        other = other_side(side, environment)
        if other is None or not other.network.owned:
            back = side.remote.child("virtualNetworkPeerings", f"to-{side.network.id.name}")
            command = _create(back, side.network.id)
            report = Disposition.REPORT
            yield Difference("PeeringHalf", (seen,), "", report, "ByHand", command)
        elif _cut(other, view_of(other, actual)):
            yield Difference("PeeringHalf", (seen,), _REMAKE)


def _of_sync(
    side: Side, view: PeeringView, environment: Environment, actual: Actual
) -> Iterator[Difference]:
    """The side that knows too little is written; the other side's own finding is its own."""
    seen = Evidence("peeringSyncLevel", view.sync, "fullyinsync")
    if view.state != CONNECTED or view.sync in {"", "fullyinsync"}:
        return
    if view.sync in _STALE:
        repair = "Relink writes it and takes over the other network's address space."
        yield Difference("PeeringOutOfSync", (seen,), repair)
    elif other_side(side, environment) is None:
        back = _back(side, actual)
        command = az_child("network vnet peering sync", _NETWORK, back) if back else ""
        report = Disposition.REPORT
        yield Difference("PeeringOutOfSync", (seen,), "", report, "ByHand", command)


def _back(side: Side, actual: Actual) -> ResourceId | None:
    """The other network's side, as that network shows it."""
    listed = dig(actual.body(side.remote), "properties.virtualNetworkPeerings") or ()
    views = (PeeringView.of(each) for each in listed)
    return next((view.id for view in views if view.remote == side.network.id), None)


def _obstacle(
    side: Side, environment: Environment, actual: Actual, item: Difference
) -> Obstacle | None:
    """What forbids the repair: the other network, work under way, an unknown incarnation."""
    if item.disposition is not Disposition.REPAIR:
        return None
    view = view_of(side, actual)
    waiting = state_obstacle(view.provisioning) if view is not None else None
    if waiting is not None:
        return waiting
    if view is None or view.state != CONNECTED:
        match actual.answer(side.remote):
            case Found():
                pass
            case Absent():
                lost = Evidence("other network", f"none at {side.remote} (404)", "the network")
                return Obstacle(Disposition.BLOCK, "TargetGone", (lost,))
            case answer:
                return unread("other network", answer)
    if not broken(side, environment, actual):
        return None
    return _undecided(side, environment, actual)


def _undecided(side: Side, environment: Environment, actual: Actual) -> Obstacle | None:
    """Whether a side that would be destroyed was not read by itself, or has no incarnation."""
    for each in remade(side, environment):
        view = view_of(each, actual)
        if view is None:
            if actual.body(each.network.id) is None:
                return unread("other network", actual.answer(each.network.id))
            continue
        if leads_elsewhere(each, view):
            away = Evidence(
                "remoteVirtualNetwork of the other side", str(view.remote), str(each.remote)
            )
            return Obstacle(Disposition.BLOCK, "ByHand", (away,))
        if not isinstance(actual.answer(each.id), Found):
            return unread("peering", actual.answer(each.id))
        if not view.guid:
            unknown = Evidence("resourceGuid of the peering", "nothing", "a guid")
            return Obstacle(Disposition.BLOCK, "IncarnationUnknown", (unknown,))
    return None


def remade(side: Side, environment: Environment) -> tuple[Side, ...]:
    """The sides that are made again together: both where both are ours, in the order of the ids."""
    other = other_side(side, environment)
    both = [s for s in (side, other) if s is not None and s.network.owned]
    return tuple(sorted(both, key=lambda s: s.id))


def peering_body(side: Side, view: PeeringView | None) -> dict[str, Any]:
    """The body to PUT: the declared members, what else is writable as it is (or was)."""
    declared = dig(side.peering.body, "properties") or {}
    body: dict[str, Any] = {"remoteVirtualNetwork": {"id": side.remote.text}}
    for name in _KEPT:
        value = dig(declared, name)
        if value is None and view is not None:
            value = dig(view.properties, name)
        if value is not None:
            body[name] = copy.deepcopy(value)
    return {"properties": body}
