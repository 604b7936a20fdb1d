"""Bodies of the estate that name no other resource of it."""

from __future__ import annotations

import copy
from typing import Any, Final

KEY: Final = "https://kv.vault.azure.net/keys/main"


def extension() -> dict[str, Any]:
    """The AzureML extension, in order."""
    settings = {
        "enableInference": "True",
        "inferenceRouterServiceType": "LoadBalancer",
        "internalLoadBalancerProvider": "azure",
    }
    kind = {"extensionType": "microsoft.azureml.kubernetes", "provisioningState": "Succeeded"}
    return {
        "name": "azureml",
        "properties": {**kind, "releaseTrain": "Stable", "configurationSettings": settings},
    }


def train(subnet: str) -> dict[str, Any]:
    inner = {
        "vmSize": "Standard_DS3_v2",
        "subnet": {"id": subnet},
        "enableNodePublicIp": False,
        "remoteLoginPortPublicAccess": "Disabled",
    }
    state = {"computeType": "AmlCompute", "provisioningState": "Succeeded"}
    return {"properties": {**state, "properties": inner}}


def rules(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    bypass = "AzureServices, Logging, Metrics"
    return {
        "defaultAction": "Deny",
        "bypass": bypass,
        "ipRules": [{"value": "1.2.3.4"}],
        "virtualNetworkRules": [],
        **more,
    }


def secured(acls: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"properties": {"publicNetworkAccess": "Disabled", "networkAcls": acls, **more}}


def endpoint_on(compute: str, own: str) -> dict[str, Any]:
    """An online endpoint, in order."""
    return {"id": own, "properties": {"compute": compute, "provisioningState": "Succeeded"}}


def deployment(own: str) -> dict[str, Any]:
    """A deployment, in order."""
    return {"id": own, "properties": {"provisioningState": "Succeeded"}}


def cluster(nodes: str, principal: str) -> dict[str, Any]:
    """A private cluster, in order."""
    properties = {
        "provisioningState": "Succeeded",
        "powerState": {"code": "Running"},
        "nodeResourceGroup": "MC_aks_k8s_westeurope",
        "apiServerAccessProfile": {
            "enablePrivateCluster": True,
            "enablePrivateClusterPublicFQDN": False,
        },
        "agentPoolProfiles": [{"name": "system", "vnetSubnetID": nodes}],
        "networkProfile": {"serviceCidr": "172.16.0.0/16", "dnsServiceIP": "172.16.0.10"},
    }
    identity = {"type": "SystemAssigned", "principalId": principal}
    return {"identity": identity, "properties": properties}


def stored_key() -> dict[str, Any]:
    """Encryption of a storage account with one's own key."""
    key = {"keyvaulturi": "https://kv.vault.azure.net/", "keyname": "main"}
    return {"keySource": "Microsoft.Keyvault", "keyvaultproperties": key}


def named_key(status: str) -> dict[str, Any]:
    """Encryption of a registry or a workspace with one's own key."""
    return {"status": status, "keyVaultProperties": {"keyIdentifier": KEY}}


def undeletable() -> dict[str, Any]:
    """What keeps the secrets of a vault."""
    return {"enableSoftDelete": True, "enablePurgeProtection": True}


def insights() -> dict[str, Any]:
    """Application Insights that take from everywhere and answer nobody outside."""
    access = {
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Disabled",
    }
    return {"properties": access}


def registry() -> dict[str, Any]:
    """A closed registry."""
    properties = {
        "publicNetworkAccess": "Disabled",
        "networkRuleSet": {"defaultAction": "Deny", "ipRules": []},
        "networkRuleBypassOptions": "AzureServices",
        "encryption": named_key("enabled"),
    }
    return {"sku": {"name": "Premium"}, "properties": properties}


def workspace(settings: dict[str, Any], principal: str) -> dict[str, Any]:
    """A closed workspace with these settings."""
    declared_only = {"systemAssignedIdentity", "customerManagedKey"}
    properties = {
        **{name: value for name, value in settings.items() if name not in declared_only},
        "publicNetworkAccess": "Disabled",
        "allowPublicAccessWhenBehindVnet": False,
        "provisioningState": "Succeeded",
        "encryption": named_key("Enabled"),
    }
    identity = {"type": "SystemAssigned", "principalId": principal}
    return {"identity": identity, "properties": properties}


def live_compute(body: dict[str, Any], principal: str, created: str) -> dict[str, Any]:
    """A compute as Azure shows it."""
    live = copy.deepcopy(body)
    if principal:
        live["identity"] |= {"principalId": principal, "tenantId": "t"}
    live["tags"] = {"team": "ml"}
    live["properties"] |= {
        "provisioningState": "Succeeded",
        "createdOn": created,
        "modifiedOn": created,
        "isAttachedCompute": True,
        "disableLocalAuth": True,
        "computeLocation": "westeurope",
    }
    live["properties"]["properties"]["relayConnectionString"] = "Endpoint=sb://secret"
    return live
