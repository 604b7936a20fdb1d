"""Owns the kinds of Microsoft.Network that the simulated Azure knows."""

from simulator.kind import Kind
from simulator.providers.network import (
    interfaces,
    peerings,
    private_dns,
    private_endpoints,
    security_groups,
    virtual_networks,
    zone_groups,
)

KINDS: tuple[Kind, ...] = (
    *virtual_networks.KINDS,
    *peerings.KINDS,
    *interfaces.KINDS,
    *private_endpoints.KINDS,
    *zone_groups.KINDS,
    *private_dns.KINDS,
    *security_groups.KINDS,
)
