"""The central case, by hand: what a stop and a start of the cluster broke is put back by steps."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from wires import Bench

from shared.model.actual import Question, Read
from shared.model.arm import ComputeView, EndpointView, InterfaceView
from shared.model.progress import Done
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


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own deprecations
def test_what_a_restart_broke_is_put_back(virtual: Bench) -> None:
    endpoint, compute = virtual.cluster_endpoint, virtual.compute
    recorded: Any = copy.deepcopy(virtual.live(endpoint))
    attached: Any = copy.deepcopy(virtual.live(compute))
    link = Read(Question.LINK, virtual.cluster)
    before = virtual.azure.read([link])[link]
    for action in ("stop", "start"):
        assert virtual.cloud.call("POST", f"{virtual.cluster}/{action}?api-version=1").status == 202
        virtual.settle()
    assert EndpointView.of(virtual.live(endpoint)).connection == "disconnected"
    after = virtual.azure.read([link])[link]
    assert (
        before.body["value"][0]["privateLinkServiceID"]
        != (  # type: ignore[union-attr]
            after.body["value"][0]["privateLinkServiceID"]  # type: ignore[union-attr]
        )
    )
    interface = EndpointView.of(virtual.live(endpoint)).interface
    assert interface is not None
    guid = InterfaceView.of(virtual.live(interface)).guid
    connection = recorded["properties"]["privateLinkServiceConnections"][0]
    target = {k: connection["properties"][k] for k in ("privateLinkServiceId", "groupIds")}
    body = {
        "location": recorded["location"],
        "properties": {
            "subnet": {"id": recorded["properties"]["subnet"]["id"]},
            "privateLinkServiceConnections": [{"name": connection["name"], "properties": target}],
        },
    }
    zone = virtual.id(virtual.places.zone(virtual.places.cluster_zone))
    records = virtual.cloud.store.of_type("Microsoft.Network/privateDnsZones/A")
    (record,) = [found for r in records if (found := virtual.id(r.id)).within(zone)]
    address = reference(endpoint, Known.ADDRESS)
    kept = ("computeType", "resourceId", "properties", "description", "disableLocalAuth")
    compute_body = {
        "location": attached["location"],
        "tags": attached["tags"],
        "identity": {"type": attached["identity"]["type"]},
        "properties": {k: v for k, v in attached["properties"].items() if k in kept},
    }
    steps: list[Step] = [
        DeleteResource(endpoint, guid),
        AwaitState(endpoint, Condition.GONE),
        PutResource(endpoint, body),
        AwaitState(endpoint, Condition.APPROVED),
        PutResource(record, {"properties": {"ttl": 60, "aRecords": [{"ipv4Address": address}]}}),
        DetachCompute(compute, ComputeView.of(attached).incarnation),
        AwaitState(compute, Condition.GONE),
        AttachCompute(compute, compute_body),
        AwaitState(compute, Condition.SUCCEEDED),
    ]
    for step in steps:
        assert isinstance(virtual.carry(step), Done), step
    inspected = virtual.cloud.inspect(compute.text)
    assert inspected is not None
    assert inspected["alive"] is True
    made = [call.method for call in virtual.azure.calls.writes]
    assert made == ["DELETE", "PUT", "PUT", "DELETE", "PUT"]
