"""Owns narrowing: which parts of an environment an event concerns, so that a look stays small.

An event only says where to look again (design, "Level-based"). A part is kept when the event is
about the part itself, about something below it, or about what makes or breaks it: the target's
side of an endpoint's connection, a cluster for its endpoints and computes, a zone for the
endpoints whose records lie in it. What earlier runs left open (debts, intents) is always kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from shared.model.actual import Memory
from shared.model.environment import (
    SECTIONS,
    Cluster,
    Compute,
    Environment,
    Holder,
    Part,
    PrivateEndpoint,
    UserIdentity,
    VirtualNetwork,
    Workspace,
    ZoneConfig,
)
from shared.model.resource_id import ResourceId


def focus(
    environment: Environment, resources: Iterable[ResourceId] | None, memory: Memory
) -> Environment:
    """The part of ``environment`` that ``resources`` concern; all of it for ``None``.

    What a kept part refers to stays listed as context: the clusters of endpoints and computes, and
    the workspaces of a storage account, these with nothing declared, so that nothing is judged.
    What holds for an environment as a whole (``isolation``) is judged when all of it is looked at.
    """
    ids = kept(environment, resources, memory)
    if ids == _all(environment):
        return environment
    parts = [part for part in environment.parts() if part.id in ids]
    clusters = {part.cluster for part in parts if isinstance(part, Compute)}
    clusters |= {part.target for part in parts if isinstance(part, PrivateEndpoint)}
    workspaces = tuple(
        workspace if workspace.id in ids else _mentioned(workspace)
        for workspace in environment.workspaces
        if workspace.id in ids or workspace.storage_account in ids
    )
    mentioned = tuple(
        cluster if cluster.id in ids else _mentioned(cluster)
        for cluster in environment.clusters
        if cluster.id in ids | clusters
    )
    update = {"workspaces": workspaces, "clusters": mentioned, "isolation": None}
    return _only(environment, ids).model_copy(update=update)


_REFERRED: Final = frozenset(
    {"id", "owned", "storage_account", "key_vault", "container_registry", "vnet_integration"}
)
"""What a part that is only mentioned keeps: what others find it by, and nothing to judge it by."""


def _mentioned[P: (Workspace, Cluster)](part: P) -> P:
    blank = {
        name: field.get_default()
        for name, field in type(part).model_fields.items()
        if name not in _REFERRED
    }
    return part.model_copy(update=blank)


def kept(
    environment: Environment, resources: Iterable[ResourceId] | None, memory: Memory
) -> frozenset[ResourceId]:
    """The ids of the parts that are judged; context is not among them.

    A resource that is about no single part (a subnet, a lock on a group) may be about any, so it
    keeps all. A compute brings the endpoints of its cluster along: it is attached through them.
    """
    if resources is None:
        return _all(environment)
    parts = tuple(environment.parts())
    ids: set[ResourceId] = set()
    for resource in dict.fromkeys(resources):
        touched = {part.id for part in parts if _touches(part, resource)}
        if not touched:
            return _all(environment)
        ids |= touched
    remembered = {debt.target for debt in memory.debts}
    remembered |= {intent.resource for intent in memory.intents}
    ids |= {part.id for part in parts if concerns(part, remembered)}
    for part in parts:
        if isinstance(part, Compute) and part.id in ids:
            ids |= {endpoint.id for endpoint in environment.cluster_endpoints(part.cluster)}
    return frozenset(ids)


def _all(environment: Environment) -> frozenset[ResourceId]:
    return frozenset(part.id for part in environment.parts())


def concerns(part: Part, named: Iterable[ResourceId]) -> bool:
    """Whether one of the ``named`` resources is about this part."""
    return any(_touches(part, resource) for resource in named)


def _touches(part: Part, resource: ResourceId) -> bool:
    if resource == part.id or _is_group_of(part, resource):
        return True
    if isinstance(part, PrivateEndpoint):
        return (
            resource.within(part.id)
            or (resource.within(part.target) and (part.to_cluster or resource != part.target))
            or any(resource.within(record.zone) for record in part.records)
            or any(resource.within(zone.private_dns_zone_id) for zone in _zones(part))
        )
    if isinstance(part, Compute | Workspace | Cluster | UserIdentity) and _role(part, resource):
        return True
    if isinstance(part, Compute):
        return resource.within(part.id) or resource.within(part.cluster)
    if isinstance(part, VirtualNetwork) and any(resource.within(p.remote) for p in part.peerings):
        return True
    return resource.within(part.id) and "/privateendpointconnections/" not in resource.key


def _is_group_of(part: Part, resource: ResourceId) -> bool:
    """Whether ``resource`` is the group or subscription that holds the part."""
    return not resource.type and part.id.within(resource)


def _role(holder: Holder, resource: ResourceId) -> bool:
    """Whether ``resource`` is a role assignment at a scope where the holder has a declared role."""
    if resource.type != "microsoft.authorization/roleassignments":
        return False
    return any(resource.scope == role.scope for role in holder.roles)


def _zones(endpoint: PrivateEndpoint) -> tuple[ZoneConfig, ...]:
    return endpoint.zone_group.zones if endpoint.zone_group else ()


def _only(environment: Environment, ids: AbstractSet[ResourceId]) -> Environment:
    """``environment`` with the parts in ``ids``, without validating it again."""
    return environment.model_copy(
        update={
            name: tuple(part for part in getattr(environment, name) if part.id in ids)
            for name in SECTIONS
        }
    )
