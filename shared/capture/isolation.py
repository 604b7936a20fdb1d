"""Owns whether a live environment clearly is the documented scenario in which everything is private.

What is less than that is left for a person to say: a scenario that the environment contradicts would
be reported from the first look on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.capture.surroundings import Surroundings
from shared.model.arm import EndpointView
from shared.model.json import dig
from shared.model.resource_id import ResourceId

_ACCESS: Final = "properties.apiServerAccessProfile"


def isolation_of(around: Surroundings) -> str:
    """``private`` where all is closed and reached from the clusters' networks; empty otherwise."""
    survey = around.survey
    if not survey.aks or not survey.guarded:
        return ""
    private = all(
        dig(survey.actual.body(cluster), f"{_ACCESS}.enablePrivateCluster")
        for cluster in survey.aks
    )
    reached = _reached(around)
    closed = all(
        _is_closed(around, each) and wanted <= reached.get(each, frozenset())
        for each, wanted in _wanted(around)
    )
    return "private" if private and closed else ""


def _is_closed(around: Surroundings, resource: ResourceId) -> bool:
    access = dig(around.actual.body(resource), "properties.publicNetworkAccess")
    return str(access).lower() == "disabled"


def _wanted(around: Surroundings) -> Iterator[tuple[ResourceId, frozenset[str]]]:
    """Each member with the groups that a private endpoint has to lead to (domain.md 3.2)."""
    survey = around.survey
    yield from ((each, frozenset({"amlworkspace"})) for each in survey.workspaces)
    groups = (
        ("storageAccount", {"blob", "file"}),
        ("keyVault", {"vault"}),
        ("containerRegistry", {"registry"}),
    )
    for field, wanted in groups:
        yield from ((each, frozenset(wanted)) for each in survey.associated(field))


def _reached(around: Surroundings) -> dict[ResourceId, frozenset[str]]:
    """Target → the groups that endpoints in the clusters' networks, or peered ones, lead to."""
    near = _near(around)
    found: dict[ResourceId, frozenset[str]] = {}
    for endpoint in around.survey.endpoints:
        body = around.actual.body(endpoint)
        if body is None:
            continue
        view = EndpointView.of(body)
        if view.target is not None and view.subnet is not None and view.subnet.parent in near:
            groups = {group.lower() for group in view.group_ids}
            found[view.target] = found.get(view.target, frozenset()) | groups
    return found


def _near(around: Surroundings) -> frozenset[ResourceId]:
    own: set[ResourceId] = set()
    for cluster in around.survey.aks:
        for pool in dig(around.actual.body(cluster), "properties.agentPoolProfiles") or ():
            subnet = ResourceId.maybe(dig(pool, "vnetSubnetID"))
            if subnet is not None and subnet.parent is not None:
                own.add(subnet.parent)
    remote = {
        other
        for network in own
        for peering in around.peerings(network)
        if (other := ResourceId.maybe(dig(peering, "properties.remoteVirtualNetwork.id")))
    }
    return frozenset(own | remote)
