"""A record that holds the addresses of several: what is an endpoint's changes, the rest stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from remediators.cluster_endpoint import REMEDIATOR
from shared.model.actual import Link, Memory
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from shared.model.step import Known, reference
from tests.remediators.estate import (
    AKS_ZONE,
    API,
    LINK,
    NOW,
    RECORD,
    bodies,
    environment,
    guid,
    interface,
    manifest,
)
from tests.remediators.world import World, reasons

OWN, OLD, PROXY, SECOND_ADDRESS = "10.0.0.5", "10.0.0.9", "10.40.0.4", "10.50.0.4"
SECOND = ResourceId.parse(API.text + "-2")
LAST_SEEN = Link(API, "another", LINK, NOW - timedelta(days=1), (OLD,))
MINE = {"ipv4Address": reference(API, Known.ADDRESS)}
THEIRS = {"ipv4Address": reference(SECOND, Known.ADDRESS)}
SHARED = {"zone": AKS_ZONE.text, "name": "k8s", "shared": True}


def declared(*, second: bool = False) -> Environment:
    """The record is shared, with a second endpoint of ours or with somebody unknown."""
    found: list[dict[str, Any]] = []
    for each in manifest()["privateEndpoints"]:
        if each["id"] == API.text:
            found.append({**each, "records": [SHARED]})
            if second:
                found.append({**each, "id": SECOND.text, "records": [SHARED]})
        else:
            found.append(each)
    return environment(privateEndpoints=found)


def holding(*addresses: str) -> World:
    """The record holds these."""
    held = [{"ipv4Address": address} for address in addresses]
    return World().set(RECORD, "properties.aRecords", held)


def with_second(world: World) -> World:
    """The second endpoint is there as well."""
    live, card = bodies()[API], bodies()[interface(API)]
    other = interface(SECOND)
    properties = {**live["properties"], "networkInterfaces": [{"id": other.text}]}
    world.bodies[SECOND] = {**live, "id": SECOND.text, "properties": properties}
    addresses = [{"properties": {"privateIPAddress": SECOND_ADDRESS}}]
    inner = {**card["properties"], "resourceGuid": "second", "ipConfigurations": addresses}
    world.bodies[other] = {**card, "id": other.text, "properties": inner}
    return world


@pytest.mark.parametrize("addresses", [(OWN, PROXY), (PROXY, OWN), (OWN,)])
def test_a_shared_record_with_the_address_is_in_order(addresses: tuple[str, ...]) -> None:
    assert holding(*addresses).find(REMEDIATOR, declared()) == []


@pytest.mark.parametrize(
    ("addresses", "written"),
    [
        ((PROXY,), [PROXY, MINE]),
        ((OLD, PROXY), [MINE, PROXY]),
        ((PROXY, OWN, OLD), [PROXY, MINE]),
    ],
    ids=["added", "follows", "former-goes"],
)
def test_others_keep_their_address_and_their_place(
    addresses: tuple[str, ...], written: list[Any]
) -> None:
    world = holding(*addresses).remembering(Memory(links=(LAST_SEEN,)))
    assert reasons(world.find(REMEDIATOR, declared())) == {("RecordWrong", "repair", "")}
    (unit,) = world.plan(REMEDIATOR, declared())
    (step,) = unit.steps
    assert step.kind == "PutResource"
    wanted = [e if isinstance(e, dict) else {"ipv4Address": e} for e in written]
    assert step.body["properties"]["aRecords"] == wanted
    assert not unit.destructive


def test_a_replaced_endpoint_leaves_others_in_the_record() -> None:
    world = holding(PROXY, OWN).connection(API, "Disconnected")
    (unit,) = world.plan(REMEDIATOR, declared())
    step = unit.steps[-1]
    assert step.kind == "PutResource"
    assert step.body["properties"]["aRecords"] == [{"ipv4Address": PROXY}, MINE]


def test_two_endpoints_of_one_record_stand_for_each_others_new_address() -> None:
    env, world = declared(second=True), with_second(holding(OWN, SECOND_ADDRESS))
    assert world.find(REMEDIATOR, env) == []
    world.connection(API, "Disconnected").connection(SECOND, "Disconnected")
    units = world.plan(REMEDIATOR, env)
    assert {unit.resource for unit in units} == {API, SECOND}
    for unit in units:
        step = unit.steps[-1]
        assert step.kind == "PutResource"
        assert step.body["properties"]["aRecords"] == [MINE, THEIRS]


def test_an_endpoint_that_is_not_there_is_not_waited_for_by_the_other() -> None:
    env, world = declared(second=True), with_second(holding(OWN, SECOND_ADDRESS))
    world.without(SECOND, interface(SECOND)).connection(API, "Disconnected")
    mine = next(u for u in world.plan(REMEDIATOR, env) if u.resource == API)
    step = mine.steps[-1]
    assert step.kind == "PutResource"
    assert step.body["properties"]["aRecords"] == [MINE, {"ipv4Address": SECOND_ADDRESS}]


def test_incarnations_are_told_apart() -> None:
    same = Link(API, guid(API), LINK, NOW - timedelta(days=1), (OWN,))
    world = holding(OWN, PROXY).remembering(Memory(links=(same,)))
    assert world.find(REMEDIATOR, declared()) == []
