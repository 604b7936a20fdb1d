"""Owns listings that only capture needs: the children of a resource, a kind in a subscription.

Asked for bare, as the answer has to be whole; the list of types is closed, as every path here ends in
a word of the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from shared.azure import arm
from shared.azure.clients import Clients
from shared.azure.errors import Terminal
from shared.model.resource_id import ResourceId

_VERSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "microsoft.machinelearningservices/workspaces/computes": "2025-12-01",
        "microsoft.network/privateendpoints": "2024-05-01",
        "microsoft.network/privateendpoints/privatednszonegroups": "2024-05-01",
        "microsoft.network/privatednszones": "2024-06-01",
        "microsoft.network/privatednszones/a": "2024-06-01",
        "microsoft.network/privatednszones/virtualnetworklinks": "2024-06-01",
    }
)
"""Resource type, in lower case, to the api-version it is listed with."""


def list_below(clients: Clients, resource: ResourceId, what: str) -> dict[str, Any]:
    """Every page of the list of ``what`` below ``resource``, as ``{"value": [...]}``.

    ``what`` is a child's type ("computes") of a resource, or a full type of a subscription or group.

    Raises:
        RemediationError: ``UnsupportedType`` for a type that is not in the list.
    """
    kind = f"{resource.type}/{what}" if resource.type else what
    version = _VERSIONS.get(kind.lower())
    if version is None:
        raise Terminal("UnsupportedType", f"{resource}: a list of '{kind}' is not known to Relink")
    step = what if resource.type else f"providers/{what}"
    return arm.list_all(clients, f"{resource.text}/{step}", version)
