"""Owns what is made up where a manifest is silent: guids that are the same each time, regions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from shared.model.environment import Role
from shared.model.resource_id import ResourceId

type Body = dict[str, Any]


def guid(words: object) -> str:
    """The same guid each time for the same words."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, str(words).lower()))


def principal_of(resource: ResourceId) -> str:
    """The principal of a resource's own identity."""
    return guid(f"{resource} self")


def assignments(holder: ResourceId, principal: str, roles: Iterable[Role]) -> Iterator[Body]:
    """The role assignments of a principal."""
    for role in roles:
        where = f"/subscriptions/{role.scope.subscription}"
        definition = f"{where}/providers/Microsoft.Authorization/roleDefinitions/{role.role}"
        name = guid(f"{holder} {role.role} {role.scope}")
        properties: Body = {
            "roleDefinitionId": definition,
            "principalId": principal,
            "principalType": "ServicePrincipal",
        }
        if role.condition:
            properties |= {"condition": role.condition, "conditionVersion": role.condition_version}
        yield {
            "id": f"{role.scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
            "properties": properties,
        }
