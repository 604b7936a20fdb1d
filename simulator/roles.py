"""Owns the role definitions that exist everywhere: Azure's built-in ones and the one made for Relink's principal.

Actions follow domain facts, section 7 (least privilege). Data actions are not simulated.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
DATA_SENDER = "d5a91429-5739-47e2-a06b-3470a27159e7"
RELINK_ROLE = "0e11e0de-0000-4000-8000-00000000c0de"


@dataclass(frozen=True, slots=True)
class Role:
    """A role's permission: patterns with `*`, compared without case."""

    name: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    custom: bool = False

    def allows(self, action: str) -> bool:
        """Tell whether the role contains the action."""
        return matches(self.actions, action) and not matches(self.not_actions, action)


def matches(patterns: tuple[str, ...] | list[str], action: str) -> bool:
    """Tell whether one of the patterns covers the action."""
    wanted = action.lower()
    return any(fnmatchcase(wanted, pattern.lower()) for pattern in patterns)


RELINK_ACTIONS = (
    "Microsoft.Network/*/read",
    "Microsoft.Network/privateEndpoints/write",
    "Microsoft.Network/privateEndpoints/delete",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/delete",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
    "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
    "Microsoft.Network/virtualNetworks/join/action",
    "Microsoft.Network/virtualNetworks/peer/action",
    "Microsoft.Network/virtualNetworks/subnets/write",
    "Microsoft.Network/networkSecurityGroups/join/action",
    "Microsoft.Network/routeTables/join/action",
    "Microsoft.Network/natGateways/join/action",
    "Microsoft.Network/serviceEndpointPolicies/join/action",
    "Microsoft.Network/applicationSecurityGroups/joinNetworkSecurityRule/action",
    "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/write",
    "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/delete",
    "Microsoft.Network/networkSecurityGroups/securityRules/write",
    "Microsoft.Network/networkSecurityGroups/securityRules/delete",
    "Microsoft.Network/privateDnsZones/write",
    "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
    "Microsoft.Network/privateDnsZones/join/action",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks/write",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks/delete",
    "Microsoft.Network/privateDnsZones/A/write",
    "Microsoft.Network/privateDnsZones/A/delete",
    "Microsoft.ContainerService/managedClusters/read",
    "Microsoft.ContainerService/managedClusters/privateEndpointConnections/read",
    "Microsoft.ContainerService/managedClusters/privateLinkResources/read",
    "Microsoft.ContainerService/managedClusters/resolvePrivateLinkServiceId/action",
    "Microsoft.ContainerService/managedClusters/privateEndpointConnectionsApproval/action",
    "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action",
    "Microsoft.KubernetesConfiguration/extensions/read",
    "Microsoft.MachineLearningServices/workspaces/read",
    "Microsoft.MachineLearningServices/workspaces/write",
    "Microsoft.MachineLearningServices/workspaces/diagnose/read",
    "Microsoft.MachineLearningServices/workspaces/privateEndpointConnectionsApproval/action",
    "Microsoft.MachineLearningServices/workspaces/privateEndpointConnections/read",
    "Microsoft.MachineLearningServices/workspaces/privateLinkResources/read",
    "Microsoft.MachineLearningServices/workspaces/computes/read",
    "Microsoft.MachineLearningServices/workspaces/computes/write",
    "Microsoft.MachineLearningServices/workspaces/computes/delete",
    "Microsoft.MachineLearningServices/workspaces/jobs/read",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/read",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/read",
    "Microsoft.Storage/storageAccounts/read",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.Storage/storageAccounts/PrivateEndpointConnectionsApproval/action",
    "Microsoft.Storage/storageAccounts/privateEndpointConnections/read",
    "Microsoft.Storage/storageAccounts/privateLinkResources/read",
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.KeyVault/vaults/privateEndpointConnectionsApproval/action",
    "Microsoft.KeyVault/vaults/privateEndpointConnections/read",
    "Microsoft.KeyVault/vaults/privateLinkResources/read",
    "Microsoft.ContainerRegistry/registries/read",
    "Microsoft.ContainerRegistry/registries/write",
    "Microsoft.ContainerRegistry/registries/privateEndpointConnectionsApproval/action",
    "Microsoft.ContainerRegistry/registries/privateEndpointConnections/read",
    "Microsoft.ContainerRegistry/registries/privateLinkResources/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.Authorization/*/read",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleAssignments/delete",
    "Microsoft.Insights/eventtypes/values/read",
    "Microsoft.Insights/components/read",
    "Microsoft.Insights/diagnosticSettings/read",
    "Microsoft.Insights/diagnosticSettings/write",
    "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Storage/storageAccounts/blobServices/read",
    "Microsoft.Kubernetes/connectedClusters/read",
    "Microsoft.ResourceGraph/resources/read",
    "Microsoft.Resources/subscriptions/read",
    "Microsoft.Resources/subscriptions/resources/read",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
)

BUILT_IN: dict[str, Role] = {
    OWNER: Role("Owner", ("*",)),
    CONTRIBUTOR: Role(
        "Contributor",
        ("*",),
        (
            "Microsoft.Authorization/*/delete",
            "Microsoft.Authorization/*/write",
            "Microsoft.Authorization/elevateAccess/action",
        ),
    ),
    READER: Role("Reader", ("*/read",)),
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": Role(
        "User Access Administrator", ("*/read", "Microsoft.Authorization/*")
    ),
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": Role(
        "Role Based Access Control Administrator",
        (
            "*/read",
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
        ),
    ),
    "4d97b98b-1d4f-4787-a291-c67834d212e7": Role(
        "Network Contributor",
        ("Microsoft.Authorization/*/read", "Microsoft.Network/*"),
    ),
    "b556d68e-0be0-4f35-a333-ad7ee1ce17ea": Role(
        "Azure AI Enterprise Network Connection Approver",
        (
            "Microsoft.ContainerRegistry/registries/privateEndpointConnectionsApproval/action",
            "Microsoft.KeyVault/vaults/privateEndpointConnectionsApproval/action",
            "Microsoft.MachineLearningServices/workspaces/privateEndpointConnectionsApproval/action",
            "Microsoft.Storage/storageAccounts/privateEndpointConnections/read",
            "Microsoft.Storage/storageAccounts/privateEndpointConnections/write",
        ),
    ),
    "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815": Role(
        "AzureML Compute Operator",
        ("Microsoft.MachineLearningServices/workspaces/computes/*",),
    ),
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": Role(
        "AcrPull", ("Microsoft.ContainerRegistry/registries/pull/read",)
    ),
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": Role(
        "Storage Blob Data Reader",
        ("Microsoft.Storage/storageAccounts/blobServices/containers/read",),
    ),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": Role(
        "Storage Blob Data Contributor",
        ("Microsoft.Storage/storageAccounts/blobServices/containers/*",),
    ),
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": Role(
        "Storage Account Contributor",
        ("Microsoft.Storage/storageAccounts/*",),
    ),
    "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8": Role(
        "Azure Kubernetes Service Cluster Admin Role",
        ("Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action",),
    ),
    DATA_SENDER: Role("EventGrid Data Sender", ("Microsoft.EventGrid/topics/read",)),
    RELINK_ROLE: Role("Relink", RELINK_ACTIONS, custom=True),
}
