"""Owns one environment: a private AKS cluster with Azure ML inference on it, and everything around it.

Groups `<prefix>-hub` (network hub, DNS zones), `<prefix>-spoke` (cluster, its network), `<prefix>-ml` (workspace and
what belongs to it) and `<prefix>-other` (someone else's). Nothing read-only is in here: loading adds what Azure gives.
"""

import uuid
from dataclasses import dataclass

from simulator.wire import Json

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TENANT = "11111111-1111-1111-1111-111111111111"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
ZONES = (
    "privatelink.api.azureml.ms",
    "privatelink.notebooks.azure.net",
    "privatelink.blob.core.windows.net",
    "privatelink.file.core.windows.net",
    "privatelink.vaultcore.azure.net",
    "privatelink.azurecr.io",
)
TAGS = {"environment": "production", "owner": "ml-platform"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Where things are: ids made from prefix, subscription and region."""

    prefix: str
    subscription: str
    region: str

    def id(self, group: str, type_and_name: str) -> str:
        """Return the id of something in one of the groups."""
        base = f"/subscriptions/{self.subscription}/resourceGroups/{self.prefix}-{group}"
        return f"{base}/providers/{type_and_name}"

    def guid(self, name: str) -> str:
        """Return a guid that is the same each time for a name."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.subscription}/{self.prefix}/{name}"))

    @property
    def flat(self) -> str:
        """The prefix as storage accounts and registries allow it."""
        return self.prefix.replace("-", "")

    @property
    def cluster(self) -> str:
        """The cluster's id."""
        return self.id("spoke", f"Microsoft.ContainerService/managedClusters/{self.prefix}-aks")

    @property
    def workspace(self) -> str:
        """The workspace's id."""
        return self.id("ml", f"Microsoft.MachineLearningServices/workspaces/{self.prefix}-mlw")

    @property
    def storage(self) -> str:
        """The default storage account's id."""
        return self.id("ml", f"Microsoft.Storage/storageAccounts/{self.flat}mlst")

    @property
    def vault(self) -> str:
        """The vault's id."""
        return self.id("ml", f"Microsoft.KeyVault/vaults/{self.prefix}-mlkv")

    @property
    def registry(self) -> str:
        """The registry's id."""
        return self.id("ml", f"Microsoft.ContainerRegistry/registries/{self.flat}mlacr")

    @property
    def identity(self) -> str:
        """The user-assigned identity's id."""
        name = f"{self.prefix}-compute-id"
        return self.id("ml", f"Microsoft.ManagedIdentity/userAssignedIdentities/{name}")

    def subnet(self, network: str, name: str) -> str:
        """Return a subnet's id; networks are hub and spoke."""
        base = self.id(network, f"Microsoft.Network/virtualNetworks/{self.prefix}-{network}-vnet")
        return f"{base}/subnets/{name}"

    def network(self, name: str) -> str:
        """Return a network's id."""
        return self.subnet(name, "").removesuffix("/subnets/")

    def zone(self, name: str, site: str = "hub") -> str:
        """Return a zone's id at a site."""
        return self.id(site, f"Microsoft.Network/privateDnsZones/{name}")

    @property
    def cluster_zone(self) -> str:
        """The name of the cluster's own zone."""
        return f"{self.guid('zone')}.privatelink.{self.region}.azmk8s.io"


def private_inference(
    *,
    prefix: str = "prod",
    cluster_endpoints: int = 1,
    computes: int = 2,
    subscription: str = SUBSCRIPTION,
    region: str = "westeurope",
    vnet_integration: bool = False,
    others: bool = True,
) -> list[Json]:
    """Return the resources of a whole private environment, healthy.

    Args:
        prefix: of every name; `[a-z0-9-]`, short enough for a storage account.
        cluster_endpoints: customer-made endpoints to the API server, each in a network and with a zone of its own.
        computes: Kubernetes computes, alternating system- and user-assigned; the second has local auth disabled.
        subscription: where it lives.
        region: of everything regional.
        vnet_integration: the API server in the nodes' network: no link service, no endpoints.
        others: whether resources that nobody must touch are added.
    """
    plan = Plan(prefix, subscription, region)
    endpoints = 0 if vnet_integration else cluster_endpoints
    world = [
        *_networks(plan, endpoints),
        *_zones(plan, endpoints),
        _cluster(plan, vnet_integration=vnet_integration),
        _extension(plan),
        *_associated(plan),
        _workspace(plan),
        *_endpoints(plan),
        *(r for i, site in enumerate(_sites(endpoints)) for r in _cluster_endpoint(plan, i, site)),
        *(r for index in range(computes) for r in _compute(plan, index)),
    ]
    return [*world, *(_others(plan) if others else [])]


def _sites(cluster_endpoints: int) -> list[str]:
    """Name the networks that hold an endpoint to the API server; a name resolves once a network, hence one each."""
    return ["hub" if i == 0 else f"hub-{i + 1}" for i in range(cluster_endpoints)]


def _networks(plan: Plan, cluster_endpoints: int) -> list[Json]:
    hub_subnets = [("bastion", "10.0.0.0/26"), ("ops", "10.0.1.0/24")]
    spoke_subnets = [("nodes", "10.10.0.0/20"), ("endpoints", "10.10.16.0/24")]
    hub = _network(plan, "hub", "10.0.0.0/16", hub_subnets)
    spoke = _network(plan, "spoke", "10.10.0.0/16", spoke_subnets)
    more = [
        _network(plan, site, f"10.{20 + i}.0.0/16", [("ops", f"10.{20 + i}.1.0/24")])
        for i, site in enumerate(_sites(cluster_endpoints))
        if i
    ]
    return [hub, spoke, *more, _peering(plan, "hub", "spoke"), _peering(plan, "spoke", "hub")]


def _network(plan: Plan, name: str, prefix: str, subnets: list[tuple[str, str]]) -> Json:
    return {
        "id": plan.network(name),
        "location": plan.region,
        "tags": dict(TAGS),
        "properties": {
            "addressSpace": {"addressPrefixes": [prefix]},
            "subnets": [{"name": n, "properties": {"addressPrefix": p}} for n, p in subnets],
        },
    }


def _peering(plan: Plan, here: str, there: str) -> Json:
    return {
        "id": f"{plan.network(here)}/virtualNetworkPeerings/to-{there}",
        "properties": {
            "remoteVirtualNetwork": {"id": plan.network(there)},
            "allowForwardedTraffic": True,
        },
    }


def _zones(plan: Plan, cluster_endpoints: int) -> list[Json]:
    wanted = [(plan.zone(name), ["hub", "spoke"]) for name in ZONES]
    wanted += [(plan.zone(plan.cluster_zone, site), [site]) for site in _sites(cluster_endpoints)]
    return [resource for zone, networks in wanted for resource in _zone(plan, zone, networks)]


def _zone(plan: Plan, zone: str, networks: list[str]) -> list[Json]:
    links: list[Json] = [
        {
            "id": f"{zone}/virtualNetworkLinks/to-{network}",
            "location": "global",
            "properties": {
                "virtualNetwork": {"id": plan.network(network)},
                "registrationEnabled": False,
            },
        }
        for network in networks
    ]
    body: Json = {"id": zone, "location": "global", "tags": dict(TAGS), "properties": {}}
    return [body, *links]


def _cluster(plan: Plan, *, vnet_integration: bool) -> Json:
    access: Json = {
        "enablePrivateCluster": True,
        "enablePrivateClusterPublicFQDN": False,
        "privateDNSZone": "system",
    }
    if vnet_integration:
        access |= {"enableVnetIntegration": True, "subnetId": plan.subnet("spoke", "endpoints")}
    pool: Json = {
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
    kubelet: Json = {
        "resourceId": plan.id(
            "ml", f"Microsoft.ManagedIdentity/userAssignedIdentities/{plan.prefix}-kubelet"
        ),
        "clientId": plan.guid("kubelet-client"),
        "objectId": plan.guid("kubelet-object"),
    }
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
            "agentPoolProfiles": [pool],
            "apiServerAccessProfile": access,
            "identityProfile": {"kubeletidentity": kubelet},
            "disableLocalAccounts": False,
            "networkProfile": {
                "networkPlugin": "azure",
                "serviceCidr": "172.16.0.0/16",
                "dnsServiceIP": "172.16.0.10",
                "outboundType": "loadBalancer",
            },
        },
    }


def _extension(plan: Plan) -> Json:
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


def _associated(plan: Plan) -> list[Json]:
    storage: Json = {
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
    vault: Json = {
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
    registry: Json = {
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
    return [storage, vault, registry, identity, kubelet, insights]


def _workspace(plan: Plan) -> Json:
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
            "hbiWorkspace": False,
            "v1LegacyMode": False,
        },
    }


def _endpoints(plan: Plan) -> list[Json]:
    wanted = (
        ("mlw", plan.workspace, "amlworkspace", ZONES[:2]),
        ("blob", plan.storage, "blob", ZONES[2:3]),
        ("file", plan.storage, "file", ZONES[3:4]),
        ("vault", plan.vault, "vault", ZONES[4:5]),
        ("registry", plan.registry, "registry", ZONES[5:6]),
    )
    made: list[Json] = []
    place = ("ml", plan.subnet("spoke", "endpoints"))
    for name, target, group, zones in wanted:
        endpoint = _endpoint(plan, place, f"{plan.prefix}-{name}-pe", target, group)
        configs = [
            {"name": zone.replace(".", "-"), "properties": {"privateDnsZoneId": plan.zone(zone)}}
            for zone in zones
        ]
        zone_group: Json = {
            "id": f"{endpoint['id']}/privateDnsZoneGroups/default",
            "properties": {"privateDnsZoneConfigs": configs},
        }
        made += [endpoint, zone_group]
    return made


def _endpoint(plan: Plan, place: tuple[str, str], name: str, target: str, group: str) -> Json:
    site, subnet = place
    connection: Json = {
        "name": f"{name}-connection",
        "properties": {
            "privateLinkServiceId": target,
            "groupIds": [group],
            "requestMessage": "For inference",
        },
    }
    return {
        "id": plan.id(site, f"Microsoft.Network/privateEndpoints/{name}"),
        "location": plan.region,
        "tags": dict(TAGS),
        "properties": {
            "subnet": {"id": subnet},
            "privateLinkServiceConnections": [connection],
            "manualPrivateLinkServiceConnections": [],
            "customNetworkInterfaceName": f"{name}-nic",
        },
    }


def _cluster_endpoint(plan: Plan, index: int, site: str) -> list[Json]:
    """Return an endpoint to the API server with its A record; the first address that a subnet gives is its fourth."""
    name = f"{plan.prefix}-aks-pe" if index == 0 else f"{plan.prefix}-aks-pe-{index + 1}"
    endpoint = _endpoint(plan, (site, plan.subnet(site, "ops")), name, plan.cluster, "management")
    address = "10.0.1.4" if index == 0 else f"10.{20 + index}.1.4"
    record: Json = {
        "id": f"{plan.zone(plan.cluster_zone, site)}/A/{plan.prefix}-{plan.guid('host')[:8]}",
        "properties": {"ttl": 300, "aRecords": [{"ipv4Address": address}]},
    }
    return [endpoint, record]


def _compute(plan: Plan, index: int) -> list[Json]:
    name = f"k8s-{'abcdefghijklmnopqrstuvwxyz'[index % 26]}{index // 26 or ''}"
    compute = f"{plan.workspace}/computes/{name}"
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
        "id": compute,
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
    return [body, *roles, *_inference(plan, name, compute)]


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


def _others(plan: Plan) -> list[Json]:
    storage = plan.id("other", f"Microsoft.Storage/storageAccounts/{plan.flat}otherst")
    account: Json = {
        "id": storage,
        "location": plan.region,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"publicNetworkAccess": "Enabled"},
    }
    subnet = plan.subnet("hub", "ops")
    endpoint = _endpoint(plan, ("other", subnet), f"{plan.prefix}-other-pe", storage, "blob")
    machine: Json = {
        "id": f"{plan.workspace}/computes/train-cpu",
        "location": plan.region,
        "properties": {
            "computeType": "AmlCompute",
            "computeLocation": plan.region,
            "properties": {
                "vmSize": "Standard_DS3_v2",
                "vmPriority": "Dedicated",
                "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4},
            },
        },
    }
    return [account, endpoint, machine]
