"""Owns complete writable bodies: what is written when something is made again.

The manifest wins field by field; what it does not say comes from the live resource (or from the
intent stored before it was destroyed), and only through an allow-list, so that no read-only value
and no secret is ever stored or sent. Tags are joined, the manifest's values first: others set
theirs too, and they must come out as they went in.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Final

from shared.model.environment import Compute, PrivateEndpoint
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

_ENDPOINT_FIELDS: Final = (
    "extendedLocation",
    "properties.ipVersionType",
    "properties.applicationSecurityGroups",
    "properties.customNetworkInterfaceName",
    "properties.billingSku",
)
_STATIC: Final = "ipConfigurations"
_COMPUTE_FIELDS: Final = (
    "location",
    "sku",
    "properties.computeLocation",
    "properties.description",
    "properties.disableLocalAuth",
    "properties.properties.namespace",
    "properties.properties.vcName",
    "properties.properties.defaultInstanceType",
    "properties.properties.instanceTypes",
    "properties.properties.extensionPrincipalId",
    "properties.properties.extensionInstanceReleaseTrain",
)
_NEVER: Final = frozenset(
    {
        "id", "name", "type", "etag", "systemdata", "provisioningstate", "provisioningerrors",
        "createdon", "modifiedon", "isattachedcompute", "principalid", "tenantid", "clientid",
        "networkinterfaces", "customdnsconfigs", "resourceguid", "relayconnectionstring",
        "servicebusconnectionstring",
    }
)  # fmt: skip
"""Read-only members and secrets of the bodies written here, in lower case (domain.md 3.1, 4)."""


def endpoint_body(declared: PrivateEndpoint, live: JsonObject | None) -> dict[str, Any]:
    """The body to PUT. ``live``: the endpoint as it was, or nothing when that is not known.

    Static addresses are kept only where they still fit: never for a cluster (domain.md 2), and from
    the live endpoint only if it lies in the declared subnet.
    """
    body = _without(declared.body, {"id", "etag", "type"})
    properties = body.setdefault("properties", {})
    for name in [name for name in properties if name.lower() in _NEVER]:
        del properties[name]
    if declared.to_cluster:
        properties.pop(_STATIC, None)
    fields = list(_ENDPOINT_FIELDS)
    subnet = ResourceId.maybe(dig(live, "properties.subnet.id"))
    if not declared.to_cluster and subnet == declared.subnet:
        fields.append(f"properties.{_STATIC}")
    _fill(body, live, fields)
    _join_tags(body, live)
    _trim(body)
    return body


def endpoint_as_it_is(live: JsonObject) -> dict[str, Any]:
    """The body that writes a live endpoint again and changes nothing: its own, where writable."""
    properties: dict[str, Any] = {"subnet": {"id": dig(live, "properties.subnet.id")}}
    for name in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections"):
        connections = dig(live, f"properties.{name}")
        if connections:
            properties[name] = [_connection(each) for each in connections]
    body = {name: copy.deepcopy(live[name]) for name in ("location", "tags") if live.get(name)}
    body["properties"] = properties
    _fill(body, live, (*_ENDPOINT_FIELDS, f"properties.{_STATIC}"))
    _trim(body)
    return body


def _connection(live: JsonObject) -> dict[str, Any]:
    said = {
        name: copy.deepcopy(value)
        for name in ("privateLinkServiceId", "groupIds", "requestMessage")
        if (value := dig(live, f"properties.{name}")) not in (None, "", [])
    }
    return {"name": live["name"], "properties": said}


def _trim(body: dict[str, Any]) -> None:
    """References by id alone, and static addresses without what Azure added to them."""
    properties = body["properties"]
    groups = properties.get("applicationSecurityGroups")
    if groups:
        properties["applicationSecurityGroups"] = [{"id": group["id"]} for group in groups]
    static = properties.get(_STATIC)
    if static:
        properties[_STATIC] = [_without(item, _NEVER - {"name"}) for item in static]


def compute_body(declared: Compute, live: JsonObject | None) -> dict[str, Any]:
    """The body to attach with. ``live``: the compute as it was, or nothing when not known."""
    body = _without(declared.body, _NEVER)
    for path in ("properties", "properties.properties"):
        inner = dig(body, path)
        for name in [name for name in inner or () if name.lower() in _NEVER]:
            del inner[name]
    _fill(body, live, _COMPUTE_FIELDS)
    _join_tags(body, live)
    identity = _identity(body.get("identity") or dig(live, "identity"))
    if identity:
        body["identity"] = identity
    return body


def _identity(identity: JsonObject | None) -> dict[str, Any]:
    """Type and user-assigned ids alone: principals are Azure's to give."""
    kind = dig(identity, "type")
    assigned = dig(identity, "userAssignedIdentities") or {}
    if not kind or str(kind).lower() == "none":
        return {}
    written: dict[str, Any] = {"type": kind}
    if assigned:
        written["userAssignedIdentities"] = {name: {} for name in sorted(assigned)}
    return written


def _without(body: JsonObject, names: Iterable[str]) -> dict[str, Any]:
    """A deep copy of ``body`` without these members of its top level."""
    left_out = frozenset(names)
    return {k: copy.deepcopy(v) for k, v in body.items() if k.lower() not in left_out}


def _fill(body: dict[str, Any], live: JsonObject | None, paths: Iterable[str]) -> None:
    """Take from ``live`` what ``body`` does not say."""
    for path in paths:
        value = dig(live, path)
        if value not in (None, "", [], {}) and dig(body, path) is None:
            *parents, last = path.split(".")
            place = body
            for name in parents:
                place = place.setdefault(name, {})
            place[last] = copy.deepcopy(value)


def _join_tags(body: dict[str, Any], live: JsonObject | None) -> None:
    declared = body.get("tags") or {}
    mine = {name.lower() for name in declared}
    others = {k: v for k, v in (dig(live, "tags") or {}).items() if k.lower() not in mine}
    if declared or others:
        body["tags"] = {**others, **declared}
