"""Owns the rows of `resourcechanges`: what each write through ARM changed, member by member, kept 14 days.

What Azure changes by itself (an endpoint turning Disconnected) makes no row here.
"""

import copy
from datetime import timedelta
from typing import Any

from simulator.clock import stamp
from simulator.context import Context
from simulator.directory import TENANT
from simulator.graph.tables import is_tracked
from simulator.operations import Change
from simulator.paths import Path
from simulator.store import Resource
from simulator.wire import Json

KEPT = timedelta(days=14)
_UNTOLD = ("etag", "systemData", "properties.provisioningState")


def note_before(context: Context, change: Change, resource: Resource | None) -> None:
    """Keep a resource as it is when a write of it begins."""
    if change.silent or (resource and not is_tracked(resource)):
        return
    before = copy.deepcopy(resource.body) if resource else None
    context.state.before.setdefault(change.correlation + change.resource_id.lower(), before)


def note_after(context: Context, change: Change) -> None:
    """Add a row for what a write that ended has changed, if anything."""
    key = change.correlation + change.resource_id.lower()
    if key not in context.state.before:
        return
    before = context.state.before.pop(key)
    resource = context.store.get(change.resource_id)
    if resource and not is_tracked(resource):
        return
    after = resource.body if resource else None
    differences = _differences(before, after)
    if differences and (before or after):
        context.state.changes.append(_row(context, change, before, after, differences))
    oldest = stamp(context.now() - KEPT)
    kept = context.state.changes
    while kept and _moment_of(kept[0]) < oldest:
        del kept[0]


def _moment_of(row: Json) -> str:
    return str(row["properties"]["changeAttributes"]["timestamp"])


def _row(
    context: Context, change: Change, before: Json | None, after: Json | None, differences: Json
) -> Json:
    path = Path.parse(change.resource_id)
    kind = "Update" if before and after else "Create" if after else "Delete"
    name = context.chance.guid()
    return {
        "id": f"{change.resource_id}/providers/Microsoft.Resources/changes/{name}",
        "name": name,
        "type": "microsoft.resources/changes",
        "tenantId": TENANT,
        "resourceGroup": path.group.lower(),
        "subscriptionId": path.subscription,
        "properties": {
            "targetResourceId": change.resource_id,
            "targetResourceType": path.type.lower(),
            "changeType": kind,
            "changes": differences if kind == "Update" else {},
            "changeAttributes": {
                "timestamp": stamp(context.now()),
                "correlationId": change.correlation,
                "changedBy": change.caller.login,
                "changedByType": "User" if change.caller.kind == "User" else "Application",
                "clientType": "Unspecified",
                "operation": change.action.lower(),
                "changesCount": len(differences) if kind == "Update" else 0,
            },
        },
    }


def _differences(before: Json | None, after: Json | None) -> Json:
    old, new = dict(_leaves(before or {})), dict(_leaves(after or {}))
    return {
        path: {
            "previousValue": _written(old.get(path)),
            "newValue": _written(new.get(path)),
            "propertyChangeType": _sort(path in old, path in new),
            "changeCategory": "User",
        }
        for path in [*old, *(p for p in new if p not in old)]
        if old.get(path) != new.get(path) and not path.startswith(_UNTOLD)
    }


def _sort(was: bool, is_now: bool) -> str:  # noqa: FBT001 - two facts of equal rank
    return "Update" if was and is_now else "Insert" if is_now else "Remove"


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict) and value:
        items = value.items()
        return [leaf for k, v in items for leaf in _leaves(v, f"{path}.{k}" if path else k)]
    if isinstance(value, list) and value:
        return [leaf for i, v in enumerate(value) for leaf in _leaves(v, f"{path}[{i}]")]
    return [(path, value)]


def _written(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    return None if value is None else str(value)
