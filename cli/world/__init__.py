"""Owns turning a declared environment into plain ARM resources, for the simulated Azure to start from.

A manifest says what has to be so, not everything that is: address spaces, principals, SKUs and the
cluster's size are invented here. What the simulated Azure does not know is left out and named.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cli.world import networks, services
from cli.world.made_up import Body
from shared.model.environment import Environment, PrivateEndpoint
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from simulator.clock import VirtualClock
from simulator.cloud import Cloud

_DECLARED: Final = frozenset(
    {
        "microsoft.machinelearningservices/workspaces",
        "microsoft.containerservice/managedclusters",
    }
)
"""What else an endpoint may lead to, if the manifest declares it."""
_LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """The resources, and what of the manifest is not among them."""

    resources: tuple[Body, ...]
    left_out: tuple[str, ...] = ()


def world_of(environment: Environment) -> World:
    """A healthy world that the manifest describes.

    Raises:
        ValueError: naming the resource that cannot be in the simulated Azure.
    """
    known = {part.id for part in environment.parts()}
    endpoints = [e for e in environment.private_endpoints if _is_known(e.target, known)]
    left = [
        f"{e.id}: its target is not simulated"
        for e in environment.private_endpoints
        if e not in endpoints
    ]
    bodies = [*(e.body for e in endpoints), *(c.body for c in environment.computes)]
    region = str(bodies[0].get("location") or "westeurope") if bodies else "westeurope"
    resources = [
        *networks.security_groups(environment, region),
        *networks.networks(environment, endpoints, region),
        *networks.zones(environment, endpoints),
        *services.clusters(environment, region),
        *services.stores(environment, region),
        *services.insights(environment, region),
        *services.others(environment, endpoints, environment.computes, known, region),
        *services.workspaces(environment, region),
        *(r for each in endpoints for r in services.endpoint(each)),
        *(r for each in environment.computes for r in services.kubernetes_compute(each)),
        *(services.managed_compute(each, region) for each in environment.managed_computes),
    ]
    return World((*resources, *_records(endpoints, resources)), tuple(left))


def _is_known(target: ResourceId, known: set[ResourceId]) -> bool:
    return target.type in services.STORES or (target in known and target.type in _DECLARED)


def _records(endpoints: Iterable[PrivateEndpoint], resources: Iterable[Body]) -> Iterator[Body]:
    """The A records, with the addresses that the same world gives when it is loaded."""
    cloud = Cloud(VirtualClock(_LONG_AGO))
    cloud.load([copy.deepcopy(each) for each in resources])
    for endpoint in endpoints:
        live = cloud.get(endpoint.id.text) or {}
        cards: Sequence[Any] = dig(live, "properties.networkInterfaces") or ({},)
        card = cloud.get(str(dig(cards[0], "id") or "")) or {}
        first: Body = (dig(card, "properties.ipConfigurations") or ({},))[0]
        address = dig(first, "properties.privateIPAddress")
        for record in endpoint.records:
            yield {
                "id": f"{record.zone}/A/{record.name}",
                "properties": {"ttl": record.ttl, "aRecords": [{"ipv4Address": address}]},
            }
