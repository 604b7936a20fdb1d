"""Owns the calls to AKS. Client: azure-mgmt-containerservice, api-version 2026-08-01."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.containerservice import ContainerServiceClient


def _client(clients: Clients, resource: ResourceId) -> ContainerServiceClient:
    from azure.mgmt.containerservice import (  # noqa: PLC0415 - loaded when first used
        ContainerServiceClient,
    )

    return clients.of(ContainerServiceClient, resource.subscription)


def _get_cluster(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).managed_clusters.get(
        resource.resource_group, resource.name, **wire
    )


def _connections(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).private_endpoint_connections.list(
        resource.resource_group, resource.name, **wire
    )


def list_links(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    """The cluster's privateLinkResources, each with its ``privateLinkServiceID`` (domain.md 2)."""
    return _client(clients, resource).private_link_resources.list(
        resource.resource_group, resource.name, **wire
    )


def resolve_link(clients: Clients, resource: ResourceId, body: Any, **wire: Any) -> None:  # noqa: ANN401 - SDK
    """POST resolvePrivateLinkServiceId; the answer names the private link service."""
    _client(clients, resource).resolve_private_link_service_id.post(
        resource.resource_group, resource.name, body, **wire
    )


KINDS: Final[Mapping[str, Kind]] = {
    "microsoft.containerservice/managedclusters": Kind(get=_get_cluster, connections=_connections),
}
