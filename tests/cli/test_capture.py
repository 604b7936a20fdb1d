"""``relink capture`` over a simulated Azure: what is written, what is remarked on, what is lost."""

from __future__ import annotations

import pytest

from shared.manifests import parse_manifest
from simulator.faults import Fault, Mischief
from tests.cli.world import World

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


def test_a_captured_manifest_holds_the_whole_environment(world: World) -> None:
    environment = parse_manifest(world.captured().read_text(), "prod.yaml")
    assert environment.name == "prod-mlw"
    assert sorted(e.id.name for e in environment.private_endpoints) == [
        "prod-aks-pe",
        "prod-aks-pe-2",
        "prod-blob-pe",
        "prod-file-pe",
        "prod-mlw-pe",
        "prod-registry-pe",
        "prod-vault-pe",
    ]
    assert [c.id.name for c in environment.computes] == ["k8s-a", "k8s-b"]
    assert [len(c.roles) for c in environment.computes] == [2, 0]
    assert environment.storage_accounts[0].trusted_services is True
    assert environment.clusters[0].id.name == "prod-aks"


def test_each_cluster_endpoint_gets_the_record_of_its_own_network(world: World) -> None:
    environment = parse_manifest(world.captured().read_text(), "prod.yaml")
    records = {e.id.name: e.records for e in environment.private_endpoints if e.to_cluster}
    assert [r.zone.resource_group for r in records["prod-aks-pe"]] == ["prod-hub"]
    assert [r.zone.resource_group for r in records["prod-aks-pe-2"]] == ["prod-hub-2"]


def test_what_aks_owns_is_left_out(world: World) -> None:
    world.restart()
    owned = [r.id for r in world.cloud.store.of_type("Microsoft.Network/privateEndpoints")]
    assert any("kube-apiserver" in name.lower() for name in owned)
    text = world.captured().read_text()
    assert "kube-apiserver" not in text.lower()
    assert "/resourcegroups/mc_" not in text.lower()


def test_capture_writes_nothing_to_azure(world: World) -> None:
    world.captured()
    assert world.cloud.writes() == []


def test_capture_is_deterministic_and_goes_to_standard_output(world: World) -> None:
    file = world.captured()
    again = world.relink("capture", "-w", world.plan.workspace)
    assert again.exit_code == 0
    assert again.stdout == file.read_text()


def test_no_principal_address_or_secret_is_written(world: World) -> None:
    text = world.captured().read_text()
    principal = world.body(f"{world.plan.workspace}/computes/k8s-a")["identity"]["principalId"]
    for forbidden in (principal, "10.0.1.4", "ConnectionString", "createdOn", "etag"):
        assert forbidden not in text


def test_open_access_is_written_as_it_is_and_remarked_on(world: World) -> None:
    world.does("PATCH", world.plan.storage, {"properties": {"publicNetworkAccess": "Enabled"}})
    done = world.relink("capture", "-w", world.plan.workspace, "--name", "opened")
    environment = parse_manifest(done.stdout, "opened.yaml")
    assert environment.storage_accounts[0].public_network_access == "Enabled"
    assert "# Look: public network access is open" in done.stdout
    assert f"warning: {world.plan.storage}: public network access is open" in done.stderr


def test_a_broken_environment_is_captured_with_its_broken_links_remarked_on(world: World) -> None:
    world.restart()
    done = world.relink("capture", "-w", world.plan.workspace)
    environment = parse_manifest(done.stdout, "prod.yaml")
    assert {"prod-aks-pe", "prod-aks-pe-2"} <= {e.id.name for e in environment.private_endpoints}
    assert "prod-aks-pe: its connection is disconnected, not approved" in done.stderr


def test_a_role_that_no_manifest_may_give_is_named_and_left_out(world: World) -> None:
    principal = world.body(f"{world.plan.workspace}/computes/k8s-a")["identity"]["principalId"]
    definition = (
        f"/subscriptions/{world.plan.subscription}/providers/"
        f"Microsoft.Authorization/roleDefinitions/{OWNER}"
    )
    assignment = (
        f"{world.plan.storage}/providers/Microsoft.Authorization/roleAssignments/"
        "99999999-0000-0000-0000-000000000000"
    )
    world.does(
        "PUT",
        assignment,
        {"properties": {"roleDefinitionId": definition, "principalId": principal}},
    )
    done = world.relink("capture", "-w", world.plan.workspace)
    roles = parse_manifest(done.stdout, "prod.yaml").computes[0].roles
    assert OWNER not in [role.role for role in roles]
    assert f"its identity has the role {OWNER} at {world.plan.storage}" in done.stderr


def test_what_cannot_be_read_is_named_with_the_missing_action(world: World) -> None:
    action = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/read"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    try:
        done = world.relink("capture", "-w", world.plan.workspace)
    finally:
        world.cloud.clear_faults()
    assert done.exit_code == 0
    assert f"MissingPermission; missing: {action}" in done.stderr
    assert "# Not captured, because it could not be read:" in done.stdout
    assert "its zone group could not be read" in done.stderr
    assert parse_manifest(done.stdout, "prod.yaml").private_endpoints


def test_a_workspace_that_cannot_be_read_ends_the_capture(world: World) -> None:
    action = "Microsoft.MachineLearningServices/workspaces/read"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    try:
        done = world.relink("capture", "-w", world.plan.workspace)
    finally:
        world.cloud.clear_faults()
    assert done.exit_code == 1
    assert f"cannot be read: MissingPermission; missing: {action}" in done.stderr
    assert done.stdout == ""


def test_a_workspace_that_does_not_exist_ends_the_capture(world: World) -> None:
    done = world.relink("capture", "-w", f"{world.plan.workspace}-none")
    assert done.exit_code == 1
    assert "it does not exist (404)" in done.stderr


def test_throttling_is_waited_for(world: World) -> None:
    fault = Fault(Mischief.THROTTLE, method="GET", path="privateEndpoints", times=1, retry_after=1)
    world.cloud.add_fault(fault)
    done = world.relink("capture", "-w", world.plan.workspace)
    assert done.exit_code == 0
    assert "Azure asks to wait; trying again in 1 s" in done.stderr
    assert len(parse_manifest(done.stdout, "prod.yaml").private_endpoints) == 7


def test_an_id_that_is_no_workspace_is_refused(world: World) -> None:
    done = world.relink("capture", "-w", world.plan.storage)
    assert done.exit_code == 64
    assert f"found '{world.plan.storage}'" in done.stderr
    assert world.cloud.exchanges == type(world.cloud.exchanges)()


def test_a_name_that_no_environment_may_have_is_refused(world: World) -> None:
    done = world.relink("capture", "-w", world.plan.workspace, "--name", "Prod East")
    assert done.exit_code == 64
    assert "--name: found 'Prod East'" in done.stderr


def test_ids_outside_of_the_scopes_come_with_the_setting_that_lets_them_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = f"/subscriptions/{world.plan.subscription}/resourceGroups/prod-ml"
    monkeypatch.setenv("RELINK_SCOPES", group)
    done = world.relink("capture", "-w", world.plan.workspace)
    assert done.exit_code == 0
    setting = f"RELINK_SCOPES=/subscriptions/{world.plan.subscription}"
    assert "ids lie outside of the scopes" in done.stderr
    assert setting in done.stderr


def test_quiet_leaves_the_manifest_alone(world: World) -> None:
    done = world.relink("--quiet", "capture", "-w", world.plan.workspace)
    assert done.exit_code == 0
    assert done.stderr == ""


def test_an_arc_compute_is_captured_with_its_secrets_left_out(world: World) -> None:
    arc = world.plan.id("other", "Microsoft.Kubernetes/connectedClusters/edge")
    compute = f"{world.plan.workspace}/computes/edge-a"
    held = {"namespace": "edge", "relayConnectionString": "Endpoint=sb://x;SharedAccessKey=abc"}
    body = {
        "location": "westeurope",
        "properties": {"computeType": "Kubernetes", "resourceId": arc, "properties": held},
    }
    world.does("PUT", compute, body)
    done = world.relink("capture", "-w", world.plan.workspace)
    assert "SharedAccessKey" not in done.stdout
    assert "an Arc cluster" in done.stderr
