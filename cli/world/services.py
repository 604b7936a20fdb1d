"""Owns what an environment uses: storage, vaults, registries, insights, workspaces, clusters, computes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Final

from cli.world.made_up import Body, assignments, guid, principal_of
from cli.world.networks import nodes_of
from shared.model.environment import (
    Access,
    Cluster,
    Compute,
    Environment,
    KeyVault,
    ManagedCompute,
    PrivateEndpoint,
    Registry,
    StorageAccount,
    Workspace,
)
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from simulator.directory import TENANT

STORES: Final = frozenset(
    {
        "microsoft.storage/storageaccounts",
        "microsoft.keyvault/vaults",
        "microsoft.containerregistry/registries",
    }
)
"""What can be made up, when the manifest leads to it without declaring it."""


def clusters(environment: Environment, region: str) -> Iterator[Body]:
    """Every cluster with the AzureML extension; Arc clusters are connected."""
    for cluster in environment.clusters:
        body = _managed(environment, cluster, region) if cluster.is_aks else _connected(cluster)
        yield {"location": region, **body}
        yield _extension(cluster)
        yield from assignments(cluster.id, principal_of(cluster.id), cluster.roles)


def _managed(environment: Environment, cluster: Cluster, region: str) -> Body:
    records = [r for e in environment.cluster_endpoints(cluster.id) for r in e.records]
    host = guid(cluster.id)[:8]
    private = f"{host}.{guid(host)}.privatelink.{region}.azmk8s.io"
    if records:
        private = f"{records[0].name}.{records[0].zone.name}"
    access: Body = {
        "enablePrivateCluster": cluster.private is not False,
        "enablePrivateClusterPublicFQDN": False,
        "privateDNSZone": "system",
    }
    if cluster.vnet_integration:
        access["enableVnetIntegration"] = True
    nodes = nodes_of(environment, cluster.id)
    pool: Body = {"name": "system", "mode": "System", "count": 3, "vmSize": "Standard_D4s_v5"}
    pool |= {"osType": "Linux", "type": "VirtualMachineScaleSets"}
    if nodes is not None:
        pool["vnetSubnetID"] = nodes.text
    return {
        "id": cluster.id.text,
        "sku": {"name": "Base", "tier": "Standard"},
        "identity": {"type": "SystemAssigned", "principalId": principal_of(cluster.id)},
        "properties": {
            "dnsPrefix": cluster.id.name,
            "privateFQDN": private,
            "apiServerAccessProfile": access,
            "agentPoolProfiles": [pool],
            "disableLocalAccounts": False,
        },
    }


def _connected(cluster: Cluster) -> Body:
    return {
        "id": cluster.id.text,
        "identity": {"type": "SystemAssigned", "principalId": principal_of(cluster.id)},
        "properties": {"agentPublicKeyCertificate": "none", "distribution": "k3s"},
    }


def _extension(cluster: Cluster) -> Body:
    wanted = cluster.extension
    properties: Body = {"extensionType": "Microsoft.AzureML.Kubernetes", "releaseTrain": "stable"}
    if wanted is not None:
        properties["releaseTrain"] = wanted.release_train or "stable"
        if wanted.auto_upgrade is not None:
            properties["autoUpgradeMinorVersion"] = wanted.auto_upgrade
        if wanted.internal_router:
            properties["configurationSettings"] = {
                "enableInference": "True",
                "inferenceRouterServiceType": "LoadBalancer",
                "internalLoadBalancerProvider": "azure",
            }
    return {
        "id": f"{cluster.id}/providers/Microsoft.KubernetesConfiguration/extensions/azureml",
        "identity": {"type": "SystemAssigned", "principalId": guid(f"{cluster.id} extension")},
        "properties": properties,
    }


def stores(environment: Environment, region: str) -> Iterator[Body]:
    """The declared storage accounts, vaults and registries."""
    for account in environment.storage_accounts:
        yield _store(account.id, region, account)
        if account.blob_soft_delete is not None:
            policy: Body = {"enabled": account.blob_soft_delete}
            if account.blob_soft_delete:
                policy["days"] = 7
            yield {
                "id": f"{account.id}/blobServices/default",
                "properties": {"deleteRetentionPolicy": policy},
            }
    yield from (_store(each.id, region, each) for each in environment.key_vaults)
    yield from (_store(each.id, region, each) for each in environment.registries)


def _store(resource: ResourceId, region: str, declared: Access | None = None) -> Body:
    """A storage account, vault or registry; what is not declared is closed."""
    declared = declared or Access()
    public = declared.public_network_access or "Disabled"
    action = declared.default_action or "Deny"
    bypass = "None" if declared.trusted_services is False else "AzureServices"
    subnets = [{"id": each.text} for each in declared.allowed_subnets]
    rules = {"bypass": bypass, "defaultAction": action, "virtualNetworkRules": subnets}
    body: Body = {"id": resource.text, "location": region}
    match resource.type.partition("/")[2]:
        case "storageaccounts":
            body |= {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
            body["properties"] = {"publicNetworkAccess": public, "networkAcls": rules}
        case "vaults":
            sku = {"family": "A", "name": "standard"}
            body["properties"] = {"tenantId": TENANT, "sku": sku, "enableRbacAuthorization": True}
            body["properties"] |= {"publicNetworkAccess": public, "networkAcls": rules}
        case _:
            body["sku"] = {"name": "Premium"}
            body["properties"] = {
                "publicNetworkAccess": public,
                "networkRuleBypassOptions": bypass,
                "networkRuleSet": {"defaultAction": action},
            }
    body["properties"] |= _protection(declared)
    return body


def _protection(declared: Access) -> Body:
    """Keys of one's own, and what protects a vault from deletion."""
    match declared:
        case KeyVault():
            found: Body = {"enableSoftDelete": declared.soft_delete is not False}
            if declared.purge_protection:
                found["enablePurgeProtection"] = True
            return found
        case StorageAccount(customer_managed_key=str() as key):
            vault, _, name = key.partition("/keys/")
            held = {"keyvaulturi": vault, "keyname": name}
            return {"encryption": {"keySource": "Microsoft.Keyvault", "keyvaultproperties": held}}
        case Registry(customer_managed_key=str() as key):
            held = {"keyIdentifier": key}
            return {"encryption": {"status": "enabled", "keyVaultProperties": held}}
        case _:
            return {}


def others(
    environment: Environment,
    endpoints: Iterable[PrivateEndpoint],
    computes: Iterable[Compute],
    known: set[ResourceId],
    region: str,
) -> Iterator[Body]:
    """What the manifest only refers to: identities, insights, targets and scopes of others."""
    named = {e.target for e in endpoints}
    named |= {role.scope for holder in environment.holders() for role in holder.roles}
    for each in environment.workspaces:
        used = (each.storage_account, each.key_vault, each.container_registry)
        named |= {store for store in used if store is not None}
    for resource in sorted(named - known):
        if resource.type in STORES:
            yield _store(resource, region)
    roles = {identity.id: identity.roles for identity in environment.identities}
    users = {
        ResourceId.parse(name)
        for c in computes
        for name in dig(c.body, "identity.userAssignedIdentities") or {}
    }
    for identity in sorted({*users, *roles}):
        properties = {"principalId": guid(identity), "clientId": guid(f"{identity} client")}
        yield {"id": identity.text, "location": region, "properties": properties}
        yield from assignments(identity, guid(identity), roles.get(identity, ()))


def insights(environment: Environment, region: str) -> Iterator[Body]:
    """The declared Application Insights, and those that workspaces only name."""
    declared = {each.id: each for each in environment.application_insights}
    named = {w.application_insights for w in environment.workspaces if w.application_insights}
    for each in sorted({*declared, *named}):
        part = declared.get(each)
        yield {
            "id": each.text,
            "location": region,
            "kind": "web",
            "properties": {
                "Application_Type": "web",
                "publicNetworkAccessForIngestion": (part and part.ingestion) or "Enabled",
                "publicNetworkAccessForQuery": (part and part.query) or "Enabled",
            },
        }


def workspaces(environment: Environment, region: str) -> Iterator[Body]:
    """The workspaces with their own settings and roles."""
    for workspace in environment.workspaces:
        yield _workspace(workspace, region)
        yield from assignments(workspace.id, principal_of(workspace.id), workspace.roles)


def _workspace(workspace: Workspace, region: str) -> Body:
    used = {
        "storageAccount": workspace.storage_account,
        "keyVault": workspace.key_vault,
        "containerRegistry": workspace.container_registry,
        "applicationInsights": workspace.application_insights,
    }
    properties: Body = {
        "publicNetworkAccess": workspace.public_network_access or "Disabled",
        **{name: each.text for name, each in used.items() if each},
    }
    if workspace.v1_legacy_mode is not None:
        properties["v1LegacyMode"] = workspace.v1_legacy_mode
    if workspace.image_build_compute != "":  # a closed registry builds no images by itself
        properties["imageBuildCompute"] = workspace.image_build_compute or "image-build"
    if workspace.customer_managed_key:
        held = {
            "keyIdentifier": workspace.customer_managed_key,
            "keyVaultArmId": _vault_of(workspace, workspace.customer_managed_key),
        }
        properties["encryption"] = {"status": "Enabled", "keyVaultProperties": held}
    return {
        "id": workspace.id.text,
        "location": region,
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned", "principalId": principal_of(workspace.id)},
        "properties": properties,
    }


def _vault_of(workspace: Workspace, key: str) -> str:
    """The vault that a key's URL names, taken to lie beside the workspace."""
    name = key.removeprefix("https://").partition(".")[0]
    group = workspace.id.scope.group
    return f"{group}/providers/Microsoft.KeyVault/vaults/{name}"


def endpoint(part: PrivateEndpoint) -> Iterator[Body]:
    """A private endpoint with its zone group."""
    yield {"id": part.id.text, **copy.deepcopy(part.body)}
    if part.zone_group:
        configs = [
            {"name": each.name, "properties": {"privateDnsZoneId": each.private_dns_zone_id.text}}
            for each in part.zone_group.zones
        ]
        yield {
            "id": f"{part.id}/privateDnsZoneGroups/{part.zone_group.name}",
            "properties": {"privateDnsZoneConfigs": configs},
        }


def kubernetes_compute(compute: Compute) -> Iterator[Body]:
    """A Kubernetes compute with the roles of its own identity."""
    body = copy.deepcopy(compute.body)
    principal = principal_of(compute.id)
    if "systemassigned" in compute.identity_type.lower():
        body["identity"] |= {"principalId": principal, "tenantId": TENANT}
    yield {"id": compute.id.text, **body}
    yield from assignments(compute.id, principal, compute.roles)


def managed_compute(compute: ManagedCompute, region: str) -> Body:
    """A compute cluster, as private as it is declared."""
    settings: Body = {
        "vmSize": "Standard_DS3_v2",
        "vmPriority": "Dedicated",
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4},
        "enableNodePublicIp": compute.public_ip is not False,
        "remoteLoginPortPublicAccess": "Enabled" if compute.ssh else "Disabled",
    }
    if compute.subnet is not None:
        settings["subnet"] = {"id": compute.subnet.text}
    return {
        "id": compute.id.text,
        "location": region,
        "properties": {
            "computeType": "AmlCompute",
            "computeLocation": region,
            "properties": settings,
        },
    }
