"""Activities are delivered at least once: the second delivery must find nothing left to destroy."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from shared.model.arm import ComputeView, EndpointView, InterfaceView
from shared.model.progress import Done, Waiting
from shared.model.step import AttachCompute, DeleteResource, DetachCompute
from tests.azure.wires import Bench

ANOTHER = "another incarnation; left alone"


def incarnation(virtual: Bench) -> str:
    interface = EndpointView.of(virtual.live(virtual.endpoint)).interface
    assert interface is not None
    return InterfaceView.of(virtual.live(interface)).guid


def declared(virtual: Bench) -> dict[str, Any]:
    live: Any = copy.deepcopy(virtual.live(virtual.endpoint))
    properties = live["properties"]
    connection = properties["privateLinkServiceConnections"][0]
    target = {k: connection["properties"][k] for k in ("privateLinkServiceId", "groupIds")}
    return {
        "location": live["location"],
        "properties": {
            "subnet": {"id": properties["subnet"]["id"]},
            "privateLinkServiceConnections": [{"name": "c", "properties": target}],
        },
    }


def test_an_endpoint_is_deleted_once_however_often_it_is_asked(virtual: Bench) -> None:
    step = DeleteResource(virtual.endpoint, incarnation(virtual))
    assert isinstance(virtual.azure.start(step), Waiting)
    second = virtual.azure.start(step)
    assert isinstance(second, Waiting)
    assert isinstance(virtual.carry(step), Done)
    assert isinstance(virtual.azure.look(step, second.token), Done)
    assert virtual.azure.start(step) == Done(note="already gone")
    assert [call.method for call in virtual.azure.calls.writes] == ["DELETE"]


def test_the_successor_of_an_endpoint_survives_a_late_delivery(virtual: Bench) -> None:
    body, step = declared(virtual), DeleteResource(virtual.endpoint, incarnation(virtual))
    virtual.human("DELETE", virtual.endpoint)
    virtual.human("PUT", virtual.endpoint, body)
    assert virtual.azure.start(step) == Done(note=ANOTHER)
    assert not virtual.azure.calls.writes
    assert virtual.live(virtual.endpoint)


def test_a_successor_that_is_still_being_made_survives_too(virtual: Bench) -> None:
    body, step = declared(virtual), DeleteResource(virtual.endpoint, incarnation(virtual))
    virtual.human("DELETE", virtual.endpoint)
    assert virtual.cloud.call("PUT", f"{virtual.endpoint}?api-version=1", body).status == 201
    for judged in (step, DeleteResource(virtual.endpoint, "")):
        assert virtual.azure.start(judged) == Done(note=ANOTHER)
    assert not virtual.azure.calls.writes


def test_an_endpoint_without_incarnation_is_not_taken_for_another(virtual: Bench) -> None:
    assert virtual.azure.start(DeleteResource(virtual.endpoint, "")) == Done(note=ANOTHER)


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own deprecations
def test_a_compute_is_detached_once_however_often_it_is_asked(virtual: Bench) -> None:
    step = DetachCompute(virtual.compute, ComputeView.of(virtual.live(virtual.compute)).incarnation)
    assert isinstance(virtual.azure.start(step), Waiting)
    second = virtual.azure.start(step)
    assert isinstance(second, Waiting)
    assert isinstance(virtual.carry(step), Done)
    assert isinstance(virtual.azure.look(step, second.token), Done)
    assert virtual.azure.start(step) == Done(note="already gone")
    assert [call.method for call in virtual.azure.calls.writes] == ["DELETE"]


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own deprecations
def test_a_compute_attached_again_survives_a_late_delivery(virtual: Bench) -> None:
    live: Any = copy.deepcopy(virtual.live(virtual.compute))
    step = DetachCompute(virtual.compute, ComputeView.of(live).incarnation)
    virtual.human("DELETE", virtual.compute, query="&underlyingResourceAction=Detach")
    virtual.tick(5)
    body = {
        "location": live["location"],
        "identity": {"type": "SystemAssigned"},
        "properties": {
            k: live["properties"][k] for k in ("computeType", "resourceId", "properties")
        },
    }
    virtual.human("PUT", virtual.compute, body)
    assert virtual.azure.start(step) == Done(note=ANOTHER)
    assert not virtual.azure.calls.writes


def test_an_attach_under_way_is_waited_for_and_not_sent_again(virtual: Bench) -> None:
    live: Any = copy.deepcopy(virtual.live(virtual.compute))
    virtual.human("DELETE", virtual.compute, query="&underlyingResourceAction=Detach")
    body = {
        "location": live["location"],
        "identity": {"type": "SystemAssigned"},
        "properties": {
            k: live["properties"][k] for k in ("computeType", "resourceId", "properties")
        },
    }
    step = AttachCompute(virtual.compute, body)
    assert isinstance(virtual.azure.start(step), Waiting)
    assert isinstance(virtual.azure.start(step), Waiting)
    assert isinstance(virtual.carry(step), Done)
    assert virtual.azure.start(step) == Done(note="already attached")
    assert [call.method for call in virtual.azure.calls.writes] == ["PUT"]


def test_a_compute_that_is_no_kubernetes_is_never_detached(virtual: Bench) -> None:
    virtual.cloud.forge(virtual.compute.text).properties["computeType"] = "AmlCompute"
    created = ComputeView.of(virtual.live(virtual.compute)).incarnation
    progress = virtual.azure.start(DetachCompute(virtual.compute, created))
    assert progress.kind == "Refused"
    assert not virtual.azure.calls.writes
