"""The central case, by hand: what a stop and a start of the cluster broke is put back by steps."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from shared.model.actual import Found, Question, Read
from shared.model.arm import ComputeView, EndpointView, InterfaceView
from shared.model.progress import Done
from shared.model.resource_id import ResourceId
from shared.model.step import (
    AttachCompute,
    AwaitState,
    Condition,
    DeleteResource,
    DetachCompute,
    Known,
    PutResource,
    Step,
    reference,
)
from tests.azure.wires import Bench

WRITABLE = ("computeType", "resourceId", "properties", "description", "disableLocalAuth")


def link(virtual: Bench) -> str:
    """The id of the private link service that the cluster has now."""
    read = Read(Question.LINK, virtual.cluster)
    answer = virtual.azure.read([read])[read]
    assert isinstance(answer, Found)
    return str(answer.body["value"][0]["privateLinkServiceID"])


def restart(virtual: Bench) -> None:
    for action in ("stop", "start"):
        assert virtual.cloud.call("POST", f"{virtual.cluster}/{action}?api-version=1").status == 202
        virtual.settle()


def guid(virtual: Bench, endpoint: ResourceId) -> str:
    interface = EndpointView.of(virtual.live(endpoint)).interface
    assert interface is not None
    return InterfaceView.of(virtual.live(interface)).guid


def endpoint_body(recorded: dict[str, Any]) -> dict[str, Any]:
    """The recorded endpoint without what is read-only."""
    connection = recorded["properties"]["privateLinkServiceConnections"][0]
    target = {k: connection["properties"][k] for k in ("privateLinkServiceId", "groupIds")}
    return {
        "location": recorded["location"],
        "properties": {
            "subnet": {"id": recorded["properties"]["subnet"]["id"]},
            "privateLinkServiceConnections": [{"name": connection["name"], "properties": target}],
        },
    }


def compute_body(attached: dict[str, Any]) -> dict[str, Any]:
    """The attached compute without what is read-only."""
    return {
        "location": attached["location"],
        "tags": attached["tags"],
        "identity": {"type": attached["identity"]["type"]},
        "properties": {k: v for k, v in attached["properties"].items() if k in WRITABLE},
    }


def address_record(virtual: Bench) -> ResourceId:
    """The one A record of the cluster's zone."""
    zone = virtual.id(virtual.places.zone(virtual.places.cluster_zone))
    records = virtual.cloud.store.of_type("Microsoft.Network/privateDnsZones/A")
    (record,) = [found for r in records if (found := virtual.id(r.id)).within(zone)]
    return record


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own deprecations
def test_what_a_restart_broke_is_put_back(virtual: Bench) -> None:
    endpoint, compute = virtual.cluster_endpoint, virtual.compute
    recorded = copy.deepcopy(virtual.live(endpoint))
    attached = copy.deepcopy(virtual.live(compute))
    before = link(virtual)
    restart(virtual)
    assert EndpointView.of(virtual.live(endpoint)).connection == "disconnected"
    assert link(virtual) != before
    address = reference(endpoint, Known.ADDRESS)
    record = {"properties": {"ttl": 60, "aRecords": [{"ipv4Address": address}]}}
    steps: list[Step] = [
        DeleteResource(endpoint, guid(virtual, endpoint)),
        AwaitState(endpoint, Condition.GONE),
        PutResource(endpoint, endpoint_body(recorded)),
        AwaitState(endpoint, Condition.APPROVED),
        PutResource(address_record(virtual), record),
        DetachCompute(compute, ComputeView.of(attached).incarnation),
        AwaitState(compute, Condition.GONE),
        AttachCompute(compute, compute_body(attached)),
        AwaitState(compute, Condition.SUCCEEDED),
    ]
    for step in steps:
        assert isinstance(virtual.carry(step), Done), step
    inspected = virtual.cloud.inspect(compute.text)
    assert inspected is not None
    assert inspected["alive"] is True
    made = [call.method for call in virtual.azure.calls.writes]
    assert made == ["DELETE", "PUT", "PUT", "DELETE", "PUT"]
