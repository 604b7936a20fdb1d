"""Owns which fields of a live body are writable: an allow-list, so that no secret can pass.

Shapes: Microsoft.Network/privateEndpoints 2024-05-01 (domain.md 4), workspaces/computes of type
Kubernetes (domain.md 3.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.model.json import JsonObject, dig

_CONNECTION_LISTS: Final = (
    "privateLinkServiceConnections",
    "manualPrivateLinkServiceConnections",
)
_CONNECTION: Final = ("privateLinkServiceId", "groupIds", "requestMessage")
_ENDPOINT: Final = ("customNetworkInterfaceName", "ipVersionType")
_CONFIGURATION: Final = ("groupId", "memberName", "privateIPAddress")
_TOP: Final = ("location", "extendedLocation", "tags")
_COMPUTE: Final = (
    "computeType",
    "computeLocation",
    "description",
    "resourceId",
    "disableLocalAuth",
)
_KUBERNETES: Final = (
    "namespace",
    "vcName",
    "defaultInstanceType",
    "instanceTypes",
    "extensionPrincipalId",
    "extensionInstanceReleaseTrain",
)
_SECRET: Final = ("relayConnectionString", "serviceBusConnectionString")


def endpoint_body(live: JsonObject, *, to_cluster: bool) -> dict[str, Any]:
    """What a PUT of this private endpoint has to say.

    Static addresses are left out for clusters, which do not support them (domain.md 4).
    """
    properties: dict[str, Any] = {"subnet": {"id": dig(live, "properties.subnet.id")}}
    for name in _CONNECTION_LISTS:
        entries = [_connection(entry) for entry in dig(live, f"properties.{name}") or ()]
        if entries:
            properties[name] = entries
    properties |= _picked(dig(live, "properties"), _ENDPOINT)
    groups = _ids(dig(live, "properties.applicationSecurityGroups"))
    if groups:
        properties["applicationSecurityGroups"] = groups
    static = [_configuration(entry) for entry in dig(live, "properties.ipConfigurations") or ()]
    if static and not to_cluster:
        properties["ipConfigurations"] = static
    return {**_picked(live, _TOP), "properties": properties}


def compute_body(live: JsonObject) -> dict[str, Any]:
    """What an attach of this Kubernetes compute has to say."""
    properties = _picked(dig(live, "properties"), _COMPUTE)
    properties["properties"] = _picked(dig(live, "properties.properties"), _KUBERNETES)
    return {
        **_picked(live, ("location", "tags", "sku")),
        **_identity(dig(live, "identity")),
        "properties": properties,
    }


def secrets_in(live: JsonObject) -> tuple[str, ...]:
    """The names of secrets that a compute's live body holds and that are never written."""
    held = dig(live, "properties.properties")
    return tuple(name for name in _SECRET if dig(held, name))


def _connection(entry: JsonObject) -> dict[str, Any]:
    return {
        "name": dig(entry, "name"),
        "properties": _picked(dig(entry, "properties"), _CONNECTION),
    }


def _configuration(entry: JsonObject) -> dict[str, Any]:
    picked = _picked(dig(entry, "properties"), _CONFIGURATION)
    return {"name": dig(entry, "name"), "properties": picked}


def _identity(live: JsonObject | None) -> dict[str, Any]:
    kind = str(dig(live, "type") or "")
    if not kind or kind.lower() == "none":
        return {}
    identity: dict[str, Any] = {"type": _spelled(kind)}
    users = dig(live, "userAssignedIdentities") or {}
    if users:
        identity["userAssignedIdentities"] = {name: {} for name in sorted(users, key=str.lower)}
    return {"identity": identity}


def _spelled(kind: str) -> str:
    """``SystemAssigned``, however the service capitalises it today."""
    known = ("SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned")
    plain = kind.replace(" ", "").lower()
    return next((name for name in known if name.lower() == plain), kind)


def _ids(entries: Iterable[JsonObject] | None) -> list[dict[str, Any]]:
    return [{"id": entry["id"]} for entry in entries or () if entry.get("id")]


def _picked(body: JsonObject | None, names: Iterable[str]) -> dict[str, Any]:
    """The named fields that say something, in the order of ``names``; values in a stable order."""
    found = ((name, dig(body, name)) for name in names)
    return {name: _stable(value) for name, value in found if value not in (None, "", {}, [])}


def _stable(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return {str(name): _stable(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return [_stable(item) for item in value]
    return value
