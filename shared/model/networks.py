"""Owns what a manifest says of networks: peerings, subnets, security rules, zones and their links."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from shared.model.json import dig
from shared.model.part import Declared, NetworkId, Owned, SecurityGroupId, ZoneId
from shared.model.resource_id import ResourceId

PEERING_FLAGS = (
    "allowVirtualNetworkAccess",
    "allowForwardedTraffic",
    "allowGatewayTransit",
    "useRemoteGateways",
)
"""The members of a peering that are declared and put back, beside the remote network."""


class Peering(Declared):
    """One side of a peering; the other side is declared with the other network.

    ``body`` is complete and writable: ``properties.remoteVirtualNetwork.id`` and the flags.
    """

    name: str = Field(min_length=1, max_length=80)
    body: dict[str, Any]

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Peering:
        found = ResourceId.maybe(dig(self.body, "properties.remoteVirtualNetwork.id"))
        if found is None or found.type != "microsoft.network/virtualnetworks":
            raise ValueError("body.properties.remoteVirtualNetwork.id is not the id of a network")
        return self

    @property
    def remote(self) -> ResourceId:
        """The network on the other side."""
        return ResourceId.parse(dig(self.body, "properties.remoteVirtualNetwork.id"))


class Subnet(Declared):
    """What is required of a subnet. Absent: not declared, so not looked at.

    ``delegations`` are service names (``Microsoft.ContainerInstance/containerGroups``),
    ``service_endpoints`` services that must be among those switched on (``Microsoft.Storage``).
    """

    name: str = Field(min_length=1, max_length=80)
    delegations: tuple[str, ...] | None = None
    service_endpoints: tuple[str, ...] = ()
    private_endpoint_network_policies: (
        Literal["Disabled", "Enabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"] | None
    ) = None
    network_security_group: SecurityGroupId | None = None


class VirtualNetwork(Owned):
    """A network: what is required of its subnets, and its side of its peerings."""

    id: NetworkId
    subnets: tuple[Subnet, ...] = ()
    peerings: tuple[Peering, ...] = ()


class SecurityRule(Declared):
    """A rule of a security group as a complete writable body (``properties`` of the rule)."""

    name: str = Field(min_length=1, max_length=80)
    body: dict[str, Any]

    @model_validator(mode="after")
    def _body_is_complete(self) -> SecurityRule:
        missing = [
            name
            for name in ("access", "direction", "priority", "protocol")
            if dig(self.body, f"properties.{name}") is None
        ]
        if missing:
            raise ValueError(f"body.properties lacks {' and '.join(missing)}")
        return self


class NetworkSecurityGroup(Owned):
    """A security group with the rules that must be in it; other rules are left alone."""

    id: SecurityGroupId
    rules: tuple[SecurityRule, ...] = ()


class ZoneLink(Declared):
    """A link of a private DNS zone: who resolves its names. Registration is off (domain.md 4)."""

    name: str = Field(min_length=1, max_length=80)
    virtual_network: NetworkId
    registration_enabled: bool = False
    resolution_policy: Literal["Default", "NxDomainRedirect"] | None = None


class PrivateDnsZone(Owned):
    """A private DNS zone with the links that it must have."""

    id: ZoneId
    links: tuple[ZoneLink, ...] = ()
