"""Environments that are not the plain case: what is not ours, not possible or not needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.faults import Fault, Mischief
from simulator.worlds.plan import TENANT
from tests.e2e import drifts
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import Stage, build
from tests.e2e.telling import kinds, told

ARC = "Microsoft.Kubernetes/connectedClusters/prod-arc"


def patch(stage: Stage, resource: str, properties: dict[str, Any]) -> None:
    stage.human("PATCH", resource, {"properties": properties})
    stage.advance(60)


def test_while_the_cluster_is_stopped_the_rest_goes_on(tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    stage.human("POST", f"{stage.ids.cluster}/stop")
    stage.advance(400)
    drifts.open_storage(stage)
    drifts.delete_zone_group(stage)

    record = stage.run()

    assert record["outcome"] == "Deferred"
    seen = told(record)
    assert seen["EndpointDisconnected prod-aks-pe"] == ("Deferred", "ClusterStopped")
    assert seen["PublicAccessEnabled prodmlst"] == ("Repaired", "")
    assert seen["ZoneGroupMissing prod-file-pe"] == ("Repaired", "")
    assert not [line for line in stage.writes() if "aks-pe" in line or "/computes/" in line]
    stage.human("POST", f"{stage.ids.cluster}/start")
    stage.advance(600)
    stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []


def test_starting_a_running_cluster_destroys_nothing(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    before = portrait(stage.cloud)
    seen = len(stage.cloud.events)
    stage.human("POST", f"{stage.ids.cluster}/start")
    stage.advance(120)
    stage.deliver(stage.events_since(seen))
    assert stage.services.records.debts("prod")
    record = stage.run()
    assert (record["outcome"], kinds(record)) == ("NotNeeded", {"NotNeeded"})
    assert not stage.writes()
    assert not stage.services.records.debts("prod")
    assert differences(before, portrait(stage.cloud)) == []


def test_a_restart_that_no_event_told_of_is_found_by_the_sweep(tmp_path: Path) -> None:
    stage = build(tmp_path, computes=1)
    before = portrait(stage.cloud)
    stage.run()
    drifts.restart(stage)
    stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []


def test_the_endpoint_of_aks_itself_is_never_touched(tmp_path: Path) -> None:
    own = (
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups"
        "/MC_prod-spoke_prod-aks_westeurope/providers/Microsoft.Network/privateEndpoints/kube-apiserver"
    )

    def declare(manifest: dict[str, Any]) -> None:
        part = next(e for e in manifest["privateEndpoints"] if e["id"].endswith("prod-aks-pe"))
        manifest["privateEndpoints"].append({**part, "id": own, "records": []})

    stage = build(tmp_path, change=declare)
    stage.run()
    drifts.restart(stage)
    record = stage.run()
    assert told(record)["EndpointAksOwned kube-apiserver"] == ("Blocked", "AksOwned")
    assert told(record)["ComputeStale k8s-a"] == ("Repaired", "")
    assert not [line for line in stage.writes() if "kube-apiserver" in line]


def test_with_vnet_integration_there_is_no_link_to_mend(tmp_path: Path) -> None:
    stage = build(tmp_path, vnet_integration=True)
    before = portrait(stage.cloud)
    stage.run()
    seen = len(stage.cloud.events)
    drifts.restart(stage)
    stage.deliver(stage.events_since(seen))
    record = stage.run()
    assert record["outcome"] in {"Repaired", "NotNeeded", "InSync"}
    assert not [line for line in stage.writes() if "/privateEndpoints/" in line]
    assert differences(before, portrait(stage.cloud)) == []


def test_an_endpoint_declared_with_a_static_address_is_reported(tmp_path: Path) -> None:
    def pin(manifest: dict[str, Any]) -> None:
        part = next(e for e in manifest["privateEndpoints"] if e["id"].endswith("prod-aks-pe"))
        fixed = {"groupId": "management", "memberName": "management"}
        config = {"name": "fixed", "properties": {**fixed, "privateIPAddress": "10.0.1.4"}}
        part["body"]["properties"]["ipConfigurations"] = [config]

    stage = build(tmp_path, change=pin)
    record = stage.run()
    assert told(record) == {"StaticAddress prod-aks-pe": ("Blocked", "StaticAddress")}
    assert not stage.writes()


def test_a_resource_rule_for_the_workspace_is_as_good_as_the_exception(tmp_path: Path) -> None:
    stage = build(tmp_path)
    acls = stage.human("GET", stage.ids.storage)["properties"]["networkAcls"]
    rule = {"tenantId": TENANT, "resourceId": stage.ids.workspace}
    patch(
        stage,
        stage.ids.storage,
        {"networkAcls": {**acls, "bypass": "None", "resourceAccessRules": [rule]}},
    )
    assert stage.run()["outcome"] == "InSync"
    patch(
        stage,
        stage.ids.storage,
        {"networkAcls": {**acls, "bypass": "None", "resourceAccessRules": []}},
    )
    assert told(stage.run()) == {"TrustedServicesDropped prodmlst": ("Repaired", "")}


@pytest.mark.parametrize("resource", ["storage", "vault"])
def test_a_network_security_perimeter_is_reported_and_left_in_charge(
    resource: str, tmp_path: Path
) -> None:
    stage = build(tmp_path)
    target = getattr(stage.ids, resource)
    acls = stage.human("GET", target)["properties"]["networkAcls"]
    change = {
        "publicNetworkAccess": "SecuredByPerimeter",
        "networkAcls": {**acls, "bypass": "None"},
    }
    patch(stage, target, change)
    record = stage.run()
    assert record["outcome"] == "Blocked"
    assert {why for _, why in told(record).values()} == {"NetworkSecurityPerimeter"}
    assert not stage.writes()


def test_a_registry_below_premium_is_reported(tmp_path: Path) -> None:
    stage = build(tmp_path)
    resource = stage.cloud.store.get(stage.ids.registry)
    assert resource is not None
    resource.body["sku"] = {"name": "Basic", "tier": "Basic"}
    resource.properties["publicNetworkAccess"] = "Enabled"
    record = stage.run()
    assert told(record)["PublicAccessEnabled prodmlacr"] == ("Blocked", "RegistrySku")
    assert not stage.writes()


def test_what_another_manifest_owns_is_looked_at_and_never_written(tmp_path: Path) -> None:
    stage = build(tmp_path, change=lambda m: m["storageAccounts"][0].update(owned=False))
    drifts.open_storage(stage)
    drifts.open_vault(stage)
    record = stage.run()
    assert told(record)["PublicAccessEnabled prodmlst"][0] == "Blocked"
    assert told(record)["PublicAccessEnabled prod-mlkv"] == ("Repaired", "")
    assert not [line for line in stage.writes() if "storageAccounts" in line]


def test_an_arc_compute_is_reported_and_never_detached(tmp_path: Path) -> None:
    group = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/prod-spoke"
    arc = f"{group}/providers/{ARC}"

    def declare(manifest: dict[str, Any]) -> None:
        manifest["clusters"].append({"id": arc})
        manifest["computes"][1]["body"]["properties"]["resourceId"] = arc

    stage = build(tmp_path, change=declare)
    resource = stage.cloud.store.get(drifts.compute(stage, "k8s-b"))
    assert resource is not None
    resource.properties["resourceId"] = arc
    stage.run()
    resource.properties["provisioningState"] = "Failed"
    drifts.restart(stage)
    record = stage.run()
    assert told(record)["ComputeFailed k8s-b"] == ("Blocked", "ArcCluster")
    assert told(record)["ComputeStale k8s-a"] == ("Repaired", "")
    assert not [line for line in stage.writes() if line.endswith("/computes/k8s-b")]


def test_a_target_that_is_gone_blocks_and_nothing_is_deleted(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.human("DELETE", stage.ids.vault)
    stage.advance(120)
    drifts.open_storage(stage)
    record = stage.run()
    seen = told(record)
    assert seen["ResourceGone prod-mlkv"] == ("Blocked", "ResourceGone")
    assert seen["TargetGone prod-vault-pe"] == ("Blocked", "TargetGone")
    assert seen["PublicAccessEnabled prodmlst"] == ("Repaired", "")
    assert not [line for line in stage.writes() if "vault-pe" in line]


def test_a_connection_that_waits_for_its_owner_is_reported(tmp_path: Path) -> None:
    def by_hand(manifest: dict[str, Any]) -> None:
        part = next(e for e in manifest["privateEndpoints"] if e["id"].endswith("prod-blob-pe"))
        properties = part["body"]["properties"]
        moved = properties["privateLinkServiceConnections"]
        properties["manualPrivateLinkServiceConnections"] = moved
        properties["privateLinkServiceConnections"] = []

    stage = build(tmp_path, change=by_hand)
    drifts.delete_blob_endpoint(stage)
    record = stage.run()
    assert record["outcome"] == "Blocked"
    assert ("Blocked", "TargetApproval") in told(record).values()
    again = stage.run()
    assert told(again)["EndpointPending prod-blob-pe"] == ("Blocked", "TargetApproval")
    # The owner approves; the rest of the repair is done then.
    listed = stage.human("GET", f"{stage.ids.storage}/privateEndpointConnections")["value"]
    waiting = next(
        each
        for each in listed
        if each["properties"]["privateLinkServiceConnectionState"]["status"] == "Pending"
    )
    approved = {"privateLinkServiceConnectionState": {"status": "Approved"}}
    stage.human("PUT", waiting["id"], {"properties": approved})
    stage.advance(60)
    stage.run_until_calm()
    group = f"{drifts.blob_endpoint(stage)}/privateDnsZoneGroups/default"
    assert "privatelink.blob" in json.dumps(stage.human("GET", group))


def test_the_proof_of_a_restart_outlives_the_repair_that_hides_it(tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    stage.cloud.add_fault(Fault(Mischief.LAG_ACTIVITY_LOG, seconds=86_400, times=None))
    seen = len(stage.cloud.events)
    drifts.restart(stage)
    stage.deliver(stage.events_since(seen))
    job = f"{stage.ids.workspace}/jobs/training"
    work = {"jobType": "Command", "command": "python train.py", "environmentId": "azureml:train:1"}
    busy = drifts.compute(stage, "k8s-a")
    stage.human("PUT", job, {"properties": {**work, "status": "Running", "computeId": busy}})
    first = told(stage.run())
    assert first["EndpointDisconnected prod-aks-pe"] == ("Repaired", "")
    assert first["ComputeStale k8s-a"] == ("Blocked", "JobsRunning")

    stage.human("DELETE", job)
    stage.advance(45 * 60)
    stage.run_until_calm()

    assert differences(before, portrait(stage.cloud)) == []
    assert stage.cloud.inspect(drifts.compute(stage, "k8s-a"))["alive"]  # type: ignore[index] # it exists


def test_what_can_no_longer_be_seen_is_not_called_in_sync(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    log = "Microsoft.Insights/eventtypes/values/read"
    stage.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=log))
    seen = len(stage.cloud.events)
    drifts.restart(stage)
    stage.deliver(stage.events_since(seen))
    busy = drifts.compute(stage, "k8s-a")
    work = {"jobType": "Command", "command": "python train.py", "environmentId": "azureml:train:1"}
    body = {"properties": {**work, "status": "Running", "computeId": busy}}
    stage.human("PUT", f"{stage.ids.workspace}/jobs/training", body)

    record = stage.run()

    # Its endpoint was repaired; the link that it showed to be gone was written down before.
    assert stage.cloud.inspect(busy)["alive"] is False  # type: ignore[index] # it exists
    assert told(record)["ComputeStale k8s-a"] == ("Blocked", "JobsRunning")
    assert not {"InSync", "Repaired"} & {record["outcome"]}
    stage.human("DELETE", f"{stage.ids.workspace}/jobs/training")
    stage.run()
    assert stage.cloud.inspect(busy)["alive"] is True  # type: ignore[index] # it exists
