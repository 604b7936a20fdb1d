"""Peerings: what is found of each state, what is written, and what is left to a person."""

import pytest

from remediators.network_peering import REMEDIATOR
from shared.model.actual import Memory
from shared.model.environment import Environment
from shared.model.intent import Intent
from shared.model.resource_id import ResourceId
from shared.model.step import DeleteResource, PutResource
from tests.remediators.estate import NOW, SPOKE, TO_HUB, TO_SPOKE, VNET, environment, guid, manifest
from tests.remediators.world import World, named, reasons

STATE = "properties.peeringState"


def without_side(world: World, side: ResourceId) -> World:
    """One side is deleted, as Azure does it: the other side is Disconnected."""
    parent = side.parent
    assert parent is not None
    listed = world.bodies[parent]["properties"]["virtualNetworkPeerings"]
    listed[:] = [each for each in listed if each["name"] != side.name]
    other = TO_HUB if side == TO_SPOKE else TO_SPOKE
    if other in world.bodies:
        world.set(other, STATE, "Disconnected")
    return world.without(side)


def hub_alone() -> Environment:
    """Only the hub's side is declared here."""
    return environment(virtualNetworks=manifest()["virtualNetworks"][:1])


def kinds(world: World, env: Environment | None = None) -> list[list[tuple[str, ResourceId]]]:
    units = world.plan(REMEDIATOR, env)
    return [[(step.kind, step.resource) for step in unit.steps] for unit in units]


def test_a_healthy_peering_is_seen_with_one_read_a_network() -> None:
    world = World()
    assert world.find(REMEDIATOR) == []
    assert {read.resource for read in world.asked} == {VNET, SPOKE}


def test_both_sides_missing_are_created_one_after_the_other() -> None:
    world = without_side(without_side(World(), TO_SPOKE), TO_HUB)
    assert named(world.find(REMEDIATOR)) == {"PeeringMissing"}
    first, second = world.plan(REMEDIATOR)
    assert not first.destructive
    assert set(first.exclusive) & set(second.exclusive)


def test_a_deleted_side_takes_its_disconnected_other_side_along() -> None:
    world = without_side(World(), TO_SPOKE)
    assert reasons(world.find(REMEDIATOR)) == {
        ("PeeringMissing", "repair", ""),
        ("PeeringDisconnected", "repair", ""),
    }
    assert kinds(world) == [
        [
            ("DeleteResource", TO_HUB),
            ("AwaitState", TO_HUB),
            ("PutResource", TO_SPOKE),
            ("PutResource", TO_HUB),
        ]
    ]


def test_a_side_that_was_made_again_alone_is_deleted_before_either_is_created() -> None:
    world = World().set(TO_HUB, STATE, "Disconnected").set(TO_SPOKE, STATE, "Initiated")
    assert named(world.find(REMEDIATOR)) == {"PeeringDisconnected", "PeeringHalf"}
    (unit,) = world.plan(REMEDIATOR)
    assert [step.kind for step in unit.steps] == [
        "DeleteResource", "AwaitState", "DeleteResource", "AwaitState",
        "PutResource", "PutResource",
    ]  # fmt: skip
    for step in unit.steps:
        if isinstance(step, DeleteResource):
            intent = unit.intent_of(step.resource)
            assert intent is not None
            assert (intent.resource, intent.incarnation) == (step.resource, step.incarnation)
            assert step.incarnation == guid(step.resource)


def test_a_connected_side_is_never_deleted() -> None:
    world = World().set(TO_HUB, STATE, "Disconnected")
    (unit,) = world.plan(REMEDIATOR)
    assert {step.resource for step in unit.steps} == {TO_HUB}


def test_a_flag_is_put_back_over_the_live_body() -> None:
    world = World().set(TO_SPOKE, "properties.allowForwardedTraffic", value=False)
    world.set(TO_SPOKE, "properties.doNotVerifyRemoteGateways", value=True)
    assert named(world.find(REMEDIATOR)) == {"PeeringFlagsChanged"}
    ((step,),) = [unit.steps for unit in world.plan(REMEDIATOR)]
    assert isinstance(step, PutResource)
    assert step.body == {
        "properties": {
            "remoteVirtualNetwork": {"id": SPOKE.text},
            "allowVirtualNetworkAccess": True,
            "allowForwardedTraffic": True,
            "useRemoteGateways": False,
            "doNotVerifyRemoteGateways": True,
        }
    }
    assert [change.field for change in step.changes] == ["allowForwardedTraffic"]


@pytest.mark.parametrize(
    ("flag", "found"), [("allowVirtualNetworkAccess", set()), ("allowForwardedTraffic", {"PeeringFlagsChanged"})]
)  # fmt: skip
def test_a_flag_that_azure_does_not_show_has_azures_default(flag: str, found: set[str]) -> None:
    world = World()
    del world.bodies[TO_SPOKE]["properties"][flag]
    assert named(world.find(REMEDIATOR)) == found


@pytest.mark.parametrize("level", ["RemoteNotInSync", "LocalAndRemoteNotInSync"])
def test_the_side_that_knows_too_little_is_written(level: str) -> None:
    world = World().set(TO_SPOKE, "properties.peeringSyncLevel", level)
    world.set(TO_HUB, "properties.peeringSyncLevel", "LocalNotInSync")
    assert [f.resource for f in world.find(REMEDIATOR)] == [TO_SPOKE]
    assert kinds(world) == [[("PutResource", TO_SPOKE)]]


def test_the_other_sides_ignorance_is_reported_where_it_is_not_declared() -> None:
    world = World().set(TO_SPOKE, "properties.peeringSyncLevel", "LocalNotInSync")
    (found,) = world.find(REMEDIATOR, hub_alone())
    assert (found.reason, found.why) == ("PeeringOutOfSync", "ByHand")
    assert "az network vnet peering sync --name to-hub --vnet-name spoke" in found.message


def test_a_side_that_waits_for_an_undeclared_one_is_reported() -> None:
    world = World().set(TO_SPOKE, STATE, "Initiated")
    (found,) = world.find(REMEDIATOR, hub_alone())
    assert (found.reason, found.why) == ("PeeringHalf", "ByHand")
    assert "az network vnet peering create --name to-hub --vnet-name spoke" in found.message
    assert world.plan(REMEDIATOR, hub_alone()) == []


def test_a_side_that_waits_for_one_of_another_manifest_is_not_made_again_and_again() -> None:
    parts = manifest()["virtualNetworks"]
    env = environment(virtualNetworks=[parts[0], {**parts[1], "owned": False}])
    world = World().set(TO_SPOKE, STATE, "Initiated").set(TO_HUB, STATE, "Disconnected")
    assert world.plan(REMEDIATOR, env) == []
    assert {f.why for f in world.find(REMEDIATOR, env)} == {"ByHand", "NotOwned"}


def test_a_side_that_leads_elsewhere_is_reported() -> None:
    elsewhere = VNET.text.replace("hub", "other")
    world = World().set(TO_HUB, "properties.remoteVirtualNetwork.id", elsewhere)
    (found,) = world.find(REMEDIATOR)
    assert (found.reason, found.why) == ("PeeringElsewhere", "ByHand")
    assert "az network vnet peering delete" in found.message


def test_a_network_that_is_gone_is_reported_and_its_peer_left_alone() -> None:
    world = without_side(World(), TO_SPOKE).without(VNET)
    found = {(f.resource, f.reason, f.why) for f in world.find(REMEDIATOR)}
    assert found == {
        (VNET, "NetworkGone", "ResourceGone"),
        (TO_HUB, "PeeringDisconnected", "TargetGone"),
    }
    assert world.plan(REMEDIATOR) == []


def test_work_under_way_defers() -> None:
    world = World().set(TO_SPOKE, STATE, "Disconnected")
    world.set(TO_SPOKE, "properties.provisioningState", "Updating")
    assert reasons(world.find(REMEDIATOR)) == {
        ("PeeringDisconnected", "defer", "InProgress"),
        ("PeeringUnsettled", "defer", "InProgress"),
    }


def test_a_side_without_an_incarnation_is_not_destroyed() -> None:
    world = World().set(TO_SPOKE, STATE, "Disconnected")
    world.set(TO_SPOKE, "properties.resourceGuid", "")
    assert reasons(world.find(REMEDIATOR)) == {
        ("PeeringDisconnected", "block", "IncarnationUnknown")
    }


def test_a_changed_flag_is_put_back_although_the_other_manifests_side_is_cut() -> None:
    parts = manifest()["virtualNetworks"]
    env = environment(virtualNetworks=[parts[0], {**parts[1], "owned": False}])
    world = World().set(TO_HUB, STATE, "Disconnected")
    world.set(TO_SPOKE, "properties.allowForwardedTraffic", value=False)
    assert kinds(world, env) == [[("PutResource", TO_SPOKE)]]


def test_what_a_killed_run_destroyed_comes_back_as_it_was() -> None:
    world = without_side(without_side(World(), TO_SPOKE), TO_HUB)
    kept = {"properties": {"doNotVerifyRemoteGateways": True, "resourceGuid": "old"}}
    intent = Intent(TO_HUB, kept, guid(TO_HUB), "", "run", NOW)
    world.memory = Memory(intents=(intent,))
    bodies = {u.resource: u.steps[0].body["properties"] for u in world.plan(REMEDIATOR)}  # type: ignore[union-attr]
    assert bodies[TO_HUB]["doNotVerifyRemoteGateways"] is True
    assert "resourceGuid" not in bodies[TO_HUB]
    assert "doNotVerifyRemoteGateways" not in bodies[TO_SPOKE]


@pytest.mark.parametrize("state", ["Initiated", "Connected", "Disconnected"])
def test_a_peering_to_elsewhere_is_never_deleted_to_mend_another(state: str) -> None:
    elsewhere = VNET.text.replace("hub", "other")
    world = World().set(TO_SPOKE, "properties.remoteVirtualNetwork.id", elsewhere)
    world.set(TO_SPOKE, STATE, state).set(TO_HUB, STATE, "Disconnected")
    assert reasons(world.find(REMEDIATOR)) == {
        ("PeeringElsewhere", "report", "ByHand"),
        ("PeeringDisconnected", "block", "ByHand"),
    }
    assert world.plan(REMEDIATOR) == []
    world.set(TO_HUB, STATE, "Initiated")
    assert named(world.find(REMEDIATOR)) == {"PeeringElsewhere"}
