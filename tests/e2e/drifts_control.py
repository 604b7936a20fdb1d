"""Owns what breaks who decides: workspaces, identities, clusters, computes, encryption, isolation.

What no request of a person can cause in a living Azure (a vault that a workspace lost, a default of
an older api-version) is written into the simulator's store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e.catalogue import CatalogueDrift, blobs, insights, managed_compute
from tests.e2e.drifts_isolation import ISOLATION
from tests.e2e.stage import Stage

type Json = dict[str, Any]
type Apply = Callable[[Stage], None]


def patch(place: Callable[[Stage], str], **properties: Any) -> Apply:  # noqa: ANN401 - JSON
    """A person's PATCH of some properties."""

    def apply(stage: Stage) -> None:
        stage.human("PATCH", place(stage), {"properties": properties})
        stage.advance(120)

    return apply


def become(place: Callable[[Stage], str], path: str, value: Any) -> Apply:  # noqa: ANN401 - JSON
    """The resource is otherwise from now on, without a request."""

    def apply(stage: Stage) -> None:
        resource = stage.cloud.store.get(place(stage))
        assert resource is not None
        *parents, last = path.split(".")
        at: Any = resource.body
        for name in parents:
            at = at.setdefault(name, {})
        at[last] = value(stage) if callable(value) else value

    return apply


def workspace(stage: Stage) -> str:
    return stage.ids.workspace


def lose_roles(principal: str) -> Apply:
    """Every assignment of a made-up principal is deleted."""

    def apply(stage: Stage) -> None:
        theirs = stage.ids.guid(principal)
        found = stage.cloud.store.of_type("Microsoft.Authorization/roleAssignments")
        for each in list(found):
            if each.properties["principalId"] == theirs:
                stage.human("DELETE", each.id)

    return apply


def rows(
    remediator: str, *given: tuple[str, str, Apply], repaired: bool
) -> tuple[CatalogueDrift, ...]:
    """Entries of one remediator."""
    return tuple(
        CatalogueDrift(name, remediator, reason, repaired=repaired, apply=apply)
        for name, reason, apply in given
    )


def _other_insights(stage: Stage) -> str:
    return stage.ids.id("ml", "Microsoft.Insights/components/other")


def _other_vault(stage: Stage) -> str:
    return stage.ids.id("ml", "Microsoft.KeyVault/vaults/other")


def _identity(stage: Stage) -> str:
    return stage.ids.identity


_BEHIND = "properties.allowPublicAccessWhenBehindVnet"

_WORKSPACE = (
    *rows(
        "workspace",
        (
            "workspace-opened",
            "PublicAccessEnabled",
            patch(workspace, publicNetworkAccess="Enabled"),
        ),
        ("workspace-behind-vnet", "PublicAccessBehindVnet", become(workspace, _BEHIND, value=True)),
        ("workspace-legacy", "LegacyModeChanged", patch(workspace, v1LegacyMode=True)),
        (
            "workspace-insights",
            "InsightsChanged",
            become(workspace, "properties.applicationInsights", _other_insights),
        ),
        (
            "workspace-registry",
            "RegistryChanged",
            become(workspace, "properties.containerRegistry", None),
        ),
        repaired=True,
    ),
    *rows(
        "workspace",
        (
            "workspace-builds-nothing",
            "ImageBuildComputeMissing",
            become(workspace, "properties.imageBuildCompute", None),
        ),
        (
            "workspace-vault-lost",
            "KeyVaultChanged",
            become(workspace, "properties.keyVault", _other_vault),
        ),
        (
            "workspace-storage-lost",
            "StorageAccountChanged",
            become(workspace, "properties.storageAccount", None),
        ),
        (
            "workspace-identity-lost",
            "SystemIdentityMissing",
            become(workspace, "identity", {"type": "None"}),
        ),
        (
            "workspace-failed",
            "WorkspaceFailed",
            become(workspace, "properties.provisioningState", "Failed"),
        ),
        repaired=False,
    ),
)

_ROLES = (
    *rows(
        "identity_roles",
        ("identity-role-lost", "RoleMissing", lose_roles("uami")),
        repaired=True,
    ),
    *rows(
        "identity_roles",
        ("cluster-role-lost", "RoleToAssign", lose_roles("cluster-principal")),
        (
            "workspace-runs-as-identity",
            "ClusterAdminMissing",
            become(workspace, "properties.primaryUserAssignedIdentity", _identity),
        ),
        (
            "workspace-high-impact",
            "HighImpactAccountRoleUndeclared",
            become(workspace, "properties.hbiWorkspace", value=True),
        ),
        repaired=False,
    ),
)

_ACCESS = "properties.apiServerAccessProfile"


def cluster(stage: Stage) -> str:
    return stage.ids.cluster


_CLUSTER = rows(
    "cluster_settings",
    (
        "cluster-public",
        "ClusterPublic",
        become(cluster, f"{_ACCESS}.enablePrivateCluster", value=False),
    ),
    (
        "cluster-public-name",
        "PublicFqdnEnabled",
        become(cluster, f"{_ACCESS}.enablePrivateClusterPublicFQDN", value=True),
    ),
    (
        "cluster-local-accounts",
        "LocalAccountsDisabled",
        become(cluster, "properties.disableLocalAccounts", value=True),
    ),
    ("cluster-principal", "ServicePrincipalCluster", become(cluster, "identity", {"type": "None"})),
    ("cluster-elsewhere", "ClusterInOtherRegion", become(cluster, "location", "northeurope")),
    (
        "cluster-services-overlap",
        "ServiceCidrOverlaps",
        become(cluster, "properties.networkProfile.serviceCidr", "10.10.0.0/16"),
    ),
    (
        "cluster-dns-outside",
        "DnsServiceIpOutside",
        become(cluster, "properties.networkProfile.dnsServiceIP", "10.200.0.10"),
    ),
    repaired=False,
)


def extension(stage: Stage) -> str:
    return f"{stage.ids.cluster}/providers/Microsoft.KubernetesConfiguration/extensions/azureml"


def remove_extension(stage: Stage) -> None:
    stage.human("DELETE", extension(stage))
    stage.advance(300)


_EXTENSION = rows(
    "cluster_extension",
    ("extension-removed", "ExtensionMissing", remove_extension),
    (
        "extension-failed",
        "ExtensionFailed",
        become(extension, "properties.provisioningState", "Failed"),
    ),
    (
        "router-public",
        "RouterPublic",
        become(extension, "properties.configurationSettings", {"enableInference": "True"}),
    ),
    (
        "inference-disabled",
        "InferenceDisabled",
        become(extension, "properties.configurationSettings", {}),
    ),
    (
        "extension-preview",
        "ReleaseTrainChanged",
        become(extension, "properties.releaseTrain", "preview"),
    ),
    repaired=False,
)


def training(stage: Stage) -> str:
    return managed_compute(stage.ids)


def remove_training(stage: Stage) -> None:
    stage.human("DELETE", training(stage), query="&underlyingResourceAction=Delete")
    stage.advance(600)


_INNER = "properties.properties"
_MANAGED = rows(
    "managed_compute",
    ("training-removed", "ManagedComputeMissing", remove_training),
    (
        "training-failed",
        "ManagedComputeFailed",
        become(training, "properties.provisioningState", "Failed"),
    ),
    (
        "training-elsewhere",
        "ManagedComputeElsewhere",
        become(training, f"{_INNER}.subnet", None),
    ),
    (
        "training-public",
        "NodesPublic",
        become(training, f"{_INNER}.enableNodePublicIp", value=True),
    ),
    (
        "training-ssh",
        "SshOpen",
        become(training, f"{_INNER}.remoteLoginPortPublicAccess", "Enabled"),
    ),
    repaired=False,
)


def served(stage: Stage) -> str:
    return f"{stage.ids.workspace}/onlineEndpoints/{stage.name}-k8s-a"


def deployed(stage: Stage) -> str:
    return f"{served(stage)}/deployments/blue"


_INFERENCE = rows(
    "inference",
    (
        "endpoint-failed",
        "OnlineEndpointFailed",
        become(served, "properties.provisioningState", "Failed"),
    ),
    (
        "deployment-failed",
        "DeploymentFailed",
        become(deployed, "properties.provisioningState", "Failed"),
    ),
    repaired=False,
)


def storage(stage: Stage) -> str:
    return stage.ids.storage


def registry(stage: Stage) -> str:
    return stage.ids.registry


def vault(stage: Stage) -> str:
    return stage.ids.vault


def components(stage: Stage) -> str:
    return insights(stage.ids)


def remove_components(stage: Stage) -> None:
    stage.human("DELETE", components(stage))
    stage.advance(60)


def keep_deleted_blobs(stage: Stage) -> None:
    policy = {"deleteRetentionPolicy": {"enabled": True, "days": 7}}
    stage.human("PUT", blobs(stage.ids), {"properties": policy})
    stage.advance(60)


_KEY = "properties.encryption.keyVaultProperties.keyIdentifier"
_ENCRYPTION = rows(
    "encryption",
    (
        "storage-key-lost",
        "CustomerKeyLost",
        patch(storage, encryption={"keySource": "Microsoft.Storage"}),
    ),
    (
        "registry-key-changed",
        "CustomerKeyChanged",
        become(registry, _KEY, "https://other.vault.azure.net/keys/main"),
    ),
    (
        "workspace-key-changed",
        "CustomerKeyChanged",
        become(workspace, _KEY, "https://other.vault.azure.net/keys/main"),
    ),
    ("blobs-kept", "BlobSoftDeleteChanged", keep_deleted_blobs),
    (
        "vault-soft-delete-off",
        "VaultSoftDeleteChanged",
        become(vault, "properties.enableSoftDelete", value=False),
    ),
    (
        "vault-purge-protection-off",
        "PurgeProtectionChanged",
        become(vault, "properties.enablePurgeProtection", value=False),
    ),
    ("insights-removed", "InsightsMissing", remove_components),
    (
        "insights-closed",
        "InsightsIngestionChanged",
        become(components, "properties.publicNetworkAccessForIngestion", "Disabled"),
    ),
    (
        "insights-opened",
        "InsightsQueryChanged",
        become(components, "properties.publicNetworkAccessForQuery", "Enabled"),
    ),
    repaired=False,
)

CONTROL: tuple[CatalogueDrift, ...] = (
    *_WORKSPACE,
    *_ROLES,
    *_CLUSTER,
    *_EXTENSION,
    *_MANAGED,
    *_INFERENCE,
    *_ENCRYPTION,
    *ISOLATION,
)
