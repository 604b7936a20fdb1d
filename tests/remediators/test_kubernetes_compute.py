from __future__ import annotations

from datetime import timedelta

import pytest

from remediators.kubernetes_compute import REMEDIATOR
from shared.model.actual import Link, Memory, Question
from shared.model.environment import Environment
from shared.model.plan import Need, Requirement
from shared.model.resource_id import ResourceId
from tests.remediators.estate import (
    API,
    ASSIGNED,
    CLUSTER,
    CPU,
    GPU,
    LINK,
    NOW,
    PRINCIPAL,
    RECORD,
    REGISTRY,
    STORAGE,
    SYSTEM,
    WORKSPACE,
    compute_body,
    debt,
    declared,
    disowned,
    environment,
    guid,
    interface,
    manifest,
    power,
    restarted,
)
from tests.remediators.world import (
    World,
    reasons,
)

RESTART = NOW - timedelta(hours=2)
STATE = "properties.provisioningState"
INNER = "properties.properties"
NOT_NEEDED = {("RestartSuspected", "not-needed", "RestartSuspected")}


def suspected(world: World, proof: str = "") -> World:
    world.memory = Memory(debts=(debt(GPU, RESTART, proof),))
    return world


def kinds(world: World, env: Environment | None = None) -> list[tuple[str, ResourceId]]:
    (unit,) = world.plan(REMEDIATOR, env)
    return [(step.kind, step.resource) for step in unit.steps]


def test_a_missing_compute_is_attached_with_its_roles() -> None:
    world = World().without(GPU)
    assert reasons(world.find(REMEDIATOR)) == {("ComputeMissing", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert [s.kind for s in unit.steps] == [
        "AttachCompute",
        "AwaitState",
        "PutResource",
        "PutResource",
    ]
    assert not unit.destructive
    assert unit.follows == (API,)


def test_a_failed_compute_is_reattached_as_one_unit() -> None:
    world = World().set(GPU, STATE, "Failed")
    assert reasons(world.find(REMEDIATOR)) == {("ComputeFailed", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert [s.kind for s in unit.steps] == [
        "DetachCompute",
        "AwaitState",
        "AttachCompute",
        "AwaitState",
        "PutResource",
        "PutResource",
        "DeleteResource",
        "DeleteResource",
    ]
    assert unit.intent is not None
    assert unit.intent.principal == PRINCIPAL
    assert unit.intent.incarnation == "2026-11-01T00:00:00+00:00"
    assert unit.counts_as == f"restart:{CLUSTER.key}"
    assert unit.follows == (API,)


def test_a_reattachment_is_identical_and_holds_nothing_read_only_or_secret() -> None:
    (unit,) = World().set(GPU, STATE, "Failed").plan(REMEDIATOR)
    assert unit.intent is not None
    attach = next(step for step in unit.steps if step.kind == "AttachCompute")
    assert attach.body == unit.intent.body
    assert attach.body == {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "tags": {"team": "ml"},
        "properties": {
            "computeType": "Kubernetes",
            "resourceId": CLUSTER.text,
            "computeLocation": "westeurope",
            "disableLocalAuth": True,
            "properties": compute_body(SYSTEM)["properties"]["properties"],
        },
    }


def test_a_user_assigned_identity_survives_and_needs_no_roles() -> None:
    world = World().set(CPU, STATE, "Failed")
    world.bodies[CPU]["identity"]["userAssignedIdentities"] = {ASSIGNED.text: {"clientId": "c"}}
    (unit,) = world.plan(REMEDIATOR)
    assert unit.intent is not None
    assert unit.intent.body["identity"] == {
        "type": "UserAssigned",
        "userAssignedIdentities": {ASSIGNED.text: {}},
    }
    assert len(unit.steps) == 4
    assign = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
    assert Requirement(Need.PERMISSION, ASSIGNED, assign) in unit.requires


def test_a_reattachment_requires_everything_needed_to_attach_again() -> None:
    (unit,) = World().set(GPU, STATE, "Failed").plan(REMEDIATOR)
    may, computes = Need.PERMISSION, "Microsoft.MachineLearningServices/workspaces/computes"
    roles = "Microsoft.Authorization/roleAssignments"
    admin = "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action"
    assert set(unit.requires) == {
        Requirement(may, WORKSPACE, f"{computes}/write"),
        Requirement(may, WORKSPACE, f"{computes}/delete"),
        Requirement(may, CLUSTER, admin),
        Requirement(may, REGISTRY, f"{roles}/write"),
        Requirement(may, STORAGE, f"{roles}/write"),
        Requirement(may, REGISTRY, f"{roles}/delete"),
        Requirement(may, STORAGE, f"{roles}/delete"),
        Requirement(Need.EXISTS, WORKSPACE),
        Requirement(Need.SUCCEEDED, CLUSTER),
        Requirement(Need.EXTENSION, CLUSTER),
        Requirement(Need.IDLE, GPU),
    }


def test_a_restart_in_the_log_proves_an_older_compute_stale() -> None:
    world = suspected(World(power_log=restarted(RESTART)))
    assert reasons(world.find(REMEDIATOR)) == {("ComputeStale", "repair", "")}
    assert kinds(world)[0] == ("DetachCompute", GPU)


def test_a_compute_attached_after_the_restart_is_left_alone() -> None:
    world = suspected(World(power_log=restarted(RESTART)), proof="LinkRenewed on pe-k8s")
    world.set(GPU, "properties.createdOn", (RESTART + timedelta(minutes=9)).isoformat())
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED


def test_the_logs_time_counts_and_not_the_claimed_one() -> None:
    """Attached after the real restart, before the one that is claimed."""
    world = suspected(World(power_log=restarted(RESTART - timedelta(days=3))))
    world.set(GPU, "properties.createdOn", (RESTART - timedelta(days=2)).isoformat())
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED


def test_a_disconnected_endpoint_shows_the_restart_while_the_log_lags() -> None:
    world = suspected(World(now=RESTART + timedelta(minutes=3)).connection(API, "Disconnected"))
    assert reasons(world.find(REMEDIATOR)) == {("ComputeStale", "repair", "")}


def test_an_older_restart_in_a_log_that_lags_does_not_hide_the_claimed_one() -> None:
    world = suspected(World(now=RESTART + timedelta(minutes=3)).connection(API, "Disconnected"))
    world.power_log = restarted(RESTART - timedelta(days=3))
    world.set(GPU, "properties.createdOn", (RESTART - timedelta(days=2)).isoformat())
    assert reasons(world.find(REMEDIATOR)) == {("ComputeStale", "repair", "")}


def test_a_new_link_shows_the_restart_while_the_log_lags() -> None:
    world = suspected(World(now=RESTART + timedelta(minutes=3), link="pls-2"))
    recorded = Link(API, guid(API), LINK, NOW - timedelta(days=1))
    world.memory = Memory(debts=world.memory.debts, links=(recorded,))
    assert reasons(world.find(REMEDIATOR)) == {("ComputeStale", "repair", "")}


def test_a_proof_kept_from_before_the_endpoints_were_repaired_counts() -> None:
    world = suspected(World(now=RESTART + timedelta(minutes=3)), proof="LinkRenewed on pe-k8s")
    assert reasons(world.find(REMEDIATOR)) == {("ComputeStale", "repair", "")}


def test_a_start_of_a_running_cluster_is_refuted_even_with_a_lost_connection() -> None:
    world = suspected(World(power_log=[power("start", RESTART)]).connection(API, "Disconnected"))
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED


def test_a_start_that_the_log_does_not_show_yet_is_deferred() -> None:
    world = suspected(World(now=RESTART + timedelta(minutes=3)))
    found = [f for f in world.find(REMEDIATOR) if f.resource == GPU]
    assert reasons(found) == {("RestartSuspected", "defer", "ActivityLogLag")}


def test_an_unreadable_log_blocks() -> None:
    world = suspected(World(power_log=restarted(RESTART))).deny(Question.POWER_LOG, CLUSTER)
    assert reasons(world.find(REMEDIATOR)) == {("RestartSuspected", "block", "Unreadable")}


def test_a_restart_claimed_for_the_future_is_refuted_whatever_its_proof() -> None:
    world = World(power_log=restarted(RESTART))
    world.memory = Memory(debts=(debt(GPU, NOW + timedelta(days=1), "LinkRenewed"),))
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED


def test_a_compute_without_creation_time_is_not_judged_stale() -> None:
    world = suspected(World(power_log=restarted(RESTART))).set(GPU, "properties.createdOn", None)
    assert reasons(world.find(REMEDIATOR)) == {("RestartSuspected", "block", "IncarnationUnknown")}


@pytest.mark.parametrize("reason", ["ComputeFailed", "ComputeStale", "ComputeMissing"])
def test_a_stopped_cluster_defers(reason: str) -> None:
    world = World().stopped()
    if reason == "ComputeMissing":
        world.without(GPU)
    elif reason == "ComputeFailed":
        world.set(GPU, STATE, "Failed")
    else:
        reason = "RestartSuspected"
        suspected(world)
    assert reasons(world.find(REMEDIATOR)) == {(reason, "defer", "ClusterStopped")}


def pending(world: World) -> None:
    world.connection(API, "Pending")


def zone_gone(world: World) -> None:
    world.connection(API, "Disconnected").without(RECORD.parent or RECORD)


def unreadable(world: World) -> None:
    world.deny(Question.GET, API)


def at_work(world: World) -> None:
    world.set(API, STATE, "Updating")


@pytest.mark.parametrize("trouble", [pending, zone_gone, unreadable, at_work])
@pytest.mark.parametrize("reason", ["ComputeFailed", "ComputeMissing"])
def test_an_endpoint_that_is_not_being_repaired_defers_the_compute(trouble, reason: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - one of the above
    world = World()
    trouble(world)
    if reason == "ComputeMissing":
        world.without(GPU)
    else:
        world.set(GPU, STATE, "Failed")
    held = ("block", "Unreadable") if trouble is unreadable else ("defer", "EndpointNotReady")
    assert reasons(world.find(REMEDIATOR)) == {(reason, *held)}


def test_an_endpoint_that_is_being_repaired_does_not() -> None:
    world = World().set(GPU, STATE, "Failed").without(API, interface(API))
    assert reasons(world.find(REMEDIATOR)) == {("ComputeFailed", "repair", "")}


def test_an_endpoint_of_aks_itself_does_not_matter() -> None:
    parts = manifest()["privateEndpoints"]
    own = API.text.replace("pe-k8s", "kube-apiserver")
    env = environment(privateEndpoints=[*parts, {**parts[1], "id": own, "records": []}])
    world = World().set(GPU, STATE, "Failed")
    assert reasons(world.find(REMEDIATOR, env)) == {("ComputeFailed", "repair", "")}


def test_a_failed_compute_without_creation_time_is_not_detached() -> None:
    world = World().set(GPU, STATE, "Failed").set(GPU, "properties.createdOn", None)
    assert reasons(world.find(REMEDIATOR)) == {("ComputeFailed", "block", "IncarnationUnknown")}


def test_a_broken_endpoint_of_another_manifest_defers() -> None:
    world = World().set(GPU, STATE, "Failed").connection(API, "Disconnected")
    env = declared("privateEndpoints", API, owned=False)
    assert reasons(world.find(REMEDIATOR, env)) == {("ComputeFailed", "defer", "EndpointNotReady")}


@pytest.mark.parametrize("state", ["Creating", "Updating", "Deleting"])
def test_nothing_is_done_while_azure_is_at_work_on_it(state: str) -> None:
    world = World(roles=[]).set(GPU, STATE, state)
    assert reasons(world.find(REMEDIATOR)) == {
        ("ComputeUnsettled", "defer", "InProgress"),
        ("RoleMissing", "defer", "InProgress"),
    }


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        (f"{INNER}.namespace", "other", "namespace"),
        (f"{INNER}.defaultInstanceType", "big", "defaultInstanceType"),
        (f"{INNER}.instanceTypes", {}, "instanceTypes"),
        ("identity.type", "SystemAssigned,UserAssigned", "identity"),
        ("properties.resourceId", CLUSTER.text + "2", "cluster"),
    ],
)
def test_a_compute_that_differs_is_reported_and_not_destroyed(
    path: str, value: object, what: str
) -> None:
    world = World().set(GPU, path, value)
    (finding,) = world.find(REMEDIATOR)
    assert reasons([finding]) == {("ComputeChanged", "report", "CreateOnly")}
    assert [e.what for e in finding.evidence] == [what]
    assert world.plan(REMEDIATOR) == []


def test_numbers_as_text_and_empty_members_are_no_difference() -> None:
    types = {"small": {"nodeSelector": None, "resources": {"requests": {"cpu": 1}, "limits": {}}}}
    assert World().set(GPU, f"{INNER}.instanceTypes", types).find(REMEDIATOR) == []


def test_a_compute_attached_elsewhere_is_not_moved_by_a_repair() -> None:
    world = World().set(GPU, f"{INNER}.namespace", "other").set(GPU, STATE, "Failed")
    assert reasons(world.find(REMEDIATOR)) == {
        ("ComputeChanged", "report", "CreateOnly"),
        ("ComputeFailed", "block", "ComputeChanged"),
    }


def arc() -> Environment:
    own = f"{CLUSTER.group}/providers/Microsoft.Kubernetes/connectedClusters/arc"
    body = compute_body(SYSTEM)
    body["properties"]["resourceId"] = own
    computes = manifest()["computes"]
    computes[0]["body"] = body
    clusters = [{"id": CLUSTER.text}, {"id": own}]
    return environment(clusters=clusters, computes=computes)


@pytest.mark.parametrize("state", ["Failed", ""])
def test_a_compute_of_an_arc_cluster_is_never_detached(state: str) -> None:
    env = arc()
    world = World()
    world.set(GPU, "properties.resourceId", env.computes[0].cluster.text)
    world.set(GPU, STATE, state) if state else world.without(GPU)
    reason = "ComputeFailed" if state else "ComputeMissing"
    assert reasons(world.find(REMEDIATOR, env)) == {(reason, "report", "ArcCluster")}
    assert world.plan(REMEDIATOR, env) == []


@pytest.mark.parametrize(
    ("resource", "why"), [(WORKSPACE, "WorkspaceGone"), (CLUSTER, "TargetGone")]
)
def test_what_it_needs_being_gone_blocks(resource: ResourceId, why: str) -> None:
    world = World().set(GPU, STATE, "Failed").without(resource)
    assert reasons(world.find(REMEDIATOR)) == {("ComputeFailed", "block", why)}


def test_an_unreadable_compute_is_blocked() -> None:
    world = World().deny(Question.GET, GPU)
    assert reasons(world.find(REMEDIATOR)) == {("ComputeUnreadable", "block", "Unreadable")}


def test_what_another_manifest_owns_is_reported_only() -> None:
    world = World(roles=[]).set(GPU, STATE, "Failed")
    assert reasons(world.find(REMEDIATOR, disowned())) == {
        ("ComputeFailed", "report", "NotOwned"),
        ("RoleMissing", "report", "NotOwned"),
    }
