"""Owns which operations each resource type has, and finds the service that has them.

Every service file offers ``KINDS``, a table from resource type (lower case) to its operations,
each taking the clients, the resource id, a body where one is sent, and the wire options.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from shared.azure.errors import Terminal
from shared.azure.wire import Operation
from shared.model.resource_id import ResourceId


@dataclass(frozen=True, slots=True)
class Kind:
    """The operations of one resource type; those that Relink never uses are left out.

    ``get(clients, id, **wire)``, ``put(clients, id, body: bytes, **wire)``, ``patch`` as ``put``,
    ``delete`` as ``get``, ``connections`` lists the private endpoint connections to it.
    """

    get: Operation
    put: Operation | None = None
    patch: Operation | None = None
    delete: Operation | None = None
    connections: Operation | None = None


_SERVICES: Final = {
    "microsoft.network": "network",
    "microsoft.containerservice": "containerservice",
    "microsoft.kubernetesconfiguration": "extensions",
    "microsoft.storage": "storage",
    "microsoft.keyvault": "keyvault",
    "microsoft.containerregistry": "registry",
    "microsoft.machinelearningservices": "machinelearning",
    "microsoft.authorization": "authorization",
}


def kind_of(resource: ResourceId) -> Kind:
    """The operations of ``resource``'s type.

    Raises:
        Terminal: ``UnsupportedType``; the list of types is closed.
    """
    kind = _table(resource.type).get(resource.type)
    if kind is None:
        raise Terminal(
            "UnsupportedType",
            f"{resource}: found the type '{resource.type}', which Relink does not know",
        )
    return kind


def _table(resource_type: str) -> Mapping[str, Kind]:
    service = _SERVICES.get(resource_type.split("/", maxsplit=1)[0], "resources")
    if resource_type.startswith("microsoft.network/privatednszones"):
        service = "privatedns"
    table: Mapping[str, Kind] = import_module(f"shared.azure.{service}").KINDS
    return table
