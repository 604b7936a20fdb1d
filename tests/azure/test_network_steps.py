"""Peerings, links, rules and subnets over the real clients: conditional, whole, and harmless when delivered twice."""

from __future__ import annotations

from typing import Any

import pytest

from shared.azure.removals import ANOTHER, GONE_ALREADY
from shared.model.progress import Done, Refused
from shared.model.resource_id import ResourceId
from shared.model.step import DeleteResource, Edit, EditKind, PatchResource, PutResource
from tests.azure.wires import Bench


def side(bench: Bench, here: str, there: str) -> ResourceId:
    return bench.id(bench.places.network(here)).child("virtualNetworkPeerings", f"to-{there}")


def disconnected(bench: Bench) -> tuple[ResourceId, str]:
    """The spoke's side after the hub's was deleted, with its guid."""
    gone, left = side(bench, "hub", "spoke"), side(bench, "spoke", "hub")
    bench.human("DELETE", gone)
    live: Any = bench.live(left)
    assert live["properties"]["peeringState"] == "Disconnected"
    return left, live["properties"]["resourceGuid"]


def test_a_peering_is_deleted_once_and_only_the_one_that_was_judged(bench: Bench) -> None:
    left, guid = disconnected(bench)
    assert bench.carry(DeleteResource(left, "another")) == Done(note=ANOTHER)
    assert isinstance(bench.carry(DeleteResource(left, guid.upper())), Done)
    assert bench.carry(DeleteResource(left, guid)) == Done(note=GONE_ALREADY)


def test_a_connected_peering_is_left_alone_whatever_its_guid(bench: Bench) -> None:
    whole = side(bench, "hub", "spoke")
    live: Any = bench.live(whole)
    guid = live["properties"]["resourceGuid"]
    assert bench.carry(DeleteResource(whole, guid)) == Done(note=ANOTHER)
    assert not bench.azure.calls.writes


def test_a_peering_takes_the_other_networks_addresses_over(bench: Bench) -> None:
    own = side(bench, "spoke", "hub")
    remote = {"remoteVirtualNetwork": {"id": bench.places.network("hub")}}
    assert isinstance(bench.carry(PutResource(own, {"properties": remote})), Done)
    assert "syncRemoteAddressSpace=true" in bench.cloud.writes()[-1].url


def link(bench: Bench) -> ResourceId:
    zone = bench.id(bench.places.zone("privatelink.blob.core.windows.net"))
    return zone.child("virtualNetworkLinks", "to-hub")


def body_of(bench: Bench, *, registers: bool) -> dict[str, Any]:
    network = {"id": bench.places.network("hub")}
    properties = {"virtualNetwork": network, "registrationEnabled": registers}
    return {"location": "global", "properties": properties}


def test_a_link_is_written_over_the_version_read_and_keeps_its_tags(bench: Bench) -> None:
    bench.human("PATCH", link(bench), {"tags": {"team": "net"}})
    assert isinstance(bench.carry(PutResource(link(bench), body_of(bench, registers=True))), Done)
    live: Any = bench.live(link(bench))
    assert live["properties"]["registrationEnabled"] is True
    assert live["tags"] == {"team": "net"}
    assert [call.method for call in bench.azure.calls.writes] == ["PUT"]


def test_a_link_in_order_is_not_written(bench: Bench) -> None:
    step = PutResource(link(bench), body_of(bench, registers=False))
    assert bench.carry(step) == Done(note="already in order")
    assert not bench.azure.calls.writes


def endpoints_of(bench: Bench, *services: str) -> tuple[ResourceId, PatchResource]:
    subnet = bench.id(bench.places.subnet("spoke", "endpoints"))
    path = "properties.serviceEndpoints"
    edits = [Edit(path, EditKind.ADD_ITEM, {"service": name}) for name in services]
    return subnet, PatchResource(subnet, tuple(edits))


def test_a_subnet_is_written_whole_with_what_it_had(bench: Bench) -> None:
    subnet, step = endpoints_of(bench, "Microsoft.Storage", "Microsoft.KeyVault")
    before: Any = bench.live(subnet)["properties"]
    assert isinstance(bench.carry(step), Done)
    after: Any = bench.live(subnet)["properties"]
    services = [each["service"] for each in after.pop("serviceEndpoints")]
    assert services == ["Microsoft.Storage", "Microsoft.KeyVault"]
    before.pop("serviceEndpoints", None)
    assert after == before
    assert bench.carry(step) == Done(note="already in order")
    assert [call.method for call in bench.azure.calls.writes] == ["PUT"]


@pytest.mark.parametrize("kind", ["virtualNetworks/x", "bastionHosts/x"])
def test_a_network_is_never_written_or_deleted(bench: Bench, kind: str) -> None:
    resource = bench.id(bench.places.id("hub", f"Microsoft.Network/{kind}"))
    for step in (PutResource(resource, {}), DeleteResource(resource, "x")):
        assert isinstance(bench.azure.start(step), Refused)
    assert not bench.azure.calls.writes
