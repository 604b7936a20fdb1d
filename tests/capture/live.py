"""Owns hand-made answers of Azure around one workspace, for tests of what capture makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared.model.actual import Actual, Found, Observation, Question, Read
from shared.model.resource_id import ResourceId

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SUBSCRIPTION = ResourceId.parse("/subscriptions/00000000-0000-0000-0000-000000000001")
GROUP = f"{SUBSCRIPTION}/resourceGroups/ml/providers"
WORKSPACE = ResourceId.parse(f"{GROUP}/Microsoft.MachineLearningServices/workspaces/ws")
CLUSTER = ResourceId.parse(f"{GROUP}/Microsoft.ContainerService/managedClusters/aks")
COMPUTE = ResourceId.parse(f"{WORKSPACE}/computes/inference")
ENDPOINT = ResourceId.parse(f"{GROUP}/Microsoft.Network/privateEndpoints/pe-aks")
INTERFACE = ResourceId.parse(f"{GROUP}/Microsoft.Network/networkInterfaces/pe-aks-nic")
HUB = f"{GROUP}/Microsoft.Network/virtualNetworks/hub"
HOST = "aks-1"
ZONE_NAME = "abc.privatelink.westeurope.azmk8s.io"


def zone(group: str) -> ResourceId:
    """The zone of the API server in a resource group."""
    where = f"{SUBSCRIPTION}/resourceGroups/{group}/providers"
    return ResourceId.parse(f"{where}/Microsoft.Network/privateDnsZones/{ZONE_NAME}")


class Answers:
    """What Azure says; each method changes one thing and returns the same answers."""

    def __init__(self) -> None:
        self.said: dict[Read, Observation] = {}
        self.get(WORKSPACE, {"properties": {"publicNetworkAccess": "Disabled"}})
        self.list(WORKSPACE, "computes", [_compute()])
        self.get(COMPUTE, _compute())
        self.get(CLUSTER, _cluster())
        self.list(SUBSCRIPTION, "Microsoft.Network/privateEndpoints", [_endpoint()])
        self.get(ENDPOINT, _endpoint())
        self.list(ENDPOINT, "privateDnsZoneGroups", [])
        self.get(INTERFACE, _interface("10.0.0.4"))
        self.zones("ml")

    def get(self, resource: ResourceId, body: dict[str, Any]) -> Answers:
        """A resource as it is."""
        self.said[Read(Question.GET, resource)] = Found({"id": str(resource), **body}, NOW)
        return self

    def list(self, resource: ResourceId, what: str, items: list[dict[str, Any]]) -> Answers:
        """What is below a resource."""
        self.said[Read(Question.LIST, resource, what)] = Found({"value": items}, NOW)
        return self

    def zones(self, *groups: str) -> Answers:
        """The zones of the API server that exist, by resource group."""
        items = [{"id": str(zone(group))} for group in groups]
        return self.list(SUBSCRIPTION, "Microsoft.Network/privateDnsZones", items)

    def record(self, group: str, address: str, *networks: str, name: str = HOST) -> Answers:
        """A record in the zone of a group, and the networks that the zone is linked to."""
        links = [{"properties": {"virtualNetwork": {"id": network}}} for network in networks]
        body = {"name": name, "properties": {"ttl": 60, "aRecords": [{"ipv4Address": address}]}}
        self.list(zone(group), "virtualNetworkLinks", links)
        return self.list(zone(group), "A", [body])

    @property
    def actual(self) -> Actual:
        """Everything that was said."""
        return Actual(dict(self.said))


def _compute() -> dict[str, Any]:
    return {
        "id": str(COMPUTE),
        "location": "westeurope",
        "identity": {"type": "SystemAssigned", "principalId": "p"},
        "properties": {
            "computeType": "Kubernetes",
            "resourceId": str(CLUSTER),
            "provisioningState": "Succeeded",
            "properties": {"namespace": "inference"},
        },
    }


def _cluster() -> dict[str, Any]:
    return {
        "properties": {
            "privateFQDN": f"{HOST}.{ZONE_NAME}",
            "nodeResourceGroup": "MC_ml_aks",
            "powerState": {"code": "Running"},
            "provisioningState": "Succeeded",
            "apiServerAccessProfile": {
                "enablePrivateCluster": True,
                "enablePrivateClusterPublicFQDN": False,
            },
        }
    }


def _endpoint() -> dict[str, Any]:
    connection = {
        "name": "aks",
        "properties": {
            "privateLinkServiceId": str(CLUSTER),
            "groupIds": ["management"],
            "privateLinkServiceConnectionState": {"status": "Approved"},
        },
    }
    return {
        "id": str(ENDPOINT),
        "location": "westeurope",
        "properties": {
            "provisioningState": "Succeeded",
            "subnet": {"id": f"{HUB}/subnets/ops"},
            "networkInterfaces": [{"id": str(INTERFACE)}],
            "privateLinkServiceConnections": [connection],
        },
    }


def _interface(address: str) -> dict[str, Any]:
    return {"properties": {"ipConfigurations": [{"properties": {"privateIPAddress": address}}]}}
