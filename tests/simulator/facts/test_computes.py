"""Domain facts, section 3.1: Kubernetes computes, and what else a workspace computes with."""

import pytest

from simulator.faults import Fault, Mischief
from simulator.sandbox import Sandbox, writable_compute
from simulator.wire import Json, Response

DETACH = "&underlyingResourceAction=Detach"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"


def code(reply: Response) -> str:
    return str(reply.json()["error"]["code"])


def test_arm_shows_a_compute_as_succeeded_although_a_restart_killed_its_link(
    world: Sandbox,
) -> None:
    assert world.alive(world.compute)
    world.restart()
    assert world.properties(world.compute)["provisioningState"] == "Succeeded"
    assert not world.alive(world.compute)


def test_a_compute_lives_again_after_endpoint_record_and_reattach(world: Sandbox) -> None:
    world.restart()
    world.point_record(world.remake(world.cluster_endpoint))
    assert not world.alive(world.compute)
    world.reattach(world.compute)
    assert world.alive(world.compute)


def test_a_compute_is_dead_while_the_record_names_the_old_address(world: Sandbox) -> None:
    world.restart()
    address = world.remake(world.cluster_endpoint)
    world.point_record("10.0.1.250")
    world.reattach(world.compute)
    assert (
        world.properties(world.compute)["provisioningErrors"][0]["error"]["code"]
        == "ClusterNotReachable"
    )
    world.point_record(address)
    world.reattach(world.compute)
    assert world.alive(world.compute)


def test_writing_an_attached_compute_again_silently_does_nothing(world: Sandbox) -> None:
    world.restart()
    world.point_record(world.remake(world.cluster_endpoint))
    before = world.body(world.compute)
    body = writable_compute(before)
    body["properties"]["properties"]["namespace"] = "elsewhere"
    world.done("PUT", world.compute, body)
    assert world.body(world.compute) == before
    assert not world.alive(world.compute)


def test_a_reattach_gives_a_system_assigned_identity_another_principal(world: Sandbox) -> None:
    before = world.body(world.compute)["identity"]["principalId"]
    world.reattach(world.compute)
    assert world.body(world.compute)["identity"]["principalId"] != before
    user = f"{world.plan.workspace}/computes/k8s-b"
    identity = world.body(user)["identity"]
    world.reattach(user)
    assert world.body(user)["identity"] == identity


def test_everything_writable_comes_back_from_a_reattach(world: Sandbox) -> None:
    user = f"{world.plan.workspace}/computes/k8s-b"
    before = world.body(user)
    assert before["properties"]["disableLocalAuth"] is True
    assert set(before["properties"]["properties"]["instanceTypes"]) == {"small", "large"}
    world.reattach(user)
    after = world.body(user)
    assert writable_compute(after) == writable_compute(before)
    assert after["properties"]["createdOn"] > before["properties"]["createdOn"]


def test_a_fresh_principal_is_not_found_until_it_is_replicated(world: Sandbox) -> None:
    world.reattach(world.compute)
    principal = world.body(world.compute)["identity"]["principalId"]
    role = f"/subscriptions/{world.plan.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ACR_PULL}"
    body = {"properties": {"roleDefinitionId": role, "principalId": principal}}
    name = "5b5d9b0e-9c2f-4a43-8f04-6b6d3f1d7a11"
    assignment = f"{world.plan.registry}/providers/Microsoft.Authorization/roleAssignments/{name}"
    assert code(world.call("PUT", assignment, body)) == "PrincipalNotFound"
    world.clock.advance(31)
    assert world.call("PUT", assignment, body).status == 201


def test_a_detach_wants_its_action_named_and_never_deletes_the_cluster(world: Sandbox) -> None:
    assert world.call("DELETE", world.compute).status == 400
    assert (
        world.call("DELETE", world.compute, query="&underlyingResourceAction=Delete").status == 400
    )
    reply = world.call("DELETE", world.compute, query=DETACH)
    assert reply.status == 202
    assert "Location" in reply.headers
    world.settle()
    assert world.body(world.compute) is None
    assert world.body(world.plan.cluster)


def test_attaching_without_the_extension_fails_inside_the_operation(world: Sandbox) -> None:
    body = writable_compute(world.body(world.compute))
    world.done("DELETE", world.compute, query=DETACH)
    extension = (
        f"{world.plan.cluster}/providers/Microsoft.KubernetesConfiguration/extensions/azureml"
    )
    world.done("DELETE", extension)
    reply = world.call("PUT", world.compute, body)
    assert reply.status == 201
    world.settle()
    after = world.properties(world.compute)
    assert after["provisioningState"] == "Failed"
    assert (
        after["provisioningErrors"][0]["error"]["code"] == "InvalidComputeNoKubernetesConfiguration"
    )


def test_attaching_to_a_stopped_cluster_fails(world: Sandbox) -> None:
    body = writable_compute(world.body(world.compute))
    world.done("DELETE", world.compute, query=DETACH)
    world.done("POST", f"{world.plan.cluster}/stop")
    world.done("PUT", world.compute, body)
    assert (
        world.properties(world.compute)["provisioningErrors"][0]["error"]["code"]
        == "ClusterNotReachable"
    )


def test_secrets_of_a_compute_are_never_shown(world: Sandbox) -> None:
    body = writable_compute(world.body(world.compute))
    body["properties"]["properties"]["relayConnectionString"] = "Endpoint=sb://x;SharedAccessKey=y"
    world.done("DELETE", world.compute, query=DETACH)
    world.done("PUT", world.compute, body)
    assert world.properties(world.compute)["properties"]["relayConnectionString"] is None


def test_deployments_need_a_compute_that_is_attached_and_reachable(world: Sandbox) -> None:
    deployment = f"{world.plan.workspace}/onlineEndpoints/prod-k8s-a/deployments/blue"
    shown = world.body(deployment)
    read_only = ("id", "name", "type", "systemData")
    body = {k: v for k, v in shown.items() if k not in read_only}
    del body["properties"]["provisioningState"]
    assert world.call("PUT", deployment, body).status == 200
    world.settle()
    world.done("POST", f"{world.plan.cluster}/stop")
    assert code(world.call("PUT", deployment, body)) == "ClusterNotReachable"
    world.done("POST", f"{world.plan.cluster}/start")
    assert code(world.call("PUT", deployment, body)) == "GenericComputeError"
    world.done("DELETE", world.compute, query=DETACH)
    assert code(world.call("PUT", deployment, body)) == "ComputeNotFound"
    assert world.properties(deployment)["provisioningState"] == "Succeeded"


def test_a_fault_lets_an_attach_fail_with_a_chosen_error(world: Sandbox) -> None:
    body = writable_compute(world.body(world.compute))
    world.done("DELETE", world.compute, query=DETACH)
    world.cloud.add_fault(
        Fault(Mischief.FAIL_OPERATION, method="PUT", path="/computes/", code="GenericClusterError")
    )
    world.done("PUT", world.compute, body)
    assert world.properties(world.compute)["provisioningState"] == "Failed"
    world.done("PUT", world.compute, body)
    assert world.properties(world.compute)["provisioningState"] == "Succeeded"


ARC = "Microsoft.Kubernetes/connectedClusters/edge"


def arc_compute(world: Sandbox) -> Json:
    """Make an Arc cluster with the extension; returns the body of a compute on it."""
    cluster = world.plan.id("spoke", ARC)
    connected: Json = {"id": cluster, "location": "westeurope"}
    extension: Json = {
        "id": f"{cluster}/providers/Microsoft.KubernetesConfiguration/extensions/azureml",
        "properties": {"extensionType": "Microsoft.AzureML.Kubernetes"},
    }
    world.cloud.load([connected, extension])
    inner = {"namespace": "edge"}
    wanted = {"computeType": "Kubernetes", "resourceId": cluster, "properties": inner}
    return {"location": "westeurope", "properties": wanted}


def test_a_compute_on_an_arc_cluster_needs_no_private_endpoint(world: Sandbox) -> None:
    compute = f"{world.plan.workspace}/computes/edge"
    world.done("PUT", compute, arc_compute(world))
    assert world.alive(compute)
    world.restart()
    assert world.alive(compute)
    cluster = world.cloud.store.get(world.plan.id("spoke", ARC))
    assert cluster is not None
    cluster.properties["connectivityStatus"] = "Offline"
    assert not world.alive(compute)


def test_an_amlcompute_is_scaled_by_patch_and_deleted_not_detached(world: Sandbox) -> None:
    nodes = f"{world.plan.workspace}/computes/nodes"
    inner: Json = {"vmSize": "Standard_DS3_v2"}
    body = {
        "location": "westeurope",
        "properties": {"computeType": "AmlCompute", "properties": inner},
    }
    world.done("PUT", nodes, body)
    scale = {"scaleSettings": {"minNodeCount": 1, "maxNodeCount": 3}}
    world.done("PATCH", nodes, {"properties": {"properties": scale}})
    shown = world.properties(nodes)
    assert shown["properties"]["scaleSettings"]["maxNodeCount"] == 3
    assert shown["isAttachedCompute"] is False
    refused = world.call("DELETE", nodes, query=DETACH)
    assert code(refused) == "ComputeCannotBeDetached"
    world.done("DELETE", nodes, query="&underlyingResourceAction=Delete")
    assert world.body(nodes) is None


def made_one(world: Sandbox, name: str, compute_type: str, **inner: object) -> str:
    """Make a compute of Azure ML's own."""
    compute = f"{world.plan.workspace}/computes/{name}"
    wanted = {"vmSize": "Standard_DS3_v2", **inner}
    properties = {"computeType": compute_type, "properties": wanted}
    world.done("PUT", compute, {"location": "westeurope", "properties": properties})
    return compute


@pytest.mark.parametrize("compute_type", ["AmlCompute", "ComputeInstance"])
def test_where_a_compute_of_azure_ml_is_was_chosen_at_its_creation(
    world: Sandbox, compute_type: str
) -> None:
    subnet = {"id": world.plan.subnet("spoke", "nodes")}
    compute = made_one(world, "own", compute_type, subnet=subnet, enableNodePublicIp=False)
    shown = world.properties(compute)["properties"]
    assert (shown["subnet"], shown["enableNodePublicIp"]) == (subnet, False)
    inner = {"vmSize": "Standard_DS3_v2", "enableNodePublicIp": True}
    body = {"computeType": compute_type, "properties": inner}
    refused = world.call("PUT", compute, {"location": "westeurope", "properties": body})
    assert (refused.status, code(refused)) == (400, "UserError")


def test_ssh_of_an_instance_is_closed_unless_asked_for(world: Sandbox) -> None:
    closed = world.properties(made_one(world, "one", "ComputeInstance"))["properties"]
    assert closed["sshSettings"]["sshPublicAccess"] == "Disabled"
    opened = made_one(world, "two", "ComputeInstance", sshSettings={"sshPublicAccess": "Enabled"})
    assert world.properties(opened)["properties"]["sshSettings"]["sshPublicAccess"] == "Enabled"


def test_an_extension_that_is_not_succeeded_attaches_nothing(world: Sandbox) -> None:
    extension = (
        f"{world.plan.cluster}/providers/Microsoft.KubernetesConfiguration/extensions/azureml"
    )
    settings = world.properties(extension)["configurationSettings"]
    assert settings["enableInference"].lower() == "true"
    world.cloud.add_fault(
        Fault(Mischief.FAIL_OPERATION, method="PUT", path="/extensions/azureml$", code="HelmFailed")
    )
    kept = ("extensionType", "releaseTrain", "configurationSettings")
    body = {k: v for k, v in world.properties(extension).items() if k in kept}
    world.done("PUT", extension, {"properties": body})
    assert world.properties(extension)["provisioningState"] == "Failed"
    world.reattach(world.compute)
    assert world.properties(world.compute)["provisioningState"] == "Failed"


def test_a_detached_system_identity_leaves_orphaned_assignments(world: Sandbox) -> None:
    principal = world.body(world.compute)["identity"]["principalId"]
    world.done("DELETE", world.compute, query=DETACH)
    scope = f"{world.plan.registry}/providers/Microsoft.Authorization/roleAssignments"
    held = world.ok("GET", scope)["value"]
    assert principal in {a["properties"]["principalId"] for a in held}


def test_a_user_assigned_identity_survives_a_reattach(world: Sandbox) -> None:
    compute = f"{world.plan.workspace}/computes/k8s-b"
    before = world.body(compute)["identity"]
    world.reattach(compute)
    assert world.body(compute)["identity"] == before
