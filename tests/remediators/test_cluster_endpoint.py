from __future__ import annotations

from datetime import timedelta

import pytest

from remediators.cluster_endpoint import REMEDIATOR
from shared.model.actual import Link, Memory, Question
from shared.model.environment import Environment
from shared.model.plan import Need, Requirement
from shared.model.resource_id import ResourceId
from shared.model.step import Known, reference
from tests.remediators.estate import (
    AKS_LINK,
    AKS_ZONE,
    API,
    CLUSTER,
    LINK,
    NOW,
    RECORD,
    debt,
    declared,
    disowned,
    endpoint_body,
    environment,
    guid,
    interface,
    manifest,
)
from tests.remediators.world import (
    World,
    reasons,
)

RESTART = NOW - timedelta(hours=2)
WRITE = "Microsoft.Network/privateEndpoints/write"
NOT_NEEDED = {("RestartSuspected", "not-needed", "RestartSuspected")}
LAGS = {("RestartSuspected", "defer", "ActivityLogLag")}
UNREAD = {("RestartSuspected", "block", "Unreadable")}


def link(link_id: str = LINK, incarnation: str = guid(API), hours: float = 24) -> Link:
    return Link(API, incarnation, link_id, NOW - timedelta(hours=hours))


def suspected(world: World, *links: Link, proof: str = "") -> World:
    world.memory = Memory(debts=(debt(API, RESTART, proof),), links=links)
    return world


def asked(world: World, question: Question) -> bool:
    return any(read.question is question for read in world.asked)


def test_a_disconnected_endpoint_is_replaced_with_its_record() -> None:
    world = World().connection(API, "Disconnected")
    assert reasons(world.find(REMEDIATOR)) == {("EndpointDisconnected", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert [(s.kind, s.resource) for s in unit.steps] == [
        ("DeleteResource", API),
        ("AwaitState", API),
        ("PutResource", API),
        ("AwaitState", API),
        ("PutResource", RECORD),
    ]
    step = unit.steps[-1]
    assert step.kind == "PutResource"
    assert step.body["properties"] == {
        "ttl": 60,
        "metadata": {"by": "us"},
        "aRecords": [{"ipv4Address": reference(API, Known.ADDRESS)}],
    }
    assert unit.counts_as == f"restart:{CLUSTER.key}"
    approval = (
        "Microsoft.ContainerService/managedClusters/privateEndpointConnectionsApproval/action"
    )
    assert Requirement(Need.PERMISSION, CLUSTER, approval) in unit.requires
    record = "Microsoft.Network/privateDnsZones/A/write"
    assert Requirement(Need.PERMISSION, AKS_ZONE, record) in unit.requires
    assert Requirement(Need.SUCCEEDED, CLUSTER) in unit.requires


@pytest.mark.parametrize(
    ("world", "found"),
    [
        pytest.param(
            World().connection(API, "Rejected"), "EndpointRejected", id="endpoint-rejected"
        ),
        pytest.param(
            World().set(API, "properties.provisioningState", "Failed"),
            "EndpointFailed",
            id="endpoint-failed",
        ),
        pytest.param(
            World().set(API, "properties.subnet.id", AKS_ZONE.text),
            "EndpointMispointed",
            id="endpoint-mispointed",
        ),
        pytest.param(
            World().without(API, interface(API)), "EndpointMissing", id="endpoint-missing"
        ),
        pytest.param(World().without(RECORD), "RecordMissing", id="record-missing"),
    ],
)
def test_a_broken_endpoint_is_repaired(world: World, found: str) -> None:
    assert reasons(world.find(REMEDIATOR)) == {(found, "repair", "")}
    assert len(world.plan(REMEDIATOR)) == 1


def test_a_pending_endpoint_is_blocked() -> None:
    world = World().connection(API, "Pending")
    assert reasons(world.find(REMEDIATOR)) == {("EndpointPending", "block", "TargetApproval")}


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.9"], [], ["10.0.0.5", "10.0.0.9"]],
    ids=["another", "none", "one-too-many"],
)
def test_a_record_has_to_hold_exactly_the_address(addresses: list[str]) -> None:
    held = [{"ipv4Address": address} for address in addresses]
    world = World().set(RECORD, "properties.aRecords", held)
    assert reasons(world.find(REMEDIATOR)) == {("RecordWrong", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert [s.resource for s in unit.steps] == [RECORD]
    assert unit.follows == (API, AKS_LINK)


def test_a_failed_endpoint_is_not_written_while_a_restart_is_a_question() -> None:
    world = suspected(World()).set(API, "properties.provisioningState", "Failed")
    world.deny(Question.POWER_LOG, CLUSTER)
    assert reasons(world.find(REMEDIATOR)) == {
        ("EndpointFailed", "block", "Unreadable"),
        ("RestartSuspected", "block", "Unreadable"),
    }
    assert world.plan(REMEDIATOR) == []


def test_a_failed_endpoint_that_leads_to_a_former_link_is_replaced() -> None:
    world = suspected(World(), link("/subscriptions/s/former-link"))
    world.set(API, "properties.provisioningState", "Failed")
    assert {item.reason for item in world.find(REMEDIATOR)} == {"EndpointFailed", "LinkRenewed"}
    (unit,) = world.plan(REMEDIATOR)
    assert unit.destructive


def test_a_new_record_gets_the_declared_ttl() -> None:
    (unit,) = World().without(RECORD).plan(REMEDIATOR)
    (step,) = unit.steps
    assert step.kind == "PutResource"
    assert step.body["properties"]["ttl"] == 300


@pytest.mark.parametrize(
    ("power_state", "state", "why"),
    [
        ("Stopped", "Succeeded", "ClusterStopped"),
        ("Stopped", "Stopping", "ClusterStopped"),
        ("Running", "Starting", "ClusterUpdating"),
        ("Running", "Failed", "ClusterFailed"),
    ],
)
def test_everything_waits_for_the_cluster(power_state: str, state: str, why: str) -> None:
    world = suspected(World().connection(API, "Disconnected").without(RECORD))
    world.set(CLUSTER, "properties.powerState.code", power_state)
    world.set(CLUSTER, "properties.provisioningState", state)
    assert reasons(world.find(REMEDIATOR)) == {
        ("EndpointDisconnected", "defer", why),
        ("RecordMissing", "defer", why),
    }
    assert world.plan(REMEDIATOR) == []


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
@pytest.mark.parametrize(
    ("lost", "found"),
    [
        ((API, interface(API), RECORD), {"EndpointMissing", "RecordMissing"}),
        ((RECORD,), {"RecordMissing"}),
    ],
    ids=["endpoint", "record"],
)
def test_a_cluster_that_runs_though_its_last_operation_failed_gets_what_destroys_nothing(
    state: str, lost: tuple[ResourceId, ...], found: set[str]
) -> None:
    world = World().without(*lost).set(CLUSTER, "properties.provisioningState", state)
    assert reasons(world.find(REMEDIATOR)) == {(reason, "repair", "") for reason in found}
    (unit,) = world.plan(REMEDIATOR)
    assert not unit.destructive


def test_what_waits_for_a_failed_cluster_says_how_it_gets_out_of_that() -> None:
    world = World().connection(API, "Disconnected")
    world.set(CLUSTER, "properties.provisioningState", "Failed")
    (waits,) = world.find(REMEDIATOR)
    assert (waits.disposition, waits.why) == ("defer", "ClusterFailed")
    assert "`az aks update`" in waits.message


def test_a_debt_waits_for_the_cluster_too() -> None:
    world = suspected(World()).set(CLUSTER, "properties.powerState.code", "Stopped")
    assert reasons(world.find(REMEDIATOR)) == {("RestartSuspected", "defer", "ClusterStopped")}
    assert not asked(world, Question.POWER_LOG)


@pytest.mark.parametrize("live", [True, False], ids=["live", "declared"])
def test_nothing_is_done_under_vnet_integration(live: bool) -> None:  # noqa: FBT001 - a parameter
    world = World().connection(API, "Disconnected").without(RECORD)
    env = environment()
    if live:
        switch = "properties.apiServerAccessProfile.enableVnetIntegration"
        world.set(CLUSTER, switch, value=True)
    else:
        env = environment(clusters=[{"id": CLUSTER.text, "vnetIntegration": True}])
    assert world.find(REMEDIATOR, env) == []
    assert reasons(suspected(world).find(REMEDIATOR, env)) == NOT_NEEDED


def moved(group: str, name: str) -> tuple[World, Environment]:
    """The declared endpoint lies in ``group`` under ``name``, and is broken."""
    own = f"{API.group.parent}/resourceGroups/{group}/providers/Microsoft.Network/privateEndpoints"
    parts = manifest()["privateEndpoints"]
    parts[1]["id"] = f"{own}/{name}"
    return World(), environment(privateEndpoints=parts)


@pytest.mark.parametrize(
    ("group", "name"),
    [("mc_AKS_k8s_westeurope", "mine"), ("net", "kube-apiserver"), ("net", "KUBE-APISERVER")],
)
def test_an_endpoint_of_aks_itself_is_never_touched(group: str, name: str) -> None:
    world, env = moved(group, name)
    assert reasons(world.find(REMEDIATOR, env)) == {("EndpointAksOwned", "block", "AksOwned")}
    assert world.plan(REMEDIATOR, env) == []


def test_a_static_address_is_reported_and_never_written() -> None:
    body = endpoint_body(CLUSTER, ["management"])
    body["properties"]["ipConfigurations"] = [{"name": "a", "properties": {}}]
    env = declared("privateEndpoints", API, body=body)
    world = World().connection(API, "Disconnected")
    world.set(API, "properties.ipConfigurations", [{"name": "live", "properties": {}}])
    assert reasons(world.find(REMEDIATOR, env)) == {
        ("StaticAddress", "report", "StaticAddress"),
        ("EndpointDisconnected", "repair", ""),
    }
    (unit,) = world.plan(REMEDIATOR, env)
    assert unit.intent is not None
    assert "ipConfigurations" not in unit.intent.body["properties"]


def test_a_cluster_that_is_gone_blocks() -> None:
    world = World().connection(API, "Disconnected").without(CLUSTER)
    assert reasons(world.find(REMEDIATOR)) == {
        ("EndpointDisconnected", "block", "TargetGone"),
        ("TargetGone", "block", "TargetGone"),
    }


def test_an_unreadable_cluster_is_told_even_if_the_endpoint_looks_right() -> None:
    world = World().deny(Question.GET, CLUSTER)
    assert reasons(world.find(REMEDIATOR)) == {("ClusterUnreadable", "block", "Unreadable")}


@pytest.mark.parametrize("resource", [RECORD, interface(API)])
def test_an_unreadable_record_or_address_is_told_once(resource: ResourceId) -> None:
    world = World().deny(Question.GET, resource)
    assert reasons(world.find(REMEDIATOR)) == {("RecordUnreadable", "block", "Unreadable")}


def test_what_another_manifest_owns_is_reported_only() -> None:
    world = World().connection(API, "Disconnected").without(RECORD)
    assert reasons(world.find(REMEDIATOR, disowned())) == {
        ("EndpointDisconnected", "report", "NotOwned"),
        ("RecordMissing", "report", "NotOwned"),
    }
