from __future__ import annotations

from typing import Any

import pytest

from remediators.encryption import REMEDIATOR
from shared.model.actual import Question
from shared.model.resource_id import ResourceId
from tests.remediators.estate import (
    BLOBS,
    INSIGHTS,
    REGISTRY,
    STORAGE,
    VAULT,
    WORKSPACE,
    declared,
    disowned,
    environment,
)
from tests.remediators.shapes import KEY
from tests.remediators.world import World, named, reasons

ENCRYPTION = "properties.encryption"
OTHER = "https://kv.vault.azure.net/keys/other"
SUBSCRIPTION = STORAGE.subscription
KEYED = [("storageAccounts", STORAGE), ("registries", REGISTRY), ("workspaces", WORKSPACE)]


@pytest.mark.parametrize(("kind", "resource"), KEYED, ids=lambda each: str(each)[-8:])
def test_another_key_than_declared_is_reported(kind: str, resource: ResourceId) -> None:
    env = declared(kind, resource, customerManagedKey=OTHER)
    (finding,) = World().find(REMEDIATOR, env)
    assert reasons([finding]) == {("CustomerKeyChanged", "report", "ByHand")}
    assert KEY in finding.message
    assert "Run: az " in finding.message
    assert World().plan(REMEDIATOR, env) == []


@pytest.mark.parametrize(
    ("resource", "path", "value", "why"),
    [
        (STORAGE, f"{ENCRYPTION}.keySource", "Microsoft.Storage", "ByHand"),
        (STORAGE, ENCRYPTION, None, "ByHand"),
        (REGISTRY, f"{ENCRYPTION}.status", "disabled", "MadeAnew"),
        (WORKSPACE, ENCRYPTION, None, "MadeAnew"),
    ],
)
def test_a_key_of_microsofts_is_reported(
    resource: ResourceId, path: str, value: object, why: str
) -> None:
    found = World().set(resource, path, value).find(REMEDIATOR)
    assert reasons(found) == {("CustomerKeyLost", "report", why)}


def test_the_command_names_the_key_of_an_account() -> None:
    world = World().set(STORAGE, ENCRYPTION, None)
    (finding,) = world.find(REMEDIATOR)
    assert finding.message.endswith(
        f"Run: az storage account update --name st --resource-group ml --subscription {SUBSCRIPTION}"
        " --encryption-key-source Microsoft.Keyvault --encryption-key-vault"
        " https://kv.vault.azure.net --encryption-key-name main"
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (KEY, set()),
        (KEY.upper().replace("HTTPS", "https"), set()),
        (f"{KEY}/v1", set()),
        (f"{KEY}/v2", {"CustomerKeyChanged"}),
    ],
)
def test_a_key_without_a_version_means_any(wanted: str, found: set[str]) -> None:
    world = World().set(REGISTRY, f"{ENCRYPTION}.keyVaultProperties.keyIdentifier", f"{KEY}/v1")
    env = declared("registries", REGISTRY, customerManagedKey=wanted)
    assert named(world.find(REMEDIATOR, env)) == found


@pytest.mark.parametrize(
    ("resource", "path", "value", "reason", "option"),
    [
        (BLOBS, "properties.deleteRetentionPolicy.enabled", False, "BlobSoftDeleteChanged",
         "blob-service-properties update --account-name st"),
        (BLOBS, "properties.deleteRetentionPolicy", None, "BlobSoftDeleteChanged",
         "--enable-delete-retention true --delete-retention-days 7"),
        (VAULT, "properties.enableSoftDelete", False, "VaultSoftDeleteChanged",
         "--set properties.enableSoftDelete=true"),
        (VAULT, "properties.enablePurgeProtection", None, "PurgeProtectionChanged",
         "az keyvault update --name kv"),
        (INSIGHTS, "properties.publicNetworkAccessForIngestion", "Disabled",
         "InsightsIngestionChanged", "--app ai"),
        (INSIGHTS, "properties.publicNetworkAccessForQuery", None, "InsightsQueryChanged",
         "--query-access Disabled"),
    ],
)  # fmt: skip
def test_another_setting_than_declared_is_reported_with_its_command(
    resource: ResourceId, path: str, value: object, reason: str, option: str
) -> None:
    (finding,) = World().set(resource, path, value).find(REMEDIATOR)
    assert reasons([finding]) == {(reason, "report", "ByHand")}
    assert option in finding.message


def test_what_a_vault_cannot_take_back_has_no_command() -> None:
    env = declared("keyVaults", VAULT, softDelete=False, purgeProtection=False)
    found = World().find(REMEDIATOR, env)
    assert reasons(found) == {
        ("VaultSoftDeleteChanged", "report", "Irreversible"),
        ("PurgeProtectionChanged", "report", "Irreversible"),
    }
    assert not any("Run:" in finding.message for finding in found)


def test_absent_settings_are_azures_defaults() -> None:
    world = World().set(VAULT, "properties.enableSoftDelete", None)
    world.set(INSIGHTS, "properties.publicNetworkAccessForIngestion", None)
    assert world.find(REMEDIATOR) == []


def test_insights_that_are_gone_are_reported_and_others_are_not_ours_to_tell() -> None:
    (finding,) = World().without(INSIGHTS, VAULT).find(REMEDIATOR)
    assert reasons([finding]) == {("InsightsMissing", "report", "ByHand")}
    assert "az monitor app-insights component create --app ai" in finding.message


def bare() -> dict[str, Any]:
    return {
        "storageAccounts": [{"id": STORAGE.text}],
        "keyVaults": [{"id": VAULT.text}],
        "registries": [{"id": REGISTRY.text}],
        "workspaces": [{"id": WORKSPACE.text}],
        "applicationInsights": [],
    }


def test_what_is_not_declared_is_not_looked_at() -> None:
    world = World()
    assert world.find(REMEDIATOR, environment(**bare())) == []
    assert world.asked == []


def test_soft_delete_of_blobs_alone_reads_the_blob_service_alone() -> None:
    only = {**bare(), "storageAccounts": [{"id": STORAGE.text, "blobSoftDelete": True}]}
    world = World()
    assert world.find(REMEDIATOR, environment(**only)) == []
    assert [read.resource for read in world.asked] == [BLOBS]


@pytest.mark.parametrize(
    ("resource", "reason"),
    [(STORAGE, "ProtectionUnreadable"), (BLOBS, "BlobServiceUnreadable")],
)
def test_what_cannot_be_read_is_said_to_be_unknown(resource: ResourceId, reason: str) -> None:
    found = World().deny(Question.GET, resource).find(REMEDIATOR)
    assert reasons(found) == {(reason, "block", "Unreadable")}


def test_what_another_manifest_owns_is_reported_as_such() -> None:
    found = (
        World().set(VAULT, "properties.enableSoftDelete", value=False).find(REMEDIATOR, disowned())
    )
    assert reasons(found) == {("VaultSoftDeleteChanged", "report", "NotOwned")}
