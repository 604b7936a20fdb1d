"""An endpoint has to be reached from the cluster's nodes: same network, or a peered one."""

from remediators.private_endpoint import REMEDIATOR
from shared.model.actual import Question
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from tests.remediators.estate import BLOB, CLUSTER, SPOKE, VNET, environment, manifest, rid
from tests.remediators.world import World, named

FAR = rid("net", "Microsoft.Network/virtualNetworks", "far")


def nodes_in(network: ResourceId) -> World:
    """The endpoints lie in the hub."""
    world = World()
    pool = {"vnetSubnetID": network.child("subnets", "nodes").text}
    world.bodies[FAR] = {"id": FAR.text, "properties": {"virtualNetworkPeerings": []}}
    return world.set(CLUSTER, "properties.agentPoolProfiles", [pool])


def knowing(*networks: dict[str, object]) -> Environment:
    return environment(virtualNetworks=[*manifest()["virtualNetworks"], *networks])


def test_endpoints_beside_the_nodes_or_one_peering_away_are_reached() -> None:
    for network in (VNET, SPOKE):
        assert nodes_in(network).find(REMEDIATOR) == []


def test_a_network_that_no_peering_leads_to_is_told() -> None:
    told = nodes_in(FAR).find(REMEDIATOR, knowing({"id": FAR.text}))
    (found,) = [each for each in told if each.resource == BLOB]
    assert (found.reason, found.why) == ("EndpointApart", "ByHand")
    assert "az network vnet peering create --name to-far --vnet-name hub" in found.message
    assert "az network vnet peering create --name to-hub --vnet-name far" in found.message


def test_a_peering_that_was_seen_will_do() -> None:
    world = nodes_in(FAR)
    peering = {"properties": {"remoteVirtualNetwork": {"id": VNET.text}}}
    world.set(FAR, "properties.virtualNetworkPeerings", [peering])
    assert world.find(REMEDIATOR, knowing({"id": FAR.text})) == []


def test_nothing_is_concluded_of_a_network_that_is_not_declared() -> None:
    assert nodes_in(FAR).find(REMEDIATOR) == []


def test_nothing_is_concluded_from_networks_that_could_not_be_read() -> None:
    world = nodes_in(FAR).deny(Question.GET, FAR).deny(Question.GET, VNET)
    assert "EndpointApart" not in named(world.find(REMEDIATOR, knowing({"id": FAR.text})))
