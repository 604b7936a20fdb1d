"""Owns the calls to Microsoft.Authorization: role assignments, permissions, locks.

Clients: azure-mgmt-authorization, api-version 2022-04-01; azure-mgmt-resource-locks, api-version
2020-05-01. Permissions are asked for bare: the SDK has no operation at a subscription's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.azure import arm
from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.authorization.v2022_04_01 import AuthorizationManagementClient
    from azure.mgmt.resource.locks import ManagementLockClient

_PERMISSIONS_API: Final = "2022-04-01"


def _client(clients: Clients, resource: ResourceId) -> AuthorizationManagementClient:
    from azure.mgmt.authorization.v2022_04_01 import (  # noqa: PLC0415 - loaded when first used
        AuthorizationManagementClient,
    )

    return clients.of(AuthorizationManagementClient, resource.subscription)


def _locks_client(clients: Clients, resource: ResourceId) -> ManagementLockClient:
    from azure.mgmt.resource.locks import ManagementLockClient  # noqa: PLC0415 - loaded when first used

    return clients.of(ManagementLockClient, resource.subscription)


def _bare(resource: ResourceId) -> str:
    """The id without its first slash: the SDK's paths bring one."""
    return resource.text.lstrip("/")


def _get_assignment(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).role_assignments.get_by_id(_bare(resource), **wire)


def _put_assignment(clients: Clients, resource: ResourceId, body: bytes, **wire: Any) -> None:  # noqa: ANN401 - SDK
    operations: Any = _client(clients, resource).role_assignments
    operations.create_by_id(_bare(resource), body, **wire)


def _delete_assignment(clients: Clients, resource: ResourceId, **wire: Any) -> None:  # noqa: ANN401 - SDK
    _client(clients, resource).role_assignments.delete_by_id(_bare(resource), **wire)


def list_assignments(clients: Clients, scope: ResourceId, principal: str, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    """The role assignments of ``principal`` (a guid) at, above and below ``scope``."""
    return _client(clients, scope).role_assignments.list_for_scope(
        _bare(scope), filter=f"principalId eq '{principal}'", **wire
    )


def _get_lock(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _locks_client(clients, resource).management_locks.get_by_scope(
        _bare(resource.scope), resource.name, **wire
    )


def list_locks(clients: Clients, scope: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    """Every lock in a subscription or a group; for a resource, those that concern it."""
    locks = _locks_client(clients, scope).management_locks
    if scope.type:
        return locks.list_by_scope(_bare(scope), **wire)
    if scope.resource_group:
        return locks.list_at_resource_group_level(scope.resource_group, **wire)
    return locks.list_at_subscription_level(**wire)


def list_permissions(clients: Clients, scope: ResourceId) -> dict[str, Any]:
    """Our own effective permissions at ``scope``: actions and notActions of each assignment."""
    path = f"{scope.text}/providers/Microsoft.Authorization/permissions"
    return arm.list_all(clients, path, _PERMISSIONS_API)


KINDS: Final[Mapping[str, Kind]] = {
    "microsoft.authorization/roleassignments": Kind(
        get=_get_assignment, put=_put_assignment, delete=_delete_assignment
    ),
    "microsoft.authorization/locks": Kind(get=_get_lock),
}
