"""Owns the whole catalogue's stage: a world in which every section of a manifest is declared.

A drift of the catalogue is told with what must come of it, so that one table drives the tests of
single rows, of any subset, and of permissions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.worlds import private_inference
from simulator.worlds.plan import ACR_PULL, SUBSCRIPTION, TENANT, Plan
from tests.e2e.stage import Stage, build

NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CatalogueDrift:
    """One drift: who finds it, under which reason, and whether Relink puts it right."""

    name: str
    remediator: str
    reason: str
    repaired: bool
    apply: Callable[[Stage], None]


def whole(tmp_path: Path, *, change: Callable[[Json], None] | None = None) -> Stage:
    """A healthy stage that declares everything that a manifest can declare."""

    def declare(manifest: Json) -> None:
        _declare(manifest, Plan(manifest["name"]))
        if change is not None:
            change(manifest)

    return build(tmp_path, change=declare, shape=furnish)


def world(name: str = "prod") -> list[Json]:
    """The resources of that stage."""
    resources = private_inference(prefix=name)
    furnish(resources)
    return resources


def security_group(plan: Plan) -> str:
    """The security group of the endpoints' subnet."""
    return plan.id("spoke", f"Microsoft.Network/networkSecurityGroups/{plan.prefix}-endpoints-nsg")


def insights(plan: Plan) -> str:
    """The workspace's Application Insights."""
    return plan.id("ml", f"Microsoft.Insights/components/{plan.prefix}-mlai")


def managed_compute(plan: Plan) -> str:
    """The training cluster."""
    return f"{plan.workspace}/computes/train-cpu"


def furnish(resources: list[Json]) -> None:
    """Add to the world of ``private_inference`` what it has none of."""
    plan = Plan(resources[0]["id"].split("/")[4].rsplit("-", 1)[0])
    by_id = {each["id"]: each for each in resources}
    for subnet in by_id[plan.network("spoke")]["properties"]["subnets"]:
        if subnet["name"] == "endpoints":
            subnet["properties"] |= {
                "networkSecurityGroup": {"id": security_group(plan)},
                "privateEndpointNetworkPolicies": "Disabled",
            }
        if subnet["name"] == "nodes":
            subnet["properties"]["serviceEndpoints"] = [{"service": "Microsoft.Storage"}]
    by_id[managed_compute(plan)]["properties"]["properties"] |= {
        "subnet": {"id": plan.subnet("spoke", "nodes")},
        "enableNodePublicIp": False,
        "remoteLoginPortPublicAccess": "Disabled",
    }
    by_id[insights(plan)]["properties"] |= {
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Disabled",
    }
    _encrypt(by_id, plan)
    rules = [{"name": rule["name"], **copy.deepcopy(rule["body"])} for rule in _rules()]
    group = {
        "id": security_group(plan),
        "location": plan.region,
        "properties": {"securityRules": rules},
    }
    at = next(i for i, r in enumerate(resources) if r["id"] == plan.network("hub"))
    resources.insert(at, group)
    resources += _arc(plan)
    holders = (
        (plan.guid("workspace-principal"), _workspace_roles(plan)),
        (plan.guid("cluster-principal"), _cluster_roles(plan)),
        (plan.guid("uami"), _identity_roles(plan)),
    )
    for principal, roles in holders:
        resources += [_assignment(plan, principal, role) for role in roles]


def arc_cluster(plan: Plan) -> str:
    """An Arc cluster beside the private one."""
    return plan.id("spoke", f"Microsoft.Kubernetes/connectedClusters/{plan.prefix}-arc")


def _arc(plan: Plan) -> list[Json]:
    """An Arc cluster with the extension, and a compute attached from it."""
    cluster: Json = {
        "id": arc_cluster(plan),
        "location": plan.region,
        "identity": {"type": "SystemAssigned", "principalId": plan.guid("arc"), "tenantId": TENANT},
        "properties": {"agentPublicKeyCertificate": "none", "distribution": "k3s"},
    }
    extension: Json = {
        "id": f"{arc_cluster(plan)}/providers/Microsoft.KubernetesConfiguration/extensions/azureml",
        "properties": {"extensionType": "Microsoft.AzureML.Kubernetes", "releaseTrain": "stable"},
    }
    identity: Json = {"type": "SystemAssigned", "principalId": plan.guid("arc-compute")}
    compute: Json = {
        "id": f"{plan.workspace}/computes/arc-a",
        "location": plan.region,
        "tags": {"team": "arc-a"},
        "identity": {**identity, "tenantId": TENANT},
        "properties": {
            "computeType": "Kubernetes",
            "computeLocation": plan.region,
            "resourceId": arc_cluster(plan),
            "properties": {"namespace": "team-arc", "defaultInstanceType": "small"},
        },
    }
    return [cluster, extension, compute]


def key(plan: Plan) -> str:
    """The key that storage, registry and workspace are encrypted with."""
    return f"https://{plan.prefix}-mlkv.vault.azure.net/keys/main"


def blobs(plan: Plan) -> str:
    """The blob service of the workspace's account."""
    return f"{plan.storage}/blobServices/default"


def _encrypt(by_id: dict[str, Json], plan: Plan) -> None:
    named = {"keyIdentifier": key(plan)}
    by_id[plan.registry]["properties"]["encryption"] = {
        "status": "enabled",
        "keyVaultProperties": dict(named),
    }
    by_id[plan.workspace]["properties"]["encryption"] = {
        "status": "Enabled",
        "keyVaultProperties": {**named, "keyVaultArmId": plan.vault},
    }
    by_id[plan.storage]["properties"]["encryption"] = {
        "keySource": "Microsoft.Keyvault",
        "keyvaultproperties": {
            "keyvaulturi": f"https://{plan.prefix}-mlkv.vault.azure.net",
            "keyname": "main",
        },
    }


def _assignment(plan: Plan, principal: str, role: Json) -> Json:
    name = plan.guid(f"{principal} {role['role']} {role['scope']}")
    definitions = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
    return {
        "id": f"{role['scope']}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "properties": {
            "roleDefinitionId": f"{definitions}/{role['role']}",
            "principalId": principal,
            "principalType": "ServicePrincipal",
        },
    }


def _workspace_roles(plan: Plan) -> list[Json]:
    return [
        {"role": CONTRIBUTOR, "scope": plan.registry},
        {"role": BLOB_CONTRIBUTOR, "scope": plan.storage},
    ]


def _cluster_roles(plan: Plan) -> list[Json]:
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{plan.prefix}-spoke"
    return [{"role": NETWORK_CONTRIBUTOR, "scope": group}]


def _identity_roles(plan: Plan) -> list[Json]:
    return [{"role": ACR_PULL, "scope": plan.registry}]


def _rules() -> list[Json]:
    shared = {"protocol": "Tcp", "sourcePortRange": "*", "access": "Allow"}
    return [
        {
            "name": "allow-azureml",
            "body": {
                "properties": {
                    **shared,
                    "direction": "Outbound",
                    "priority": 200,
                    "sourceAddressPrefix": "VirtualNetwork",
                    "destinationAddressPrefix": "AzureMachineLearning",
                    "destinationPortRanges": ["443", "8787", "18881"],
                }
            },
        },
        {
            "name": "allow-scoring",
            "body": {
                "properties": {
                    **shared,
                    "direction": "Inbound",
                    "priority": 210,
                    "sourceAddressPrefix": "10.0.0.0/16",
                    "destinationAddressPrefix": "10.10.0.50",
                    "destinationPortRange": "443",
                }
            },
        },
    ]


def _declare(manifest: Json, plan: Plan) -> None:
    manifest["tenant"] = TENANT
    manifest["isolation"] = "private"
    workspace = manifest["workspaces"][0]
    workspace |= {
        "applicationInsights": insights(plan),
        "systemAssignedIdentity": True,
        "v1LegacyMode": False,
        "customerManagedKey": key(plan),
        "roles": _workspace_roles(plan),
    }
    for account in manifest["storageAccounts"]:
        account |= {
            "allowedSubnets": [plan.subnet("spoke", "nodes")],
            "customerManagedKey": key(plan),
            "blobSoftDelete": False,
        }
    for registry in manifest["registries"]:
        registry["customerManagedKey"] = key(plan)
    for vault in manifest["keyVaults"]:
        vault |= {"softDelete": True, "purgeProtection": True}
    manifest["applicationInsights"] = [
        {"id": insights(plan), "ingestion": "Enabled", "query": "Disabled"}
    ]
    manifest["clusters"][0] |= {
        "private": True,
        "extension": {"internalRouter": True, "releaseTrain": "stable"},
        "roles": _cluster_roles(plan),
    }
    manifest["clusters"].append({"id": arc_cluster(plan), "extension": {"releaseTrain": "stable"}})
    manifest["virtualNetworks"] = _networks(plan)
    manifest["networkSecurityGroups"] = [{"id": security_group(plan), "rules": _rules()}]
    manifest["privateDnsZones"] = _zones(plan)
    manifest["managedComputes"] = [_managed(plan)]
    manifest["identities"] = [{"id": plan.identity, "roles": _identity_roles(plan)}]


def _managed(plan: Plan) -> Json:
    subnet = plan.subnet("spoke", "nodes")
    return {"id": managed_compute(plan), "subnet": subnet, "publicIp": False, "ssh": False}


def _networks(plan: Plan) -> list[Json]:
    def peering(there: str) -> Json:
        flags = {"allowVirtualNetworkAccess": True, "allowForwardedTraffic": True}
        remote = {"remoteVirtualNetwork": {"id": plan.network(there)}}
        return {"name": f"to-{there}", "body": {"properties": {**remote, **flags}}}

    endpoints: Json = {
        "name": "endpoints",
        "delegations": [],
        "privateEndpointNetworkPolicies": "Disabled",
        "networkSecurityGroup": security_group(plan),
    }
    nodes: Json = {"name": "nodes", "serviceEndpoints": ["Microsoft.Storage"]}
    return [
        {"id": plan.network("hub"), "peerings": [peering("spoke")]},
        {
            "id": plan.network("spoke"),
            "subnets": [endpoints, nodes],
            "peerings": [peering("hub")],
        },
    ]


def _zones(plan: Plan) -> list[Json]:
    found: dict[str, list[Json]] = {}
    for each in private_inference(prefix=plan.prefix):
        zone, _, link = each["id"].partition("/virtualNetworkLinks/")
        if link:
            network = each["properties"]["virtualNetwork"]["id"]
            found.setdefault(zone, []).append({"name": link, "virtualNetwork": network})
    return [{"id": zone, "links": links} for zone, links in found.items()]
