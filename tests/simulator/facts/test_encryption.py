"""Customer-managed keys and soft delete. Shapes: storage 2023-05-01, keyvault 2023-07-01, registry 2023-07-01, ML 2024-04-01."""

import pytest

from simulator.sandbox import Sandbox
from simulator.wire import Json, Response

VAULT = "https://prod-mlkv.vault.azure.net"
KEY = f"{VAULT}/keys/cmk"


def code(reply: Response) -> str:
    return str(reply.json()["error"]["code"])


def in_vault(**more: object) -> Json:
    key = {"keyname": "cmk", "keyvaulturi": VAULT}
    encryption = {"keySource": "Microsoft.Keyvault", "keyvaultproperties": key, **more}
    return {"properties": {"encryption": encryption}}


def test_storage_is_encrypted_with_microsofts_key_unless_told(world: Sandbox) -> None:
    encryption = world.properties(world.plan.storage)["encryption"]
    assert encryption["keySource"] == "Microsoft.Storage"
    assert set(encryption["services"]) == {"blob", "file"}


def test_a_storage_patch_takes_a_key_in_a_vault_and_gives_it_back(world: Sandbox) -> None:
    world.ok("PATCH", world.plan.storage, in_vault())
    encryption = world.properties(world.plan.storage)["encryption"]
    assert encryption["keySource"] == "Microsoft.Keyvault"
    key = encryption["keyvaultproperties"]
    assert (key["keyname"], key["keyvaulturi"]) == ("cmk", VAULT)
    assert key["currentVersionedKeyIdentifier"].startswith(f"{KEY}/")
    assert set(encryption["services"]) == {"blob", "file"}
    back = {"properties": {"encryption": {"keySource": "Microsoft.Storage"}}}
    world.ok("PATCH", world.plan.storage, back)
    assert "keyvaultproperties" not in world.properties(world.plan.storage)["encryption"]


def test_other_storage_patches_leave_the_key_alone(world: Sandbox) -> None:
    world.ok("PATCH", world.plan.storage, in_vault())
    before = world.properties(world.plan.storage)["encryption"]
    world.ok("PATCH", world.plan.storage, {"properties": {"publicNetworkAccess": "Enabled"}})
    assert world.properties(world.plan.storage)["encryption"] == before


@pytest.mark.parametrize("member", ["keyname", "keyvaulturi"])
def test_a_storage_key_needs_its_name_and_its_vault(world: Sandbox, member: str) -> None:
    body: Json = in_vault()
    del body["properties"]["encryption"]["keyvaultproperties"][member]
    assert world.call("PATCH", world.plan.storage, body).status == 400


def test_infrastructure_encryption_is_chosen_at_creation(world: Sandbox) -> None:
    asked = {"requireInfrastructureEncryption": True, "keySource": "Microsoft.Storage"}
    refused = world.call("PATCH", world.plan.storage, {"properties": {"encryption": asked}})
    assert refused.status == 400


def test_a_key_for_storage_lies_in_a_vault_that_cannot_lose_it(world: Sandbox) -> None:
    plain = world.plan.id("ml", "Microsoft.KeyVault/vaults/plainkv")
    tenant = world.properties(world.plan.vault)["tenantId"]
    properties = {"tenantId": tenant, "sku": {"family": "A", "name": "standard"}}
    world.ok("PUT", plain, {"location": "westeurope", "properties": properties})
    key = {"keyname": "cmk", "keyvaulturi": "https://plainkv.vault.azure.net/"}
    encryption = {"keySource": "Microsoft.Keyvault", "keyvaultproperties": key}
    body = {"properties": {"encryption": encryption}}
    assert code(world.call("PATCH", world.plan.storage, body)) == "KeyVaultNotRecoverable"


def test_the_blob_services_settings_are_always_there(world: Sandbox) -> None:
    service = f"{world.plan.storage}/blobServices/default"
    shown = world.ok("GET", service)
    assert shown["properties"]["deleteRetentionPolicy"]["enabled"] is False
    policy = {"deleteRetentionPolicy": {"enabled": True, "days": 7}}
    assert world.call("PUT", service, {"properties": policy}).status == 200
    [listed] = world.ok("GET", f"{world.plan.storage}/blobServices")["value"]
    assert listed["properties"]["deleteRetentionPolicy"] == {"enabled": True, "days": 7}
    too_long = {"deleteRetentionPolicy": {"enabled": True, "days": 366}}
    assert world.call("PUT", service, {"properties": too_long}).status == 400
    world.ok("DELETE", world.plan.storage)
    assert world.call("GET", service).status == 404


def test_soft_delete_and_purge_protection_of_a_vault_are_never_switched_off(world: Sandbox) -> None:
    vault = world.plan.vault
    assert world.properties(vault)["enableSoftDelete"] is True
    for change in ({"enableSoftDelete": False}, {"enablePurgeProtection": False}):
        refused = world.call("PATCH", vault, {"properties": change})
        assert (refused.status, code(refused)) == (400, "BadRequest")
        assert "irreversible" in refused.json()["error"]["message"]
    again = world.call("PATCH", vault, {"properties": {"softDeleteRetentionInDays": 30}})
    assert again.status == 400


def test_a_put_that_leaves_purge_protection_out_does_not_switch_it_off(world: Sandbox) -> None:
    vault = world.plan.vault
    tenant = world.properties(vault)["tenantId"]
    properties = {"tenantId": tenant, "sku": {"family": "A", "name": "standard"}}
    world.ok("PUT", vault, {"location": "westeurope", "properties": properties})
    after = world.properties(vault)
    assert after["enablePurgeProtection"] is True
    assert after["accessPolicies"] == []
    assert after.get("networkAcls") is None


def deleted(world: Sandbox, vault: str) -> str:
    scope = f"/subscriptions/{world.plan.subscription}/providers/Microsoft.KeyVault"
    return f"{scope}/locations/westeurope/deletedVaults/{vault.rsplit('/', 1)[1]}"


def test_a_deleted_vault_is_kept_and_recovered_with_everything_in_it(world: Sandbox) -> None:
    vault = world.plan.vault
    before = world.properties(vault)
    assert world.call("DELETE", vault).status == 200
    assert world.call("GET", vault).status == 404
    kept = world.ok("GET", deleted(world, vault))["properties"]
    assert (kept["vaultId"], kept["purgeProtectionEnabled"]) == (vault, True)
    every = f"/subscriptions/{world.plan.subscription}/providers/Microsoft.KeyVault/deletedVaults"
    assert [v["name"] for v in world.ok("GET", every)["value"]] == ["prod-mlkv"]
    sku = {"family": "A", "name": "standard"}
    properties = {"tenantId": before["tenantId"], "sku": sku}
    fresh: Json = {"location": "westeurope", "properties": properties}
    taken = world.call("PUT", vault, fresh)
    assert (taken.status, code(taken)) == (409, "ConflictError")
    fresh["properties"]["createMode"] = "recover"
    world.ok("PUT", vault, fresh)
    after = world.properties(vault)
    before.pop("privateEndpointConnections")
    assert after == before
    assert world.call("GET", deleted(world, vault)).status == 404


def test_a_vault_that_is_protected_from_purging_is_not_purged(world: Sandbox) -> None:
    world.ok("DELETE", world.plan.vault)
    purge = f"{deleted(world, world.plan.vault)}/purge"
    assert world.call("POST", purge).status == 409
    world.clock.advance(91 * 86400)
    every = f"/subscriptions/{world.plan.subscription}/providers/Microsoft.KeyVault/deletedVaults"
    world.cloud.advance()
    assert world.cloud.context.store.get(deleted(world, world.plan.vault)) is not None
    token_is_new = world.ok("GET", every)["value"]
    assert token_is_new == []


def test_deleting_a_target_leaves_its_endpoints_disconnected(world: Sandbox) -> None:
    world.ok("DELETE", world.plan.storage)
    assert world.status(world.blob_endpoint) == "Disconnected"


def registry(world: Sandbox, **encryption: object) -> str:
    target = world.plan.id("ml", "Microsoft.ContainerRegistry/registries/keyedacr")
    body: Json = {"location": "westeurope", "sku": {"name": "Premium"}}
    body["properties"] = {"encryption": encryption} if encryption else {}
    world.done("PUT", target, body)
    return target


def test_a_registry_has_a_key_of_ones_own_from_its_creation_or_never(world: Sandbox) -> None:
    key = {"keyIdentifier": KEY, "identity": world.plan.guid("uami-client")}
    keyed = registry(world, status="enabled", keyVaultProperties=key)
    shown = world.properties(keyed)["encryption"]
    assert shown["keyVaultProperties"]["keyRotationEnabled"] is True
    off = {"properties": {"encryption": {"status": "disabled"}}}
    assert code(world.call("PATCH", keyed, off)) == "CannotUpdateEncryptionStatus"
    on = {"properties": {"encryption": {"status": "enabled", "keyVaultProperties": key}}}
    assert world.properties(world.plan.registry)["encryption"] == {"status": "disabled"}
    assert code(world.call("PATCH", world.plan.registry, on)) == "CannotUpdateEncryptionStatus"
    pinned = {**key, "keyIdentifier": f"{KEY}/{'a' * 32}"}
    changed = {"properties": {"encryption": {"status": "enabled", "keyVaultProperties": pinned}}}
    world.done("PATCH", keyed, changed)
    shown = world.properties(keyed)["encryption"]["keyVaultProperties"]
    assert shown["versionedKeyIdentifier"] == pinned["keyIdentifier"]
    assert shown["keyRotationEnabled"] is False


def test_a_workspace_keeps_its_key_and_a_patch_changes_the_identifier_only(world: Sandbox) -> None:
    keyed = f"{world.plan.workspace}k"
    body = world.body(world.plan.workspace)
    key = {"keyVaultArmId": world.plan.vault, "keyIdentifier": f"{KEY}/{'1' * 32}"}
    properties = {
        k: body["properties"][k]
        for k in ("storageAccount", "keyVault", "containerRegistry", "applicationInsights")
    }
    properties["encryption"] = {"status": "Enabled", "keyVaultProperties": key}
    identity = {"type": "SystemAssigned"}
    made: Json = {"location": "westeurope", "identity": identity, "properties": properties}
    world.done("PUT", keyed, made)
    other = {"keyVaultProperties": {"keyIdentifier": f"{KEY}/{'2' * 32}"}}
    world.done("PATCH", keyed, {"properties": {"encryption": other}})
    shown = world.properties(keyed)["encryption"]
    assert shown["status"] == "Enabled"
    assert shown["keyVaultProperties"] == {**key, "keyIdentifier": f"{KEY}/{'2' * 32}"}
    refused = world.call("PATCH", world.plan.workspace, {"properties": {"encryption": other}})
    assert refused.status == 400
