"""Owns turning a declared environment into plain ARM resources, for the simulated Azure to start from.

A manifest says what has to be so, not everything that is: address spaces, principals, SKUs and the
cluster's size are invented here. What the simulated Azure does not know is left out and named.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from shared.model.environment import Access, Cluster, Compute, Environment, PrivateEndpoint
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.directory import TENANT

type Body = dict[str, Any]

_STORES: Final = frozenset(
    {
        "microsoft.storage/storageaccounts",
        "microsoft.keyvault/vaults",
        "microsoft.containerregistry/registries",
    }
)
"""What can be made up, when the manifest leads to it without declaring it."""
_DECLARED: Final = frozenset(
    {
        "microsoft.machinelearningservices/workspaces",
        "microsoft.containerservice/managedclusters",
    }
)
"""What else an endpoint may lead to, if the manifest declares it."""
_LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """The resources, and what of the manifest is not among them."""

    resources: tuple[Body, ...]
    left_out: tuple[str, ...] = ()


def world_of(environment: Environment) -> World:
    """A healthy world that the manifest describes.

    Raises:
        ValueError: naming the resource that cannot be in the simulated Azure.
    """
    known = {part.id for part in environment.parts()}
    endpoints = [e for e in environment.private_endpoints if _is_known(e.target, known)]
    computes = [
        c for c in environment.computes if (k := environment.cluster(c.cluster)) and k.is_aks
    ]
    left = [
        f"{e.id}: its target is not simulated"
        for e in environment.private_endpoints
        if e not in endpoints
    ]
    left += [
        f"{c.id}: Arc clusters are not simulated" for c in environment.computes if c not in computes
    ]
    region = (
        str((endpoints or computes)[0].body["location"]) if endpoints or computes else "westeurope"
    )
    resources = [
        *_networks(endpoints),
        *_zones(endpoints),
        *(
            r
            for each in environment.clusters
            if each.is_aks
            for r in _cluster(environment, each, region)
        ),
        *_stores(environment, region),
        *_others(environment, endpoints, computes, known, region),
        *_workspaces(environment, region),
        *(r for each in endpoints for r in _endpoint(each)),
        *(r for each in computes for r in _compute(each)),
    ]
    return World((*resources, *_records(endpoints, resources)), tuple(left))


def _is_known(target: ResourceId, known: set[ResourceId]) -> bool:
    return target.type in _STORES or (target in known and target.type in _DECLARED)


def _guid(words: object) -> str:
    """The same guid each time for the same words."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, str(words).lower()))


def _networks(endpoints: Iterable[PrivateEndpoint]) -> Iterator[Body]:
    """The networks of the endpoints' subnets, with address spaces of our own."""
    found: dict[ResourceId, tuple[str, list[ResourceId]]] = {}
    for endpoint in endpoints:
        network = endpoint.subnet.parent or endpoint.subnet
        _, subnets = found.setdefault(network, (str(endpoint.body["location"]), []))
        if endpoint.subnet not in subnets:
            subnets.append(endpoint.subnet)
    for number, (network, (region, subnets)) in enumerate(sorted(found.items())):
        ranges = [f"10.{number}.{at}.0/24" for at in range(len(subnets))]
        yield {
            "id": network.text,
            "location": region,
            "properties": {
                "addressSpace": {"addressPrefixes": [f"10.{number}.0.0/16"]},
                "subnets": [
                    {"name": subnet.name, "properties": {"addressPrefix": each}}
                    for subnet, each in zip(subnets, ranges, strict=True)
                ],
            },
        }


def _zones(endpoints: Iterable[PrivateEndpoint]) -> Iterator[Body]:
    """Each zone, linked to the networks of the endpoints whose names it holds."""
    links: dict[ResourceId, set[ResourceId]] = {}
    for endpoint in endpoints:
        network = endpoint.subnet.parent or endpoint.subnet
        zones = [record.zone for record in endpoint.records]
        if endpoint.zone_group:
            zones += [each.private_dns_zone_id for each in endpoint.zone_group.zones]
        for zone in zones:
            links.setdefault(zone, set()).add(network)
    for zone, networks in sorted(links.items()):
        yield {"id": zone.text, "location": "global", "properties": {}}
        for network in sorted(networks):
            yield {
                "id": f"{zone}/virtualNetworkLinks/to-{network.name}",
                "location": "global",
                "properties": {
                    "virtualNetwork": {"id": network.text},
                    "registrationEnabled": False,
                },
            }


def _cluster(environment: Environment, cluster: Cluster, region: str) -> Iterator[Body]:
    records = [r for e in environment.cluster_endpoints(cluster.id) for r in e.records]
    host = _guid(cluster.id)[:8]
    private = f"{host}.{_guid(host)}.privatelink.{region}.azmk8s.io"
    if records:
        private = f"{records[0].name}.{records[0].zone.name}"
    access: Body = {
        "enablePrivateCluster": True,
        "enablePrivateClusterPublicFQDN": False,
        "privateDNSZone": "system",
    }
    if cluster.vnet_integration:
        access["enableVnetIntegration"] = True
    yield {
        "id": cluster.id.text,
        "location": region,
        "sku": {"name": "Base", "tier": "Standard"},
        "identity": {"type": "SystemAssigned", "principalId": _guid(f"{cluster.id} self")},
        "properties": {
            "dnsPrefix": cluster.id.name,
            "privateFQDN": private,
            "apiServerAccessProfile": access,
            "disableLocalAccounts": False,
        },
    }
    yield {
        "id": f"{cluster.id}/providers/Microsoft.KubernetesConfiguration/extensions/azureml",
        "identity": {"type": "SystemAssigned", "principalId": _guid(f"{cluster.id} extension")},
        "properties": {"extensionType": "Microsoft.AzureML.Kubernetes", "releaseTrain": "stable"},
    }


def _stores(environment: Environment, region: str) -> Iterator[Body]:
    yield from (_store(each.id, region, each) for each in environment.storage_accounts)
    yield from (_store(each.id, region, each) for each in environment.key_vaults)
    yield from (_store(each.id, region, each) for each in environment.registries)


def _store(resource: ResourceId, region: str, declared: Access | None = None) -> Body:
    """A storage account, vault or registry; what is not declared is closed."""
    declared = declared or Access()
    public = declared.public_network_access or "Disabled"
    action = declared.default_action or "Deny"
    bypass = "None" if declared.trusted_services is False else "AzureServices"
    rules = {"bypass": bypass, "defaultAction": action}
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
    return body


def _others(
    environment: Environment,
    endpoints: Iterable[PrivateEndpoint],
    computes: Iterable[Compute],
    known: set[ResourceId],
    region: str,
) -> Iterator[Body]:
    """What the manifest only refers to: identities, targets and scopes of others."""
    stores = {e.target for e in endpoints} | {r.scope for c in computes for r in c.roles}
    for each in environment.workspaces:
        used = (each.storage_account, each.key_vault, each.container_registry)
        stores |= {store for store in used if store is not None}
    for resource in sorted(stores - known):
        if resource.type in _STORES:
            yield _store(resource, region)
    users = {
        name for c in computes for name in dig(c.body, "identity.userAssignedIdentities") or {}
    }
    for name in sorted(users, key=str.lower):
        yield {"id": name, "location": region, "properties": {"principalId": _guid(name)}}


def _workspaces(environment: Environment, region: str) -> Iterator[Body]:
    for workspace in environment.workspaces:
        used = {
            "storageAccount": workspace.storage_account,
            "keyVault": workspace.key_vault,
            "containerRegistry": workspace.container_registry,
        }
        yield {
            "id": workspace.id.text,
            "location": region,
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": {"type": "SystemAssigned", "principalId": _guid(f"{workspace.id} self")},
            "properties": {
                "publicNetworkAccess": workspace.public_network_access or "Disabled",
                **{name: each.text for name, each in used.items() if each},
            },
        }


def _endpoint(endpoint: PrivateEndpoint) -> Iterator[Body]:
    yield {"id": endpoint.id.text, **copy.deepcopy(endpoint.body)}
    if endpoint.zone_group:
        configs = [
            {"name": each.name, "properties": {"privateDnsZoneId": each.private_dns_zone_id.text}}
            for each in endpoint.zone_group.zones
        ]
        yield {
            "id": f"{endpoint.id}/privateDnsZoneGroups/{endpoint.zone_group.name}",
            "properties": {"privateDnsZoneConfigs": configs},
        }


def _compute(compute: Compute) -> Iterator[Body]:
    body = copy.deepcopy(compute.body)
    principal = _guid(f"{compute.id} self")
    if "systemassigned" in compute.identity_type.lower():
        body["identity"] |= {"principalId": principal, "tenantId": TENANT}
    yield {"id": compute.id.text, **body}
    for role in compute.roles:
        where = f"/subscriptions/{role.scope.subscription}"
        definition = f"{where}/providers/Microsoft.Authorization/roleDefinitions/{role.role}"
        name = _guid(f"{compute.id} {role.role} {role.scope}")
        yield {
            "id": f"{role.scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
            "properties": {
                "roleDefinitionId": definition,
                "principalId": principal,
                "principalType": "ServicePrincipal",
            },
        }


def _records(endpoints: Iterable[PrivateEndpoint], resources: Iterable[Body]) -> Iterator[Body]:
    """The A records, with the addresses that the same world gives when it is loaded."""
    cloud = Cloud(VirtualClock(_LONG_AGO))
    cloud.load([copy.deepcopy(each) for each in resources])
    for endpoint in endpoints:
        live = cloud.get(endpoint.id.text) or {}
        cards: Sequence[Any] = dig(live, "properties.networkInterfaces") or ({},)
        card = cloud.get(str(dig(cards[0], "id") or "")) or {}
        first: Body = (dig(card, "properties.ipConfigurations") or ({},))[0]
        address = dig(first, "properties.privateIPAddress")
        for record in endpoint.records:
            yield {
                "id": f"{record.zone}/A/{record.name}",
                "properties": {"ttl": record.ttl, "aRecords": [{"ipv4Address": address}]},
            }
