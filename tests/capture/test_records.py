"""Whose an A record is: the endpoint's only by an address that was read, and never AKS's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediators.cluster_endpoint import REMEDIATOR
from shared.capture import draw, write
from shared.manifests import parse_manifest
from shared.model.actual import Question, Read, Unreadable
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from tests.capture.live import (
    CLUSTER,
    ENDPOINT,
    GROUP,
    HOST,
    HUB,
    INTERFACE,
    NOW,
    SUBSCRIPTION,
    WORKSPACE,
    ZONE_NAME,
    Answers,
)

CENTRAL = ResourceId.parse(
    f"{GROUP}/Microsoft.Network/privateDnsZones/privatelink.westeurope.azmk8s.io"
)
APEX = ResourceId.parse(f"{GROUP}/Microsoft.Network/privateDnsZones/{HOST}.{ZONE_NAME}")
SPOKE = f"{GROUP}/Microsoft.Network/virtualNetworks/spoke"
APART = f"{GROUP}/Microsoft.Network/virtualNetworks/apart"
NONE = {"privateDNSZone": "none", "enablePrivateCluster": True}
KEPT_THERE = {"privateDNSZone": CENTRAL.text, "enablePrivateCluster": True}


def cluster(answers: Answers, fqdn: str, access: dict[str, Any]) -> Answers:
    """The cluster with another private name and zone."""
    body = dict(Answers().actual.body(CLUSTER) or {})
    changed = {**body["properties"], "privateFQDN": fqdn, "apiServerAccessProfile": access}
    return answers.get(CLUSTER, {**body, "properties": changed})


def zone_of(answers: Answers, where: ResourceId, networks: tuple[str, ...], **held: str) -> Answers:
    """A zone with links and records; ``apex`` is the record ``@``."""
    answers.list(SUBSCRIPTION, "Microsoft.Network/privateDnsZones", [{"id": where.text}])
    links = [{"properties": {"virtualNetwork": {"id": network}}} for network in networks]
    answers.list(where, "virtualNetworkLinks", links)
    items = [
        {"name": "@" if name == "apex" else name, "properties": {"aRecords": _holding(address)}}
        for name, address in held.items()
    ]
    return answers.list(where, "A", items)


def _holding(addresses: str) -> list[dict[str, str]]:
    return [{"ipv4Address": each} for each in addresses.split()]


def peered(answers: Answers, *networks: str) -> Answers:
    """The endpoint's network with its peerings."""
    peerings = [
        {"name": "to-it", "properties": {"remoteVirtualNetwork": {"id": n}}} for n in networks
    ]
    properties = {"virtualNetworkPeerings": peerings}
    return answers.get(ResourceId.parse(HUB), {"properties": properties})


def captured(answers: Answers) -> Environment:
    """The environment that capture declares."""
    return parse_manifest(write(draw("prod", [WORKSPACE], answers.actual)), "prod.yaml")


def names(answers: Answers) -> list[str]:
    """The names of the records that are declared."""
    return [record.name for e in captured(answers).private_endpoints for record in e.records]


def test_the_records_of_other_clusters_are_not_declared_where_no_name_is_known() -> None:
    answers = cluster(Answers(), "", NONE)
    zone_of(answers, CENTRAL, (HUB,), billing="10.40.0.4", web="10.41.0.4")
    assert names(answers) == []
    zone_of(answers, CENTRAL, (HUB,), billing="10.40.0.4", mine="10.0.0.4")
    assert names(answers) == ["mine"]


@pytest.mark.parametrize(
    ("networks", "near", "declared"),
    [((HUB, SPOKE), (SPOKE,), ["mine"]), ((HUB, APART), (SPOKE,), []), ((APART,), (APART,), [])],
    ids=["peered", "may-overlap", "not-asked-from-here"],
)
def test_an_address_alone_counts_only_where_no_other_network_can_have_it(
    networks: tuple[str, ...], near: tuple[str, ...], declared: list[str]
) -> None:
    answers = peered(cluster(Answers(), "", NONE), *near)
    assert names(zone_of(answers, CENTRAL, networks, mine="10.0.0.4")) == declared


def test_the_record_that_aks_keeps_in_the_customers_zone_is_not_declared() -> None:
    answers = cluster(Answers(), f"{HOST}.{CENTRAL.name}", KEPT_THERE)
    zone_of(answers, CENTRAL, (HUB,), **{HOST: "10.10.0.4"})
    assert names(answers) == []
    zone_of(answers, CENTRAL, (HUB,), **{HOST: "10.10.0.4 10.0.0.4"})
    assert names(answers) == []


def test_a_zone_that_aks_keeps_is_left_alone_while_its_name_there_is_not_known() -> None:
    answers = cluster(Answers(), "", KEPT_THERE)
    assert names(zone_of(answers, CENTRAL, (HUB,), anything="10.0.0.4")) == []


def test_a_zone_of_the_one_name_has_the_record_at_its_apex() -> None:
    assert names(zone_of(Answers(), APEX, (HUB,), apex="10.0.0.4")) == ["@"]
    assert names(zone_of(Answers(), APEX, (HUB,), apex="10.0.0.9")) == []


@pytest.mark.parametrize("unread", [CLUSTER, INTERFACE], ids=["cluster", "interface"])
def test_what_could_not_be_read_leads_to_no_record(unread: ResourceId) -> None:
    answers = zone_of(Answers(), CENTRAL, (HUB,), billing="10.40.0.4", web="10.0.0.4")
    answers.said[Read(Question.GET, unread)] = Unreadable("MissingPermission", "no", NOW, "read")
    assert names(answers) == []
    said = "\n".join(map(str, draw("prod", [WORKSPACE], answers.actual).remarks))
    assert "could not be read, so no A record is taken for its own" in said


def test_a_record_with_the_addresses_of_others_is_declared_as_shared() -> None:
    (alone,) = captured(zone_of(Answers(), APEX, (HUB,), apex="10.0.0.4")).private_endpoints
    (both,) = captured(zone_of(Answers(), APEX, (HUB,), apex="10.0.0.4 10.9.0.4")).private_endpoints
    assert [r.shared for r in (*alone.records, *both.records)] == [False, True]


@dataclass(frozen=True)
class Shared:
    """A central zone that several clusters' records lie in, as hypothesis draws it."""

    access: str
    apart: bool
    mine: str
    others: tuple[str, ...]
    later: tuple[str, ...]


ADDRESSES = st.sampled_from([f"10.{n}.0.4" for n in range(4)])
WORLDS = st.builds(
    Shared,
    access=st.sampled_from(["system", "none", "kept", "unread"]),
    apart=st.booleans(),
    mine=ADDRESSES,
    others=st.lists(ADDRESSES, min_size=1, max_size=2).map(tuple),
    later=st.lists(ADDRESSES, min_size=3, max_size=3).map(tuple),
)


def built(world: Shared) -> Answers:
    """What Azure says of it. Networks that are peered have no address in common."""
    fqdn = {"system": f"{HOST}.{ZONE_NAME}", "kept": f"{HOST}.{CENTRAL.name}"}
    access = {"system": {}, "none": NONE, "kept": KEPT_THERE, "unread": {}}[world.access]
    answers = cluster(Answers(), fqdn.get(world.access, ""), access)
    if world.access == "unread":
        answers.said[Read(Question.GET, CLUSTER)] = Unreadable("Forbidden", "no", NOW, "read")
    held = {HOST: "10.10.0.4"} if world.access == "kept" else {"mine": world.mine}
    for at, address in enumerate(world.others):
        overlaps = address == "10.0.0.4" and not world.apart
        held[f"other-{at}"] = "10.9.0.4" if overlaps else address
    peered(answers, SPOKE)
    networks = (HUB, SPOKE, APART) if world.apart else (HUB, SPOKE)
    return zone_of(answers, CENTRAL, networks, **held)


@settings(deadline=None, max_examples=60)
@given(WORLDS)
def test_the_records_of_others_are_neither_declared_nor_ever_written(world: Shared) -> None:
    answers = built(world)
    environment = captured(answers)
    declared = {r.name for e in environment.private_endpoints for r in e.records}
    assert declared <= {"mine"}
    if "mine" in declared:
        assert world.mine == "10.0.0.4"
    cluster(answers, f"{HOST}.{ZONE_NAME}", {})
    moved = dict(zip(("mine", "other-0", "other-1"), world.later, strict=True))
    zone_of(answers, CENTRAL, (HUB, SPOKE), **moved)
    for read in REMEDIATOR.reads(environment, answers.actual):
        if read.question is Question.GET and read not in answers.said:
            items = answers.actual.items(CENTRAL, Question.LIST, "A") or ()
            body = next((i for i in items if i["name"] == read.resource.name), {})
            answers.get(read.resource, dict(body))
    findings = REMEDIATOR.detect(environment, answers.actual)
    units = REMEDIATOR.plan(environment, answers.actual, findings)
    written = {r.name for unit in units for r in unit.writes if r.within(CENTRAL)}
    assert written <= declared
    assert ENDPOINT in {e.id for e in environment.private_endpoints}
