"""Owns what is written of settings: workspaces, clusters, extensions, managed computes, insights, keys.

As everything in a capture, they are written as they are live.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from shared.capture.access import Item
from shared.capture.surroundings import Surroundings
from shared.model.actual import Actual, Question
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

_EXTENSION: Final = "microsoft.azureml.kubernetes"
_ACCESS: Final = "properties.apiServerAccessProfile"


def write_workspace(item: Item, body: JsonObject) -> None:
    """The settings of a workspace, behind its associated resources."""
    insights = ResourceId.maybe(dig(body, "properties.applicationInsights"))
    if insights is not None:
        item.body["applicationInsights"] = insights.text
    if "systemassigned" in str(dig(body, "identity.type") or "").lower():
        item.body["systemAssignedIdentity"] = True
    legacy = dig(body, "properties.v1LegacyMode")
    if isinstance(legacy, bool):
        item.body["v1LegacyMode"] = legacy
    if build := dig(body, "properties.imageBuildCompute"):
        item.body["imageBuildCompute"] = build
    if str(dig(body, "properties.encryption.status") or "").lower() == "enabled":
        key = dig(body, "properties.encryption.keyVaultProperties.keyIdentifier")
        _write(item, "customerManagedKey", key)


def write_storage(item: Item, body: JsonObject, blobs: JsonObject | None) -> None:
    """Subnets that are let in, the key of one's own, and whether deleted blobs are kept."""
    _write_subnets(item, body, "properties.networkAcls")
    if str(dig(body, "properties.encryption.keySource") or "").lower() == "microsoft.keyvault":
        vault = str(dig(body, "properties.encryption.keyvaultproperties.keyvaulturi") or "")
        name = str(dig(body, "properties.encryption.keyvaultproperties.keyname") or "")
        if vault and name:
            item.body["customerManagedKey"] = f"{vault.rstrip('/')}/keys/{name}"
    if dig(blobs, "properties.deleteRetentionPolicy.enabled"):
        item.body["blobSoftDelete"] = True


def write_vault(item: Item, body: JsonObject) -> None:
    """Subnets that are let in, and what protects the vault from deletion."""
    _write_subnets(item, body, "properties.networkAcls")
    item.body["softDelete"] = dig(body, "properties.enableSoftDelete") is not False
    if dig(body, "properties.enablePurgeProtection"):
        item.body["purgeProtection"] = True


def write_registry(item: Item, body: JsonObject) -> None:
    """The key of one's own."""
    if str(dig(body, "properties.encryption.status") or "").lower() == "enabled":
        key = dig(body, "properties.encryption.keyVaultProperties.keyIdentifier")
        _write(item, "customerManagedKey", key)


def _write_subnets(item: Item, body: JsonObject, rules: str) -> None:
    """Only where the firewall shuts out: otherwise the rules say nothing."""
    if item.body.get("defaultAction") != "Deny":
        return
    subnets = []
    for rule in dig(body, f"{rules}.virtualNetworkRules") or ():
        found = ResourceId.maybe(dig(rule, "id"))
        if found is None:
            continue
        subnets.append(found.text)
        state = str(dig(rule, "state") or "")
        if state.lower() in {"networksourcedeleted", "failed"}:
            item.remarks.append(f"its rule for {found.name} lets nobody in ({state})")
    if subnets:
        item.body["allowedSubnets"] = sorted(subnets, key=str.lower)


def write_cluster(item: Item, actual: Actual, cluster: ResourceId) -> None:
    """Whether its API server is private, and its AzureML extension."""
    private = dig(actual.body(cluster), f"{_ACCESS}.enablePrivateCluster")
    if isinstance(private, bool):
        item.body["private"] = private
    for extension in actual.items(cluster, Question.EXTENSIONS) or ():
        if str(dig(extension, "properties.extensionType") or "").lower() == _EXTENSION:
            item.body["extension"] = _extension(extension)


def _extension(body: JsonObject) -> dict[str, Any]:
    found: dict[str, Any] = {}
    settings = dig(body, "properties.configurationSettings") or {}
    provider = str(dig(settings, "internalLoadBalancerProvider") or "").lower()
    if provider == "azure":
        found["internalRouter"] = True
    if train := dig(body, "properties.releaseTrain"):
        found["releaseTrain"] = train
    upgrade = dig(body, "properties.autoUpgradeMinorVersion")
    if isinstance(upgrade, bool):
        found["autoUpgrade"] = upgrade
    return found


def managed_items(around: Surroundings) -> Iterator[Item]:
    """Compute clusters and instances: where they lie and who reaches them."""
    for compute in around.managed:
        body = around.actual.body(compute)
        if body is None:
            continue
        item = Item({"id": str(body.get("id") or compute.text)})
        settings = dig(body, "properties.properties") or {}
        subnet = ResourceId.maybe(dig(settings, "subnet.id"))
        if subnet is not None:
            item.body["subnet"] = subnet.text
        item.body["publicIp"] = dig(settings, "enableNodePublicIp") is not False
        if item.body["publicIp"]:
            item.remarks.append("its nodes have public addresses")
        item.body["ssh"] = _reached_by_ssh(settings)
        if item.body["ssh"]:
            item.remarks.append("it can be reached by SSH from public networks")
        yield item


def _reached_by_ssh(settings: JsonObject) -> bool:
    access = dig(settings, "remoteLoginPortPublicAccess") or dig(
        settings, "sshSettings.sshPublicAccess"
    )
    return str(access or "").lower() == "enabled"


def insights_items(around: Surroundings) -> Iterator[Item]:
    """Application Insights: who sends to it and who asks it from public networks."""
    for insights in around.insights:
        body = around.actual.body(insights)
        if body is None:
            continue
        item = Item({"id": str(body.get("id") or insights.text)})
        for name, field in (("ingestion", "Ingestion"), ("query", "Query")):
            live = dig(body, f"properties.publicNetworkAccessFor{field}") or "Enabled"
            if live in {"Enabled", "Disabled"}:
                item.body[name] = live
        yield item


def _write(item: Item, name: str, value: object) -> None:
    if value:
        item.body[name] = value
