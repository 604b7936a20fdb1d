"""Owns what of a subnet is only told: its delegations, policies, security group, and container instances.

Shapes: virtualNetworks/subnets, 2025-09-01. Each difference carries the command that settles it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.model.environment import Environment, PrivateEndpoint, Subnet, VirtualNetwork
from shared.model.finding import Disposition, Evidence
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.remediation.commands import az_child
from shared.remediation.differences import Difference

_CONTAINERS: Final = "Microsoft.ContainerInstance/containerGroups"
_POLICIES: Final = "properties.privateEndpointNetworkPolicies"
_FLAG: Final = "--vnet-name"


def subnet_id(network: VirtualNetwork, subnet: Subnet) -> ResourceId:
    """The id of a declared subnet."""
    return network.id.child("subnets", subnet.name)


def _told(reason: str, seen: tuple[Evidence, ...], command: str) -> Difference:
    return Difference(reason, seen, "", Disposition.REPORT, "ByHand", command)


def _update(own: ResourceId, *words: str) -> str:
    return az_child("network vnet subnet update", _FLAG, own, *words)


def subnet_gone(network: VirtualNetwork, subnet: Subnet) -> Difference:
    """A subnet is not made from here: its addresses are not declared."""
    seen = Evidence("subnet", "none", "the declared subnet")
    words = ["--address-prefixes", "ADDRESS-PREFIX"]
    if subnet.delegations:
        words += ["--delegations", *subnet.delegations]
    if subnet.service_endpoints:
        words += ["--service-endpoints", *subnet.service_endpoints]
    if subnet.network_security_group is not None:
        words += ["--network-security-group", subnet.network_security_group.text]
    own = subnet_id(network, subnet)
    command = az_child("network vnet subnet create", _FLAG, own, *words)
    return _told("SubnetGone", (seen,), command)


def delegations_of(live: JsonObject) -> list[str]:
    """The services that the subnet is delegated to."""
    found = dig(live, "properties.delegations") or ()
    return sorted(str(dig(each, "properties.serviceName")) for each in found)


def of_settings(network: VirtualNetwork, subnet: Subnet, live: JsonObject) -> Iterator[Difference]:
    """Declared settings that are not as declared; absent ones count as Azure's defaults."""
    own = subnet_id(network, subnet)
    found = delegations_of(live)
    wanted = subnet.delegations
    if wanted is not None and {s.lower() for s in found} != {s.lower() for s in wanted}:
        shown = ", ".join(sorted(wanted)) or "none"
        seen = Evidence("delegations", ", ".join(found) or "none", shown)
        words = ("--delegations", *wanted) if wanted else ("--remove", "delegations")
        yield _told("DelegationChanged", (seen,), _update(own, *words))
    policies = subnet.private_endpoint_network_policies
    applied = str(dig(live, _POLICIES) or "Disabled")
    if policies is not None and applied.lower() != policies.lower():
        seen = Evidence("privateEndpointNetworkPolicies", applied, policies)
        command = _update(own, "--private-endpoint-network-policies", policies)
        yield _told("EndpointPoliciesChanged", (seen,), command)
    group = subnet.network_security_group
    live_group = ResourceId.maybe(dig(live, "properties.networkSecurityGroup.id"))
    if group is not None and live_group != group:
        seen = Evidence("networkSecurityGroup", str(live_group or "none"), str(group))
        command = _update(own, "--network-security-group", group.text)
        yield _told("SubnetGroupChanged", (seen,), command)


def of_containers(
    environment: Environment, network: VirtualNetwork, subnet: Subnet, live: JsonObject
) -> Iterator[Difference]:
    """Where container instances are meant to run: what Azure ML requires of the network around them."""
    used = {s.lower() for s in (*delegations_of(live), *(subnet.delegations or ()))}
    if _CONTAINERS.lower() not in used:
        return
    apart = tuple(_apart(environment, network))
    if apart:
        homes = (_network_of(e) for e in _endpoints_to_workspaces(environment))
        home = next((h for h in homes if h is not None and h != network.id), None)
        yield _told("ContainersApart", apart, _elsewhere(network, subnet, home))
    registries = {registry.id for registry in environment.registries}
    inside = [
        endpoint
        for endpoint in sorted(environment.private_endpoints, key=lambda each: each.id)
        if endpoint.target in registries and _network_of(endpoint) == network.id
    ]
    if inside:
        seen = tuple(
            Evidence("endpoint of the registry", str(each.id), "in another network")
            for each in inside
        )
        command = _elsewhere(network, subnet, None)
        yield _told("ContainersWithRegistry", seen, command)


def _apart(environment: Environment, network: VirtualNetwork) -> Iterator[Evidence]:
    for workspace in sorted(environment.workspaces, key=lambda each: each.id):
        if workspace.id.group != network.id.group:
            here, there = network.id.resource_group, workspace.id.resource_group
            yield Evidence(
                "resource group of the network", here, f"{there}, as {workspace.id.name}"
            )
    placed = {_network_of(endpoint) for endpoint in _endpoints_to_workspaces(environment)}
    if placed and network.id not in placed:
        shown = ", ".join(sorted(str(each) for each in placed))
        yield Evidence("network of the workspace's endpoint", shown, str(network.id))


def _endpoints_to_workspaces(environment: Environment) -> list[PrivateEndpoint]:
    ids = {workspace.id for workspace in environment.workspaces}
    found = (e for e in environment.private_endpoints if e.target in ids)
    return sorted(found, key=lambda endpoint: endpoint.id)


def _network_of(endpoint: PrivateEndpoint) -> ResourceId | None:
    return endpoint.subnet.parent


def _elsewhere(network: VirtualNetwork, subnet: Subnet, home: ResourceId | None) -> str:
    """A subnet for them where they work, if that is known; the delegation is taken away in any case."""
    away = _update(subnet_id(network, subnet), "--remove", "delegations")
    if home is None:
        return away
    fresh = home.child("subnets", subnet.name)
    words = ("--address-prefixes", "ADDRESS-PREFIX", "--delegations", _CONTAINERS)
    return f"{az_child('network vnet subnet create', _FLAG, fresh, *words)} && {away}"
