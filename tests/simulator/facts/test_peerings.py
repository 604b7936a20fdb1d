"""Domain facts, sections 1.2 and 4: peerings from both sides. Shapes: network 2024-01-01, virtualNetwork.json."""

import pytest

from simulator.faults import Fault, Mischief
from simulator.sandbox import Sandbox
from simulator.wire import Json, Response

SYNC = "&syncRemoteAddressSpace=true"


def code(reply: Response) -> str:
    return str(reply.json()["error"]["code"])


def sides(world: Sandbox) -> tuple[str, str]:
    hub, spoke = world.plan.network("hub"), world.plan.network("spoke")
    return (
        f"{hub}/virtualNetworkPeerings/to-spoke",
        f"{spoke}/virtualNetworkPeerings/to-hub",
    )


def leading(world: Sandbox, to: str, **flags: object) -> Json:
    return {"properties": {"remoteVirtualNetwork": {"id": world.plan.network(to)}, **flags}}


def shown(world: Sandbox, member: str) -> tuple[str, str]:
    hub, spoke = (world.properties(side)[member] for side in sides(world))
    return hub, spoke


def widen(world: Sandbox, network: str, prefix: str) -> None:
    """Add a prefix to a network's address space."""
    resource = world.plan.network(network)
    body = world.body(resource)
    space = [*body["properties"]["addressSpace"]["addressPrefixes"], prefix]
    properties = {"addressSpace": {"addressPrefixes": space}}
    world.done("PUT", resource, {"location": body["location"], "properties": properties})


def test_both_sides_of_a_peering_are_connected_and_in_sync(world: Sandbox) -> None:
    assert shown(world, "peeringState") == ("Connected", "Connected")
    assert shown(world, "peeringSyncLevel") == ("FullyInSync", "FullyInSync")


def test_one_side_alone_is_initiated(world: Sandbox) -> None:
    hub, spoke = sides(world)
    world.done("DELETE", hub)
    world.done("DELETE", spoke)
    world.done("PUT", hub, leading(world, "spoke"))
    assert world.properties(hub)["peeringState"] == "Initiated"
    assert world.properties(hub)["peeringSyncLevel"] == "RemoteNotInSync"
    world.done("PUT", spoke, leading(world, "hub"))
    assert shown(world, "peeringState") == ("Connected", "Connected")


def test_deleting_one_side_disconnects_the_other_without_an_event_there(world: Sandbox) -> None:
    hub, spoke = sides(world)
    emitted = len(world.cloud.events)
    world.done("DELETE", hub)
    assert world.properties(spoke)["peeringState"] == "Disconnected"
    assert {e["subject"] for e in world.cloud.events[emitted:]} == {hub}


def test_a_disconnected_peering_is_not_revived_by_writing_it(world: Sandbox) -> None:
    hub, spoke = sides(world)
    world.done("DELETE", hub)
    refused = world.call("PUT", spoke, leading(world, "hub"))
    assert code(refused) == "PeeringInDisconnectedStateCannotBeUpdated"


def test_a_disconnected_peering_is_not_revived_by_the_other_side(world: Sandbox) -> None:
    hub, _ = sides(world)
    world.done("DELETE", hub)
    world.done("PUT", hub, leading(world, "spoke"))
    assert shown(world, "peeringState") == ("Initiated", "Disconnected")


def test_a_disconnected_peering_is_deleted_and_both_sides_are_made_again(world: Sandbox) -> None:
    hub, spoke = sides(world)
    world.done("DELETE", hub)
    world.done("DELETE", spoke)
    world.done("PUT", hub, leading(world, "spoke"))
    world.done("PUT", spoke, leading(world, "hub"))
    assert shown(world, "peeringState") == ("Connected", "Connected")


def test_a_changed_address_space_leaves_both_sides_out_of_sync(world: Sandbox) -> None:
    widen(world, "hub", "10.99.0.0/16")
    assert shown(world, "peeringSyncLevel") == ("LocalNotInSync", "RemoteNotInSync")
    assert shown(world, "peeringState") == ("Connected", "Connected")
    hub, spoke = (world.properties(side) for side in sides(world))
    assert spoke["remoteAddressSpace"]["addressPrefixes"] == ["10.0.0.0/16"]
    changed = ["10.0.0.0/16", "10.99.0.0/16"]
    assert spoke["remoteVirtualNetworkAddressSpace"]["addressPrefixes"] == changed
    assert hub["localVirtualNetworkAddressSpace"]["addressPrefixes"] == changed


def test_writing_a_peering_again_does_not_bring_it_in_sync(world: Sandbox) -> None:
    widen(world, "hub", "10.99.0.0/16")
    _, spoke = sides(world)
    world.done("PUT", spoke, leading(world, "hub", allowForwardedTraffic=True))
    assert shown(world, "peeringSyncLevel") == ("LocalNotInSync", "RemoteNotInSync")


def test_the_side_that_faces_the_change_is_written_with_the_sync_query(world: Sandbox) -> None:
    widen(world, "hub", "10.99.0.0/16")
    hub, spoke = sides(world)
    world.ok("PUT", hub, leading(world, "spoke"), query=SYNC)
    world.settle()
    assert shown(world, "peeringSyncLevel") == ("LocalNotInSync", "RemoteNotInSync")
    world.ok("PUT", spoke, leading(world, "hub"), query=SYNC)
    world.settle()
    assert shown(world, "peeringSyncLevel") == ("FullyInSync", "FullyInSync")


def test_when_both_networks_changed_each_side_is_synchronised(world: Sandbox) -> None:
    widen(world, "hub", "10.99.0.0/16")
    widen(world, "spoke", "10.98.0.0/16")
    both = "LocalAndRemoteNotInSync"
    assert shown(world, "peeringSyncLevel") == (both, both)
    for side, to in zip(sides(world), ("spoke", "hub"), strict=True):
        world.ok("PUT", side, leading(world, to), query=SYNC)
        world.settle()
    assert shown(world, "peeringSyncLevel") == ("FullyInSync", "FullyInSync")


def test_flags_that_are_left_out_of_a_put_have_their_defaults_again(world: Sandbox) -> None:
    hub, _ = sides(world)
    world.done("PUT", hub, leading(world, "spoke", allowForwardedTraffic=True))
    assert world.properties(hub)["allowForwardedTraffic"] is True
    world.done("PUT", hub, leading(world, "spoke"))
    after = world.properties(hub)
    assert (after["allowForwardedTraffic"], after["allowVirtualNetworkAccess"]) == (False, True)
    assert after["peeringState"] == "Connected"


def test_a_peering_needs_the_consent_of_the_network_on_the_other_side(world: Sandbox) -> None:

    peer = "Microsoft.Network/virtualNetworks/peer/action"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=peer))
    hub, _ = sides(world)
    refused = world.call("PUT", hub, leading(world, "spoke"), caller="relink")
    assert (refused.status, code(refused)) == (403, "LinkedAuthorizationFailed")
    assert peer in refused.json()["error"]["message"]


def test_deleting_a_network_disconnects_its_peers(world: Sandbox) -> None:
    _, spoke = sides(world)
    left = world.plan.id("other", "Microsoft.Network/virtualNetworks/left")
    space = {"addressSpace": {"addressPrefixes": ["10.50.0.0/16"]}}
    world.done("PUT", left, {"location": "westeurope", "properties": space})
    there = spoke.replace("to-hub", "to-left")
    left_body = {"properties": {"remoteVirtualNetwork": {"id": left}}}
    world.done("PUT", f"{left}/virtualNetworkPeerings/back", leading(world, "spoke"))
    world.done("PUT", there, left_body)
    assert world.properties(there)["peeringState"] == "Connected"
    world.done("DELETE", left)
    assert world.properties(there)["peeringState"] == "Disconnected"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("10.10.5.0/24", "VnetAddressSpacesOverlap"), ("10.51.0.0/16", "")],
    ids=["overlapping", "apart"],
)
def test_networks_that_overlap_are_not_peered(world: Sandbox, prefix: str, expected: str) -> None:
    other = world.plan.id("other", "Microsoft.Network/virtualNetworks/another")
    space = {"addressSpace": {"addressPrefixes": [prefix]}}
    world.done("PUT", other, {"location": "westeurope", "properties": space})
    reply = world.call("PUT", f"{other}/virtualNetworkPeerings/p", leading(world, "spoke"))
    assert (code(reply) if reply.status >= 400 else "") == expected
