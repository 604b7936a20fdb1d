"""Private DNS: links and records put back, zones and strange links left to a person."""

import copy

import pytest

from remediators import private_endpoint
from remediators.private_dns import REMEDIATOR
from shared.model.actual import Question
from shared.model.environment import Environment
from shared.model.step import PutResource
from shared.reconcile import draw_plan
from tests.remediators.estate import (
    AKS_ZONE,
    BLOB,
    BLOB_LINK,
    BLOB_RECORD,
    BLOB_ZONE,
    GROUP,
    SPOKE,
    VNET,
    declared,
    environment,
    interface,
    manifest,
    rid,
)
from tests.remediators.world import World, named, reasons

REGISTERS = "properties.registrationEnabled"


def with_link(**changes: object) -> Environment:
    link = {"name": "to-hub", "virtualNetwork": VNET.text, **changes}
    return declared("privateDnsZones", BLOB_ZONE, links=[link])


def test_a_missing_link_is_made_as_declared() -> None:
    world = World().without(BLOB_LINK)
    assert named(world.find(REMEDIATOR)) == {"LinkMissing"}
    ((step,),) = [unit.steps for unit in world.plan(REMEDIATOR)]
    assert isinstance(step, PutResource)
    assert step.resource == BLOB_LINK
    assert step.body == {
        "location": "global",
        "properties": {"virtualNetwork": {"id": VNET.text}, "registrationEnabled": False},
    }


def test_a_link_of_another_name_to_the_same_network_will_do() -> None:
    world = World()
    link = world.bodies.pop(BLOB_LINK)
    other = BLOB_ZONE.child("virtualNetworkLinks", "other")
    world.bodies[other] = {**link, "id": other.text, "name": "other"}
    assert world.find(REMEDIATOR) == []
    world.set(other, REGISTERS, value=True)
    (found,) = world.find(REMEDIATOR)
    assert (found.reason, found.why) == ("RegistrationChanged", "ByHand")
    assert "az network private-dns link vnet update --name other" in found.message


def test_a_network_that_is_gone_is_not_linked() -> None:
    world = World().without(BLOB_LINK, VNET)
    assert reasons(world.find(REMEDIATOR)) == {("LinkMissing", "block", "TargetGone")}


def test_registration_is_switched_off_and_the_policy_stays() -> None:
    world = World().set(BLOB_LINK, REGISTERS, value=True)
    world.set(BLOB_LINK, "properties.resolutionPolicy", "NxDomainRedirect")
    ((step,),) = [unit.steps for unit in world.plan(REMEDIATOR)]
    assert isinstance(step, PutResource)
    assert step.body["properties"]["resolutionPolicy"] == "NxDomainRedirect"
    assert [(c.field, c.before, c.after) for c in step.changes] == [
        ("registrationEnabled", True, False)
    ]


def test_a_policy_is_looked_at_only_where_it_is_declared() -> None:
    world = World().set(BLOB_LINK, "properties.resolutionPolicy", "NxDomainRedirect")
    assert world.find(REMEDIATOR) == []
    env = with_link(resolutionPolicy="Default")
    assert named(world.find(REMEDIATOR, env)) == {"ResolutionPolicyChanged"}


def test_a_link_to_another_network_is_reported() -> None:
    world = World().set(BLOB_LINK, "properties.virtualNetwork.id", SPOKE.text)
    (found,) = world.find(REMEDIATOR)
    assert (found.reason, found.why) == ("LinkElsewhere", "ByHand")
    assert "az network private-dns link vnet delete --name to-hub" in found.message


def test_a_link_that_is_still_being_made_waits() -> None:
    world = World().set(BLOB_LINK, "properties.virtualNetworkLinkState", "InProgress")
    assert reasons(world.find(REMEDIATOR)) == {("LinkUnsettled", "defer", "InProgress")}


def test_a_deleted_zone_is_reported_once_and_not_made_again() -> None:
    world = World().without(BLOB_ZONE, BLOB_LINK, BLOB_RECORD)
    (found,) = world.find(REMEDIATOR)
    assert (found.reason, found.resource) == ("ZoneDeleted", BLOB_ZONE)
    assert "az network private-dns zone create" in found.message
    assert "link vnet create --name to-hub" in found.message
    assert [f.reason for f in world.find(private_endpoint.REMEDIATOR)] == ["ZoneGone"]


@pytest.mark.parametrize("question", [Question.GET, Question.LIST])
def test_what_could_not_be_read_is_said_once(question: Question) -> None:
    world = World().deny(question, AKS_ZONE)
    assert reasons(world.find(REMEDIATOR)) == {("ZoneUnreadable", "block", "Unreadable")}


def test_a_record_that_azure_wrote_comes_back_with_its_zone_group() -> None:
    world = World().without(BLOB_RECORD)
    assert named(world.find(REMEDIATOR)) == {"GroupRecordMissing"}
    (unit,) = world.plan(REMEDIATOR)
    assert [step.resource for step in unit.steps] == [GROUP, BLOB_RECORD]
    step = unit.steps[-1]
    assert isinstance(step, PutResource)
    assert step.body == {"properties": {"ttl": 10, "aRecords": [{"ipv4Address": "10.0.0.4"}]}}


@pytest.mark.parametrize("addresses", [["10.0.0.9"], [], ["10.0.0.4", "10.0.0.9"]])
def test_a_record_has_to_hold_exactly_what_was_written(addresses: list[str]) -> None:
    held = [{"ipv4Address": address} for address in addresses]
    world = World().set(BLOB_RECORD, "properties.aRecords", held)
    assert named(world.find(REMEDIATOR)) == {"GroupRecordChanged"}


def test_a_record_in_a_zone_of_another_manifest_is_left_to_the_zone_group() -> None:
    env = declared("privateDnsZones", BLOB_ZONE, owned=False)
    (unit,) = World().without(BLOB_RECORD).plan(REMEDIATOR, env)
    assert [step.resource for step in unit.steps] == [GROUP]


def test_records_in_zones_that_are_not_declared_are_not_looked_at() -> None:
    env = environment(privateDnsZones=[])
    world = World().without(BLOB_RECORD)
    assert world.find(REMEDIATOR, env) == []
    assert world.asked == []


@pytest.mark.parametrize("status", ["Disconnected", "Pending"])
def test_records_follow_from_an_endpoint_that_is_not_in_order(status: str) -> None:
    world = World().without(BLOB_RECORD).connection(BLOB, status)
    assert world.find(REMEDIATOR) == []


def two_endpoints(group: str) -> Environment:
    """A second endpoint to the account, in the same zone."""
    parts = copy.deepcopy(manifest()["privateEndpoints"])
    twin = copy.deepcopy(parts[0])
    twin["id"] = rid("net", "Microsoft.Network/privateEndpoints", "pe-twin").text
    twin["body"]["properties"]["privateLinkServiceConnections"][0]["properties"]["groupIds"] = [
        group
    ]
    return environment(privateEndpoints=[*parts, twin])


def test_two_endpoints_that_write_one_record_are_reported_and_neither_is_written() -> None:
    world = World().without(BLOB_RECORD)
    (found,) = world.find(REMEDIATOR, two_endpoints("blob"))
    assert (found.reason, found.why) == ("RecordShared", "ByHand")
    assert found.resource.name == "pe-twin"
    assert BLOB.text in found.message
    assert "az network private-endpoint dns-zone-group remove" in found.message
    assert world.plan(REMEDIATOR, two_endpoints("blob")) == []


def test_two_endpoints_to_different_groups_share_nothing() -> None:
    assert "RecordShared" not in named(World().find(REMEDIATOR, two_endpoints("dfs")))


def test_links_come_before_endpoints() -> None:
    world = World().without(BLOB_LINK, BLOB, GROUP, interface(BLOB))
    catalogue = (private_endpoint.REMEDIATOR, REMEDIATOR)
    env = environment()
    actual = world.look(private_endpoint.REMEDIATOR, env)
    more = world.look(REMEDIATOR, env)
    merged = type(actual)({**actual.observations, **more.observations})
    found = [f for r in catalogue for f in r.detect(env, merged)]
    plan = draw_plan(catalogue, env, merged, found)
    assert [unit.resource for unit in plan.units] == [BLOB_LINK, BLOB]
    assert plan.after[plan.units[1].id] == (plan.units[0].id,)
