"""Owns the catalogue of kinds: one module or package a provider, all of the same make."""

from simulator.kind import Kind
from simulator.providers import (
    authorization,
    connections,
    container_registry,
    container_service,
    custom_topics,
    event_grid,
    identities,
    insights,
    key_vault,
    machine_learning,
    namespaces,
    network,
    passive,
    resources,
    storage,
    tags,
)

ALL: tuple[Kind, ...] = (
    *resources.KINDS,
    *tags.KINDS,
    *namespaces.KINDS,
    *authorization.KINDS,
    *identities.KINDS,
    *network.KINDS,
    *container_service.KINDS,
    *storage.KINDS,
    *key_vault.KINDS,
    *container_registry.KINDS,
    *machine_learning.KINDS,
    *connections.KINDS,
    *event_grid.KINDS,
    *custom_topics.KINDS,
    *insights.KINDS,
    *passive.KINDS,
)
KINDS: dict[str, Kind] = {kind.type.lower(): kind for kind in ALL}


def kind_of(type_name: str) -> Kind:
    """Return the kind of a type that is known to exist."""
    return KINDS[type_name.lower()]
