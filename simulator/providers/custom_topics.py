"""Owns custom topics of Event Grid: what an application publishes to them is checked and kept, not delivered.

Published events are in the topic's `hidden["events"]`, which the control API shows. Publishing wants a token for
https://eventgrid.azure.net and the role EventGrid Data Sender at the topic or above (2018-01-01, data plane).
"""

import json
import re
from typing import override

from simulator.call import Call, split_url
from simulator.context import Context
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind, Timing
from simulator.providers.event_grid import POLLING
from simulator.roles import DATA_SENDER
from simulator.store import Resource
from simulator.wire import Json, Reply, Request

TYPE = "Microsoft.EventGrid/topics"
AUDIENCE = "https://eventgrid.azure.net"
MOST_BYTES = 1024 * 1024
_ADDRESS = re.compile(r"^/topics/([A-Za-z0-9-]{3,50})/api/events$")
_MEMBERS = {
    "EventGridSchema": ("id", "subject", "eventType", "eventTime", "dataVersion"),
    "CloudEventSchemaV1_0": ("id", "source", "type", "specversion"),
}


class CustomTopics(Kind):
    """A topic of one's own; `endpoint` is where events are published."""

    type = TYPE
    name_pattern = r"[A-Za-z0-9-]{3,50}"
    polling = POLLING
    timing = Timing(create="event-grid.write", update="event-grid.write", delete="event-grid.write")
    dates_itself = True
    load_rank = 2
    read_only = frozenset({"provisioningState", "endpoint", "metricResourceId"})

    @override
    def check(self, call: Call) -> None:
        super().check(call)
        schema = call.properties().get("inputSchema", "EventGridSchema")
        if schema not in _MEMBERS:
            raise bad_request("InvalidRequest", f"The input schema {schema!r} is not simulated.")

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        properties = resource.properties
        properties.setdefault("inputSchema", "EventGridSchema")
        properties.setdefault("metricResourceId", context.chance.guid())
        properties.setdefault("publicNetworkAccess", "Enabled")
        properties.setdefault("disableLocalAuth", False)

    @override
    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        body = super().shown(context, resource, version)
        address = f"{context.endpoint}/topics/{resource.name}/api/events"
        body["properties"]["endpoint"] = address
        return body


def publish(context: Context, request: Request) -> Reply | None:
    """Answer what is published to a topic; None for what is addressed to something else."""
    path, query = split_url(request.url)
    named = _ADDRESS.match(path)
    if not named or request.method != "POST":
        return None
    found = [t for t in context.store.of_type(TYPE) if t.name.lower() == named[1].lower()]
    if not found:
        raise ArmError(404, "NotFound", f"There is no topic {named[1]}.")
    topic = found[0]
    _authorize(context, request, topic)
    if "api-version" not in query:
        raise bad_request("BadRequest", "The query parameter api-version is missing.")
    if len(request.body) > MOST_BYTES:
        raise ArmError(413, "RequestEntityTooLarge", "A request has at most 1 MB.")
    topic.hidden.setdefault("events", []).extend(_events(request.body, topic))
    return Reply(200)


def _authorize(context: Context, request: Request, topic: Resource) -> None:
    scheme, _, token = (request.header("Authorization") or "").partition(" ")
    directory = context.state.directory
    sender = directory.redeem(token.strip(), context.now(), audience=AUDIENCE)
    if scheme.lower() != "bearer" or sender is None:
        raise ArmError(401, "Unauthorized", f"A token for {AUDIENCE} is wanted.")
    held = context.access.assignments(sender.object_id, topic.id)
    if DATA_SENDER not in {str(a.properties["roleDefinitionId"])[-36:] for a, _ in held}:
        raise ArmError(403, "Forbidden", f"{sender.object_id} is no EventGrid Data Sender here.")


def _events(body: bytes, topic: Resource) -> list[Json]:
    try:
        events = json.loads(body)
    except ValueError as error:
        raise bad_request("BadRequest", f"The events cannot be read: {error}") from error
    schema = str(topic.properties["inputSchema"])
    for event in events if isinstance(events, list) else [None]:
        missing = [m for m in _MEMBERS[schema] if not isinstance(event, dict) or m not in event]
        if missing:
            raise bad_request("BadRequest", f"This is no event of {schema}: {missing} missing.")
    return list(events)


KINDS: tuple[Kind, ...] = (CustomTopics(),)
