"""A whole private environment in order: its manifest, and every resource as a plain ARM body."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.model.debt import Debt
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from tests.remediators.network_shapes import (
    live_group,
    live_link,
    live_network,
    live_peering,
    peering_body,
    record,
    scoring_rule,
    zone_group,
)
from tests.remediators.shapes import (
    KEY,
    cluster,
    deployment,
    endpoint_on,
    insights,
    live_compute,
    registry,
    rules,
    secured,
    stored_key,
    train,
    undeletable,
    workspace,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SUB = "/subscriptions/11111111-1111-4111-8111-111111111111"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


def rid(group: str, kind: str, name: str) -> ResourceId:
    return ResourceId.parse(f"{SUB}/resourceGroups/{group}/providers/{kind}/{name}")


WORKSPACE = rid("ml", "Microsoft.MachineLearningServices/workspaces", "ws")
STORAGE = rid("ml", "Microsoft.Storage/storageAccounts", "st")
BLOBS = STORAGE.child("blobServices", "default")
VAULT = rid("ml", "Microsoft.KeyVault/vaults", "kv")
REGISTRY = rid("ml", "Microsoft.ContainerRegistry/registries", "cr")
INSIGHTS = rid("ml", "Microsoft.Insights/components", "ai")
CLUSTER = rid("aks", "Microsoft.ContainerService/managedClusters", "k8s")
VNET = rid("net", "Microsoft.Network/virtualNetworks", "hub")
SPOKE = rid("net", "Microsoft.Network/virtualNetworks", "spoke")
TO_SPOKE = VNET.child("virtualNetworkPeerings", "to-spoke")
TO_HUB = SPOKE.child("virtualNetworkPeerings", "to-hub")
NSG = rid("net", "Microsoft.Network/networkSecurityGroups", "nsg")
SCORING = NSG.child("securityRules", "scoring")
SUBNET = VNET.child("subnets", "endpoints")
NODES = SPOKE.child("subnets", "nodes")
BLOB_ZONE = rid("dns", "Microsoft.Network/privateDnsZones", "privatelink.blob.core.windows.net")
AKS_ZONE = rid("dns", "Microsoft.Network/privateDnsZones", "x.privatelink.westeurope.azmk8s.io")
BLOB = rid("net", "Microsoft.Network/privateEndpoints", "pe-blob")
API = rid("net", "Microsoft.Network/privateEndpoints", "pe-k8s")
LINKS = {
    rid("net", "Microsoft.Network/privateEndpoints", f"pe-{group}"): (target, group)
    for target, group in (
        (STORAGE, "file"),
        (VAULT, "vault"),
        (REGISTRY, "registry"),
        (WORKSPACE, "amlworkspace"),
    )
}
"""The endpoints that nothing is declared of but where they lead."""
GPU = WORKSPACE.child("computes", "gpu")
CPU = WORKSPACE.child("computes", "cpu")
TRAIN = WORKSPACE.child("computes", "train")
SCORES = WORKSPACE.child("onlineEndpoints", "scores")
BLUE = SCORES.child("deployments", "blue")
ASSIGNED = rid("ml", "Microsoft.ManagedIdentity/userAssignedIdentities", "cpu-id")
RECORD = AKS_ZONE.child("A", "k8s")
BLOB_RECORD = BLOB_ZONE.child("A", "st")
BLOB_LINK = BLOB_ZONE.child("virtualNetworkLinks", "to-hub")
AKS_LINK = AKS_ZONE.child("virtualNetworkLinks", "to-hub")
GROUP = BLOB.child("privateDnsZoneGroups", "default")
PRINCIPAL = "aaaaaaaa-0000-4000-8000-000000000001"
OWNER = "aaaaaaaa-0000-4000-8000-000000000002"
OPERATOR = "aaaaaaaa-0000-4000-8000-000000000003"
RUNNER = "aaaaaaaa-0000-4000-8000-000000000004"
LINK = f"{SUB}/resourceGroups/ms/providers/Microsoft.Network/privateLinkServices/pls-1"
CREATED = "2026-11-01T00:00:00+00:00"


def interface(endpoint: ResourceId) -> ResourceId:
    return rid("net", "Microsoft.Network/networkInterfaces", f"{endpoint.name}.nic")


def guid(endpoint: ResourceId) -> str:
    return f"guid-of-{endpoint.name}"


def endpoint_body(target: ResourceId, groups: Sequence[str]) -> dict[str, Any]:
    connection = {"privateLinkServiceId": target.text, "groupIds": list(groups)}
    return {
        "location": "westeurope",
        "properties": {
            "subnet": {"id": SUBNET.text},
            "privateLinkServiceConnections": [{"name": "link", "properties": connection}],
        },
    }


def compute_body(identity: dict[str, Any]) -> dict[str, Any]:
    return {
        "location": "westeurope",
        "identity": identity,
        "properties": {
            "computeType": "Kubernetes",
            "resourceId": CLUSTER.text,
            "properties": {
                "namespace": "ml",
                "defaultInstanceType": "small",
                "instanceTypes": {"small": {"resources": {"requests": {"cpu": "1"}}}},
            },
        },
    }


SYSTEM = {"type": "SystemAssigned"}
USER = {"type": "UserAssigned", "userAssignedIdentities": {ASSIGNED.text: {}}}


def _settings() -> dict[str, Any]:
    """What is declared of the workspace beside its access."""
    return {
        "storageAccount": STORAGE.text,
        "keyVault": VAULT.text,
        "containerRegistry": REGISTRY.text,
        "applicationInsights": INSIGHTS.text,
        "systemAssignedIdentity": True,
        "v1LegacyMode": False,
        "imageBuildCompute": "build",
        "customerManagedKey": KEY,
    }


NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
OWNER_ROLES = [{"role": BLOB_CONTRIBUTOR, "scope": STORAGE.text}]
OPERATOR_ROLES = [{"role": NETWORK_CONTRIBUTOR, "scope": VNET.group.text}]
ASSIGNED_ROLES = [{"role": ACR_PULL, "scope": REGISTRY.text}]


def _networks() -> dict[str, Any]:
    hub = {
        "id": VNET.text,
        "subnets": [{"name": "endpoints", "serviceEndpoints": ["Microsoft.Storage"]}],
        "peerings": [{"name": "to-spoke", "body": peering_body(SPOKE)}],
    }
    spoke = {"id": SPOKE.text, "peerings": [{"name": "to-hub", "body": peering_body(VNET)}]}
    rules = [{"name": "scoring", "body": scoring_rule()}]
    return {
        "virtualNetworks": [hub, spoke],
        "networkSecurityGroups": [{"id": NSG.text, "rules": rules}],
        "privateDnsZones": [
            {"id": zone.text, "links": [{"name": "to-hub", "virtualNetwork": VNET.text}]}
            for zone in (BLOB_ZONE, AKS_ZONE)
        ],
    }


def _endpoints() -> list[dict[str, Any]]:
    zone = {"name": "blob", "privateDnsZoneId": BLOB_ZONE.text}
    return [
        {
            "id": BLOB.text,
            "body": endpoint_body(STORAGE, ["blob"]),
            "zoneGroup": {"name": "default", "zones": [zone]},
        },
        {
            "id": API.text,
            "body": endpoint_body(CLUSTER, ["management"]),
            "records": [{"zone": AKS_ZONE.text, "name": "k8s"}],
        },
        *({"id": own.text, "body": endpoint_body(t, [g])} for own, (t, g) in LINKS.items()),
    ]


def manifest() -> dict[str, Any]:
    closed = {"publicNetworkAccess": "Disabled"}
    rules = {**closed, "defaultAction": "Deny", "trustedServices": True}
    keyed = {"customerManagedKey": KEY}
    roles = [
        {"role": ACR_PULL, "scope": REGISTRY.text},
        {"role": BLOB_READER, "scope": STORAGE.text},
    ]
    return {
        "apiVersion": "relink/v1",
        "name": "prod",
        "isolation": "private",
        "workspaces": [{"id": WORKSPACE.text, **closed, **_settings(), "roles": OWNER_ROLES}],
        "storageAccounts": [{"id": STORAGE.text, **keyed, "blobSoftDelete": True, **rules}],
        "keyVaults": [{"id": VAULT.text, "softDelete": True, "purgeProtection": True, **rules}],
        "applicationInsights": [{"id": INSIGHTS.text, "ingestion": "Enabled", "query": "Disabled"}],
        "registries": [{"id": REGISTRY.text, **keyed, **rules}],
        "clusters": [
            {
                "id": CLUSTER.text,
                "private": True,
                "extension": {"internalRouter": True, "releaseTrain": "stable"},
                "roles": OPERATOR_ROLES,
            }
        ],
        **_networks(),
        "privateEndpoints": _endpoints(),
        "computes": [
            {"id": GPU.text, "body": compute_body(SYSTEM), "roles": roles},
            {"id": CPU.text, "body": compute_body(USER)},
        ],
        "managedComputes": [
            {"id": TRAIN.text, "subnet": NODES.text, "publicIp": False, "ssh": False}
        ],
        "identities": [{"id": ASSIGNED.text, "roles": ASSIGNED_ROLES}],
    }


def environment(**changes: Any) -> Environment:  # noqa: ANN401 - a manifest's values
    return Environment.model_validate({**manifest(), **changes})


def declared(kind: str, resource: ResourceId, **changes: Any) -> Environment:  # noqa: ANN401 - a manifest's values
    """The environment with one part changed."""
    parts = copy.deepcopy(manifest()[kind])
    for part in parts:
        if part["id"] == resource.text:
            part.update(changes)
    return environment(**{kind: parts})


def disowned() -> Environment:
    """Everything belongs to another manifest."""
    whole = manifest()
    kinds = [name for name, value in whole.items() if isinstance(value, list)]
    parts = {kind: [{**part, "owned": False} for part in whole[kind]] for kind in kinds}
    return environment(**parts)


def assignment(role: str, scope: ResourceId, principal: str, name: str) -> dict[str, Any]:
    definition = f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return {
        "id": scope.extension("Microsoft.Authorization/roleAssignments", name).text,
        "properties": {
            "roleDefinitionId": definition,
            "principalId": principal,
            "scope": scope.text,
        },
    }


def given() -> list[dict[str, Any]]:
    """The role assignments of every declared identity, in order."""
    return [
        assignment(ACR_PULL, REGISTRY, PRINCIPAL, "pull"),
        assignment(BLOB_READER, STORAGE, PRINCIPAL, "read"),
        assignment(BLOB_CONTRIBUTOR, STORAGE, OWNER, "own"),
        assignment(NETWORK_CONTRIBUTOR, VNET.group, OPERATOR, "net"),
        assignment(ACR_PULL, REGISTRY, RUNNER, "run"),
    ]


def power(name: str, at: datetime, status: str = "Succeeded") -> dict[str, Any]:
    """An activity log entry of a start or a stop."""
    operation = f"Microsoft.ContainerService/managedClusters/{name}/action"
    return logged(operation, at, status)


def logged(operation: str, at: datetime, status: str = "Succeeded") -> dict[str, Any]:
    return {
        "operationName": {"value": operation},
        "status": {"value": status},
        "eventTimestamp": at.isoformat(),
    }


def restarted(at: datetime) -> list[dict[str, Any]]:
    """A stop and, twenty minutes later, the start that ended at ``at``."""
    return [power("stop", at - timedelta(minutes=20)), power("start", at)]


def debt(target: ResourceId, at: datetime, proof: str = "") -> Debt:
    return Debt(target, CLUSTER, at, "event", proof)


def _live_endpoint(body: dict[str, Any], own: ResourceId) -> dict[str, Any]:
    live = copy.deepcopy(body)
    state = {"status": "Approved", "description": ""}
    connection = live["properties"]["privateLinkServiceConnections"][0]["properties"]
    connection["privateLinkServiceConnectionState"] = state
    live["properties"]["provisioningState"] = "Succeeded"
    live["properties"]["networkInterfaces"] = [{"id": interface(own).text}]
    return {"id": own.text, "name": own.name, "etag": 'W/"1"', **live}


def _live_interface(own: ResourceId, address: str) -> dict[str, Any]:
    configuration = {"properties": {"privateIPAddress": address}}
    return {"properties": {"resourceGuid": guid(own), "ipConfigurations": [configuration]}}


def _live_networks() -> dict[ResourceId, dict[str, Any]]:
    hub_side = live_peering(TO_SPOKE, SPOKE, guid(TO_SPOKE))
    spoke_side = live_peering(TO_HUB, VNET, guid(TO_HUB))
    made = {"creator": "created by private endpoint pe-blob"}
    there = {"properties": {"provisioningState": "Succeeded"}}
    return {
        VNET: live_network(VNET, hub_side),
        SPOKE: live_network(SPOKE, spoke_side),
        NSG: live_group(NSG, SCORING),
        TO_SPOKE: hub_side,
        TO_HUB: spoke_side,
        **{own: copy.deepcopy(there) for own in (SUBNET, BLOB_ZONE, AKS_ZONE)},
        GROUP: zone_group(BLOB_ZONE, "st", "10.0.0.4"),
        RECORD: record(60, {"by": "us"}, "10.0.0.5"),
        BLOB_RECORD: record(10, made, "10.0.0.4"),
        **{own: live_link(own, VNET) for own in (BLOB_LINK, AKS_LINK)},
    }


def bodies() -> dict[ResourceId, dict[str, Any]]:
    """Every resource, in order."""
    return {
        **_live_networks(),
        WORKSPACE: workspace(_settings(), OWNER),
        STORAGE: secured(rules(), encryption=stored_key()),
        BLOBS: {"properties": {"deleteRetentionPolicy": {"enabled": True, "days": 7}}},
        INSIGHTS: insights(),
        VAULT: secured(rules(bypass="AzureServices"), **undeletable()),
        REGISTRY: registry(),
        CLUSTER: cluster(NODES.text, OPERATOR),
        ASSIGNED: {"properties": {"principalId": RUNNER}},
        BLOB: _live_endpoint(endpoint_body(STORAGE, ["blob"]), BLOB),
        API: _live_endpoint(endpoint_body(CLUSTER, ["management"]), API),
        **{own: _live_endpoint(endpoint_body(t, [g]), own) for own, (t, g) in LINKS.items()},
        **{interface(own): _live_interface(own, f"10.0.0.{9 + n}") for n, own in enumerate(LINKS)},
        interface(BLOB): _live_interface(BLOB, "10.0.0.4"),
        interface(API): _live_interface(API, "10.0.0.5"),
        TRAIN: train(NODES.text),
        SCORES: endpoint_on(GPU.text, SCORES.text),
        BLUE: deployment(BLUE.text),
        GPU: live_compute(compute_body(SYSTEM), PRINCIPAL, CREATED),
        CPU: live_compute(compute_body(USER), "", CREATED),
    }
