"""Owns the calls to storage accounts. Client: azure-mgmt-storage, api-version 2026-09-01."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.storage import StorageManagementClient


def _client(clients: Clients, resource: ResourceId) -> StorageManagementClient:
    from azure.mgmt.storage import StorageManagementClient  # noqa: PLC0415 - loaded when first used

    return clients.of(StorageManagementClient, resource.subscription)


def _get(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).storage_accounts.get_properties(
        resource.resource_group, resource.name, **wire
    )


def _patch(clients: Clients, resource: ResourceId, body: Any, **wire: Any) -> None:  # noqa: ANN401 - SDK
    _client(clients, resource).storage_accounts.update(
        resource.resource_group, resource.name, body, **wire
    )


def _get_blobs(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).blob_services.get_service_properties(
        resource.resource_group, resource.names[0], **wire
    )


def _connections(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).private_endpoint_connections.list(
        resource.resource_group, resource.name, **wire
    )


KINDS: Final[Mapping[str, Kind]] = {
    "microsoft.storage/storageaccounts": Kind(get=_get, patch=_patch, connections=_connections),
    "microsoft.storage/storageaccounts/blobservices": Kind(get=_get_blobs),
}
