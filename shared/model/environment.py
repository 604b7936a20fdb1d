"""Owns the declared environment: what a manifest of ``apiVersion: relink/v1`` may say.

A manifest is power: whoever writes one steers a privileged identity. So every id goes through
``ResourceId``, roles come from a closed list (checked in ``shared.manifests`` with the scopes), and
an unknown key is an error, never ignored. Reading YAML is not done here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel

from shared.model.json import dig
from shared.model.resource_id import ResourceId

API_VERSION = "relink/v1"

_GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"

type Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]


class Mode(StrEnum):
    """What a run may do, from least to most."""

    OFF = "off"
    OBSERVE = "observe"
    APPROVE = "approve"
    REMEDIATE = "remediate"


class _Part(BaseModel):
    """Frozen, camelCase in YAML, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


def _of_type(*types: str) -> AfterValidator:
    """An id of one of ``types``."""

    def check(value: ResourceId) -> ResourceId:
        if value.type not in types:
            raise ValueError(f"found an id of type '{value.type}', allowed is {' or '.join(types)}")
        return value

    return AfterValidator(check)


type WorkspaceId = Annotated[ResourceId, _of_type("microsoft.machinelearningservices/workspaces")]
type StorageId = Annotated[ResourceId, _of_type("microsoft.storage/storageaccounts")]
type VaultId = Annotated[ResourceId, _of_type("microsoft.keyvault/vaults")]
type RegistryId = Annotated[ResourceId, _of_type("microsoft.containerregistry/registries")]
type ClusterId = Annotated[
    ResourceId,
    _of_type(
        "microsoft.containerservice/managedclusters", "microsoft.kubernetes/connectedclusters"
    ),
]
type EndpointId = Annotated[ResourceId, _of_type("microsoft.network/privateendpoints")]
type ZoneId = Annotated[ResourceId, _of_type("microsoft.network/privatednszones")]
type ComputeId = Annotated[
    ResourceId, _of_type("microsoft.machinelearningservices/workspaces/computes")
]


class _Owned(_Part):
    """``owned: false`` refers to a resource of another manifest: looked at, never written."""

    owned: bool = True


class Access(_Owned):
    """Network access of a storage account or a vault (domain.md 5). Absent: not declared."""

    public_network_access: Literal["Enabled", "Disabled"] | None = None
    default_action: Literal["Allow", "Deny"] | None = None
    trusted_services: bool | None = None


class StorageAccount(Access):
    """A storage account that workspaces use."""

    id: StorageId


class KeyVault(Access):
    """A key vault that workspaces use."""

    id: VaultId


class Registry(Access):
    """A container registry that workspaces use."""

    id: RegistryId


class Workspace(_Owned):
    """A workspace with the resources associated with it."""

    id: WorkspaceId
    public_network_access: Literal["Enabled", "Disabled"] | None = None
    storage_account: StorageId | None = None
    key_vault: VaultId | None = None
    container_registry: RegistryId | None = None


class Cluster(_Owned):
    """An AKS (or Arc) cluster. VNet-integrated API servers have no private link to mend."""

    id: ClusterId
    vnet_integration: bool = False

    @property
    def is_aks(self) -> bool:
        """AKS and not Arc."""
        return self.id.type == "microsoft.containerservice/managedclusters"


class ZoneConfig(_Part):
    """One zone of a zone group."""

    name: str
    private_dns_zone_id: ZoneId


class ZoneGroup(_Part):
    """The zone group of a private endpoint: one per endpoint, up to five zones (domain.md 4)."""

    name: str
    zones: tuple[ZoneConfig, ...] = Field(min_length=1, max_length=5)


class OwnRecord(_Part):
    """An A record kept in the customer's own zone, as zone groups write none for AKS."""

    zone: ZoneId
    name: str
    ttl: int = Field(default=300, ge=1, le=2147483647)


class PrivateEndpoint(_Owned):
    """A private endpoint as a complete writable body, with its zone group and own records."""

    id: EndpointId
    body: dict[str, Any]
    zone_group: ZoneGroup | None = None
    records: tuple[OwnRecord, ...] = ()

    @model_validator(mode="after")
    def _body_is_complete(self) -> PrivateEndpoint:
        if not self.body.get("location"):
            raise ValueError("body.location is missing: a private endpoint needs its VNet's region")
        if ResourceId.maybe(dig(self.body, "properties.subnet.id")) is None:
            raise ValueError("body.properties.subnet.id is not a resource id")
        connections = _connections(self.body)
        if len(connections) != 1:
            raise ValueError(
                "body.properties needs exactly one entry in privateLinkServiceConnections or "
                f"manualPrivateLinkServiceConnections, found {len(connections)}"
            )
        if ResourceId.maybe(dig(connections[0], "properties.privateLinkServiceId")) is None:
            raise ValueError("the connection's privateLinkServiceId is not a resource id")
        return self

    @property
    def target(self) -> ResourceId:
        """What the endpoint connects to."""
        return ResourceId.parse(dig(_connections(self.body)[0], "properties.privateLinkServiceId"))

    @property
    def group_ids(self) -> tuple[str, ...]:
        """The sub-resources it connects to, such as ``("blob",)``."""
        return tuple(dig(_connections(self.body)[0], "properties.groupIds") or ())

    @property
    def subnet(self) -> ResourceId:
        """The subnet its interface lies in."""
        return ResourceId.parse(dig(self.body, "properties.subnet.id"))

    @property
    def manual(self) -> bool:
        """Whether the target's owner approves by hand."""
        return bool(dig(self.body, "properties.manualPrivateLinkServiceConnections"))

    @property
    def to_cluster(self) -> bool:
        """Whether it leads to an AKS API server."""
        return self.target.type == "microsoft.containerservice/managedclusters"


def _connections(body: dict[str, Any]) -> list[Any]:
    automatic = dig(body, "properties.privateLinkServiceConnections") or []
    manual = dig(body, "properties.manualPrivateLinkServiceConnections") or []
    return [*automatic, *manual]


class Role(_Part):
    """A role of a compute's identity, by role definition; never the id of an assignment.

    ``role`` is a role definition's guid.
    """

    role: Annotated[str, StringConstraints(pattern=_GUID)]
    scope: ResourceId
    condition: str | None = None
    condition_version: str | None = None


class Compute(_Owned):
    """A Kubernetes compute as a complete writable body, with the roles of its own identity."""

    id: ComputeId
    body: dict[str, Any]
    roles: tuple[Role, ...] = ()

    @model_validator(mode="after")
    def _body_is_complete(self) -> Compute:
        kind = dig(self.body, "properties.computeType")
        if str(kind).lower() != "kubernetes":
            raise ValueError(f"body.properties.computeType is {kind!r}, allowed is 'Kubernetes'")
        if ResourceId.maybe(dig(self.body, "properties.resourceId")) is None:
            raise ValueError("body.properties.resourceId is not the id of a cluster")
        if self.roles and "systemassigned" not in self.identity_type.lower():
            raise ValueError(
                "roles are kept for a system-assigned identity only; body.identity has none"
            )
        return self

    @property
    def cluster(self) -> ResourceId:
        """The cluster it is attached from."""
        return ResourceId.parse(dig(self.body, "properties.resourceId"))

    @property
    def identity_type(self) -> str:
        """Such as ``SystemAssigned`` or ``UserAssigned``; empty without an identity."""
        return str(dig(self.body, "identity.type") or "")

    @property
    def workspace(self) -> ResourceId:
        """The workspace it belongs to."""
        return ResourceId.parse(self.id.text.rsplit("/", 2)[0])


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(
            f"found '{name}', allowed is an IANA time zone such as 'Europe/Berlin'"
        ) from error
    return name


class Window(_Part):
    """When destructive units may run: local times of day in ``timezone`` (IANA), on ``days``."""

    start: time
    end: time
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), min_length=1
    )


type Part = Workspace | StorageAccount | KeyVault | Registry | Cluster | PrivateEndpoint | Compute


class Environment(_Part):
    """One declared environment.

    ``tenant`` is the Entra tenant of its resources: where it is given, events of another are refused.
    """

    api_version: Literal["relink/v1"]
    kind: Literal["Environment"] = "Environment"
    name: Name
    tenant: Annotated[str, StringConstraints(pattern=_GUID, to_lower=True)] | None = None
    mode: Mode = Mode.REMEDIATE
    modes: dict[str, Mode] = Field(default_factory=dict)
    max_destructive_units: int = Field(default=10, ge=0, le=1000)
    window: Window | None = None
    workspaces: tuple[Workspace, ...] = ()
    storage_accounts: tuple[StorageAccount, ...] = ()
    key_vaults: tuple[KeyVault, ...] = ()
    registries: tuple[Registry, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    private_endpoints: tuple[PrivateEndpoint, ...] = ()
    computes: tuple[Compute, ...] = ()

    @model_validator(mode="after")
    def _nothing_twice(self) -> Environment:
        seen: set[ResourceId] = set()
        for part in self.parts():
            if part.id in seen:
                raise ValueError(f"{part.id} is declared twice")
            seen.add(part.id)
        for lead in [
            *(c.cluster for c in self.computes),
            *(e.target for e in self.private_endpoints if e.to_cluster),
        ]:
            if lead not in seen:
                raise ValueError(f"cluster {lead} is used but not listed under clusters")
        return self

    def parts(self) -> Iterator[Part]:
        """Every declared part, each with its ``id``."""
        yield from self.workspaces
        yield from self.storage_accounts
        yield from self.key_vaults
        yield from self.registries
        yield from self.clusters
        yield from self.private_endpoints
        yield from self.computes

    def cluster(self, cluster_id: ResourceId) -> Cluster | None:
        """The declared cluster with this id."""
        return next((cluster for cluster in self.clusters if cluster.id == cluster_id), None)

    def cluster_endpoints(self, cluster_id: ResourceId) -> tuple[PrivateEndpoint, ...]:
        """The customer's endpoints to one cluster."""
        return tuple(e for e in self.private_endpoints if e.to_cluster and e.target == cluster_id)
