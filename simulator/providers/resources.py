"""Owns tenants, subscriptions, resource groups, lists across kinds, the activity log and Resource Graph."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import override

from simulator import activity, graph
from simulator.call import Call
from simulator.clock import stamp
from simulator.context import Context
from simulator.directory import TENANT
from simulator.errors import ArmError, bad_request
from simulator.faults import Mischief
from simulator.kind import Kind, Timing
from simulator.operations import Operation
from simulator.paths import same, within
from simulator.store import Resource
from simulator.wire import Json, Reply

SUBSCRIPTIONS = "Microsoft.Resources/subscriptions"
GROUPS = f"{SUBSCRIPTIONS}/resourceGroups"
_CLAUSE = re.compile(
    r"^(resourceType|location|name|resourceGroup)\s+eq\s+'([^']*)'$", re.IGNORECASE
)


class Tenants(Kind):
    """The one tenant."""

    type = "Microsoft.Resources/tenants"

    def action_for(self, call: Call) -> str:
        """Need nothing."""
        del call
        return ""

    def list(self, call: Call) -> list[Json]:
        """Return the tenant."""
        del call
        return [{"id": f"/tenants/{TENANT}", "tenantId": TENANT, "displayName": "Simulated"}]


class Subscriptions(Kind):
    """Subscriptions; the list shows those that the caller may read."""

    type = SUBSCRIPTIONS
    has_state = False
    load_rank = 0

    def action_for(self, call: Call) -> str:
        """Listing needs nothing."""
        return "" if call.path.is_collection else super().action_for(call)

    def list(self, call: Call) -> list[Json]:
        """Return what the caller may read."""
        access, read = call.context.access, f"{SUBSCRIPTIONS}/read"
        found = call.context.store.of_type(SUBSCRIPTIONS)
        return [
            self.shown(call.context, s) for s in found if access.granted(call.caller, read, s.id)
        ]

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the subscription with its tenant."""
        body = super().shown(context, resource, version)
        body.pop("properties", None)
        return {
            **body,
            "tenantId": TENANT,
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
        }


class Groups(Kind):
    """Resource groups; deleting one takes everything in it along."""

    type = GROUPS
    child_of = SUBSCRIPTIONS
    timing = Timing(delete="group.delete")
    load_rank = 0

    def write(self, call: Call) -> Reply:
        """Create or update; the type of a group's body is Microsoft.Resources/resourceGroups."""
        reply = super().write(call)
        created = call.context.store.get(str(call.path))
        if created:
            created.body["type"] = "Microsoft.Resources/resourceGroups"
            return Reply(reply.status, self.shown(call.context, created), reply.headers)
        return reply

    @override
    def finish(self, context: Context, operation: Operation) -> None:
        """Delete what is in the group, what uses others first, each with an event of its own."""
        from simulator.providers import kind_of  # noqa: PLC0415 - the catalogue contains this kind

        inside = [r for r in context.store if within(operation.resource_id, r.id)]
        inside = [r for r in inside if not same(r.id, operation.resource_id)]
        if operation.what == "delete":
            for resource in sorted(inside, key=lambda r: -kind_of(r.type).load_rank):
                kind_of(resource.type).removed(context, resource)
                context.store.remove(resource.id)
                if graph.is_tracked(resource):
                    action = f"{resource.type}/delete"
                    gone = replace(operation.change, action=action, resource_id=resource.id)
                    context.ended(gone)
        super().finish(context, operation)


class Mixed(Kind):
    """The list of tracked resources of every kind, as ARM keeps it: no properties."""

    def __init__(self, type_name: str) -> None:
        self.type = type_name

    def list(self, call: Call) -> list[Json]:
        """Return tracked resources; filters resourceType, location, name and resourceGroup eq, joined by and."""
        scope = str(call.path.parent)
        clauses = [c for c in re.split(r"\s+and\s+", call.query.get("$filter", "")) if c.strip()]
        found = [r for r in call.context.store if graph.is_tracked(r) and within(scope, r.id)]
        for clause in clauses:
            match = _CLAUSE.match(clause.strip())
            if not match:
                raise bad_request("InvalidFilterInQueryString", f"Invalid $filter {clause!r}.")
            found = [r for r in found if same(_member(r, match[1].lower()), match[2])]
        kept = ("id", "name", "type", "location", "tags", "kind", "sku", "identity")
        return [{k: r.body[k] for k in kept if k in r.body} for r in found]


def _member(resource: Resource, name: str) -> str:
    if name == "resourcetype":
        return resource.type
    if name == "resourcegroup":
        return resource.path.group
    return str(resource.body.get(name, ""))


class ActivityLog(Kind):
    """The activity log of a subscription."""

    type = "Microsoft.Insights/eventtypes/values"

    def list(self, call: Call) -> list[Json]:
        """Return entries, newest first."""
        context = call.context
        lags = context.state.faults.in_force(Mischief.LAG_ACTIVITY_LOG)
        lag = timedelta(seconds=max((f.seconds for f in lags), default=0.0) / context.speed)
        known = stamp(context.now() - lag)
        mine = [
            e
            for e in context.state.activity
            if e["subscriptionId"] == call.path.subscription and e["eventTimestamp"] <= known
        ]
        return activity.select(mine, call.query.get("$filter", ""), call.query.get("$select", ""))


class ResourceGraph(Kind):
    """Resource Graph, at tenant level: it shows what the caller may read."""

    type = "Microsoft.ResourceGraph"

    def action_for(self, call: Call) -> str:
        """Need nothing but what the rows need."""
        del call
        return ""

    def act(self, call: Call) -> Reply:
        """Answer a query."""
        if call.verb.lower() != "resources":
            raise ArmError(404, "InvalidResourceType", f"{call.verb} is not known.")
        return graph.answer(call)


KINDS: tuple[Kind, ...] = (
    Tenants(),
    Subscriptions(),
    Groups(),
    Mixed(f"{SUBSCRIPTIONS}/resources"),
    Mixed(f"{GROUPS}/resources"),
    ActivityLog(),
    ResourceGraph(),
)
