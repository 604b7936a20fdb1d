"""Owns which environments a change concerns: every lookup is a walk along one id.

When in doubt, an environment is concerned: looking at one that is in order costs a few reads,
missing one leaves it broken until the sweep.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from shared.events.reading import ChangeKind, ResourceChanged
from shared.model.environment import (
    Compute,
    Environment,
    Part,
    PrivateDnsZone,
    PrivateEndpoint,
    VirtualNetwork,
    Workspace,
    ZoneConfig,
)
from shared.model.resource_id import ResourceId

_GROUP_DELETE: Final = "microsoft.resources/subscriptions/resourcegroups/delete"
_ROLES: Final = "microsoft.authorization/roleassignments"
_LOCKS: Final = "microsoft.authorization/locks"


def watched_by(watches: Iterable[str]) -> frozenset[str]:
    """The ARM operation names that say something to somebody, in lower case."""
    return frozenset({*(watch.lower() for watch in watches), _GROUP_DELETE})


class Index:
    """Environments by the ids that their manifests name; built once for a set of manifests.

    ``watches`` are ARM operation names, compared without case; the deletion of a resource group
    is always watched.
    """

    def __init__(self, environments: Iterable[Environment], watches: Iterable[str]) -> None:
        self._watched = watched_by(watches)
        self._named: dict[str, set[str]] = defaultdict(set)
        self._around: dict[str, set[str]] = defaultdict(set)
        self._scopes: dict[str, set[str]] = defaultdict(set)
        for environment in environments:
            for resource in _named(environment):
                self._named[resource.key].add(environment.name)
                for outer in _outward(resource):
                    self._around[outer.key].add(environment.name)
            for scope in _role_scopes(environment):
                self._scopes[scope.key].add(environment.name)

    def concerned(self, change: ResourceChanged) -> tuple[str, ...]:
        """The names of the environments to look at, sorted; none for what nobody watches."""
        if change.operation.lower() not in self._watched:
            return ()
        attached_to = change.resource.parent or change.resource
        if change.resource.type == _ROLES:
            return self._along(self._scopes, attached_to)
        found = set(self._along(self._named, change.resource))
        # What lies inside went with it; a lock binds everything inside of its scope.
        if change.kind is ChangeKind.DELETE:
            found |= self._around.get(change.resource.key, set())
        if change.resource.type == _LOCKS:
            found |= self._around.get(attached_to.key, set())
        return tuple(sorted(found))

    def _along(self, names: dict[str, set[str]], resource: ResourceId) -> tuple[str, ...]:
        """What ``names`` has of the resource or of anything that encloses it."""
        found: set[str] = set(names.get(resource.key, ()))
        for outer in _outward(resource):
            found |= names.get(outer.key, set())
        return tuple(sorted(found))


def _outward(resource: ResourceId) -> Iterator[ResourceId]:
    """The enclosing resources, the nearest first, down to the subscription."""
    outer = resource.parent
    while outer is not None:
        yield outer
        outer = outer.parent


def _named(environment: Environment) -> Iterator[ResourceId]:
    """Every id whose change can break the environment."""
    for part in environment.parts():
        yield part.id
        yield from _used_by(part)


def _used_by(part: Part) -> Iterator[ResourceId]:
    match part:
        case PrivateEndpoint():
            yield part.target
            yield part.subnet
            yield from (record.zone for record in part.records)
            yield from (zone.private_dns_zone_id for zone in _zones(part))
        case Compute():
            yield part.cluster
            yield part.workspace
        case Workspace():
            used = (part.storage_account, part.key_vault, part.container_registry)
            yield from (resource for resource in used if resource is not None)
        case VirtualNetwork():
            yield from (peering.remote for peering in part.peerings)
        case PrivateDnsZone():
            yield from (link.virtual_network for link in part.links)
        case _:
            return


def _zones(endpoint: PrivateEndpoint) -> tuple[ZoneConfig, ...]:
    return endpoint.zone_group.zones if endpoint.zone_group else ()


def _role_scopes(environment: Environment) -> Iterator[ResourceId]:
    for holder in environment.holders():
        yield from (role.scope for role in holder.roles)
