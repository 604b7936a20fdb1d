"""Domain facts, sections 6 and 7: permissions, linked ones included, and conditions of role assignments."""

import pytest

from simulator.directory import RELINK
from simulator.faults import Fault, Mischief
from simulator.sandbox import Sandbox, writable_compute, writable_endpoint
from simulator.wire import Json, Response

ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
BOUND = (
    "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR "
    "(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] "
    f"ForAnyOfAnyValues:GuidEquals {{{ACR_PULL}}}))"
)


def code(reply: Response) -> str:
    return str(reply.json()["error"]["code"])


def role(world: Sandbox, guid: str) -> str:
    scope = f"/subscriptions/{world.plan.subscription}"
    return f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def assignment(scope: str, number: int) -> str:
    name = f"5b5d9b0e-9c2f-4a43-8f04-{number:012d}"
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"


def bound_robin(world: Sandbox, condition: str = BOUND) -> str:
    """Give robin the right to assign roles, within a condition; returns robin's object id."""
    robin = world.cloud.context.state.directory.by_name("robin").object_id
    body: Json = {"roleDefinitionId": role(world, ADMINISTRATOR), "principalId": robin}
    bound = {**body, "condition": condition, "conditionVersion": "2.0"}
    world.ok("PUT", assignment(world.plan.registry, 1), {"properties": bound})
    return robin


@pytest.mark.parametrize(("guid", "status"), [(ACR_PULL, 201), (OWNER, 403)])
def test_a_condition_bounds_which_roles_may_be_assigned(
    world: Sandbox, guid: str, status: int
) -> None:
    bound_robin(world)
    body = {"roleDefinitionId": role(world, guid), "principalId": RELINK.object_id}
    target = assignment(world.plan.registry, 2)
    assert world.call("PUT", target, {"properties": body}, caller="robin").status == status


def test_a_condition_on_the_principal_holds_for_deletions_too(world: Sandbox) -> None:
    bound_robin(
        world,
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR "
        "(@Resource[Microsoft.Authorization/roleAssignments:PrincipalType] "
        "StringEqualsIgnoreCase 'User'))",
    )
    scope = f"{world.plan.registry}/providers/Microsoft.Authorization/roleAssignments"
    held = world.ok("GET", scope, query="&$filter=atScope()")["value"]
    service = next(a["id"] for a in held if a["properties"]["roleDefinitionId"].endswith(ACR_PULL))
    assert world.call("DELETE", service, caller="robin").status == 403


def test_a_condition_that_is_not_understood_lets_nothing_pass(world: Sandbox) -> None:
    bound_robin(world, "@Environment[utcNow] DateTimeGreaterThan '2026'")
    body = {"roleDefinitionId": role(world, ACR_PULL), "principalId": RELINK.object_id}
    target = assignment(world.plan.registry, 2)
    assert world.call("PUT", target, {"properties": body}, caller="robin").status == 403


@pytest.mark.parametrize(
    "action",
    [
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        "Microsoft.Storage/storageAccounts/PrivateEndpointConnectionsApproval/action",
    ],
)
def test_an_endpoint_needs_its_subnets_join_and_its_targets_approval(
    world: Sandbox, action: str
) -> None:
    body = writable_endpoint(world.body(world.blob_endpoint))
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    reply = world.call("PUT", world.blob_endpoint + "-2", body, caller="relink")
    assert code(reply) == "LinkedAuthorizationFailed"
    assert action.lower() in reply.json()["error"]["message"].lower()


def test_a_zone_group_needs_the_join_of_each_zone(world: Sandbox) -> None:
    action = "Microsoft.Network/privateDnsZones/join/action"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    group = f"{world.blob_endpoint}/privateDnsZoneGroups/default"
    configs = world.properties(group)["privateDnsZoneConfigs"]
    wanted = [{"name": c["name"], "properties": c["properties"]} for c in configs]
    body = {"properties": {"privateDnsZoneConfigs": wanted}}
    assert code(world.call("PUT", group, body, caller="relink")) == "LinkedAuthorizationFailed"


def test_an_attach_needs_the_clusters_admin_credential(world: Sandbox) -> None:
    body = writable_compute(world.body(world.compute))
    world.done("DELETE", world.compute, query="&underlyingResourceAction=Detach")
    action = "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    reply = world.call("PUT", world.compute, body, caller="relink")
    assert code(reply) == "LinkedAuthorizationFailed"


def test_a_subnet_needs_the_join_of_what_it_refers_to(world: Sandbox) -> None:
    group = world.plan.id("spoke", "Microsoft.Network/networkSecurityGroups/guard")
    world.done("PUT", group, {"location": "westeurope"})
    join = "Microsoft.Network/networkSecurityGroups/join/action"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=join))
    subnet = f"{world.plan.network('spoke')}/subnets/new"
    properties = {"addressPrefix": "10.10.70.0/24", "networkSecurityGroup": {"id": group}}
    refused = world.call("PUT", subnet, {"properties": properties}, caller="relink")
    assert (refused.status, join in refused.json()["error"]["message"]) == (403, True)


def test_a_rule_needs_the_join_of_the_groups_it_names(world: Sandbox) -> None:
    group = world.plan.id("spoke", "Microsoft.Network/networkSecurityGroups/guard")
    apps = world.plan.id("spoke", "Microsoft.Network/applicationSecurityGroups/apps")
    for resource in (group, apps):
        world.done("PUT", resource, {"location": "westeurope"})
    join = "Microsoft.Network/applicationSecurityGroups/joinNetworkSecurityRule/action"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=join))
    rule = {"priority": 200, "direction": "Inbound", "access": "Allow", "protocol": "Tcp"}
    properties = {**rule, "destinationApplicationSecurityGroups": [{"id": apps}]}
    refused = world.call(
        "PUT", f"{group}/securityRules/new", {"properties": properties}, caller="relink"
    )
    assert (refused.status, join in refused.json()["error"]["message"]) == (403, True)
