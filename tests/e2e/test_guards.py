"""What stops a repair, end to end: each with its reason, and everything else carries on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.model.trigger import Cause
from simulator.faults import Fault, Mischief
from tests.e2e import drifts
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import Stage, build
from tests.e2e.telling import messages, told, whys

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"


def lock(stage: Stage, scope: str, level: str) -> str:
    url = f"{scope}/providers/Microsoft.Authorization/locks/keep"
    stage.human("PUT", url, {"properties": {"level": level}})
    return url


def endpoint_group(stage: Stage) -> str:
    return drifts.cluster_endpoint(stage).split("/providers/")[0]


def restarted(stage: Stage) -> None:
    stage.run()
    drifts.restart(stage)


SCOPES: dict[str, Callable[[Stage], str]] = {
    "endpoint": drifts.cluster_endpoint,
    "group": endpoint_group,
    "subscription": lambda _: SUBSCRIPTION,
}


@pytest.mark.parametrize("level", ["CanNotDelete", "ReadOnly"])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_lock_blocks_the_replacement_until_it_is_gone(
    scope: str, level: str, tmp_path: Path
) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    restarted(stage)
    drifts.open_storage(stage)
    held = lock(stage, SCOPES[scope](stage), level)

    record = stage.run()

    assert record["outcome"] == "Blocked"
    assert told(record)["EndpointDisconnected prod-aks-pe"] == ("Blocked", "ScopeLocked")
    assert f"'keep' ({level.lower()})" in messages(record)
    assert not [line for line in stage.writes() if line.startswith("DELETE")]
    # What the lock does not forbid goes on.
    closed = "Blocked" if (scope, level) == ("subscription", "ReadOnly") else "Repaired"
    assert told(record)["PublicAccessEnabled prodmlst"][0] == closed
    stage.human("DELETE", held)
    stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []


def test_a_tagged_resource_is_left_alone_and_reported(tmp_path: Path) -> None:
    stage = build(tmp_path)
    drifts.open_storage(stage)
    drifts.open_vault(stage)
    stage.human("PATCH", stage.ids.storage, {"tags": {"relink:ignore": "until friday"}})
    record = stage.run()
    assert told(record) == {
        "PublicAccessEnabled prodmlst": ("Blocked", "OptedOut"),
        "PublicAccessEnabled prod-mlkv": ("Repaired", ""),
    }
    assert "until friday" in messages(record)


def test_a_tag_on_a_compute_keeps_it_attached(tmp_path: Path) -> None:
    def tag(manifest: dict[str, Any]) -> None:
        manifest["computes"][0]["body"]["tags"]["relink:ignore"] = "true"

    stage = build(tmp_path, change=tag)
    resource = stage.cloud.store.get(drifts.compute(stage, "k8s-a"))
    assert resource is not None
    resource.body["tags"]["relink:ignore"] = "true"
    restarted(stage)
    record = stage.run()
    assert told(record)["ComputeStale k8s-a"] == ("Blocked", "OptedOut")
    assert told(record)["ComputeStale k8s-b"] == ("Repaired", "")


def test_more_destruction_than_allowed_blocks_the_whole_plan(tmp_path: Path) -> None:
    stage = build(tmp_path, change=lambda m: m.update(maxDestructiveUnits=1))
    stage.run()
    drifts.restart(stage)
    drifts.remove_connection(stage)
    drifts.open_storage(stage)
    record = stage.run()
    assert "DestructiveLimit" in whys(record)
    assert told(record)["EndpointDisconnected prod-vault-pe"] == ("Blocked", "DestructiveLimit")
    assert not stage.writes()


def test_the_restart_of_one_cluster_counts_once(tmp_path: Path) -> None:
    stage = build(
        tmp_path, change=lambda m: m.update(maxDestructiveUnits=1), cluster_endpoints=2, computes=3
    )
    restarted(stage)
    assert stage.run()["outcome"] == "Repaired"


def test_what_is_undone_again_and_again_waits_longer(tmp_path: Path) -> None:
    stage = build(tmp_path)
    outcomes = []
    while "Deferred" not in outcomes:
        drifts.open_vault(stage)
        outcomes.append(stage.run()["outcome"])
    assert outcomes == ["Repaired"] * 6 + ["Deferred"]
    record = stage.run()
    assert whys(record) == {"HoldOff"}
    until = datetime.fromisoformat(record["wakeAt"])
    stage.advance((until - stage.clock.now()).total_seconds() + 1)
    assert stage.run()["outcome"] == "Repaired"


def test_failures_hold_off_and_a_person_releases_it(tmp_path: Path) -> None:
    stage = build(tmp_path)
    drifts.open_vault(stage)
    stage.cloud.add_fault(
        Fault(Mischief.ERROR, method="PATCH", status=400, code="BadRequest", times=None)
    )
    waits = []
    for _ in range(3):
        failed = stage.run()
        assert failed["outcome"] == "Failed"
        waiting = stage.run()
        assert (waiting["outcome"], whys(waiting)) == ("Deferred", {"HoldOff"})
        waits.append(datetime.fromisoformat(waiting["wakeAt"]) - stage.clock.now())
        stage.advance(waits[-1].total_seconds() + 1)
    assert waits[2] >= 2 * waits[1] >= 4 * waits[0] > timedelta(0)
    assert stage.run()["outcome"] == "Failed"
    stage.cloud.clear_faults()
    assert stage.run()["outcome"] == "Deferred"
    assert stage.run(stage.trigger(Cause.MANUAL, by="kim"))["outcome"] == "Repaired"


def test_outside_of_its_window_nothing_is_destroyed(tmp_path: Path) -> None:
    window = {"start": "22:00", "end": "23:00", "timezone": "Europe/Berlin"}
    stage = build(tmp_path, change=lambda m: m.update(window=window))
    restarted(stage)
    drifts.open_storage(stage)
    record = stage.run()
    assert told(record)["EndpointDisconnected prod-aks-pe"] == ("Deferred", "OutsideWindow")
    assert told(record)["PublicAccessEnabled prodmlst"] == ("Repaired", "")
    assert record["wakeAt"] == "2026-11-02T21:00:00+00:00", "22:00 in Berlin in winter"
    stage.advance((datetime.fromisoformat(record["wakeAt"]) - stage.clock.now()).total_seconds())
    stage.run()
    assert stage.run()["outcome"] == "InSync"


@pytest.mark.parametrize(
    "action",
    [
        "Microsoft.ContainerService/managedClusters/privateEndpointConnectionsApproval/action",
        "Microsoft.Network/privateEndpoints/write",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        "Microsoft.Network/privateDnsZones/A/write",
    ],
)
def test_an_endpoint_that_could_not_be_made_again_is_not_deleted(
    action: str, tmp_path: Path
) -> None:
    stage = build(tmp_path)
    restarted(stage)
    stage.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    record = stage.run()
    assert told(record)["EndpointDisconnected prod-aks-pe"] == ("Blocked", "MissingPermission")
    assert action in messages(record)
    assert stage.cloud.get(drifts.cluster_endpoint(stage)) is not None
    assert not [line for line in stage.writes() if line.startswith("DELETE")]


@pytest.mark.parametrize(
    "action",
    [
        "Microsoft.MachineLearningServices/workspaces/computes/write",
        "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action",
        "Microsoft.Authorization/roleAssignments/write",
    ],
)
def test_an_attach_that_would_fail_is_known_before_the_detach(action: str, tmp_path: Path) -> None:
    stage = build(tmp_path)
    restarted(stage)
    stage.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    record = stage.run()
    assert told(record)["EndpointDisconnected prod-aks-pe"] == ("Repaired", "")
    assert told(record)["ComputeStale k8s-a"] == ("Blocked", "MissingPermission")
    assert stage.cloud.get(drifts.compute(stage, "k8s-a")) is not None
    assert not [x for x in stage.writes() if x.startswith("DELETE") and x.endswith("/k8s-a")]


def test_without_a_healthy_extension_nothing_is_detached(tmp_path: Path) -> None:
    stage = build(tmp_path)
    restarted(stage)
    extension = (
        f"{stage.ids.cluster}/providers/Microsoft.KubernetesConfiguration/extensions/azureml"
    )
    resource = stage.cloud.store.get(extension)
    assert resource is not None
    resource.properties["provisioningState"] = "Failed"
    record = stage.run()
    assert told(record)["ComputeStale k8s-a"] == ("Blocked", "ExtensionNotReady")
    assert not [x for x in stage.writes() if "/computes/" in x]


def test_a_compute_with_a_running_job_stays_attached(tmp_path: Path) -> None:
    stage = build(tmp_path)
    restarted(stage)
    busy = drifts.compute(stage, "k8s-a")
    work = {"jobType": "Command", "command": "python train.py", "environmentId": "azureml:train:1"}
    body = {"properties": {**work, "status": "Running", "computeId": busy}}
    stage.human("PUT", f"{stage.ids.workspace}/jobs/training", body)
    record = stage.run()
    assert told(record)["ComputeStale k8s-a"] == ("Blocked", "JobsRunning")
    assert told(record)["ComputeStale k8s-b"] == ("Repaired", "")
    body["properties"]["status"] = "Completed"
    stage.human("PUT", f"{stage.ids.workspace}/jobs/training", body)
    stage.run_until_calm()
    assert stage.cloud.inspect(busy)["alive"]  # type: ignore[index] # it exists


def test_a_compute_whose_deployment_is_being_changed_stays_attached(tmp_path: Path) -> None:
    stage = build(tmp_path)
    restarted(stage)
    deployment = f"{stage.ids.workspace}/onlineEndpoints/prod-k8s-a/deployments/blue"
    resource = stage.cloud.store.get(deployment)
    assert resource is not None
    resource.properties["provisioningState"] = "Updating"
    record = stage.run()
    assert told(record)["ComputeStale k8s-a"] == ("Blocked", "DeploymentUpdating")
    assert told(record)["ComputeStale k8s-b"] == ("Repaired", "")
