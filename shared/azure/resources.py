"""Owns the reading of kinds that have no client of their own here: groups, identities, Arc clusters.

Client: azure-mgmt-resource, api-version 2025-04-01 for groups; the others name theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.azure import arm
from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.azure.wire import Operation
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.resource.resources import ResourceManagementClient


def _client(clients: Clients, resource: ResourceId) -> ResourceManagementClient:
    from azure.mgmt.resource.resources import (  # noqa: PLC0415 - loaded when first used
        ResourceManagementClient,
    )

    return clients.of(ResourceManagementClient, resource.subscription)


def _get_group(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    if not resource.resource_group:
        return arm.call(clients, "GET", resource.text, "2022-12-01", **wire)
    return _client(clients, resource).resource_groups.get(resource.resource_group, **wire)


def _by_id(api_version: str) -> Operation:
    def get(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
        resources = _client(clients, resource).resources
        return resources.get_by_id(resource.text.lstrip("/"), api_version=api_version, **wire)

    return get


KINDS: Final[Mapping[str, Kind]] = {
    "": Kind(get=_get_group),
    "microsoft.managedidentity/userassignedidentities": Kind(get=_by_id("2023-01-31")),
    "microsoft.kubernetes/connectedclusters": Kind(get=_by_id("2024-01-01")),
    "microsoft.insights/components": Kind(get=_by_id("2020-02-02")),
}
