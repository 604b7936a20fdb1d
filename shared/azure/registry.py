"""Owns the calls to registries. Client: azure-mgmt-containerregistry, api-version 2025-11-01."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.containerregistry import ContainerRegistryManagementClient


def _client(clients: Clients, resource: ResourceId) -> ContainerRegistryManagementClient:
    from azure.mgmt.containerregistry import (  # noqa: PLC0415 - loaded when first used
        ContainerRegistryManagementClient,
    )

    return clients.of(ContainerRegistryManagementClient, resource.subscription)


def _get(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).registries.get(resource.resource_group, resource.name, **wire)


def _patch(clients: Clients, resource: ResourceId, body: Any, **wire: Any) -> None:  # noqa: ANN401 - SDK
    _client(clients, resource).registries.begin_update(
        resource.resource_group, resource.name, body, polling=False, **wire
    )


def _connections(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).private_endpoint_connections.list(
        resource.resource_group, resource.name, **wire
    )


KINDS: Final[Mapping[str, Kind]] = {
    "microsoft.containerregistry/registries": Kind(
        get=_get, patch=_patch, connections=_connections
    ),
}
