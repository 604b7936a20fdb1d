"""Bodies of the estate that name no other resource of it."""

from __future__ import annotations

from typing import Any


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
