"""Owns what a manifest says of workspaces, what they use, clusters and identities."""

from __future__ import annotations

from typing import Final, Literal

from shared.model.part import (
    ClusterId,
    ComputeId,
    Declared,
    IdentityId,
    InsightsId,
    Owned,
    RegistryId,
    Role,
    StorageId,
    SubnetId,
    VaultId,
    WorkspaceId,
)

type Switch = Literal["Enabled", "Disabled"]
type PublicAccess = Literal["Enabled", "Disabled", "SecuredByPerimeter"]
CLOSED: Final = frozenset({"Disabled", "SecuredByPerimeter"})
"""Values of ``publicNetworkAccess`` that keep the public out."""


class Access(Owned):
    """Network access of a storage account or a vault (domain.md 5). Absent: not declared.

    ``allowed_subnets`` are subnets that its network rules must let in: service endpoints in place
    of a private endpoint.
    """

    public_network_access: PublicAccess | None = None
    default_action: Literal["Allow", "Deny"] | None = None
    trusted_services: bool | None = None
    allowed_subnets: tuple[SubnetId, ...] = ()


class StorageAccount(Access):
    """A storage account that workspaces use. ``key`` is its key's URL in a vault."""

    id: StorageId
    customer_managed_key: str | None = None
    blob_soft_delete: bool | None = None


class KeyVault(Access):
    """A key vault that workspaces use."""

    id: VaultId
    soft_delete: bool | None = None
    purge_protection: bool | None = None


class Registry(Access):
    """A container registry that workspaces use."""

    id: RegistryId
    customer_managed_key: str | None = None


class Insights(Owned):
    """An Application Insights component, with who reaches it from public networks."""

    id: InsightsId
    ingestion: Switch | None = None
    query: Switch | None = None


class Workspace(Owned):
    """A workspace with the resources associated with it and its own settings.

    ``roles`` are those of its system-assigned identity.
    """

    id: WorkspaceId
    public_network_access: PublicAccess | None = None
    storage_account: StorageId | None = None
    key_vault: VaultId | None = None
    container_registry: RegistryId | None = None
    application_insights: InsightsId | None = None
    system_assigned_identity: bool | None = None
    v1_legacy_mode: bool | None = None
    image_build_compute: str | None = None
    customer_managed_key: str | None = None
    roles: tuple[Role, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether it declares settings of its own. One that only names what it uses is context."""
        own = (
            self.public_network_access,
            self.application_insights,
            self.system_assigned_identity,
            self.v1_legacy_mode,
            self.image_build_compute,
        )
        return any(setting is not None for setting in own)


class Extension(Declared):
    """What is required of the AzureML extension on a cluster. Absent: not declared."""

    internal_router: bool | None = None
    release_train: str | None = None
    auto_upgrade: bool | None = None


class Cluster(Owned):
    """An AKS (or Arc) cluster. VNet-integrated API servers have no private link to mend.

    ``private`` says whether its API server must be private; ``roles`` are those of its own
    (control plane) identity.
    """

    id: ClusterId
    vnet_integration: bool = False
    private: bool | None = None
    extension: Extension | None = None
    roles: tuple[Role, ...] = ()

    @property
    def is_aks(self) -> bool:
        """AKS and not Arc."""
        return self.id.type == "microsoft.containerservice/managedclusters"


class ManagedCompute(Owned):
    """A compute cluster or compute instance of Azure ML: reported on, never written."""

    id: ComputeId
    subnet: SubnetId | None = None
    public_ip: bool | None = None
    ssh: bool | None = None


class UserIdentity(Owned):
    """A user-assigned identity that a workspace, a cluster or computes run as, with its roles."""

    id: IdentityId
    roles: tuple[Role, ...] = ()
