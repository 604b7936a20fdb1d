"""Owns whether a cluster's nodes reach a private endpoint: from its own network, or from one peered with it.

Judged of declared networks and of clusters that were seen, and never concluded from a network that nobody
read: a peering that is declared counts, as its own remediator sees to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.model.actual import Actual, Read
from shared.model.environment import Environment, PrivateEndpoint
from shared.model.finding import Disposition, Evidence
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from shared.remediation.commands import az_child
from shared.remediation.differences import Difference, get


def reach_reads(environment: Environment, endpoint: PrivateEndpoint) -> Iterator[Read]:
    """The clusters, the endpoint's network and theirs, where its network is declared."""
    networks = {network.id for network in environment.virtual_networks}
    if endpoint.subnet.parent in networks:
        yield from (get(cluster.id) for cluster in environment.clusters if cluster.is_aks)
        yield from (get(network) for network in sorted(networks))


def of_reach(
    environment: Environment, endpoint: PrivateEndpoint, actual: Actual
) -> Iterator[Difference]:
    """Declared networks of clusters that neither hold the endpoint nor are peered with what does."""
    home = endpoint.subnet.parent
    declared = {network.id for network in environment.virtual_networks}
    if home is None or home not in declared:
        return
    apart = sorted(
        network
        for network in _networks_of_clusters(environment, actual) & declared
        if network != home and not _peered(environment, home, network, actual)
    )
    if apart:
        seen = tuple(
            Evidence("network of the cluster", str(n), f"peered with {home}") for n in apart
        )
        command = " && ".join(_peering(a, b) for n in apart for a, b in ((home, n), (n, home)))
        report = Disposition.REPORT
        yield Difference("EndpointApart", seen, "", report, "ByHand", command)


def _networks_of_clusters(environment: Environment, actual: Actual) -> set[ResourceId]:
    pools = (
        pool
        for cluster in environment.clusters
        for pool in dig(actual.body(cluster.id), "properties.agentPoolProfiles") or ()
    )
    subnets = (ResourceId.maybe(dig(pool, "vnetSubnetID")) for pool in pools)
    return {subnet.parent for subnet in subnets if subnet is not None and subnet.parent is not None}


def _peered(environment: Environment, one: ResourceId, other: ResourceId, actual: Actual) -> bool:
    """Whether a peering is declared or seen; also where neither network could be read."""
    for network in environment.virtual_networks:
        if {network.id} | {p.remote for p in network.peerings} >= {one, other}:
            return True
    bodies = [(there, actual.body(here)) for here, there in ((one, other), (other, one))]
    if all(body is None for _, body in bodies):
        return True
    return any(
        ResourceId.maybe(dig(peering, "properties.remoteVirtualNetwork.id")) == there
        for there, body in bodies
        for peering in dig(body, "properties.virtualNetworkPeerings") or ()
    )


def _peering(here: ResourceId, there: ResourceId) -> str:
    side = here.child("virtualNetworkPeerings", f"to-{there.name}")
    more = ("--remote-vnet", there.text, "--allow-vnet-access")
    return az_child("network vnet peering create", "--vnet-name", side, *more)
