"""Owns the calls to Microsoft.Network. Client: azure-mgmt-network, api-version 2026-03-01."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.network import NetworkManagementClient


def _client(clients: Clients, resource: ResourceId) -> NetworkManagementClient:
    from azure.mgmt.network import NetworkManagementClient  # noqa: PLC0415 - loaded when first used

    return clients.of(NetworkManagementClient, resource.subscription)


def _get(group: str) -> Any:  # noqa: ANN401 - an SDK operation
    """A GET of a resource by its resource group and names."""

    def get(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
        operations = getattr(_client(clients, resource), group)
        return operations.get(resource.resource_group, *resource.names, **wire)

    return get


def _put_endpoint(clients: Clients, resource: ResourceId, body: Any, **wire: Any) -> None:  # noqa: ANN401 - SDK
    _client(clients, resource).private_endpoints.begin_create_or_update(
        resource.resource_group, resource.name, body, polling=False, **wire
    )


def _delete_endpoint(clients: Clients, resource: ResourceId, **wire: Any) -> None:  # noqa: ANN401 - SDK
    _client(clients, resource).private_endpoints.begin_delete(
        resource.resource_group, resource.name, polling=False, **wire
    )


def _put_zone_group(clients: Clients, resource: ResourceId, body: Any, **wire: Any) -> None:  # noqa: ANN401 - SDK
    endpoint, name = resource.names
    _client(clients, resource).private_dns_zone_groups.begin_create_or_update(
        resource.resource_group, endpoint, name, body, polling=False, **wire
    )


def _put_peering(clients: Clients, resource: ResourceId, body: Any, **wire: Any) -> None:  # noqa: ANN401 - SDK
    """Write one side and take over the other network's address space as it is now."""
    network, name = resource.names
    _client(clients, resource).virtual_network_peerings.begin_create_or_update(
        resource.resource_group,
        network,
        name,
        body,
        sync_remote_address_space="true",
        polling=False,
        **wire,
    )


def _delete_peering(clients: Clients, resource: ResourceId, **wire: Any) -> None:  # noqa: ANN401 - SDK
    network, name = resource.names
    _client(clients, resource).virtual_network_peerings.begin_delete(
        resource.resource_group, network, name, polling=False, **wire
    )


def _put_rule(clients: Clients, resource: ResourceId, body: Any, **wire: Any) -> None:  # noqa: ANN401 - SDK
    group, name = resource.names
    _client(clients, resource).security_rules.begin_create_or_update(
        resource.resource_group, group, name, body, polling=False, **wire
    )


def _put_subnet(clients: Clients, resource: ResourceId, body: Any, **wire: Any) -> None:  # noqa: ANN401 - SDK
    network, name = resource.names
    _client(clients, resource).subnets.begin_create_or_update(
        resource.resource_group, network, name, body, polling=False, **wire
    )


KINDS: Final[Mapping[str, Kind]] = {
    "microsoft.network/privateendpoints": Kind(
        get=_get("private_endpoints"), put=_put_endpoint, delete=_delete_endpoint
    ),
    "microsoft.network/privateendpoints/privatednszonegroups": Kind(
        get=_get("private_dns_zone_groups"), put=_put_zone_group
    ),
    "microsoft.network/networkinterfaces": Kind(get=_get("network_interfaces")),
    "microsoft.network/virtualnetworks": Kind(get=_get("virtual_networks")),
    "microsoft.network/virtualnetworks/subnets": Kind(get=_get("subnets"), put=_put_subnet),
    "microsoft.network/virtualnetworks/virtualnetworkpeerings": Kind(
        get=_get("virtual_network_peerings"), put=_put_peering, delete=_delete_peering
    ),
    "microsoft.network/networksecuritygroups/securityrules": Kind(
        get=_get("security_rules"), put=_put_rule
    ),
    "microsoft.network/networksecuritygroups": Kind(get=_get("network_security_groups")),
    "microsoft.network/applicationsecuritygroups": Kind(get=_get("application_security_groups")),
}
