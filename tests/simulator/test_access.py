import pytest

from simulator.directory import RELINK
from simulator.faults import Fault, Mischief
from simulator.sandbox import Sandbox

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
NAME = "5b5d9b0e-9c2f-4a43-8f04-6b6d3f1d7a11"


def role(world: Sandbox, guid: str) -> str:
    return f"/subscriptions/{world.plan.subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def lock(world: Sandbox, scope: str, level: str) -> str:
    name = f"{scope}/providers/Microsoft.Authorization/locks/kept"
    world.ok("PUT", name, {"properties": {"level": level}})
    return name


def test_a_refusal_names_the_action_and_the_scope(world: Sandbox) -> None:
    reply = world.call("POST", f"{world.plan.cluster}/start", caller="relink")
    message = reply.json()["error"]["message"]
    assert (reply.status, reply.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert "Microsoft.ContainerService/managedClusters/start/action" in message
    assert world.plan.cluster in message


def test_a_stranger_may_nothing_until_a_role_is_assigned(world: Sandbox) -> None:
    assert world.call("GET", world.plan.vault, caller="robin").status == 403
    robin = world.cloud.context.state.directory.by_name("robin")
    body = {"properties": {"roleDefinitionId": role(world, READER), "principalId": robin.object_id}}
    assignment = f"{world.plan.vault}/providers/Microsoft.Authorization/roleAssignments/{NAME}"
    world.ok("PUT", assignment, body)
    assert world.call("GET", world.plan.vault, caller="robin").status == 200
    assert world.call("GET", world.plan.storage, caller="robin").status == 403
    assert world.call("PATCH", world.plan.vault, {"tags": {}}, caller="robin").status == 403


def test_the_permissions_of_the_caller_lack_what_was_revoked(world: Sandbox) -> None:
    action = "Microsoft.Network/privateEndpoints/write"
    scope = f"{world.plan.cluster}/providers/Microsoft.Authorization/permissions"
    before = world.call("GET", scope, caller="relink").json()["value"]
    assert action in before[0]["actions"]
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    after = world.call("GET", scope, caller="relink").json()["value"]
    assert action not in after[0]["actions"]
    reply = world.call("PUT", world.cluster_endpoint, {}, caller="relink")
    assert reply.json()["error"]["code"] == "AuthorizationFailed"


@pytest.mark.parametrize("level", ["CanNotDelete", "ReadOnly"])
def test_a_lock_on_the_group_forbids_deletion_below_it(world: Sandbox, level: str) -> None:
    group = f"/subscriptions/{world.plan.subscription}/resourceGroups/prod-ml"
    name = lock(world, group, level)
    reply = world.call("DELETE", world.blob_endpoint)
    assert (reply.status, reply.json()["error"]["code"]) == (409, "ScopeLocked")
    assert group in reply.json()["error"]["message"]
    world.ok("DELETE", name)
    assert world.call("DELETE", world.blob_endpoint).status == 202


def test_a_read_only_lock_forbids_writes_and_actions_too(world: Sandbox) -> None:
    lock(world, world.plan.cluster, "ReadOnly")
    assert world.call("POST", f"{world.plan.cluster}/stop").status == 409
    assert world.call("PATCH", world.plan.cluster, {"tags": {}}).status == 409
    assert world.call("GET", world.plan.cluster).status == 200


def test_a_lock_below_a_resource_keeps_it_from_being_deleted(world: Sandbox) -> None:
    lock(world, f"{world.blob_endpoint}/privateDnsZoneGroups/default", "CanNotDelete")
    assert world.call("DELETE", world.blob_endpoint).status == 409


def test_locks_are_listed_where_they_hold(world: Sandbox) -> None:
    group = f"/subscriptions/{world.plan.subscription}/resourceGroups/prod-ml"
    name = lock(world, group, "CanNotDelete")
    locks = "/providers/Microsoft.Authorization/locks"
    inherited = world.ok("GET", world.blob_endpoint + locks, query="&$filter=atScope()")["value"]
    assert [found["id"] for found in inherited] == [name]
    assert world.ok("GET", world.cluster_endpoint + locks)["value"] == []


def test_the_same_role_is_not_assigned_twice(world: Sandbox) -> None:
    body = {
        "properties": {"roleDefinitionId": role(world, READER), "principalId": RELINK.object_id}
    }
    base = f"{world.plan.vault}/providers/Microsoft.Authorization/roleAssignments"
    assert world.call("PUT", f"{base}/{NAME}", body).status == 201
    other = NAME.replace("5b", "6b", 1)
    reply = world.call("PUT", f"{base}/{other}", body)
    assert (reply.status, reply.json()["error"]["code"]) == (409, "RoleAssignmentExists")


def test_an_assignment_never_changes_its_principal(world: Sandbox) -> None:
    base = f"{world.plan.vault}/providers/Microsoft.Authorization/roleAssignments/{NAME}"
    body = {
        "properties": {"roleDefinitionId": role(world, READER), "principalId": RELINK.object_id}
    }
    world.ok("PUT", base, body)
    robin = world.cloud.context.state.directory.by_name("robin")
    body["properties"]["principalId"] = robin.object_id
    assert (
        world.call("PUT", base, body).json()["error"]["code"] == "RoleAssignmentUpdateNotPermitted"
    )


def test_assignments_are_found_by_principal_and_outlive_it(world: Sandbox) -> None:
    principal = world.body(world.compute)["identity"]["principalId"]
    query = f"&$filter=principalId eq '{principal}'"
    scope = f"/subscriptions/{world.plan.subscription}/providers/Microsoft.Authorization/roleAssignments"
    before = world.ok("GET", scope, query=query)["value"]
    assert {a["properties"]["scope"] for a in before} == {world.plan.registry, world.plan.storage}
    world.reattach(world.compute)
    assert world.ok("GET", scope, query=query)["value"] == before
