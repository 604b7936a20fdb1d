"""Owns what a change means to one environment: our own echo, or the restart of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.events.reading import ResourceChanged
from shared.model.debt import Debt
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from shared.restarts import debts_of

_START: Final = "microsoft.containerservice/managedclusters/start/action"
_ROLES: Final = "microsoft.authorization/roleassignments"
_CONNECTIONS: Final = "/privateendpointconnections"


def echo(change: ResourceChanged, principal_id: str | None, environment: Environment) -> bool:
    """Whether the change is our own write of something that ``environment`` owns.

    Such a change starts no run there. Without our own object id nothing is an echo; neither is
    a write on behalf of another environment, which this one may have to answer.
    """
    if not principal_id or change.caller != principal_id.lower():
        return False
    if change.resource.type == _ROLES:
        return any(change.resource.parent == scope for scope in _owned_scopes(environment))
    written = change.resource.key
    return any(
        written == key or written.startswith(f"{key}/") for key in _owned(environment, change)
    )


def restarts(change: ResourceChanged, environment: Environment) -> tuple[Debt, ...]:
    """The debts of a cluster's start: one per endpoint to it and per compute attached from it.

    None for other operations, for clusters that are not declared, and for a start at a time that
    nobody can believe: the look that such an event leads to reads the activity log instead. With
    API-server VNet integration there is no private link to lose, so only the computes are in doubt
    (domain.md 2).
    """
    if not change.succeeded or change.operation.lower() != _START or change.at is None:
        return ()
    return debts_of(environment, change.resource, change.at, f"event {change.event_id}")


def _owned(environment: Environment, change: ResourceChanged) -> Iterator[str]:
    """The keys of what only this environment has us write, with everything below."""
    yield from (part.id.key for part in environment.parts() if part.owned)
    for endpoint in environment.private_endpoints:
        if not endpoint.owned:
            continue
        yield from (f"{record.zone.key}/a/{record.name.lower()}" for record in endpoint.records)
        if change.resource.type.endswith(_CONNECTIONS):  # Azure makes it as we make the endpoint
            yield endpoint.target.key


def _owned_scopes(environment: Environment) -> Iterator[ResourceId]:
    for holder in environment.holders():
        if holder.owned:
            yield from (role.scope for role in holder.roles)
