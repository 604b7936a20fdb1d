"""Owns virtual networks, their subnets and peerings; children are resources that the network's body also shows."""

import copy

from simulator.call import Call
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind
from simulator.providers.network import interfaces
from simulator.providers.network.common import NetworkKind
from simulator.store import Resource
from simulator.wire import Json

NETWORKS = "Microsoft.Network/virtualNetworks"
SUBNETS = f"{NETWORKS}/subnets"
PEERINGS = f"{NETWORKS}/virtualNetworkPeerings"
_CHILDREN = {"subnets": SUBNETS, "virtualNetworkPeerings": PEERINGS}


class Networks(NetworkKind):
    """A network; a PUT with subnets replaces them all."""

    type = NETWORKS
    read_only = frozenset({"provisioningState", "resourceGuid"})
    load_rank = 1

    def complete(self, context: Context, resource: Resource) -> None:
        """Take embedded children out into resources of their own."""
        resource.properties.setdefault("resourceGuid", context.chance.guid())
        resource.properties.setdefault("addressSpace", {"addressPrefixes": ["10.0.0.0/16"]})
        resource.properties.setdefault("enableDdosProtection", False)
        for member, child_type in _CHILDREN.items():
            if member in resource.properties:
                self._adopt(context, resource, child_type, resource.properties.pop(member) or [])

    def _adopt(
        self, context: Context, network: Resource, child_type: str, bodies: list[Json]
    ) -> None:
        kind = Subnets() if child_type == SUBNETS else Peerings()
        wanted = {str(b["name"]).lower() for b in bodies}
        for old in context.store.of_type(child_type, network.id):
            if old.name.lower() not in wanted:
                kind.removed(context, old)
                context.store.remove(old.id)
        for body in bodies:
            child_id = f"{network.id}/{child_type.rsplit('/', 1)[-1]}/{body['name']}"
            old_child = context.store.get(child_id)
            kept = old_child.hidden if old_child else {}
            whole: Json = {"id": child_id, "name": body["name"], "type": child_type}
            whole["properties"] = copy.deepcopy(body.get("properties") or {})
            child = context.store.put(Resource(child_id, child_type, whole, context.now(), kept))
            kind.complete(context, child)
            child.properties["provisioningState"] = "Succeeded"
            kind.renew_etag(context, child)

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the network with its children embedded."""
        body = super().shown(context, resource, version)
        for member, child_type in _CHILDREN.items():
            kind = Subnets() if child_type == SUBNETS else Peerings()
            children = context.store.of_type(child_type, resource.id)
            body["properties"][member] = [kind.shown(context, c) for c in children]
        return body


class Subnets(NetworkKind):
    """A subnet; one with interfaces in it cannot be deleted."""

    type = SUBNETS
    child_of = NETWORKS
    needs_location = False
    load_rank = 2
    read_only = frozenset({"provisioningState", "privateEndpoints", "ipConfigurations"})

    def check(self, call: Call) -> None:
        """Want an address prefix."""
        if not call.properties().get("addressPrefix") and not call.properties().get(
            "addressPrefixes"
        ):
            raise bad_request("InvalidRequestFormat", "A subnet needs an addressPrefix.")

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in the policies' defaults."""
        del context
        properties = resource.properties
        properties.setdefault(
            "addressPrefix", (properties.get("addressPrefixes") or ["10.0.0.0/24"])[0]
        )
        properties.setdefault("privateEndpointNetworkPolicies", "Disabled")
        properties.setdefault("privateLinkServiceNetworkPolicies", "Enabled")
        properties.setdefault("delegations", [])

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the subnet with the endpoints in it."""
        body = super().shown(context, resource, version)
        endpoints = [
            {"id": nic.properties["privateEndpoint"]["id"]}
            for nic in context.store.of_type(interfaces.TYPE)
            if nic.hidden.get("subnet") == resource.key and nic.properties.get("privateEndpoint")
        ]
        if endpoints:
            body["properties"]["privateEndpoints"] = endpoints
        return body

    def removed(self, context: Context, resource: Resource) -> None:
        """Refuse while interfaces are in it."""
        users = [
            nic.id
            for nic in context.store.of_type(interfaces.TYPE)
            if nic.hidden.get("subnet") == resource.key
        ]
        if users:
            raise bad_request(
                "InUseSubnetCannotBeDeleted",
                f"Subnet {resource.name} is in use by {users[0]} and cannot be deleted.",
            )


class Peerings(NetworkKind):
    """One side of a peering; deleting it leaves the other side Disconnected."""

    type = PEERINGS
    child_of = NETWORKS
    needs_location = False
    load_rank = 2
    read_only = frozenset({"provisioningState", "peeringState", "peeringSyncLevel", "resourceGuid"})

    def check(self, call: Call) -> None:
        """Want another network; a side that is Disconnected cannot be revived, on neither side."""
        remote = (call.properties().get("remoteVirtualNetwork") or {}).get("id")
        if not call.context.store.get(remote):
            raise bad_request("InvalidResourceReference", f"{remote} was not found.")
        old = call.resource
        if old and old.properties.get("peeringState") == "Disconnected":
            raise bad_request(
                "PeeringInDisconnectedStateCannotBeUpdated",
                f"Peering {old.id} is Disconnected; delete it and create it again.",
            )

    def complete(self, context: Context, resource: Resource) -> None:
        """Connect when the other side waits for it or is connected; a Disconnected one has to be made again."""
        properties = resource.properties
        for member in ("allowForwardedTraffic", "allowGatewayTransit", "useRemoteGateways"):
            properties.setdefault(member, False)
        properties.setdefault("allowVirtualNetworkAccess", True)
        properties.setdefault("resourceGuid", context.chance.guid())
        other = self._other(context, resource)
        ready = other is not None and other.properties.get("peeringState") != "Disconnected"
        properties["peeringState"] = "Connected" if ready else "Initiated"
        properties["peeringSyncLevel"] = "FullyInSync" if ready else "RemoteNotInSync"
        if other and ready:
            other.properties.update(peeringState="Connected", peeringSyncLevel="FullyInSync")

    def removed(self, context: Context, resource: Resource) -> None:
        """Disconnect the other side, without an event."""
        other = self._other(context, resource)
        if other:
            other.properties["peeringState"] = "Disconnected"
            other.properties["peeringSyncLevel"] = "RemoteNotInSync"

    def _other(self, context: Context, resource: Resource) -> Resource | None:
        mine = str(resource.path.parent).lower()
        remote = str(resource.properties.get("remoteVirtualNetwork", {}).get("id", ""))
        return next(
            (
                p
                for p in context.store.of_type(PEERINGS, remote)
                if str(p.properties.get("remoteVirtualNetwork", {}).get("id", "")).lower() == mine
            ),
            None,
        )


KINDS: tuple[Kind, ...] = (Networks(), Subnets(), Peerings())
