"""Owns the declared environment: what a manifest of ``apiVersion: relink/v1`` may say.

A manifest is power: whoever writes one steers a privileged identity. So every id goes through
``ResourceId``, roles come from a closed list (checked in ``shared.manifests`` with the scopes), and
an unknown key is an error, never ignored. Reading YAML is not done here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.model.json import dig
from shared.model.networks import (
    NetworkSecurityGroup,
    Peering,
    PrivateDnsZone,
    SecurityRule,
    Subnet,
    VirtualNetwork,
    ZoneLink,
)
from shared.model.part import GUID, ComputeId, Declared, EndpointId, Owned, Role, ZoneId
from shared.model.parts import (
    Access,
    Cluster,
    Extension,
    Insights,
    KeyVault,
    ManagedCompute,
    Registry,
    StorageAccount,
    UserIdentity,
    Workspace,
)
from shared.model.resource_id import ResourceId

__all__ = [
    "API_VERSION",
    "SECTIONS",
    "Access",
    "Cluster",
    "Compute",
    "Environment",
    "Extension",
    "Holder",
    "Insights",
    "Isolation",
    "KeyVault",
    "ManagedCompute",
    "Mode",
    "NetworkSecurityGroup",
    "OwnRecord",
    "Part",
    "Peering",
    "PrivateDnsZone",
    "PrivateEndpoint",
    "Registry",
    "Role",
    "SecurityRule",
    "StorageAccount",
    "Subnet",
    "UserIdentity",
    "VirtualNetwork",
    "Window",
    "Workspace",
    "ZoneConfig",
    "ZoneGroup",
    "ZoneLink",
]

API_VERSION = "relink/v1"

type Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]


class Mode(StrEnum):
    """What a run may do, from least to most."""

    OFF = "off"
    OBSERVE = "observe"
    APPROVE = "approve"
    REMEDIATE = "remediate"


class ZoneConfig(Declared):
    """One zone of a zone group."""

    name: str
    private_dns_zone_id: ZoneId


class ZoneGroup(Declared):
    """The zone group of a private endpoint: one per endpoint, up to five zones (domain.md 4)."""

    name: str
    zones: tuple[ZoneConfig, ...] = Field(min_length=1, max_length=5)


class OwnRecord(Declared):
    """An A record kept in the customer's own zone, as zone groups write none for AKS.

    ``shared``: it holds addresses of others as well, which stay.
    """

    zone: ZoneId
    name: str
    ttl: int = Field(default=300, ge=1, le=2147483647)
    shared: bool = False


class PrivateEndpoint(Owned):
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


class Compute(Owned):
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


class Window(Declared):
    """When destructive units may run: local times of day in ``timezone`` (IANA), on ``days``."""

    start: time
    end: time
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), min_length=1
    )


type Holder = Compute | Workspace | Cluster | UserIdentity
"""What has an identity whose roles are declared."""

type Part = (
    Workspace
    | StorageAccount
    | KeyVault
    | Registry
    | Insights
    | Cluster
    | VirtualNetwork
    | NetworkSecurityGroup
    | PrivateDnsZone
    | PrivateEndpoint
    | Compute
    | ManagedCompute
    | UserIdentity
)


class Isolation(StrEnum):
    """Which of the documented scenarios the environment is (how-to-secure-kubernetes-inferencing)."""

    NONE = "none"  # no virtual network: everything has a public address
    DEPENDENCIES = "dependencies"  # a public workspace, everything else in a virtual network
    PRIVATE = "private"  # everything in a virtual network


SECTIONS: Final = MappingProxyType(
    {
        "workspaces": "workspaces",
        "storage_accounts": "storageAccounts",
        "key_vaults": "keyVaults",
        "registries": "registries",
        "application_insights": "applicationInsights",
        "clusters": "clusters",
        "virtual_networks": "virtualNetworks",
        "network_security_groups": "networkSecurityGroups",
        "private_dns_zones": "privateDnsZones",
        "private_endpoints": "privateEndpoints",
        "computes": "computes",
        "managed_computes": "managedComputes",
        "identities": "identities",
    }
)
"""The lists of parts: the attribute and its name in YAML, in the order of a manifest."""


class Environment(Declared):
    """One declared environment.

    ``tenant`` is the Entra tenant of its resources: where it is given, events of another are refused.
    ``cloud`` decides which zones are recommended; unsaid, it is the one that the app runs in.
    """

    api_version: Literal["relink/v1"]
    kind: Literal["Environment"] = "Environment"
    name: Name
    tenant: Annotated[str, StringConstraints(pattern=GUID, to_lower=True)] | None = None
    mode: Mode = Mode.REMEDIATE
    modes: dict[str, Mode] = Field(default_factory=dict)
    max_destructive_units: int = Field(default=10, ge=0, le=1000)
    window: Window | None = None
    cloud: Literal["public", "usgov", "china"] = "public"
    isolation: Isolation | None = None
    workspaces: tuple[Workspace, ...] = ()
    storage_accounts: tuple[StorageAccount, ...] = ()
    key_vaults: tuple[KeyVault, ...] = ()
    registries: tuple[Registry, ...] = ()
    application_insights: tuple[Insights, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    virtual_networks: tuple[VirtualNetwork, ...] = ()
    network_security_groups: tuple[NetworkSecurityGroup, ...] = ()
    private_dns_zones: tuple[PrivateDnsZone, ...] = ()
    private_endpoints: tuple[PrivateEndpoint, ...] = ()
    computes: tuple[Compute, ...] = ()
    managed_computes: tuple[ManagedCompute, ...] = ()
    identities: tuple[UserIdentity, ...] = ()

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
        for attribute in SECTIONS:
            yield from getattr(self, attribute)

    def holders(self) -> Iterator[Holder]:
        """Every declared part whose identity has roles of its own."""
        yield from self.computes
        yield from self.workspaces
        yield from self.clusters
        yield from self.identities

    def cluster(self, cluster_id: ResourceId) -> Cluster | None:
        """The declared cluster with this id."""
        return next((cluster for cluster in self.clusters if cluster.id == cluster_id), None)

    def cluster_endpoints(self, cluster_id: ResourceId) -> tuple[PrivateEndpoint, ...]:
        """The customer's endpoints to one cluster."""
        return tuple(e for e in self.private_endpoints if e.to_cluster and e.target == cluster_id)
