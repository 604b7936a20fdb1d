"""Owns where things of the private environment are: ids, names and guids made from prefix, subscription and region."""

import uuid
from dataclasses import dataclass

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
    subscription: str = SUBSCRIPTION
    region: str = "westeurope"

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
