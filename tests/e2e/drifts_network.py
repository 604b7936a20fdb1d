"""Owns what breaks the network of an environment: peerings, zones, security rules, subnets, endpoints."""

from __future__ import annotations

from typing import Any

from tests.e2e.catalogue import CatalogueDrift
from tests.e2e.stage import Stage

type Json = dict[str, Any]


def peering(stage: Stage, here: str, there: str) -> str:
    """One side of the peering of hub and spoke."""
    return f"{stage.ids.network(here)}/virtualNetworkPeerings/to-{there}"


def delete_side(stage: Stage) -> None:
    """One side is deleted; Azure leaves the other one Disconnected."""
    stage.human("DELETE", peering(stage, "hub", "spoke"))
    stage.advance(60)


def remake_side_alone(stage: Stage) -> None:
    """One side is deleted and made again: it waits for the other, which stays Disconnected."""
    body = stage.human("GET", peering(stage, "hub", "spoke"))
    delete_side(stage)
    kept = ("remoteVirtualNetwork", "allowForwardedTraffic")
    wanted = {"properties": {name: body["properties"][name] for name in kept}}
    stage.human("PUT", peering(stage, "hub", "spoke"), wanted)
    stage.advance(60)


def delete_both_sides(stage: Stage) -> None:
    delete_side(stage)
    stage.human("DELETE", peering(stage, "spoke", "hub"))
    stage.advance(60)


def stop_forwarding(stage: Stage) -> None:
    body = stage.human("GET", peering(stage, "spoke", "hub"))
    body["properties"]["allowForwardedTraffic"] = False
    stage.human("PUT", peering(stage, "spoke", "hub"), body)
    stage.advance(60)


def _peerings(*rows: tuple[str, str, Any]) -> tuple[CatalogueDrift, ...]:
    return tuple(
        CatalogueDrift(name, "network_peering", reason, repaired=True, apply=apply)
        for name, reason, apply in rows
    )


NETWORK: tuple[CatalogueDrift, ...] = (
    *_peerings(
        ("peering-side-deleted", "PeeringDisconnected", delete_side),
        ("peering-side-remade", "PeeringHalf", remake_side_alone),
        ("peering-deleted", "PeeringMissing", delete_both_sides),
        ("peering-flag-changed", "PeeringFlagsChanged", stop_forwarding),
    ),
)
