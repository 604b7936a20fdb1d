"""Owns listings: the children of a resource, a kind in a subscription.

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
        "microsoft.machinelearningservices/workspaces/onlineendpoints": "2024-04-01",
        "microsoft.machinelearningservices/workspaces/onlineendpoints/deployments": "2024-04-01",
        "microsoft.network/privateendpoints": "2024-05-01",
        "microsoft.network/privateendpoints/privatednszonegroups": "2024-05-01",
        "microsoft.network/privatednszones": "2024-06-01",
        "microsoft.network/privatednszones/a": "2024-06-01",
        "microsoft.network/privatednszones/virtualnetworklinks": "2024-06-01",
    }
)
"""Resource type, in lower case, to the api-version it is listed with."""
_EXTENSIONS: Final[Mapping[str, tuple[str, dict[str, str]]]] = MappingProxyType(
    {
        "microsoft.insights/diagnosticsettings": ("2021-05-01-preview", {}),
        "microsoft.authorization/roleassignments": ("2022-04-01", {"$filter": "atScope()"}),
    }
)
"""What hangs on a resource: its type, in lower case, to the api-version and query of its list."""


def list_below(clients: Clients, resource: ResourceId, what: str) -> dict[str, Any]:
    """Every page of the list of ``what`` below ``resource``, as ``{"value": [...]}``.

    ``what`` is a child's type ("computes") of a resource, the full type of what hangs on it
    ("Microsoft.Insights/diagnosticSettings"), or a full type of a subscription or group.

    Raises:
        RemediationError: ``UnsupportedType`` for a type that is not in the list.
    """
    extension = _EXTENSIONS.get(what.lower()) if resource.type else None
    if extension is not None:
        return _attached(clients, f"{resource.text}/providers/{what}", *extension)
    kind = f"{resource.type}/{what}" if resource.type else what
    version = _VERSIONS.get(kind.lower())
    if version is None:
        raise Terminal("UnsupportedType", f"{resource}: a list of '{kind}' is not known to Relink")
    step = what if resource.type else f"providers/{what}"
    return arm.list_all(clients, f"{resource.text}/{step}", version)


def _attached(
    clients: Clients, path: str, version: str, query: Mapping[str, str]
) -> dict[str, Any]:
    """What hangs on a resource; nothing where its type can have no such thing (Insights says so)."""
    try:
        return arm.list_all(clients, path, version, **query)
    except Terminal as error:
        if error.code.lower() == "resourcetypenotsupported":
            return {"value": []}
        raise
