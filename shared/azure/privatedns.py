"""Owns the calls to private DNS zones. Client: azure-mgmt-privatedns, api-version 2024-06-01."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.privatedns import PrivateDnsManagementClient


def _client(clients: Clients, resource: ResourceId) -> PrivateDnsManagementClient:
    from azure.mgmt.privatedns import (  # noqa: PLC0415 - loaded when first used
        PrivateDnsManagementClient,
    )

    return clients.of(PrivateDnsManagementClient, resource.subscription)


def _get_zone(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).private_zones.get(
        resource.resource_group, resource.name, **wire
    )


def _get_link(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).virtual_network_links.get(
        resource.resource_group, *resource.names, **wire
    )


def _get_record(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    zone, name = resource.names
    return _client(clients, resource).record_sets.get(
        resource.resource_group, zone, "A", name, **wire
    )


def _over(etag: str | None) -> dict[str, Any]:
    """Write over the version ``etag`` alone, or only if there is none yet."""
    from azure.core import MatchConditions  # noqa: PLC0415 - loaded when first used

    condition = MatchConditions.IfNotModified if etag else MatchConditions.IfMissing
    return {"etag": etag, "match_condition": condition}


def _put_record(
    clients: Clients,
    resource: ResourceId,
    body: Any,  # noqa: ANN401 - bytes, which the SDK's overloads do not name
    *,
    etag: str | None = None,
    **wire: Any,  # noqa: ANN401 - SDK options
) -> None:
    """Write the record: only over the version ``etag``, or only if there is none yet."""
    zone, name = resource.names
    _client(clients, resource).record_sets.create_or_update(
        resource.resource_group,
        zone,
        "A",
        name,
        body,
        **_over(etag),
        **wire,
    )


def _put_link(
    clients: Clients,
    resource: ResourceId,
    body: Any,  # noqa: ANN401 - bytes, which the SDK's overloads do not name
    *,
    etag: str | None = None,
    **wire: Any,  # noqa: ANN401 - SDK options
) -> None:
    """Write the link: only over the version ``etag``, or only if there is none yet."""
    zone, name = resource.names
    _client(clients, resource).virtual_network_links.begin_create_or_update(
        resource.resource_group,
        zone,
        name,
        body,
        **_over(etag),
        polling=False,
        **wire,
    )


KINDS: Final[Mapping[str, Kind]] = {
    "microsoft.network/privatednszones": Kind(get=_get_zone),
    "microsoft.network/privatednszones/virtualnetworklinks": Kind(get=_get_link, put=_put_link),
    "microsoft.network/privatednszones/a": Kind(get=_get_record, put=_put_record),
}
