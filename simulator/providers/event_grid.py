"""Owns Event Grid's control plane: system topics of subscriptions and groups, and event subscriptions (2022-06-15).

A webhook is asked for its consent while its subscription is being made. Its whole address and secret headers are never
shown again: a GET has the base address, getFullUrl the whole one. Limits of filters as in domain facts, section 1.4.
"""

import copy

from simulator.call import Call
from simulator.context import Context
from simulator.delivery import filters
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind, Timing, provider_polling
from simulator.operations import Operation
from simulator.paths import same
from simulator.store import Resource
from simulator.wire import Json, Reply

TOPICS = "Microsoft.EventGrid/systemTopics"
OF_TOPIC = f"{TOPICS}/eventSubscriptions"
OF_SCOPE = "Microsoft.EventGrid/eventSubscriptions"
TYPES = (OF_TOPIC, OF_SCOPE)
SOURCES = ("Microsoft.Resources.Subscriptions", "Microsoft.Resources.ResourceGroups")
DESTINATIONS = ("WebHook", "AzureFunction", "StorageQueue")
POLLING = provider_polling("Microsoft.EventGrid", "2022-06-15")
MOST_SUBSCRIPTIONS = 500


class Topics(Kind):
    """A system topic; one a source."""

    type = TOPICS
    polling = POLLING
    timing = Timing(create="event-grid.write", update="event-grid.write", delete="event-grid.write")
    dates_itself = True
    load_rank = 2
    read_only = frozenset({"provisioningState", "metricResourceId"})

    def check(self, call: Call) -> None:
        """Want a source that exists, of the type that is named, without another topic."""
        super().check(call)
        properties = call.properties()
        source, kind = str(properties.get("source")), str(properties.get("topicType"))
        if kind not in SOURCES or not call.context.store.get(source):
            raise bad_request("InvalidRequest", f"{source} is no source of topic type {kind}.")
        others = [t for t in call.context.store.of_type(TOPICS) if t.key != call.path.key]
        if any(same(str(t.properties["source"]), source) for t in others):
            raise bad_request("InvalidRequest", f"{source} has a system topic already.")

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in the id of its metrics."""
        resource.properties.setdefault("metricResourceId", context.chance.guid())


class Subscriptions(Kind):
    """An event subscription, of a system topic or of a scope."""

    polling = POLLING
    timing = Timing(
        create="event-grid.write",
        update="event-grid.write",
        patch="event-grid.write",
        delete="event-grid.write",
    )
    needs_location = False
    dates_itself = True
    update_status = 201
    load_rank = 3
    read_only = frozenset({"provisioningState", "topic"})

    def __init__(self, type_name: str) -> None:
        self.type = type_name
        self.child_of = TOPICS if type_name == OF_TOPIC else ""

    def check(self, call: Call) -> None:
        """Want a destination that is simulated, a policy within bounds and a filter within limits."""
        properties = call.properties()
        destination = properties.get("destination") or {}
        inner = destination.get("properties") or {}
        kind = destination.get("endpointType")
        if kind not in DESTINATIONS:
            raise bad_request("InvalidRequest", f"The destination {kind!r} is not simulated.")
        wanted = {"WebHook": "endpointUrl", "StorageQueue": "queueName"}.get(kind, "resourceId")
        if not inner.get(wanted):
            raise bad_request("InvalidRequest", f"A destination {kind} needs {wanted}.")
        filters.check(properties.get("filter") or {})
        _check_policy(properties.get("retryPolicy") or {})
        siblings = call.context.store.of_type(self.type, str(call.path.parent))
        if call.resource is None and len(siblings) >= MOST_SUBSCRIPTIONS:
            raise bad_request("InvalidRequest", "A topic has at most 500 event subscriptions.")

    def merge(self, call: Call, resource: Resource) -> None:
        """Apply a PATCH, whose members are at the top of its body."""
        filters.check(call.body.get("filter") or {})
        _check_policy(call.body.get("retryPolicy") or {})
        for member, value in call.body.items():
            if member not in self.read_only:
                resource.properties[member] = copy.deepcopy(value)
        self.complete(call.context, resource)

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in defaults and hide what is never shown again."""
        properties = resource.properties
        properties["topic"] = source_of(context, resource)
        properties.setdefault("eventDeliverySchema", "EventGridSchema")
        properties.setdefault("labels", [])
        policy = {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}
        properties["retryPolicy"] = policy | (properties.get("retryPolicy") or {})
        given = properties.get("filter") or {}
        included = given.get("includedEventTypes") or list(_ALL)
        defaults = {"subjectBeginsWith": "", "subjectEndsWith": ""}
        properties["filter"] = {**defaults, **given, "includedEventTypes": included}
        inner = properties["destination"].setdefault("properties", {})
        if properties["destination"]["endpointType"] != "StorageQueue":
            inner.setdefault("maxEventsPerBatch", 1)
            inner.setdefault("preferredBatchSizeInKilobytes", 64)
        if "endpointUrl" in inner:
            resource.hidden["endpointUrl"] = inner.pop("endpointUrl")
            inner["endpointBaseUrl"] = str(resource.hidden["endpointUrl"]).split("?")[0]
        if inner.get("deliveryAttributeMappings"):
            resource.hidden["mappings"] = copy.deepcopy(inner["deliveryAttributeMappings"])
            for mapping in inner["deliveryAttributeMappings"]:
                if mapping["properties"].get("isSecret"):
                    mapping["properties"]["value"] = "Hidden"
        # Not shown: tells the engine that it has to look again.
        resource.hidden["etag"] = context.chance.guid()

    def headers(self, resource: Resource) -> dict[str, str]:
        """Return none: Event Grid sends no ETag."""
        del resource
        return {}

    def created(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Ask the endpoint."""
        del operation
        if context.on_subscribe:
            context.on_subscribe(resource)

    def updated(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Ask the endpoint again."""
        self.created(context, operation, resource)

    def failed(
        self, context: Context, operation: Operation, resource: Resource, error: ArmError
    ) -> None:
        """Leave a subscription that was refused as Failed."""
        super().failed(context, operation, resource, error)

    def act(self, call: Call) -> Reply:
        """Answer getFullUrl and getDeliveryAttributes."""
        subscription = call.found()
        match call.verb.lower():
            case "getfullurl":
                answer: Json = {"endpointUrl": subscription.hidden.get("endpointUrl")}
            case "getdeliveryattributes":
                answer = {"value": copy.deepcopy(subscription.hidden.get("mappings") or [])}
            case _:
                return super().act(call)
        call.context.ended(call.begun())
        return Reply(200, answer)


_ALL = tuple(
    f"Microsoft.Resources.Resource{what}{how}"
    for what in ("Write", "Delete", "Action")
    for how in ("Success", "Failure", "Cancel")
)


def source_of(context: Context, subscription: Resource) -> str:
    """Return the scope whose events a subscription hears."""
    if subscription.type != OF_TOPIC:
        return subscription.path.scope
    topic = context.store.get(str(subscription.path.parent))
    return str(topic.properties.get("source")) if topic else ""


def _check_policy(policy: Json) -> None:
    attempts = policy.get("maxDeliveryAttempts", 30)
    minutes = policy.get("eventTimeToLiveInMinutes", 1440)
    if not 1 <= attempts <= 30 or not 1 <= minutes <= 1440:  # noqa: PLR2004 - Event Grid's bounds
        raise bad_request(
            "InvalidRequest",
            f"1 to 30 attempts and 1 to 1440 minutes are allowed, not {attempts} and {minutes}.",
        )


KINDS: tuple[Kind, ...] = (Topics(), Subscriptions(OF_TOPIC), Subscriptions(OF_SCOPE))
