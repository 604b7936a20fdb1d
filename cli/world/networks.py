"""Owns the networks of a declared environment: subnets, peerings, security groups, zones and links."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator

from cli.world.made_up import Body
from shared.model.environment import Environment, PrivateEndpoint, Subnet
from shared.model.resource_id import ResourceId

_LARGEST = 250


def networks(
    environment: Environment, endpoints: Iterable[PrivateEndpoint], region: str
) -> Iterator[Body]:
    """The networks that are declared or only named, with address spaces of our own."""
    found: dict[ResourceId, set[ResourceId]] = {}
    for subnet in _named_subnets(environment, endpoints):
        found.setdefault(subnet.parent or subnet, set()).add(subnet)
    for network in environment.virtual_networks:
        subnets = found.setdefault(network.id, set())
        subnets |= {network.id.child("subnets", each.name) for each in network.subnets}
        for peering in network.peerings:
            found.setdefault(peering.remote, set())
    for link in (link for zone in environment.private_dns_zones for link in zone.links):
        found.setdefault(link.virtual_network, set())
    regions = {
        endpoint.subnet.parent: str(endpoint.body["location"])
        for endpoint in endpoints
        if endpoint.subnet.parent
    }
    declared = {
        network.id.child("subnets", subnet.name): subnet
        for network in environment.virtual_networks
        for subnet in network.subnets
    }
    for number, (network_id, subnet_ids) in enumerate(sorted(found.items())):
        yield {
            "id": network_id.text,
            "location": regions.get(network_id, region),
            "properties": {
                "addressSpace": {"addressPrefixes": [f"10.{number}.0.0/16"]},
                "subnets": [
                    _subnet(each, f"10.{number}.{at % _LARGEST}.0/24", declared.get(each))
                    for at, each in enumerate(sorted(subnet_ids))
                ],
            },
        }
    yield from _peerings(environment)


def nodes_of(environment: Environment, cluster: ResourceId) -> ResourceId | None:
    """The subnet that the cluster's nodes are taken to lie in: beside the endpoints of its workspaces.

    A manifest does not say it. A declared subnet without endpoints is the likeliest; else theirs.
    """
    users = {compute.workspace for compute in environment.computes if compute.cluster == cluster}
    found = (e for e in environment.private_endpoints if e.target in users)
    others = (e for e in environment.private_endpoints if not e.to_cluster)
    beside = next(found, None) or next(others, None)
    if beside is None:
        return None
    taken = {endpoint.subnet for endpoint in environment.private_endpoints}
    declared = (
        network.id.child("subnets", subnet.name)
        for network in environment.virtual_networks
        if network.id == beside.subnet.parent
        for subnet in network.subnets
    )
    return next((subnet for subnet in declared if subnet not in taken), beside.subnet)


def _named_subnets(
    environment: Environment, endpoints: Iterable[PrivateEndpoint]
) -> Iterator[ResourceId]:
    yield from (endpoint.subnet for endpoint in endpoints)
    yield from (compute.subnet for compute in environment.managed_computes if compute.subnet)
    for part in (*environment.storage_accounts, *environment.key_vaults, *environment.registries):
        yield from part.allowed_subnets


def _subnet(subnet: ResourceId, prefix: str, declared: Subnet | None) -> Body:
    properties: Body = {"addressPrefix": prefix}
    if declared is not None:
        if declared.delegations:
            properties["delegations"] = [
                {"name": f"delegation-{at}", "properties": {"serviceName": name}}
                for at, name in enumerate(declared.delegations)
            ]
        if declared.service_endpoints:
            properties["serviceEndpoints"] = [{"service": s} for s in declared.service_endpoints]
        if declared.private_endpoint_network_policies:
            policies = declared.private_endpoint_network_policies
            properties["privateEndpointNetworkPolicies"] = policies
        if declared.network_security_group:
            properties["networkSecurityGroup"] = {"id": declared.network_security_group.text}
    return {"name": subnet.name, "properties": properties}


def _peerings(environment: Environment) -> Iterator[Body]:
    """Both sides of each peering; the side that nobody declares gets a name of our own."""
    written: set[tuple[ResourceId, ResourceId]] = set()
    for network in environment.virtual_networks:
        for peering in network.peerings:
            written.add((network.id, peering.remote))
            body = copy.deepcopy(peering.body)
            yield {"id": f"{network.id}/virtualNetworkPeerings/{peering.name}", **body}
    for here, there in sorted(written):
        if (there, here) not in written:
            remote = {"remoteVirtualNetwork": {"id": here.text}}
            yield {"id": f"{there}/virtualNetworkPeerings/to-{here.name}", "properties": remote}


def security_groups(environment: Environment, region: str) -> Iterator[Body]:
    """The declared security groups, and those that subnets only name."""
    named = {
        subnet.network_security_group
        for network in environment.virtual_networks
        for subnet in network.subnets
        if subnet.network_security_group
    }
    declared = {group.id: group for group in environment.network_security_groups}
    for group_id in sorted({*named, *declared}):
        rules = declared[group_id].rules if group_id in declared else ()
        yield {
            "id": group_id.text,
            "location": region,
            "properties": {
                "securityRules": [
                    {"name": rule.name, **copy.deepcopy(dict(rule.body))} for rule in rules
                ]
            },
        }


def zones(environment: Environment, endpoints: Iterable[PrivateEndpoint]) -> Iterator[Body]:
    """Each zone with its declared links; without any, linked to the endpoints' networks."""
    links: dict[ResourceId, dict[str, Body]] = {}
    for zone in environment.private_dns_zones:
        links[zone.id] = {
            link.name: {
                "virtualNetwork": {"id": link.virtual_network.text},
                "registrationEnabled": link.registration_enabled,
                **({"resolutionPolicy": link.resolution_policy} if link.resolution_policy else {}),
            }
            for link in zone.links
        }
    declared = set(links)
    for endpoint in endpoints:
        network = endpoint.subnet.parent or endpoint.subnet
        named = [record.zone for record in endpoint.records]
        if endpoint.zone_group:
            named += [each.private_dns_zone_id for each in endpoint.zone_group.zones]
        for zone_id in (each for each in named if each not in declared):
            link = {"virtualNetwork": {"id": network.text}, "registrationEnabled": False}
            links.setdefault(zone_id, {})[f"to-{network.name}"] = link
    for zone_id, each in sorted(links.items()):
        yield {"id": zone_id.text, "location": "global", "properties": {}}
        for name, properties in sorted(each.items()):
            yield {
                "id": f"{zone_id}/virtualNetworkLinks/{name}",
                "location": "global",
                "properties": properties,
            }
