"""Owns the names of the documents that requirements come from: title and page, as read in November 2026."""

from __future__ import annotations

from typing import Final

_ML: Final = "learn.microsoft.com/azure/machine-learning"

SECURE_INFERENCE: Final = f"Secure Azure Kubernetes Service inferencing environment ({_ML}/how-to-secure-kubernetes-inferencing-environment)"
VNET_INFERENCE: Final = f"Secure an inferencing environment with virtual networks ({_ML}/how-to-secure-inferencing-vnet)"
MLOPS: Final = (
    "Secure MLOps solutions with Azure network security (learn.microsoft.com/azure/architecture)"
)
ATTACH: Final = (
    f"Attach a Kubernetes cluster to a workspace ({_ML}/how-to-attach-kubernetes-to-workspace)"
)
EXTENSION: Final = (
    f"Deploy the Azure Machine Learning extension ({_ML}/how-to-deploy-kubernetes-extension)"
)
TROUBLE: Final = f"Troubleshoot Kubernetes compute ({_ML}/how-to-troubleshoot-kubernetes-compute)"
WORKSPACE_VNET: Final = (
    f"Secure a workspace with virtual networks ({_ML}/how-to-secure-workspace-vnet)"
)
WORKSPACE_LINK: Final = (
    f"Configure a private endpoint for a workspace ({_ML}/how-to-configure-private-link)"
)
FIREWALL: Final = (
    f"Configure inbound and outbound traffic ({_ML}/how-to-access-azureml-behind-firewall)"
)
PEERING: Final = "Virtual network peering (learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering)"
ENDPOINTS: Final = (
    "What is a private endpoint (learn.microsoft.com/azure/private-link/private-endpoint-overview)"
)
ENDPOINT_DNS: Final = (
    "Private endpoint DNS (learn.microsoft.com/azure/private-link/private-endpoint-dns)"
)
FAILED_STATES: Final = "Troubleshoot Azure Microsoft.Network failed provisioning state (learn.microsoft.com/azure/networking/troubleshoot-failed-state)"
AKS_START: Final = "Stop and start a cluster (learn.microsoft.com/azure/aks/start-stop-cluster)"
AKS_PRIVATE: Final = "Create a private cluster (learn.microsoft.com/azure/aks/private-clusters)"
AKS_CONNECT: Final = (
    "Connect to a private cluster (learn.microsoft.com/azure/aks/private-cluster-connect)"
)
REGISTRY_TRUST: Final = "Trusted services and registries (learn.microsoft.com/azure/container-registry/allow-access-trusted-services)"
STORAGE_NETWORK: Final = "Virtual network rules of storage (learn.microsoft.com/azure/storage/common/storage-network-security-virtual-networks)"
VAULT_NETWORK: Final = (
    "Network security of vaults (learn.microsoft.com/azure/key-vault/general/network-security)"
)
RELINK: Final = (
    "Relink's own rule: nothing is concluded from what was not seen (docs/architecture.md)"
)
