"""Owns the private cluster with its Azure ML extension."""

from simulator.wire import Json
from simulator.worlds.plan import TAGS, TENANT, Plan


def cluster(plan: Plan, *, vnet_integration: bool) -> Json:
    """Return the cluster."""
    return {
        "id": plan.cluster,
        "location": plan.region,
        "tags": dict(TAGS),
        "sku": {"name": "Base", "tier": "Standard"},
        "identity": {
            "type": "SystemAssigned",
            "principalId": plan.guid("cluster-principal"),
            "tenantId": TENANT,
        },
        "properties": {
            "dnsPrefix": plan.prefix,
            "privateFQDN": f"{plan.prefix}-{plan.guid('host')[:8]}.{plan.cluster_zone}",
            "agentPoolProfiles": [_pool(plan)],
            "apiServerAccessProfile": _access(plan, vnet_integration=vnet_integration),
            "identityProfile": {"kubeletidentity": _kubelet(plan)},
            "disableLocalAccounts": False,
            "networkProfile": {
                "networkPlugin": "azure",
                "serviceCidr": "172.16.0.0/16",
                "dnsServiceIP": "172.16.0.10",
                "outboundType": "loadBalancer",
            },
        },
    }


def _access(plan: Plan, *, vnet_integration: bool) -> Json:
    access: Json = {
        "enablePrivateCluster": True,
        "enablePrivateClusterPublicFQDN": False,
        "privateDNSZone": "system",
    }
    if vnet_integration:
        access |= {"enableVnetIntegration": True, "subnetId": plan.subnet("spoke", "endpoints")}
    return access


def _pool(plan: Plan) -> Json:
    return {
        "name": "system",
        "count": 3,
        "vmSize": "Standard_D4s_v5",
        "osType": "Linux",
        "mode": "System",
        "type": "VirtualMachineScaleSets",
        "vnetSubnetID": plan.subnet("spoke", "nodes"),
        "provisioningState": "Succeeded",
        "powerState": {"code": "Running"},
    }


def _kubelet(plan: Plan) -> Json:
    return {
        "resourceId": plan.id(
            "ml", f"Microsoft.ManagedIdentity/userAssignedIdentities/{plan.prefix}-kubelet"
        ),
        "clientId": plan.guid("kubelet-client"),
        "objectId": plan.guid("kubelet-object"),
    }


def extension(plan: Plan) -> Json:
    """Return its Azure ML extension."""
    return {
        "id": f"{plan.cluster}/providers/Microsoft.KubernetesConfiguration/extensions/azureml",
        "identity": {
            "type": "SystemAssigned",
            "principalId": plan.guid("extension"),
            "tenantId": TENANT,
        },
        "properties": {
            "extensionType": "Microsoft.AzureML.Kubernetes",
            "releaseTrain": "stable",
            "configurationSettings": {
                "enableInference": "True",
                "inferenceRouterServiceType": "LoadBalancer",
                "internalLoadBalancerProvider": "azure",
            },
        },
    }
