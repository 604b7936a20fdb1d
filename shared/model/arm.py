"""Owns typed views of what ARM answers: where its JSON becomes ours.

Each view reads what a decision needs and ignores the rest. Shapes: specs/types of the resource
and domain.md, in the section named at each view.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

SUCCEEDED = "succeeded"
APPROVED = "approved"


def provisioning_state(body: JsonObject) -> str:
    """``properties.provisioningState`` in lower case; empty when the kind has none."""
    return str(dig(body, "properties.provisioningState") or "").lower()


_YEARS: Final = range(2000, 2201)


def within_bounds(at: datetime) -> bool:
    """Whether ``at`` is aware and of a year that time may be added to and taken from.

    An unset .NET date is 0001-01-01; a day before it, or its other time zones, cannot be reckoned.
    """
    return at.tzinfo is not None and at.year in _YEARS


def moment(text: object) -> datetime | None:
    """An ARM timestamp as an aware datetime; nothing when it is none, or an unset or absurd one."""
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    aware = read if read.tzinfo else read.replace(tzinfo=UTC)
    return aware if within_bounds(aware) else None


@dataclass(frozen=True, slots=True)
class EndpointView:
    """A private endpoint as ARM shows it (domain.md 4)."""

    state: str
    connection: str
    description: str
    target: ResourceId | None
    group_ids: tuple[str, ...]
    subnet: ResourceId | None
    interface: ResourceId | None

    @classmethod
    def of(cls, body: JsonObject) -> EndpointView:
        """Read a private endpoint's body. ``connection`` is in lower case, such as ``approved``."""
        connections = [
            *(dig(body, "properties.privateLinkServiceConnections") or ()),
            *(dig(body, "properties.manualPrivateLinkServiceConnections") or ()),
        ]
        first = connections[0] if connections else {}
        state = "properties.privateLinkServiceConnectionState"
        interfaces = dig(body, "properties.networkInterfaces") or [{}]
        return cls(
            state=provisioning_state(body),
            connection=str(dig(first, f"{state}.status") or "").lower(),
            description=str(dig(first, f"{state}.description") or ""),
            target=ResourceId.maybe(dig(first, "properties.privateLinkServiceId")),
            group_ids=tuple(dig(first, "properties.groupIds") or ()),
            subnet=ResourceId.maybe(dig(body, "properties.subnet.id")),
            interface=ResourceId.maybe(interfaces[0].get("id")),
        )


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class InterfaceView:
    """An endpoint's network interface: its incarnation and its addresses (domain.md 4)."""

    guid: str
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, body: JsonObject) -> InterfaceView:
        """Read a network interface's body."""
        configurations = dig(body, "properties.ipConfigurations") or ()
        found = (dig(c, "properties.privateIPAddress") for c in configurations)
        guid = str(dig(body, "properties.resourceGuid") or "")
        return cls(guid, tuple(a for a in found if isinstance(a, str) and _is_address(a)))


@dataclass(frozen=True, slots=True)
class ClusterView:
    """An AKS cluster: both states have to be looked at (domain.md 2).

    ``fqdn`` is the API server's private name. ``own_zone`` is the customer's zone that AKS keeps it
    in, if ``apiServerAccessProfile.privateDNSZone`` names one (not "system", not "none").
    """

    power: str
    state: str
    vnet_integration: bool
    node_group: str = ""
    node_subnets: tuple[ResourceId, ...] = ()
    fqdn: str = ""
    own_zone: ResourceId | None = None

    @classmethod
    def of(cls, body: JsonObject) -> ClusterView:
        """Read a managed cluster's body. ``node_group`` is a name, in lower case."""
        pools = dig(body, "properties.agentPoolProfiles") or ()
        subnets = (ResourceId.maybe(dig(pool, "vnetSubnetID")) for pool in pools)
        return cls(
            power=str(dig(body, "properties.powerState.code") or "").lower(),
            state=provisioning_state(body),
            vnet_integration=bool(
                dig(body, "properties.apiServerAccessProfile.enableVnetIntegration")
            ),
            node_group=str(dig(body, "properties.nodeResourceGroup") or "").lower(),
            node_subnets=tuple(subnet for subnet in subnets if subnet is not None),
            fqdn=str(dig(body, "properties.privateFQDN") or "").lower().rstrip("."),
            own_zone=ResourceId.maybe(
                dig(body, "properties.apiServerAccessProfile.privateDNSZone")
            ),
        )

    def keeps(self, cluster: ResourceId, zone: ResourceId, name: str) -> bool:
        """Whether AKS itself writes the A record ``name`` in ``zone`` for this ``cluster``.

        All of the node group is AKS's; in a customer's zone it is the API server's name. While the
        name is not known, any record of that zone may be it (domain.md 2).
        """
        lies_in = (zone.subscription.lower(), zone.resource_group.lower())
        if self.node_group and lies_in == (cluster.subscription.lower(), self.node_group):
            return True
        return zone == self.own_zone and self.fqdn in {"", full_name(zone, name)}

    @property
    def node_networks(self) -> frozenset[ResourceId]:
        """The networks that its nodes lie in."""
        return frozenset(s.parent for s in self.node_subnets if s.parent is not None)

    @property
    def usable(self) -> bool:
        """Running and settled. A stopped cluster shows Succeeded as well."""
        return self.power == "running" and self.state == SUCCEEDED


@dataclass(frozen=True, slots=True)
class ZoneGroupView:
    """The zones that an endpoint's zone group writes records to (domain.md 4)."""

    zones: frozenset[ResourceId]

    @classmethod
    def of(cls, body: JsonObject) -> ZoneGroupView:
        """Read a zone group's body."""
        configs = dig(body, "properties.privateDnsZoneConfigs") or ()
        found = (ResourceId.maybe(dig(c, "properties.privateDnsZoneId")) for c in configs)
        return cls(frozenset(zone for zone in found if zone is not None))


def full_name(zone: ResourceId, name: str) -> str:
    """The name that a record set answers to, in lower case; ``@`` is the zone's apex."""
    return (zone.name if name == "@" else f"{name}.{zone.name}").lower()


@dataclass(frozen=True, slots=True)
class RecordView:
    """An A record set: its addresses, and what has to stay when they change."""

    addresses: tuple[str, ...]
    ttl: int | None
    metadata: JsonObject

    @classmethod
    def of(cls, body: JsonObject) -> RecordView:
        """Read an A record set's body (Microsoft.Network/privateDnsZones/A, 2024-06-01)."""
        records = dig(body, "properties.aRecords") or ()
        found = (dig(record, "ipv4Address") for record in records)
        ttl = dig(body, "properties.ttl")
        return cls(
            addresses=tuple(str(address) for address in found if address),
            ttl=int(ttl) if ttl is not None else None,
            metadata=dict(dig(body, "properties.metadata") or {}),
        )


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A private endpoint connection as its target shows it (domain.md 2)."""

    endpoint: ResourceId | None
    status: str

    @classmethod
    def of(cls, body: JsonObject) -> ConnectionView:
        """Read a connection's body. ``status`` is in lower case."""
        state = "properties.privateLinkServiceConnectionState.status"
        return cls(
            endpoint=ResourceId.maybe(dig(body, "properties.privateEndpoint.id")),
            status=str(dig(body, state) or "").lower(),
        )


@dataclass(frozen=True, slots=True)
class AssignmentView:
    """A role assignment: which role, at which scope, for whom."""

    id: ResourceId
    role: str
    scope: ResourceId
    principal: str
    condition: str

    @classmethod
    def of(cls, body: JsonObject) -> AssignmentView | None:
        """Read a role assignment's body; nothing when its id or scope is not one.

        ``role`` is the role definition's guid in lower case (Microsoft.Authorization, 2022-04-01).
        """
        own = ResourceId.maybe(body.get("id"))
        scope = ResourceId.maybe(dig(body, "properties.scope")) or (own.scope if own else None)
        if own is None or scope is None:
            return None
        return cls(
            id=own,
            role=str(dig(body, "properties.roleDefinitionId") or "").rsplit("/", 1)[-1].lower(),
            scope=scope,
            principal=str(dig(body, "properties.principalId") or "").lower(),
            condition=" ".join(str(dig(body, "properties.condition") or "").split()),
        )


@dataclass(frozen=True, slots=True)
class ComputeView:
    """A Kubernetes compute (domain.md 3.1)."""

    state: str
    created_on: datetime | None
    incarnation: str
    principal: str
    errors: tuple[str, ...]

    @classmethod
    def of(cls, body: JsonObject) -> ComputeView:
        """Read a compute's body; the incarnation is its createdOn as Azure wrote it."""
        created = str(dig(body, "properties.createdOn") or "")
        errors = dig(body, "properties.provisioningErrors") or ()
        return cls(
            state=provisioning_state(body),
            created_on=moment(created),
            incarnation=created,
            principal=str(dig(body, "identity.principalId") or ""),
            errors=tuple(str(dig(e, "error.code") or "") for e in errors),
        )


@dataclass(frozen=True, slots=True)
class PowerAction:
    """A start or stop that the activity log shows as succeeded."""

    name: str
    at: datetime

    @classmethod
    def all_of(cls, events: tuple[JsonObject, ...]) -> tuple[PowerAction, ...]:
        """The succeeded starts and stops among activity log events, oldest first."""
        found = []
        for event in events:
            operation = str(dig(event, "operationName.value") or "").lower()
            at = moment(dig(event, "eventTimestamp"))
            done = str(dig(event, "status.value") or "").lower() == SUCCEEDED
            name = next((n for n in ("start", "stop") if operation.endswith(f"/{n}/action")), "")
            if name and at and done:
                found.append(cls(name, at))
        return tuple(sorted(found, key=lambda action: action.at))


def writes_in(events: tuple[JsonObject, ...], kind: str) -> tuple[datetime, ...]:
    """When activity log events show a succeeded write of a resource of type ``kind``."""
    found = []
    for event in events:
        operation = str(dig(event, "operationName.value") or "").lower()
        at = moment(dig(event, "eventTimestamp"))
        done = str(dig(event, "status.value") or "").lower() == SUCCEEDED
        if at and done and operation == f"{kind}/write":
            found.append(at)
    return tuple(sorted(found))
