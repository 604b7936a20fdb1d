"""Owns manifest texts for tests: one whole environment, and edits of it."""

from __future__ import annotations

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
HUB = "/subscriptions/00000000-0000-0000-0000-000000000002"
GROUP = f"{SUBSCRIPTION}/resourceGroups/ml"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/mlw"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/mlstore"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/mlimages"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks"
SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/endpoints"
BLOB_ENDPOINT = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-blob"
CLUSTER_ENDPOINT = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-aks"
COMPUTE = f"{WORKSPACE}/computes/inference"
BLOB_ZONE = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net"
AKS_ZONE = (
    f"{GROUP}/providers/Microsoft.Network/privateDnsZones/abc.privatelink.westeurope.azmk8s.io"
)
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"

MANIFEST = f"""\
apiVersion: relink/v1
kind: Environment
name: prod
workspaces:
  - id: {WORKSPACE}
    publicNetworkAccess: Disabled
    storageAccount: {STORAGE}
    containerRegistry: {REGISTRY}
storageAccounts:
  - id: {STORAGE}
    publicNetworkAccess: Disabled
    trustedServices: true
registries:
  - id: {REGISTRY}
    publicNetworkAccess: Disabled
clusters:
  - id: {CLUSTER}
privateEndpoints:
  - id: {BLOB_ENDPOINT}
    body:
      location: westeurope
      properties:
        subnet: {{id: {SUBNET}}}
        privateLinkServiceConnections:
          - name: blob
            properties:
              privateLinkServiceId: {STORAGE}
              groupIds: [blob]
    zoneGroup:
      name: default
      zones:
        - name: blob
          privateDnsZoneId: {BLOB_ZONE}
  - id: {CLUSTER_ENDPOINT}
    body:
      location: westeurope
      properties:
        subnet: {{id: {SUBNET}}}
        privateLinkServiceConnections:
          - name: aks
            properties:
              privateLinkServiceId: {CLUSTER}
              groupIds: [management]
    records:
      - zone: {AKS_ZONE}
        name: aks-dns
computes:
  - id: {COMPUTE}
    body:
      location: westeurope
      identity: {{type: SystemAssigned}}
      properties:
        computeType: Kubernetes
        resourceId: {CLUSTER}
        properties: {{namespace: inference}}
    roles:
      - role: {ACR_PULL}
        scope: {REGISTRY}
"""


def manifest(*edits: tuple[str, str], name: str = "prod", group: str = "ml") -> str:
    """The manifest with each (old, new) replaced; every old text has to be there."""
    text = MANIFEST
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text.replace("name: prod\n", f"name: {name}\n").replace(
        "/resourceGroups/ml/", f"/resourceGroups/{group}/"
    )


def line_of(text: str, part: str) -> int:
    """The line, from 1, where ``part`` first stands."""
    return next(at for at, line in enumerate(text.splitlines(), start=1) if part in line)
