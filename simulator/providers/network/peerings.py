"""Owns peerings of virtual networks: each network has its own side of one.

| this side | the other side | peeringState |
|---|---|---|
| made | none | Initiated |
| made | Initiated | Connected, on both sides |
| Connected | deleted, or its network | Disconnected: no write revives it, it is deleted and made again |

A side holds the other network's address space as it was when the two were last synchronised. When a network's own
changes since, its side is LocalNotInSync and the other's RemoteNotInSync, until the other side is written with the
query `syncRemoteAddressSpace=true` (network 2024-01-01, virtualNetwork.json; domain facts, section 4).
"""

import copy
import ipaddress
from collections.abc import Iterable
from typing import override

from simulator.call import Call
from simulator.context import Context
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind
from simulator.paths import same
from simulator.providers.network.common import NetworkKind
from simulator.store import Resource
from simulator.wire import Json

PEERINGS = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
_LEVELS = {
    (False, False): "FullyInSync",
    (False, True): "RemoteNotInSync",
    (True, False): "LocalNotInSync",
    (True, True): "LocalAndRemoteNotInSync",
}


class Peerings(NetworkKind):
    """One side of a peering; deleting it leaves the other side Disconnected."""

    type = PEERINGS
    child_of = "Microsoft.Network/virtualNetworks"
    needs_location = False
    load_rank = 2
    read_only = frozenset(
        [
            "provisioningState",
            "peeringState",
            "peeringSyncLevel",
            "resourceGuid",
            "localAddressSpace",
            "localVirtualNetworkAddressSpace",
            "remoteAddressSpace",
            "remoteVirtualNetworkAddressSpace",
        ]
    )

    @override
    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the consent of the network on the other side."""
        remote = _remote(call.properties())
        if remote:
            yield "Microsoft.Network/virtualNetworks/peer/action", remote

    @override
    def check(self, call: Call) -> None:
        """Want another network that does not overlap; a side that is Disconnected cannot be revived."""
        properties = call.properties()
        remote = call.context.store.get(_remote(properties))
        local = call.context.store.get(str(call.path.parent))
        if remote is None or local is None or remote.key == local.key:
            raise bad_request("InvalidResourceReference", f"{_remote(properties)} was not found.")
        old = call.resource
        if old and old.properties.get("peeringState") == "Disconnected":
            raise bad_request(
                "PeeringInDisconnectedStateCannotBeUpdated",
                f"Peering {old.id} is Disconnected; delete it and create it again.",
            )
        if old and not same(_remote(old.properties), remote.id):
            raise bad_request(
                "ChangingRemoteVirtualNetworkNotAllowed", f"{old.id} leads to another network."
            )
        self._refuse_second(call, remote)
        if old is None and _overlap(_space(local), _space(remote)):
            raise bad_request(
                "VnetAddressSpacesOverlap", f"{local.id} and {remote.id} have addresses in common."
            )

    def _refuse_second(self, call: Call, remote: Resource) -> None:
        for other in call.context.store.of_type(PEERINGS, str(call.path.parent)):
            if other.key != call.path.key and same(_remote(other.properties), remote.id):
                raise ArmError(
                    409,
                    "AnotherPeeringAlreadyReferencesRemoteVnet",
                    f"Peering {other.id} references {remote.id} already.",
                )

    @override
    def assign(self, call: Call, resource: Resource) -> None:
        """Take the body over; the query says whether the other side's address space is too."""
        super().assign(call, resource)
        asked = {name.lower(): value for name, value in call.query.items()}
        if asked.get("syncremoteaddressspace", "").lower() == "true":
            synchronise(call.context, resource)

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        """Connect when the other side waits for it or is connected; a Disconnected one has to be made again."""
        properties = resource.properties
        for member in ("allowForwardedTraffic", "allowGatewayTransit", "useRemoteGateways"):
            properties.setdefault(member, False)
        properties.setdefault("allowVirtualNetworkAccess", True)
        properties.setdefault("doNotVerifyRemoteGateways", False)
        properties.setdefault("resourceGuid", context.chance.guid())
        if "remoteAddressSpace" not in properties:
            synchronise(context, resource)
        other = other_side(context, resource)
        ready = other is not None and other.properties.get("peeringState") != "Disconnected"
        properties["peeringState"] = "Connected" if ready else "Initiated"
        if other and ready:
            other.properties["peeringState"] = "Connected"

    @override
    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the side with the address spaces as they are and as they were, and what that makes of it."""
        body = super().shown(context, resource, version)
        properties: Json = body["properties"]
        local = context.store.get(str(resource.path.parent))
        remote = context.store.get(_remote(properties))
        other = other_side(context, resource)
        here, there = _space(local), _space(remote)
        known = other.properties.get("remoteAddressSpace", here) if other else here
        properties["localVirtualNetworkAddressSpace"] = here
        properties["localAddressSpace"] = copy.deepcopy(known)
        properties["remoteVirtualNetworkAddressSpace"] = there
        properties["peeringSyncLevel"] = "RemoteNotInSync"
        if properties["peeringState"] == "Connected":
            moved = (known != here, properties["remoteAddressSpace"] != there)
            properties["peeringSyncLevel"] = _LEVELS[moved]
        return body

    @override
    def removed(self, context: Context, resource: Resource) -> None:
        """Disconnect the other side, without an event."""
        other = other_side(context, resource)
        if other:
            other.properties["peeringState"] = "Disconnected"


def synchronise(context: Context, peering: Resource) -> None:
    """Take over the address space that the network on the other side has now."""
    remote = context.store.get(_remote(peering.properties))
    peering.properties["remoteAddressSpace"] = _space(remote)


def other_side(context: Context, peering: Resource) -> Resource | None:
    """Return the peering of the remote network that leads back here."""
    here = str(peering.path.parent)
    remote = _remote(peering.properties)
    sides = context.store.of_type(PEERINGS, remote) if remote else []
    return next((p for p in sides if same(_remote(p.properties), here)), None)


def _remote(properties: Json) -> str:
    return str((properties.get("remoteVirtualNetwork") or {}).get("id") or "")


def _space(network: Resource | None) -> Json:
    prefixes = (network.properties.get("addressSpace") or {}) if network else {}
    return {"addressPrefixes": list(prefixes.get("addressPrefixes") or [])}


def _overlap(one: Json, other: Json) -> bool:
    nets = [
        [ipaddress.ip_network(str(p), strict=False) for p in space["addressPrefixes"]]
        for space in (one, other)
    ]
    return any(a.overlaps(b) for a in nets[0] for b in nets[1] if a.version == b.version)


KINDS: tuple[Kind, ...] = (Peerings(),)
