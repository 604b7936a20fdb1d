"""Own A records: whose address may be written over, and what AKS keeps itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remediators.cluster_endpoint import REMEDIATOR
from shared.model.actual import Link, Memory
from shared.model.intent import Intent
from tests.remediators.estate import AKS_ZONE, API, CLUSTER, LINK, NOW, RECORD, guid, interface
from tests.remediators.world import World, reasons

OLD, STRANGE = "10.0.0.9", "10.40.0.4"
LAST_SEEN = Link(API, guid(API), LINK, NOW - timedelta(days=1), (OLD,))
SETTING = "properties.apiServerAccessProfile.privateDNSZone"


def holding(*addresses: str) -> World:
    """The record holds these."""
    held = [{"ipv4Address": address} for address in addresses]
    return World().set(RECORD, "properties.aRecords", held)


@pytest.mark.parametrize(
    ("addresses", "links", "disruptive"),
    [
        ((STRANGE,), (), True),
        ((STRANGE,), (LAST_SEEN,), True),
        ((OLD,), (LAST_SEEN,), False),
        (("10.0.0.5", OLD), (LAST_SEEN,), False),
        (("10.0.0.5", STRANGE), (LAST_SEEN,), True),
        ((OLD,), (), True),
        ((), (), False),
    ],
    ids=["strange", "strange-still", "former", "own-and-former", "one-strange", "unknown", "empty"],
)
def test_writing_over_an_address_that_somebody_may_use_is_disruptive(
    addresses: tuple[str, ...], links: tuple[Link, ...], *, disruptive: bool
) -> None:
    world = holding(*addresses).remembering(Memory(links=links))
    (unit,) = world.plan(REMEDIATOR)
    assert unit.destructive is disruptive
    assert (STRANGE in unit.title) is (STRANGE in addresses)


def test_an_endpoint_made_for_the_first_time_is_disruptive_only_by_what_its_record_holds() -> None:
    (unit,) = holding(STRANGE).without(API, interface(API)).plan(REMEDIATOR)
    assert unit.destructive
    (unit,) = World().without(API, interface(API), RECORD).plan(REMEDIATOR)
    assert not unit.destructive


def test_a_replacement_that_broke_off_is_finished_without_being_asked_again() -> None:
    world = holding(OLD).without(API, interface(API))
    world.remembering(Memory(intents=(Intent(API, {"location": "westeurope"}, guid(API)),)))
    (unit,) = world.plan(REMEDIATOR)
    assert not unit.destructive


@pytest.mark.parametrize("fqdn", [f"k8s.{AKS_ZONE.name}", ""], ids=["its-name", "name-unknown"])
def test_the_record_that_aks_keeps_is_reported_and_never_written(fqdn: str) -> None:
    world = holding(STRANGE).set(CLUSTER, SETTING, AKS_ZONE.text)
    world.set(CLUSTER, "properties.privateFQDN", fqdn)
    assert reasons(world.find(REMEDIATOR)) == {("RecordAksOwned", "block", "AksOwned")}
    assert world.plan(REMEDIATOR) == []
    (unit,) = world.connection(API, "Disconnected").plan(REMEDIATOR)
    assert RECORD not in unit.writes


def test_another_name_in_the_zone_that_aks_keeps_one_in_is_the_customers() -> None:
    world = holding(STRANGE).set(CLUSTER, SETTING, AKS_ZONE.text)
    world.set(CLUSTER, "properties.privateFQDN", f"other.{AKS_ZONE.name}")
    assert reasons(world.find(REMEDIATOR)) == {("RecordWrong", "repair", "")}


def test_a_record_in_the_node_group_is_aks_own() -> None:
    world = holding(STRANGE).set(CLUSTER, "properties.nodeResourceGroup", AKS_ZONE.resource_group)
    assert ("RecordAksOwned", "block", "AksOwned") in reasons(world.find(REMEDIATOR))
    assert all(RECORD not in unit.writes for unit in world.plan(REMEDIATOR))
