"""Owns virtual networks and their subnets; children are resources that the network's body also shows.

A PUT of a subnet replaces all of it: a security group, a delegation or service endpoints that are left out are gone, and
the policies have their defaults again. A PUT of a network with `subnets` replaces the list, without it keeps it.
"""

import copy
import ipaddress
from collections.abc import Iterable
from typing import override

from simulator.call import Call
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind
from simulator.providers.network import interfaces, peerings
from simulator.providers.network.common import NetworkKind
from simulator.store import Resource
from simulator.wire import Json

NETWORKS = "Microsoft.Network/virtualNetworks"
SUBNETS = f"{NETWORKS}/subnets"
_CHILDREN = {"subnets": SUBNETS, "virtualNetworkPeerings": peerings.PEERINGS}
# What a subnet refers to, and the permission that the reference needs there.
_JOINED = ("networkSecurityGroup", "routeTable", "natGateway")
# Actions that a delegation gives the service, by service: (its actions), else just the join of the subnet.
_JOIN = "Microsoft.Network/virtualNetworks/subnets/join/action"
_DELEGATED = {
    "microsoft.containerinstance/containergroups": (
        "Microsoft.Network/virtualNetworks/subnets/action",
    )
}


class Networks(NetworkKind):
    """A network; one with interfaces in it cannot be deleted, one that is peered can."""

    type = NETWORKS
    read_only = frozenset({"provisioningState", "resourceGuid"})
    load_rank = 1

    @override
    def check(self, call: Call) -> None:
        """Want subnets within the address space that overlap no other."""
        super().check(call)
        given = call.properties()
        space = (given.get("addressSpace") or {}).get("addressPrefixes")
        if not space:
            raise bad_request("InvalidRequestFormat", "A network needs its addressSpace.")
        kept: list[Json] = [
            s.properties for s in call.context.store.of_type(SUBNETS, str(call.path))
        ]
        bodies = given.get("subnets")
        inside = kept if bodies is None else [b.get("properties") or {} for b in bodies]
        _refuse_misplaced(space, inside)

    @override
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
        kind = _kind(child_type)
        wanted = {str(b["name"]).lower() for b in bodies}
        for old in context.store.of_type(child_type, network.id):
            if old.name.lower() not in wanted:
                kind.refuse_removal(context, old)
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

    @override
    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the network with its children embedded."""
        body = super().shown(context, resource, version)
        for member, child_type in _CHILDREN.items():
            children = context.store.of_type(child_type, resource.id)
            body["properties"][member] = [_kind(child_type).shown(context, c) for c in children]
        return body

    @override
    def refuse_removal(self, context: Context, resource: Resource) -> None:
        for subnet in context.store.of_type(SUBNETS, resource.id):
            Subnets().refuse_removal(context, subnet)

    @override
    def removed(self, context: Context, resource: Resource) -> None:
        """Leave the other side of each peering Disconnected."""
        for peering in context.store.of_type(peerings.PEERINGS, resource.id):
            peerings.Peerings().removed(context, peering)


class Subnets(NetworkKind):
    """A subnet; one with interfaces in it cannot be deleted nor moved."""

    type = SUBNETS
    child_of = NETWORKS
    needs_location = False
    load_rank = 2
    read_only = frozenset(
        {"provisioningState", "privateEndpoints", "ipConfigurations", "purpose", "resourceGuid"}
    )

    @override
    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the join of what the subnet refers to."""
        for member in _JOINED:
            target = (call.properties().get(member) or {}).get("id")
            if target:
                yield f"Microsoft.Network/{member}s/join/action", str(target)
        for policy in call.properties().get("serviceEndpointPolicies") or []:
            yield "Microsoft.Network/serviceEndpointPolicies/join/action", str(policy["id"])

    @override
    def check(self, call: Call) -> None:
        """Want an address prefix in the network's space that overlaps no other, and references that exist."""
        properties = call.properties()
        if not _prefixes(properties):
            raise bad_request("InvalidRequestFormat", "A subnet needs an addressPrefix.")
        network = call.context.store.get(str(call.path.parent))
        others = call.context.store.of_type(SUBNETS, str(call.path.parent))
        inside = [o.properties for o in others if o.key != call.path.key]
        space = network.properties["addressSpace"]["addressPrefixes"] if network else []
        _refuse_misplaced(space, [*inside, properties])
        _refuse_both_storages(properties)
        for member in _JOINED:
            target = (properties.get(member) or {}).get("id")
            if target and not call.context.store.get(target):
                raise bad_request("InvalidResourceReference", f"{target} was not found.")
        old = call.resource
        if old and _prefixes(old.properties) != _prefixes(properties) and _users(call.context, old):
            raise bad_request(
                "InUsePrefixCannotBeDeleted",
                f"IpPrefix {_prefixes(old.properties)} on subnet {old.name} has active allocations.",
            )

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in the policies' defaults and what delegations and service endpoints are given."""
        del context
        properties = resource.properties
        if not _prefixes(properties):
            properties["addressPrefix"] = "10.0.0.0/24"
        properties.setdefault("addressPrefix", _prefixes(properties)[0])
        properties.setdefault("privateEndpointNetworkPolicies", "Disabled")
        properties.setdefault("privateLinkServiceNetworkPolicies", "Enabled")
        properties.setdefault("delegations", [])
        for delegation in properties["delegations"]:
            _complete_delegation(resource, delegation)
        for endpoint in properties.get("serviceEndpoints") or []:
            endpoint["provisioningState"] = "Succeeded"
            endpoint.setdefault("locations", ["*"])

    @override
    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the subnet with the endpoints in it."""
        body = super().shown(context, resource, version)
        users = _users(context, resource)
        endpoints = [
            {"id": nic.properties["privateEndpoint"]["id"]}
            for nic in users
            if nic.properties.get("privateEndpoint")
        ]
        if endpoints:
            body["properties"]["privateEndpoints"] = endpoints
        return body

    @override
    def refuse_removal(self, context: Context, resource: Resource) -> None:
        users = _users(context, resource)
        if users:
            raise bad_request(
                "InUseSubnetCannotBeDeleted",
                f"Subnet {resource.name} is in use by {users[0].id} and cannot be deleted.",
            )


def _kind(child_type: str) -> NetworkKind:
    return Subnets() if child_type == SUBNETS else peerings.Peerings()


def _users(context: Context, subnet: Resource) -> list[Resource]:
    return [
        n for n in context.store.of_type(interfaces.TYPE) if n.hidden.get("subnet") == subnet.key
    ]


def _prefixes(properties: Json) -> list[str]:
    one = properties.get("addressPrefix")
    return [str(one)] if one else [str(p) for p in properties.get("addressPrefixes") or []]


def _refuse_both_storages(properties: Json) -> None:
    """One subnet takes the service endpoint of a region's storage or of all regions', not both.

    (learn.microsoft.com/azure/storage/common/storage-network-security-virtual-networks; the error's
    code is not documented.)
    """
    listed = properties.get("serviceEndpoints") or []
    services = {str(each.get("service")).lower() for each in listed}
    if services >= {"microsoft.storage", "microsoft.storage.global"}:
        raise bad_request(
            "InvalidServiceEndpoints",
            "A subnet cannot have both Microsoft.Storage and Microsoft.Storage.Global.",
        )


def _refuse_misplaced(space: list[str], subnets: list[Json]) -> None:
    whole = [ipaddress.ip_network(p, strict=False) for p in space]
    placed: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for prefix in (p for subnet in subnets for p in _prefixes(subnet)):
        try:
            wanted = ipaddress.ip_network(prefix)
        except ValueError as error:
            raise bad_request("InvalidCIDRNotation", f"{prefix} is no address prefix.") from error
        if not any(_within(wanted, w) for w in whole):
            raise bad_request(
                "NetcfgSubnetRangeOutsideVnet", f"{prefix} is not in the network's {space}."
            )
        if any(wanted.overlaps(p) for p in placed):
            raise bad_request("NetcfgSubnetRangesOverlap", f"{prefix} overlaps another subnet.")
        placed.append(wanted)


def _within(
    inner: ipaddress.IPv4Network | ipaddress.IPv6Network,
    outer: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def _complete_delegation(subnet: Resource, delegation: Json) -> None:
    name = str(delegation.setdefault("name", "delegation"))
    service = str(delegation.setdefault("properties", {}).get("serviceName", ""))
    delegation["id"] = f"{subnet.id}/delegations/{name}"
    delegation["type"] = f"{SUBNETS}/delegations"
    delegation["properties"]["provisioningState"] = "Succeeded"
    delegation["properties"]["actions"] = list(_DELEGATED.get(service.lower(), (_JOIN,)))


KINDS: tuple[Kind, ...] = (Networks(), Subnets())
