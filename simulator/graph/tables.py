"""Owns the rows of Resource Graph's tables, and that they may be older than what ARM shows.

`resources` holds tracked resources; zone groups, computes, record sets, locks and connections are not in it (domain
facts, section 6). While a `lag-graph` fault is in force, the rows from before a change are shown for its seconds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.access import ASSIGNMENTS, DEFINITIONS
from simulator.call import Call
from simulator.context import Context
from simulator.directory import TENANT
from simulator.faults import Mischief
from simulator.store import Resource
from simulator.wire import Json

_TRACKED_CHILDREN = ("microsoft.network/privatednszones/virtualnetworklinks",)
_CONTAINERS = (
    "microsoft.resources/subscriptions",
    "microsoft.resources/subscriptions/resourcegroups",
)
COLUMNS = (
    "id",
    "name",
    "type",
    "tenantId",
    "kind",
    "location",
    "resourceGroup",
    "subscriptionId",
    "managedBy",
    "sku",
    "plan",
    "properties",
    "tags",
    "identity",
    "zones",
    "extendedLocation",
)
TABLES = ("resources", "resourcecontainers", "authorizationresources", "resourcechanges")


@dataclass(frozen=True, slots=True)
class Indexed:
    """A row with whose permission it is shown under."""

    table: str
    id: str
    type: str
    row: Json


@dataclass(frozen=True, slots=True)
class Index:
    """What Resource Graph knew at a moment, shown until another."""

    until: datetime
    rows: list[Indexed]


def is_tracked(resource: Resource) -> bool:
    """Whether a resource is one that ARM and Resource Graph list by itself."""
    lowered = resource.type.lower()
    if "/providers/" in resource.path.scope.lower():
        # An extension of another resource, such as a diagnostic setting.
        return False
    if lowered.startswith(("microsoft.resources/", "microsoft.authorization/")):
        return False
    return lowered.count("/") == 1 or lowered in _TRACKED_CHILDREN


def before_change(context: Context) -> None:
    """Keep the rows as they are, if the index lags and shows nothing older already."""
    lag = next(iter(context.state.faults.in_force(Mischief.LAG_GRAPH)), None)
    shown = context.state.index
    if lag and not (isinstance(shown, Index) and context.now() < shown.until):
        until = context.now() + timedelta(seconds=lag.seconds / context.speed)
        context.state.index = Index(until, _fresh(context))


def rows(call: Call, table: str, subscriptions: set[str]) -> list[Json]:
    """Return the rows of a table that lie in the subscriptions and that the caller may read."""
    context = call.context
    return [
        found.row
        for found in _indexed(context)
        if found.table == table
        and (not subscriptions or str(found.row["subscriptionId"]).lower() in subscriptions)
        and context.access.granted(call.caller, f"{found.type}/read", found.id)
    ]


def _indexed(context: Context) -> list[Indexed]:
    kept = context.state.index
    if isinstance(kept, Index) and context.now() < kept.until:
        return kept.rows
    return _fresh(context)


def _fresh(context: Context) -> list[Indexed]:
    from simulator.providers import kind_of  # noqa: PLC0415 - the catalogue contains the kind that asks

    found = []
    for resource in context.store:
        table = _table_of(resource)
        if table:
            body = kind_of(resource.type).shown(context, resource)
            found.append(Indexed(table, resource.id, resource.type, _row(resource, body)))
    return [*found, *(_change_row(change) for change in context.state.changes)]


def _table_of(resource: Resource) -> str:
    if resource.type.lower() in _CONTAINERS:
        return "resourcecontainers"
    if resource.type in (ASSIGNMENTS, DEFINITIONS):
        return "authorizationresources"
    return "resources" if is_tracked(resource) else ""


def _row(resource: Resource, body: Json) -> Json:
    path = resource.path
    return {
        "id": resource.id,
        "name": resource.name,
        "type": resource.type.lower(),
        "tenantId": TENANT,
        "kind": body.get("kind", ""),
        "location": body.get("location", ""),
        "resourceGroup": path.group.lower(),
        "subscriptionId": path.subscription,
        "managedBy": "",
        "sku": body.get("sku"),
        "plan": None,
        "properties": body.get("properties", {}),
        "tags": body.get("tags"),
        "identity": body.get("identity"),
        "zones": None,
        "extendedLocation": None,
    }


def _change_row(change: Json) -> Indexed:
    target = str(change["properties"]["targetResourceId"])
    kind = str(change["properties"]["targetResourceType"])
    return Indexed("resourcechanges", target, kind, dict.fromkeys(COLUMNS) | change)
