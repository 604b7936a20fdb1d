"""Domain facts, section 5: public access and trusted services."""

import pytest

from simulator.faults import Fault, Mischief
from simulator.sandbox import Sandbox


def test_a_storage_patch_of_network_acls_drops_what_it_leaves_out(world: Sandbox) -> None:
    before = world.properties(world.plan.storage)["networkAcls"]
    assert before["ipRules"]
    assert before["virtualNetworkRules"]
    world.ok(
        "PATCH", world.plan.storage, {"properties": {"networkAcls": {"defaultAction": "Deny"}}}
    )
    after = world.properties(world.plan.storage)["networkAcls"]
    assert (after["bypass"], after["ipRules"], after["virtualNetworkRules"]) == (
        "AzureServices",
        [],
        [],
    )


def test_a_storage_patch_without_default_action_is_refused(world: Sandbox) -> None:
    reply = world.call(
        "PATCH", world.plan.storage, {"properties": {"networkAcls": {"bypass": "None"}}}
    )
    assert reply.status == 400


def test_none_excludes_every_other_exception_of_storage(world: Sandbox) -> None:
    acls = {"defaultAction": "Deny", "bypass": "None, Logging"}
    refused = world.call("PATCH", world.plan.storage, {"properties": {"networkAcls": acls}})
    assert refused.status == 400


def test_a_resource_access_rule_is_the_narrower_exception(world: Sandbox) -> None:
    rule = {"tenantId": "11111111-1111-1111-1111-111111111111", "resourceId": world.plan.workspace}
    acls = {"defaultAction": "Deny", "bypass": "None", "resourceAccessRules": [rule]}
    world.ok("PATCH", world.plan.storage, {"properties": {"networkAcls": acls}})
    assert world.properties(world.plan.storage)["networkAcls"]["resourceAccessRules"] == [rule]


def test_public_access_of_storage_is_absent_until_it_is_set(world: Sandbox) -> None:
    account = world.plan.id("ml", "Microsoft.Storage/storageAccounts/plainst")
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    world.done("PUT", account, body)
    assert "publicNetworkAccess" not in world.properties(account)
    assert world.properties(account)["networkAcls"]["defaultAction"] == "Allow"
    for value, status in (("SecuredByPerimeter", 200), ("Maybe", 400)):
        change = {"properties": {"publicNetworkAccess": value}}
        assert world.call("PATCH", account, change).status == status


def test_a_vault_spells_its_public_access_freely_and_may_have_no_firewall(world: Sandbox) -> None:
    vault = world.plan.id("ml", "Microsoft.KeyVault/vaults/plainkv")
    properties = {
        "tenantId": "11111111-1111-1111-1111-111111111111",
        "sku": {"family": "A", "name": "standard"},
        "publicNetworkAccess": "disabled",
    }
    world.ok("PUT", vault, {"location": "westeurope", "properties": properties})
    assert world.properties(vault)["publicNetworkAccess"] == "disabled"
    assert world.properties(vault).get("networkAcls") is None


def test_a_storage_patch_is_synchronous_and_leaves_other_properties(world: Sandbox) -> None:
    before = world.properties(world.plan.storage)
    reply = world.call(
        "PATCH", world.plan.storage, {"properties": {"publicNetworkAccess": "Enabled"}}
    )
    assert reply.status == 200
    assert "Azure-AsyncOperation" not in reply.headers
    assert reply.json()["properties"] == before | {"publicNetworkAccess": "Enabled"}


def test_a_vault_patch_is_synchronous_and_replaces_network_acls(world: Sandbox) -> None:
    acls = {"bypass": "None", "defaultAction": "Deny"}
    assert (
        world.call("PATCH", world.plan.vault, {"properties": {"networkAcls": acls}}).status == 200
    )
    assert world.properties(world.plan.vault)["networkAcls"] == acls | {
        "ipRules": [],
        "virtualNetworkRules": [],
    }
    assert world.properties(world.plan.vault)["publicNetworkAccess"] == "Disabled"


def test_a_registry_patch_runs_for_a_while(world: Sandbox) -> None:
    reply = world.call(
        "PATCH", world.plan.registry, {"properties": {"publicNetworkAccess": "Enabled"}}
    )
    assert reply.status == 200
    assert "Azure-AsyncOperation" in reply.headers
    assert world.properties(world.plan.registry)["provisioningState"] == "Updating"
    busy = world.call("PATCH", world.plan.registry, {"tags": {}})
    assert busy.status == 409
    world.settle()
    after = world.properties(world.plan.registry)
    assert (after["provisioningState"], after["publicNetworkAccess"]) == ("Succeeded", "Enabled")


def test_registry_network_rules_need_premium(world: Sandbox) -> None:
    rules = {"networkRuleSet": {"defaultAction": "Deny"}}
    body = {"location": "westeurope", "sku": {"name": "Basic"}, "properties": rules}
    reply = world.call("PUT", world.plan.registry.replace("prodmlacr", "basicacr"), body)
    assert reply.status == 400


def test_a_workspace_patch_answers_202_and_accepts_few_members(world: Sandbox) -> None:
    reply = world.call(
        "PATCH", world.plan.workspace, {"properties": {"publicNetworkAccess": "Enabled"}}
    )
    assert reply.status == 202
    assert "Location" in reply.headers
    world.settle()
    after = world.properties(world.plan.workspace)
    assert (after["publicNetworkAccess"], after["allowPublicAccessWhenBehindVnet"]) == (
        "Enabled",
        True,
    )
    refused = world.call("PATCH", world.plan.workspace, {"properties": {"hbiWorkspace": True}})
    assert refused.status == 400


@pytest.mark.parametrize("name", ["storage", "vault", "registry", "workspace"])
def test_a_patch_emits_one_write_event_with_the_callers_claims(world: Sandbox, name: str) -> None:
    target = getattr(world.plan, name)
    world.done("PATCH", target, {"properties": {"publicNetworkAccess": "Enabled"}})
    [event] = world.cloud.events
    assert event["eventType"] == "Microsoft.Resources.ResourceWriteSuccess"
    assert event["subject"] == event["data"]["resourceUri"] == target
    assert event["data"]["operationName"].endswith("/write")
    assert event["data"]["httpRequest"]["method"] == "PATCH"


def test_vnet_rules_sent_back_need_the_join_of_their_subnet(world: Sandbox) -> None:
    join = "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=join))
    acls = world.properties(world.plan.storage)["networkAcls"]
    body = {"properties": {"networkAcls": acls}}
    reply = world.call("PATCH", world.plan.storage, body, caller="relink")
    assert reply.json()["error"]["code"] == "LinkedAuthorizationFailed"


@pytest.mark.parametrize(
    ("type_and_name", "allowed"),
    [
        ("Microsoft.Storage/storageAccounts/my-account", False),
        ("Microsoft.Storage/storageAccounts/myaccount", True),
        ("Microsoft.KeyVault/vaults/a_b", False),
        ("Microsoft.ContainerRegistry/registries/a-b-c-d", False),
        ("Microsoft.MachineLearningServices/workspaces/ws", False),
    ],
)
def test_names_are_those_that_the_providers_allow(
    world: Sandbox,
    type_and_name: str,
    allowed: bool,  # noqa: FBT001 - a parameter of the table above
) -> None:
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    reply = world.call("PUT", world.plan.id("ml", type_and_name), body)
    assert (reply.status < 300) is allowed
    if not allowed:
        assert reply.json()["error"]["code"] == "InvalidResourceName"
