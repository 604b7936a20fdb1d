"""Every kind of step, over https, through the real clients."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from shared.azure.mlclient import load
from shared.model.actual import Found, Question, Read
from shared.model.arm import ComputeView, EndpointView, InterfaceView
from shared.model.progress import Done, Refused, Retry, Waiting
from shared.model.resource_id import ResourceId
from shared.model.step import (
    AttachCompute,
    AwaitState,
    Condition,
    DeleteResource,
    DetachCompute,
    Edit,
    EditKind,
    InvokeAction,
    Known,
    PatchResource,
    PutResource,
    Step,
    reference,
)
from simulator.faults import Fault, Mischief
from tests.azure.wires import Bench

ADD_SERVICES = Edit(
    "properties.networkAcls.bypass", EditKind.ADD_WORD, "AzureServices", "properties.networkAcls"
)
CLOSE = Edit("properties.publicNetworkAccess", EditKind.SET, "Disabled")
COMPUTE_READ_ONLY = (
    "provisioningState",
    "provisioningErrors",
    "createdOn",
    "modifiedOn",
    "isAttachedCompute",
)


def endpoint_body(bench: Bench, endpoint: ResourceId) -> dict[str, Any]:
    """The endpoint as somebody would declare it."""
    live: Any = bench.live(endpoint)
    connection = copy.deepcopy(live["properties"]["privateLinkServiceConnections"][0])
    kept = {k: connection["properties"][k] for k in ("privateLinkServiceId", "groupIds")}
    return {
        "location": live["location"],
        "tags": live.get("tags", {}),
        "properties": {
            "subnet": {"id": live["properties"]["subnet"]["id"]},
            "privateLinkServiceConnections": [{"name": connection["name"], "properties": kept}],
        },
    }


def guid_of(bench: Bench, endpoint: ResourceId) -> str:
    interface = EndpointView.of(bench.live(endpoint)).interface
    assert interface is not None
    return InterfaceView.of(bench.live(interface)).guid


def compute_body(bench: Bench) -> dict[str, Any]:
    """The compute's writable body: what is read-only is left out."""
    live: Any = copy.deepcopy(bench.live(bench.compute))
    for name in COMPUTE_READ_ONLY:
        live["properties"].pop(name, None)
    identity = {"type": live["identity"]["type"]}
    return {k: live[k] for k in ("location", "tags", "properties")} | {"identity": identity}


def without_bypass(properties: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in properties["networkAcls"].items() if k != "bypass"}


def test_an_endpoint_is_replaced_and_approved_with_its_zone_group(bench: Bench) -> None:
    body, before = endpoint_body(bench, bench.endpoint), guid_of(bench, bench.endpoint)
    group = bench.endpoint.child("privateDnsZoneGroups", "default")
    zones: Any = bench.live(group)["properties"]
    configs = [
        {"name": c["name"], "properties": {"privateDnsZoneId": c["properties"]["privateDnsZoneId"]}}
        for c in zones["privateDnsZoneConfigs"]
    ]
    steps: list[Step] = [
        DeleteResource(bench.endpoint, before),
        AwaitState(bench.endpoint, Condition.GONE),
        PutResource(bench.endpoint, body),
        AwaitState(bench.endpoint, Condition.APPROVED),
        PutResource(group, {"properties": {"privateDnsZoneConfigs": configs}}),
        AwaitState(group, Condition.SUCCEEDED),
    ]
    for step in steps:
        assert isinstance(bench.carry(step), Done), step
    assert guid_of(bench, bench.endpoint) != before
    assert bench.live(bench.endpoint)["tags"] == body["tags"]
    assert [call.method for call in bench.azure.calls.writes] == ["DELETE", "PUT", "PUT"]


def test_a_record_gets_the_address_of_its_endpoint(bench: Bench) -> None:
    zone = bench.id(bench.places.zone(bench.places.cluster_zone))
    record = zone.child("A", "from-test")
    address = reference(bench.cluster_endpoint, Known.ADDRESS)
    body = {
        "properties": {
            "ttl": 77,
            "metadata": {"owner": "relink"},
            "aRecords": [{"ipv4Address": address}],
        }
    }
    assert isinstance(bench.carry(PutResource(record, body)), Done)
    written: Any = bench.live(record)["properties"]
    interface = EndpointView.of(bench.live(bench.cluster_endpoint)).interface
    assert interface is not None
    (expected,) = InterfaceView.of(bench.live(interface)).addresses
    assert [r["ipv4Address"] for r in written["aRecords"]] == [expected]
    assert (written["ttl"], written["metadata"]) == (77, {"owner": "relink"})
    again = bench.carry(PutResource(record, body))
    assert again == Done(note="already in order")
    assert len(bench.azure.calls.writes) == 1


def test_a_record_is_overwritten_only_over_the_version_that_was_read(bench: Bench) -> None:
    zone = bench.id(bench.places.zone(bench.places.cluster_zone))
    record = zone.child("A", "from-test")
    body = {"properties": {"ttl": 10, "aRecords": [{"ipv4Address": "10.9.9.9"}]}}
    bench.carry(PutResource(record, body))
    moved = {"properties": {"ttl": 10, "aRecords": [{"ipv4Address": "10.9.9.8"}]}}
    assert isinstance(bench.carry(PutResource(record, moved)), Done)
    assert bench.live(record)["properties"]["aRecords"] == [{"ipv4Address": "10.9.9.8"}]


def test_an_address_that_is_not_there_yet_is_waited_for(bench: Bench) -> None:
    nobody = ResourceId.parse(bench.cluster_endpoint.text + "-later")
    record = bench.id(bench.places.zone(bench.places.cluster_zone)).child("A", "x")
    body = {"properties": {"aRecords": [{"ipv4Address": reference(nobody, Known.ADDRESS)}]}}
    progress = bench.azure.start(PutResource(record, body))
    assert isinstance(progress, Retry)
    assert (progress.after, progress.code) == (5, "ReferenceUnresolved")
    assert not bench.azure.calls.writes


def test_a_role_is_given_to_a_compute_once(bench: Bench) -> None:
    scope = bench.id(bench.places.registry)
    name = "11111111-2222-3333-4444-555555555555"
    assignment = scope.extension("Microsoft.Authorization/roleAssignments", name)
    role = "/providers/Microsoft.Authorization/roleDefinitions/2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
    body = {
        "properties": {
            "roleDefinitionId": f"{bench.subscription}{role}",
            "principalId": reference(bench.compute, Known.PRINCIPAL),
            "principalType": "ServicePrincipal",
        }
    }
    assert isinstance(bench.carry(PutResource(assignment, body)), Done)
    given: Any = bench.live(assignment)["properties"]
    assert given["principalId"] == ComputeView.of(bench.live(bench.compute)).principal
    second = scope.extension("Microsoft.Authorization/roleAssignments", name.replace("5", "6"))
    assert bench.carry(PutResource(second, body)) == Done(note="already assigned")
    assert isinstance(bench.carry(DeleteResource(assignment)), Done)
    assert bench.carry(DeleteResource(assignment)) == Done(note="already gone")


def test_a_type_that_relink_never_makes_is_refused(bench: Bench) -> None:
    for step in (
        PutResource(bench.id(bench.places.storage), {}),
        DeleteResource(bench.id(bench.places.storage)),
        DeleteResource(bench.cluster),
        DeleteResource(bench.compute),
        PatchResource(bench.cluster, (CLOSE,)),
        PatchResource(bench.endpoint, (CLOSE,)),
        InvokeAction(bench.cluster, "stop", {}),
        InvokeAction(bench.id(bench.places.storage), "listKeys", {}),
        DetachCompute(bench.id(bench.places.workspace), "x"),
    ):
        progress = bench.azure.start(step)
        assert isinstance(progress, Refused), step
        assert progress.why == "UnsupportedStep"
    assert bench.azure.calls.count == 0


def test_the_exception_for_services_comes_back_and_all_else_stays(bench: Bench) -> None:
    storage = bench.id(bench.places.storage)
    before: Any = bench.live(storage)
    acls = before["properties"]["networkAcls"]
    dropped = {"properties": {"networkAcls": {**acls, "bypass": "Logging, Metrics"}}}
    bench.human("PATCH", storage, dropped)
    progress = bench.carry(PatchResource(storage, (ADD_SERVICES,)))
    assert isinstance(progress, Done)
    (change,) = progress.changes
    assert (change.before, change.after) == (
        "Logging, Metrics",
        "Logging, Metrics, AzureServices",
    )
    now: Any = bench.live(storage)["properties"]
    assert without_bypass(now) == without_bypass(before["properties"])
    assert bench.carry(PatchResource(storage, (ADD_SERVICES,))) == Done(note="already in order")
    assert [call.method for call in bench.azure.calls] == ["GET", "PATCH", "GET"]


@pytest.mark.parametrize("target", ["storage", "vault", "registry", "workspace"])
def test_public_access_is_closed_wherever_it_was_opened(bench: Bench, target: str) -> None:
    resource = bench.id(getattr(bench.places, target))
    before: Any = bench.live(resource)["properties"]
    bench.human("PATCH", resource, {"properties": {"publicNetworkAccess": "Enabled"}})
    progress = bench.carry(PatchResource(resource, (CLOSE,)))
    assert isinstance(progress, Done)
    assert [(c.before, c.after) for c in progress.changes] == [("Enabled", "Disabled")]
    after: Any = bench.live(resource)["properties"]
    assert after["publicNetworkAccess"] == "Disabled"
    assert after.get("networkAcls") == before.get("networkAcls")


def test_a_fresh_reading_is_not_read_again(virtual: Bench) -> None:
    storage = virtual.id(virtual.places.storage)
    virtual.human("PATCH", storage, {"properties": {"publicNetworkAccess": "Enabled"}})
    observed = virtual.azure.read([Read(Question.GET, storage)])
    virtual.azure.calls.clear()
    virtual.tick(4)
    virtual.azure.start(PatchResource(storage, (CLOSE,)), observed)
    assert [call.method for call in virtual.azure.calls] == ["PATCH"]


def test_what_changed_since_the_plan_is_kept_and_named(virtual: Bench) -> None:
    storage = virtual.id(virtual.places.storage)
    acls: Any = virtual.live(storage)["properties"]["networkAcls"]
    virtual.human("PATCH", storage, {"properties": {"networkAcls": {**acls, "bypass": "None"}}})
    observed = virtual.azure.read([Read(Question.GET, storage)])
    rules = [{"value": "198.51.100.7", "action": "Allow"}]
    other = {**acls, "bypass": "None", "ipRules": rules}
    virtual.human("PATCH", storage, {"properties": {"networkAcls": other}})
    virtual.tick(60)
    progress = virtual.azure.start(PatchResource(storage, (ADD_SERVICES,)), observed)
    assert isinstance(progress, Done)
    assert "properties.networkAcls.ipRules" in progress.note
    now: Any = virtual.live(storage)["properties"]
    assert [r["value"] for r in now["networkAcls"]["ipRules"]] == ["198.51.100.7"]
    assert now["networkAcls"]["bypass"] == "AzureServices"


def test_the_note_and_the_changes_outlive_a_long_operation(virtual: Bench) -> None:
    registry = virtual.id(virtual.places.registry)
    virtual.human("PATCH", registry, {"properties": {"publicNetworkAccess": "Enabled"}})
    step = PatchResource(registry, (CLOSE,))
    started = virtual.azure.start(step)
    assert isinstance(started, Waiting)
    again = virtual.carry(step)
    assert again == Done(note="written by an earlier delivery")
    done = virtual.azure.look(step, started.token)
    assert isinstance(done, Done)
    assert [change.field for change in done.changes] == ["properties.publicNetworkAccess"]
    assert len(virtual.azure.calls.writes) == 1


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own deprecations
def test_a_compute_is_reattached_with_the_very_body_that_was_recorded(bench: Bench) -> None:
    before: Any = copy.deepcopy(bench.live(bench.compute))
    body = compute_body(bench)
    body["properties"]["disableLocalAuth"] = True
    body["properties"]["properties"]["fromTheFuture"] = {"kept": [1]}
    bench.cloud.forge(bench.compute.text)
    incarnation = before["properties"]["createdOn"]
    assert isinstance(bench.carry(DetachCompute(bench.compute, incarnation)), Done)
    assert bench.cloud.get(bench.compute.text) is None
    assert isinstance(bench.carry(AttachCompute(bench.compute, body)), Done)
    (sent,) = [e for e in bench.cloud.writes() if e.method == "PUT" and "/computes/" in e.url][-1:]
    assert sent.request_body == body
    after: Any = bench.live(bench.compute)
    assert after["properties"]["disableLocalAuth"] is True
    assert after["properties"]["properties"]["fromTheFuture"] == {"kept": [1]}
    assert after["identity"]["principalId"] != before["identity"]["principalId"]
    assert bench.carry(AttachCompute(bench.compute, body)) == Done(note="already attached")


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own deprecations
def test_a_detach_neither_deletes_nor_waits(bench: Bench) -> None:
    incarnation = str(ComputeView.of(bench.live(bench.compute)).incarnation)
    bench.cloud.add_fault(Fault(Mischief.SLOW, path="/computes/", factor=5000))
    load(120)
    began = time.monotonic()
    progress = bench.azure.start(DetachCompute(bench.compute, incarnation))
    assert time.monotonic() - began < 20
    assert isinstance(progress, Waiting)
    assert progress.after >= 1
    (sent,) = bench.azure.calls.writes
    assert sent.method == "DELETE"
    asked = bench.cloud.writes()[-1]
    assert "underlyingResourceAction=Detach" in asked.url


def test_a_link_is_resolved(bench: Bench) -> None:
    step = InvokeAction(bench.cluster, "resolvePrivateLinkServiceId", {"name": "management"})
    assert isinstance(bench.azure.start(step), Done)


def test_a_pending_connection_blocks(bench: Bench) -> None:
    body, guid = endpoint_body(bench, bench.endpoint), guid_of(bench, bench.endpoint)
    manual = body["properties"].pop("privateLinkServiceConnections")
    body["properties"]["manualPrivateLinkServiceConnections"] = manual
    assert isinstance(bench.carry(DeleteResource(bench.endpoint, guid)), Done)
    assert isinstance(bench.carry(PutResource(bench.endpoint, body)), Done)
    progress = bench.carry(AwaitState(bench.endpoint, Condition.APPROVED))
    assert isinstance(progress, Refused)
    assert (progress.why, progress.blocked) == ("TargetApproval", True)


def test_a_lost_connection_ends_the_wait(bench: Bench) -> None:
    assert bench.cloud.call("POST", f"{bench.cluster}/stop?api-version=2024-01-01").status == 202
    bench.settle()
    progress = bench.carry(AwaitState(bench.cluster_endpoint, Condition.APPROVED))
    assert isinstance(progress, Refused)
    assert (progress.why, progress.blocked) == ("ConnectionLost", False)


def test_a_failed_compute_tells_its_errors(bench: Bench) -> None:
    resource = bench.cloud.store.get(bench.compute.text)
    assert resource is not None
    resource.properties["provisioningState"] = "Failed"
    resource.properties["provisioningErrors"] = [{"error": {"code": "ClusterNotReachable"}}]
    progress = bench.azure.start(AwaitState(bench.compute, Condition.SUCCEEDED))
    assert isinstance(progress, Refused)
    assert "ClusterNotReachable" in progress.message


def test_a_lock_is_named_with_its_holder(bench: Bench) -> None:
    group = bench.endpoint.group
    lock = group.extension("Microsoft.Authorization/locks", "keep")
    bench.human("PUT", lock, {"properties": {"level": "CanNotDelete"}})
    progress = bench.azure.start(DeleteResource(bench.endpoint, guid_of(bench, bench.endpoint)))
    assert isinstance(progress, Refused)
    assert (progress.why, progress.blocked) == ("ScopeLocked", True)
    assert group.text.lower() in progress.message.lower()


def test_a_missing_permission_is_named_with_its_scope(bench: Bench) -> None:
    action = "Microsoft.Storage/storageAccounts/write"
    bench.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    storage = bench.id(bench.places.storage)
    opened = Edit("properties.publicNetworkAccess", EditKind.SET, "Enabled")
    progress = bench.azure.start(PatchResource(storage, (opened,)))
    assert isinstance(progress, Refused)
    assert (progress.why, progress.blocked) == ("MissingPermission", True)
    assert f"Missing: {action}" in progress.message


def test_a_vanished_resource_is_not_patched(bench: Bench) -> None:
    gone = ResourceId.parse(bench.places.storage + "x")
    progress = bench.azure.start(PatchResource(gone, (CLOSE,)))
    assert isinstance(progress, Refused)
    assert progress.why == "NotFound"


def test_an_observation_of_another_time_is_only_a_memory(virtual: Bench) -> None:
    storage = virtual.id(virtual.places.storage)
    read = Read(Question.GET, storage)
    observed = virtual.azure.read([read])
    assert isinstance(observed[read], Found)
    virtual.tick(6)
    virtual.human("PATCH", storage, {"properties": {"publicNetworkAccess": "Enabled"}})
    progress = virtual.azure.start(PatchResource(storage, (CLOSE,)), observed)
    assert isinstance(progress, Done)
    assert progress.changes
