"""Owns the workspace, what belongs to it, its computes and what runs on them."""

from simulator.wire import Json
from simulator.worlds.plan import ACR_PULL, BLOB_READER, TAGS, TENANT, Plan


def associated(plan: Plan) -> list[Json]:
    """Return the workspace's storage, vault, registry and identities, closed to the public."""
    identity: Json = {
        "id": plan.identity,
        "location": plan.region,
        "properties": {"principalId": plan.guid("uami"), "clientId": plan.guid("uami-client")},
    }
    kubelet = identity | {
        "id": plan.identity.replace("-compute-id", "-kubelet"),
        "properties": {
            "principalId": plan.guid("kubelet-object"),
            "clientId": plan.guid("kubelet-client"),
        },
    }
    insights: Json = {
        "id": plan.id("ml", f"Microsoft.Insights/components/{plan.prefix}-mlai"),
        "location": plan.region,
        "kind": "web",
        "properties": {"Application_Type": "web"},
    }
    return [_storage(plan), _vault(plan), _registry(plan), identity, kubelet, insights]


def _storage(plan: Plan) -> Json:
    return {
        "id": plan.storage,
        "location": plan.region,
        "tags": dict(TAGS),
        "kind": "StorageV2",
        "sku": {"name": "Standard_ZRS"},
        "properties": {
            "publicNetworkAccess": "Disabled",
            "allowSharedKeyAccess": True,
            "networkAcls": {
                "bypass": "AzureServices, Logging, Metrics",
                "defaultAction": "Deny",
                "ipRules": [{"value": "203.0.113.7", "action": "Allow"}],
                "virtualNetworkRules": [{"id": plan.subnet("spoke", "nodes"), "action": "Allow"}],
                "resourceAccessRules": [],
            },
        },
    }


def _vault(plan: Plan) -> Json:
    return {
        "id": plan.vault,
        "location": plan.region,
        "tags": dict(TAGS),
        "properties": {
            "tenantId": TENANT,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "enablePurgeProtection": True,
            "publicNetworkAccess": "Disabled",
            "networkAcls": {
                "bypass": "AzureServices",
                "defaultAction": "Deny",
                "ipRules": [{"value": "203.0.113.7/32"}],
                "virtualNetworkRules": [],
            },
        },
    }


def _registry(plan: Plan) -> Json:
    return {
        "id": plan.registry,
        "location": plan.region,
        "tags": dict(TAGS),
        "sku": {"name": "Premium"},
        "properties": {
            "publicNetworkAccess": "Disabled",
            "networkRuleBypassOptions": "AzureServices",
            "networkRuleSet": {
                "defaultAction": "Deny",
                "ipRules": [{"value": "203.0.113.7", "action": "Allow"}],
            },
        },
    }


def workspace(plan: Plan) -> Json:
    """Return the workspace."""
    return {
        "id": plan.workspace,
        "location": plan.region,
        "tags": dict(TAGS),
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {
            "type": "SystemAssigned",
            "principalId": plan.guid("workspace-principal"),
            "tenantId": TENANT,
        },
        "properties": {
            "workspaceId": plan.guid("workspace-id"),
            "friendlyName": f"{plan.prefix} inference",
            "description": "Private inference on Kubernetes",
            "storageAccount": plan.storage,
            "keyVault": plan.vault,
            "containerRegistry": plan.registry,
            "applicationInsights": plan.id(
                "ml", f"Microsoft.Insights/components/{plan.prefix}-mlai"
            ),
            "publicNetworkAccess": "Disabled",
            "imageBuildCompute": "train-cpu",
            "hbiWorkspace": False,
            "v1LegacyMode": False,
        },
    }


def compute(plan: Plan, index: int) -> list[Json]:
    """Return a compute with the roles of its identity, an endpoint and a deployment on it."""
    name = f"k8s-{'abcdefghijklmnopqrstuvwxyz'[index % 26]}{index // 26 or ''}"
    compute_id = f"{plan.workspace}/computes/{name}"
    small: Json = {
        "nodeSelector": None,
        "resources": {
            "requests": {"cpu": "500m", "memory": "1Gi"},
            "limits": {"cpu": "1", "memory": "2Gi"},
        },
    }
    large: Json = {
        "nodeSelector": {"agentpool": "large"},
        "resources": {
            "requests": {"cpu": "2", "memory": "8Gi"},
            "limits": {"cpu": "4", "memory": "16Gi"},
        },
    }
    principal = plan.guid(f"compute-{index}")
    identity: Json = {"type": "SystemAssigned", "principalId": principal, "tenantId": TENANT}
    if index % 2:
        identity = {"type": "UserAssigned", "userAssignedIdentities": {plan.identity: {}}}
    body: Json = {
        "id": compute_id,
        "location": plan.region,
        "tags": {**TAGS, "team": name},
        "identity": identity,
        "properties": {
            "computeType": "Kubernetes",
            "computeLocation": plan.region,
            "description": f"Inference for team {name}",
            "resourceId": plan.cluster,
            "disableLocalAuth": index == 1,
            "properties": {
                "namespace": f"team-{name}",
                "defaultInstanceType": "small",
                "instanceTypes": {"small": small, "large": large},
            },
        },
    }
    roles = [] if index % 2 else _roles(plan, principal, f"compute-{index}")
    return [body, *roles, *_inference(plan, name, compute_id)]


def _roles(plan: Plan, principal: str, name: str) -> list[Json]:
    made: list[Json] = []
    for scope, role in ((plan.registry, ACR_PULL), (plan.storage, BLOB_READER)):
        definition = f"/subscriptions/{plan.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        assignment = (
            f"{scope}/providers/Microsoft.Authorization/roleAssignments/{plan.guid(name + role)}"
        )
        properties = {
            "roleDefinitionId": definition,
            "principalId": principal,
            "principalType": "ServicePrincipal",
        }
        made.append({"id": assignment, "properties": properties})
    return made


def _inference(plan: Plan, name: str, compute: str) -> list[Json]:
    endpoint = f"{plan.workspace}/onlineEndpoints/{plan.prefix}-{name}"
    deployment: Json = {
        "endpointComputeType": "Kubernetes",
        "instanceType": "small",
        "environmentVariables": {"MODEL": "demo"},
        "scaleSettings": {"scaleType": "Default"},
    }
    shared: Json = {"location": plan.region, "tags": dict(TAGS)}
    return [
        {
            **shared,
            "id": endpoint,
            "kind": "K8S",
            "identity": {
                "type": "SystemAssigned",
                "principalId": plan.guid(name + "endpoint"),
                "tenantId": TENANT,
            },
            "properties": {"authMode": "Key", "compute": compute, "traffic": {"blue": 100}},
        },
        {**shared, "id": f"{endpoint}/deployments/blue", "properties": deployment},
    ]
