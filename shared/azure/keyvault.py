"""Owns the calls to vaults' control plane. Client: azure-mgmt-keyvault, api-version 2026-05-15."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.keyvault import KeyVaultManagementClient


def _client(clients: Clients, resource: ResourceId) -> KeyVaultManagementClient:
    from azure.mgmt.keyvault import KeyVaultManagementClient  # noqa: PLC0415 - loaded when first used

    return clients.of(KeyVaultManagementClient, resource.subscription)


def _get(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).vaults.get(resource.resource_group, resource.name, **wire)


def _patch(clients: Clients, resource: ResourceId, body: Any, **wire: Any) -> None:  # noqa: ANN401 - SDK
    _client(clients, resource).vaults.update(resource.resource_group, resource.name, body, **wire)


def _connections(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).private_endpoint_connections.list_by_resource(
        resource.resource_group, resource.name, **wire
    )


KINDS: Final[Mapping[str, Kind]] = {
    "microsoft.keyvault/vaults": Kind(get=_get, patch=_patch, connections=_connections),
}
