from __future__ import annotations

import copy
from typing import Any

import pytest

from remediators.private_endpoint import REMEDIATOR
from shared.model.actual import Memory, Question
from shared.model.environment import Environment
from shared.model.intent import Intent
from shared.model.plan import Need, Requirement
from shared.model.resource_id import ResourceId
from shared.model.step import Condition
from tests.remediators.estate import (
    API,
    BLOB,
    BLOB_ZONE,
    GROUP,
    NOW,
    STORAGE,
    SUBNET,
    declared,
    disowned,
    endpoint_body,
    guid,
    interface,
)
from tests.remediators.world import (
    World,
    named,
    reasons,
)

STATE = "properties.provisioningState"


def manual() -> Environment:
    body = endpoint_body(STORAGE, ["blob"])
    links = body["properties"].pop("privateLinkServiceConnections")
    body["properties"]["manualPrivateLinkServiceConnections"] = links
    return declared("privateEndpoints", BLOB, body=body)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param("Disconnected", "EndpointDisconnected", id="endpoint-disconnected"),
        pytest.param("Rejected", "EndpointRejected", id="endpoint-rejected"),
    ],
)
def test_a_lost_connection_is_replaced_as_one_unit(status: str, reason: str) -> None:
    world = World().connection(BLOB, status)
    assert reasons(world.find(REMEDIATOR)) == {(reason, "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert unit.id == f"private_endpoint:replace:{BLOB.key}"
    assert [(s.kind, s.resource) for s in unit.steps] == [
        ("DeleteResource", BLOB),
        ("AwaitState", BLOB),
        ("PutResource", BLOB),
        ("AwaitState", BLOB),
        ("PutResource", GROUP),
    ]
    awaited = [s.condition for s in unit.steps if s.kind == "AwaitState"]
    assert awaited == [Condition.GONE, Condition.APPROVED]
    assert unit.intent is not None
    assert unit.intent.incarnation == guid(BLOB)


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
def test_a_failed_endpoint_that_is_connected_is_written_again_as_it_is(state: str) -> None:
    world = World().set(BLOB, STATE, state)
    world.bodies[BLOB]["tags"] = {"owner": "network team"}
    world.set(BLOB, "properties.customNetworkInterfaceName", "nic-of-the-vault")
    found = world.find(REMEDIATOR, declared("privateEndpoints", BLOB, body=tagged("ml")))
    assert reasons(found) == {("EndpointFailed", "repair", "")}
    assert "deletes nothing" in found[0].message
    (unit,) = world.plan(REMEDIATOR, declared("privateEndpoints", BLOB, body=tagged("ml")))
    assert not unit.destructive
    assert unit.intent is None
    write, wait = unit.steps
    assert write.kind == "PutResource"
    assert write.body["tags"] == {"owner": "network team"}
    assert write.body["properties"]["customNetworkInterfaceName"] == "nic-of-the-vault"
    assert not {"provisioningState", "networkInterfaces"} & write.body["properties"].keys()
    (connection,) = write.body["properties"]["privateLinkServiceConnections"]
    assert connection.keys() == {"name", "properties"}
    assert connection["properties"] == {
        "privateLinkServiceId": STORAGE.text, "groupIds": ["blob"],
    }  # fmt: skip
    assert wait.kind == "AwaitState"
    assert wait.condition is Condition.APPROVED


def tagged(owner: str) -> dict[str, Any]:
    return {**endpoint_body(STORAGE, ["blob"]), "tags": {"owner": owner}}


@pytest.mark.parametrize("status", ["Disconnected", "Rejected"])
def test_a_failed_endpoint_whose_connection_is_lost_is_replaced(status: str) -> None:
    world = World().set(BLOB, STATE, "Failed").connection(BLOB, status)
    found = world.find(REMEDIATOR)
    assert named(found) == {"EndpointFailed", f"Endpoint{status}"}
    assert all("deletes it and creates it again" in item.message for item in found)
    (unit,) = world.plan(REMEDIATOR)
    assert unit.destructive


def test_a_failed_endpoint_without_its_zone_group_is_written_before_it() -> None:
    world = World().set(BLOB, STATE, "Failed").without(GROUP)
    (unit,) = world.plan(REMEDIATOR)
    assert [(s.kind, s.resource) for s in unit.steps] == [
        ("PutResource", BLOB), ("AwaitState", BLOB), ("PutResource", GROUP),
    ]  # fmt: skip
    assert not unit.destructive


def test_a_missing_endpoint_and_its_zone_group_are_one_unit() -> None:
    world = World().without(BLOB, interface(BLOB), GROUP)
    assert named(world.find(REMEDIATOR)) == {"EndpointMissing", "ZoneGroupMissing"}
    (unit,) = world.plan(REMEDIATOR)
    assert [s.kind for s in unit.steps] == ["PutResource", "AwaitState", "PutResource"]
    assert len(unit.findings) == 2
    assert not unit.destructive
    assert unit.intent is None


def test_a_disconnected_endpoint_without_zone_group_has_two_findings_and_one_unit() -> None:
    world = World().connection(BLOB, "Disconnected").without(GROUP)
    assert named(world.find(REMEDIATOR)) == {"EndpointDisconnected", "ZoneGroupMissing"}
    (unit,) = world.plan(REMEDIATOR)
    assert len(unit.findings) == 2


def test_a_pending_endpoint_is_never_replaced_even_when_failed_and_mispointed() -> None:
    world = World().connection(BLOB, "Pending").set(BLOB, STATE, "Failed")
    world.set(BLOB, "properties.subnet.id", SUBNET.text + "2")
    assert reasons(world.find(REMEDIATOR)) == {
        ("EndpointPending", "block", "TargetApproval"),
        ("EndpointFailed", "block", "TargetApproval"),
        ("EndpointMispointed", "block", "TargetApproval"),
    }
    assert world.plan(REMEDIATOR) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("properties.subnet.id", SUBNET.text + "2", id="subnet"),
        pytest.param(
            "properties.privateLinkServiceConnections.0.properties.groupIds", ["file"], id="groups"
        ),
        pytest.param(
            "properties.privateLinkServiceConnections.0.properties.privateLinkServiceId",
            STORAGE.text + "2",
            id="target",
        ),
    ],
)
def test_an_endpoint_that_leads_elsewhere_is_replaced(path: str, value: object) -> None:
    world = World().set(BLOB, path, value)
    assert reasons(world.find(REMEDIATOR)) == {("EndpointMispointed", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert unit.destructive


def test_casing_is_no_difference() -> None:
    world = World().set(BLOB, "properties.subnet.id", SUBNET.text.upper())
    path = "properties.privateLinkServiceConnections.0.properties.groupIds"
    assert world.set(BLOB, path, ["Blob"]).find(REMEDIATOR) == []


def test_a_missing_zone_group_alone_is_written_without_destroying_anything() -> None:
    world = World().without(GROUP)
    (unit,) = world.plan(REMEDIATOR)
    assert [s.resource for s in unit.steps] == [GROUP]
    assert not unit.destructive


def test_a_zone_group_with_another_zone_is_written_as_declared() -> None:
    other = [{"name": "z", "properties": {"privateDnsZoneId": BLOB_ZONE.text + "x"}}]
    world = World().set(GROUP, "properties.privateDnsZoneConfigs", other)
    assert reasons(world.find(REMEDIATOR)) == {("ZoneGroupChanged", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    (step,) = unit.steps
    assert step.kind == "PutResource"
    zones = step.body["properties"]["privateDnsZoneConfigs"]
    assert zones == [{"name": "blob", "properties": {"privateDnsZoneId": BLOB_ZONE.text}}]


AUTO = BLOB.child("privateDnsZoneGroups", "auto-by-platform")


def renamed(zone: str, config: str = "cfg-7") -> World:
    """The declared group is gone, and the platform team's automation made one of its own."""
    world = World().without(GROUP)
    configs = [{"name": config, "properties": {"privateDnsZoneId": zone}}]
    world.bodies[AUTO] = {
        "id": AUTO.text, "name": AUTO.name,
        "properties": {"provisioningState": "Succeeded", "privateDnsZoneConfigs": configs},
    }  # fmt: skip
    return world


def test_a_zone_group_of_another_name_that_serves_the_zones_is_in_order() -> None:
    assert renamed(BLOB_ZONE.text.upper()).find(REMEDIATOR) == []


def test_a_zone_group_of_another_name_is_changed_and_joined_by_no_second() -> None:
    world = renamed(BLOB_ZONE.text + "x")
    found = world.find(REMEDIATOR)
    assert reasons(found) == {("ZoneGroupChanged", "repair", "")}
    assert AUTO.name in found[0].message
    (unit,) = world.plan(REMEDIATOR)
    (step,) = unit.steps
    assert (step.kind, step.resource) == ("PutResource", AUTO)


def test_a_zone_keeps_the_name_that_it_has_in_the_group() -> None:
    world = renamed(BLOB_ZONE.text)
    extra = {"name": "old", "properties": {"privateDnsZoneId": BLOB_ZONE.text + "x"}}
    world.bodies[AUTO]["properties"]["privateDnsZoneConfigs"].append(extra)
    (unit,) = world.plan(REMEDIATOR)
    (step,) = unit.steps
    assert step.kind == "PutResource"
    assert step.body["properties"]["privateDnsZoneConfigs"] == [
        {"name": "cfg-7", "properties": {"privateDnsZoneId": BLOB_ZONE.text}}
    ]


def test_no_group_is_made_where_it_is_not_known_whether_there_is_one() -> None:
    world = World().without(GROUP).deny(Question.LIST, BLOB)
    assert reasons(world.find(REMEDIATOR)) == {("EndpointUnreadable", "block", "Unreadable")}
    assert world.plan(REMEDIATOR) == []


def test_a_replaced_endpoint_gets_its_zone_group_under_the_name_in_force() -> None:
    (unit,) = renamed(BLOB_ZONE.text).connection(BLOB, "Rejected").plan(REMEDIATOR)
    assert unit.steps[-1].resource == AUTO


@pytest.mark.parametrize(
    ("gone", "why"), [(STORAGE, "TargetGone"), (BLOB_ZONE, "ZoneGone")], ids=["target", "zone"]
)
def test_what_it_needs_being_gone_blocks_every_repair(gone: ResourceId, why: str) -> None:
    world = World().connection(BLOB, "Disconnected").without(gone)
    assert reasons(world.find(REMEDIATOR)) == {
        ("EndpointDisconnected", "block", why),
        (why, "block", why),
    }
    assert world.plan(REMEDIATOR) == []


@pytest.mark.parametrize("state", ["Creating", "Updating", "Deleting"])
def test_nothing_is_done_while_azure_is_at_work_on_it(state: str) -> None:
    world = World().set(BLOB, STATE, state).without(GROUP)
    assert reasons(world.find(REMEDIATOR)) == {
        ("EndpointUnsettled", "defer", "InProgress"),
        ("ZoneGroupMissing", "defer", "InProgress"),
    }


@pytest.mark.parametrize("resource", [STORAGE, BLOB_ZONE, interface(BLOB), GROUP])
def test_an_unreadable_neighbour_blocks_a_replacement(resource: ResourceId) -> None:
    world = World().connection(BLOB, "Disconnected").deny(Question.GET, resource)
    found = [f for f in world.find(REMEDIATOR) if f.reason == "EndpointDisconnected"]
    assert reasons(found) == {("EndpointDisconnected", "block", "Unreadable")}
    assert "some/action/read" in found[0].message
    assert world.plan(REMEDIATOR) == []


def test_an_unreadable_endpoint_is_blocked_with_the_missing_action() -> None:
    world = World().deny(Question.GET, BLOB)
    (finding,) = world.find(REMEDIATOR)
    assert (finding.reason, finding.why) == ("EndpointUnreadable", "Unreadable")
    assert "some/action/read" in finding.message


def test_an_endpoint_whose_creation_failed_is_written_again_and_not_destroyed() -> None:
    world = World().set(BLOB, STATE, "Failed").set(BLOB, "properties.networkInterfaces", [])
    assert reasons(world.find(REMEDIATOR)) == {("EndpointUnfinished", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert not unit.destructive
    assert [s.kind for s in unit.steps] == ["PutResource", "AwaitState", "PutResource"]


def test_an_endpoint_without_interface_is_not_destroyed() -> None:
    world = World().connection(BLOB, "Rejected").set(BLOB, "properties.networkInterfaces", [])
    assert reasons(world.find(REMEDIATOR)) == {("EndpointRejected", "block", "IncarnationUnknown")}


def test_an_endpoint_whose_interface_has_no_guid_is_not_destroyed() -> None:
    world = World().connection(BLOB, "Rejected").set(interface(BLOB), "properties.resourceGuid", "")
    assert reasons(world.find(REMEDIATOR)) == {("EndpointRejected", "block", "IncarnationUnknown")}
    assert world.plan(REMEDIATOR) == []


def test_an_unknown_connection_state_says_nothing() -> None:
    world = World().connection(BLOB, "Removed")
    assert reasons(world.find(REMEDIATOR)) == {("EndpointUnsettled", "block", "Unreadable")}


def test_a_working_endpoint_that_needs_approval_by_hand_is_not_torn_down() -> None:
    links = "properties.privateLinkServiceConnections"
    world = World().set(BLOB, STATE, "Failed")
    live = world.bodies[BLOB]["properties"]
    live["manualPrivateLinkServiceConnections"] = live.pop(links.split(".")[1])
    assert reasons(world.find(REMEDIATOR, manual())) == {("EndpointFailed", "repair", "")}
    (unit,) = world.plan(REMEDIATOR, manual())
    assert not unit.destructive
    (write, _) = unit.steps
    assert write.kind == "PutResource"
    assert "manualPrivateLinkServiceConnections" in write.body["properties"]


def test_what_another_manifest_owns_is_reported_only() -> None:
    world = World().connection(BLOB, "Disconnected").without(GROUP)
    assert reasons(world.find(REMEDIATOR, disowned())) == {
        ("EndpointDisconnected", "report", "NotOwned"),
        ("ZoneGroupMissing", "report", "NotOwned"),
    }
    assert world.plan(REMEDIATOR, disowned()) == []


def test_endpoints_to_clusters_are_left_to_another() -> None:
    world = World().connection(API, "Disconnected")
    assert world.find(REMEDIATOR) == []
    assert all(read.resource != API for read in world.asked)


def test_interfaces_of_healthy_endpoints_are_not_read() -> None:
    world = World()
    world.look(REMEDIATOR)
    assert all(read.resource != interface(BLOB) for read in world.asked)


def test_the_new_body_keeps_what_the_manifest_does_not_say() -> None:
    world = World().connection(BLOB, "Disconnected")
    world.bodies[BLOB]["tags"] = {"cost": "7", "team": "live"}
    world.set(BLOB, "properties.customNetworkInterfaceName", "nic-blob")
    world.set(BLOB, "properties.ipConfigurations", [{"name": "a", "etag": "1", "properties": {}}])
    groups = [{"id": "/asg", "properties": {}}]
    world.set(BLOB, "properties.applicationSecurityGroups", groups)
    body = {**endpoint_body(STORAGE, ["blob"]), "tags": {"team": "ml"}}
    (unit,) = world.plan(REMEDIATOR, declared("privateEndpoints", BLOB, body=body))
    assert unit.intent is not None
    written = unit.intent.body
    assert written["tags"] == {"cost": "7", "team": "ml"}
    kept = written["properties"]
    assert kept["customNetworkInterfaceName"] == "nic-blob"
    assert kept["ipConfigurations"] == [{"name": "a", "properties": {}}]
    assert kept["applicationSecurityGroups"] == [{"id": "/asg"}]
    assert not {"provisioningState", "networkInterfaces"} & kept.keys()
    connection = kept["privateLinkServiceConnections"][0]["properties"]
    assert connection == {"privateLinkServiceId": STORAGE.text, "groupIds": ["blob"]}


def test_static_addresses_of_another_subnet_are_not_taken_along() -> None:
    world = World().set(BLOB, "properties.subnet.id", SUBNET.text + "2")
    world.set(BLOB, "properties.ipConfigurations", [{"name": "a", "properties": {}}])
    (unit,) = world.plan(REMEDIATOR)
    assert unit.intent is not None
    assert "ipConfigurations" not in unit.intent.body["properties"]


def test_an_open_intent_gives_back_what_a_killed_run_destroyed() -> None:
    world = World().without(BLOB, interface(BLOB), GROUP)
    kept = {**endpoint_body(STORAGE, ["blob"]), "tags": {"cost": "7"}}
    world.memory = Memory(intents=(Intent(BLOB, kept, guid(BLOB), "", "run", NOW),))
    (unit,) = world.plan(REMEDIATOR)
    step = unit.steps[0]
    assert step.kind == "PutResource"
    assert step.body["tags"] == {"cost": "7"}


def test_a_replacement_requires_everything_needed_to_make_it_again() -> None:
    (unit,) = World().connection(BLOB, "Disconnected").plan(REMEDIATOR)
    network = "Microsoft.Network"
    approval = "Microsoft.Storage/storageAccounts/privateEndpointConnectionsApproval/action"
    may = Need.PERMISSION
    assert set(unit.requires) == {
        Requirement(may, BLOB.group, f"{network}/privateEndpoints/write"),
        Requirement(may, BLOB.group, f"{network}/privateEndpoints/delete"),
        Requirement(may, BLOB.group, f"{network}/privateEndpoints/privateDnsZoneGroups/write"),
        Requirement(may, SUBNET, f"{network}/virtualNetworks/subnets/join/action"),
        Requirement(may, STORAGE, approval),
        Requirement(may, BLOB_ZONE, f"{network}/privateDnsZones/join/action"),
        Requirement(Need.EXISTS, SUBNET),
        Requirement(Need.EXISTS, STORAGE),
        Requirement(Need.EXISTS, BLOB_ZONE),
        Requirement(Need.BARE, BLOB),
    }
    assert set(unit.exclusive) == {f"subnet:{SUBNET.key}", f"target:{STORAGE.key}"}


def test_the_manifest_is_not_changed_by_planning() -> None:
    env = declared("privateEndpoints", BLOB)
    before = copy.deepcopy(env.private_endpoints[0].body)
    World().connection(BLOB, "Disconnected").plan(REMEDIATOR, env)
    assert env.private_endpoints[0].body == before
