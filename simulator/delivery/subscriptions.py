"""Owns event subscriptions as the engine knows them, read from the control API or from ARM resources."""

from dataclasses import dataclass, field
from enum import StrEnum

from simulator.delivery import filters
from simulator.delivery.schedule import RetryPolicy
from simulator.events import as_cloud_event
from simulator.paths import within
from simulator.store import Resource
from simulator.wire import Json

CLOUD_EVENTS = "CloudEventSchemaV1_0"
EVENT_GRID = "EventGridSchema"
_MEMBERS = {
    "name",
    "endpoint",
    "schema",
    "headers",
    "maxEventsPerBatch",
    "operations",
    "duplicate",
    "shuffle",
    "filter",
}


class Sort(StrEnum):
    """The kinds of destination that are simulated; the values are ARM's endpointType."""

    WEBHOOK = "WebHook"
    FUNCTION = "AzureFunction"
    QUEUE = "StorageQueue"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where events go: an address, or a resource whose data plane is named elsewhere."""

    sort: Sort
    endpoint: str = ""
    resource_id: str = ""
    queue: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cemetery:
    """A container of dead letters."""

    resource_id: str
    container: str


@dataclass(slots=True)
class Pending:
    """Events that travel together, with what became of them so far; `due` is of the monotonic clock."""

    events: list[Json]
    due: float
    first: float
    attempts: int = 0
    outcome: str = ""
    burial: str = ""


@dataclass(slots=True)
class Subscription:
    """One event subscription and its delivery counts; `source` is the scope whose events it hears."""

    name: str
    destination: Destination
    schema: str = EVENT_GRID
    batch: int = 1
    operations: tuple[str, ...] = ()
    filter: Json = field(default_factory=dict)
    source: str = ""
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    cemetery: Cemetery | None = None
    etag: str = ""
    duplicate: int = 1
    shuffle: bool = False
    delivered: int = 0
    failed_attempts: int = 0
    dead: list[Json] = field(default_factory=list)
    queue: list[Pending] = field(default_factory=list)
    in_flight: int = 0
    paused_until: float = 0.0

    @property
    def title(self) -> str:
        """The name without what precedes it."""
        return self.name.rsplit("/", 1)[-1]

    def wants(self, event: Json) -> bool:
        """Apply source, filter and the control API's list of operation prefixes."""
        name = str(event["data"]["operationName"]).lower()
        if self.operations and not name.startswith(tuple(o.lower() for o in self.operations)):
            return False
        heard = not self.source or within(self.source, str(event["subject"]))
        return heard and filters.matches(self.filter, self.written(event))

    def written(self, event: Json) -> Json:
        """Return an event in the subscription's schema."""
        return as_cloud_event(event) if self.schema == CLOUD_EVENTS else event

    def view(self) -> Json:
        """Return what the control API shows."""
        return {
            "name": self.name,
            "endpoint": self.destination.endpoint or self.destination.resource_id,
            "schema": self.schema,
            "maxEventsPerBatch": self.batch,
            "operations": list(self.operations),
            "delivered": self.delivered,
            "failedAttempts": self.failed_attempts,
            "pending": sum(len(p.events) for p in self.queue if not p.burial) + self.in_flight,
            "deadLettered": len(self.dead),
        }


def from_control(body: Json) -> Subscription:
    """Read a subscription of the control API; raises ValueError saying what is wrong."""
    if set(body) - _MEMBERS or not {"name", "endpoint"} <= set(body):
        raise ValueError(f"a subscription has name and endpoint and may have {sorted(_MEMBERS)}")
    headers = tuple((str(k), str(v)) for k, v in (body.get("headers") or {}).items())
    subscription = Subscription(
        name=str(body["name"]),
        destination=Destination(Sort.WEBHOOK, endpoint=str(body["endpoint"]), headers=headers),
        schema=str(body.get("schema", EVENT_GRID)),
        batch=int(body.get("maxEventsPerBatch", 1)),
        operations=tuple(body.get("operations") or ()),
        filter=dict(body.get("filter") or {}),
        duplicate=max(1, int(body.get("duplicate", 1))),
        shuffle=bool(body.get("shuffle", False)),
    )
    if subscription.schema not in (EVENT_GRID, CLOUD_EVENTS):
        raise ValueError(f"the schema is {EVENT_GRID} or {CLOUD_EVENTS}, not {subscription.schema}")
    return subscription


def from_resource(resource: Resource, source: str) -> Subscription:
    """Read a subscription from its ARM resource; its webhook's whole address is hidden from readers."""
    properties = resource.properties
    inner: Json = properties["destination"].get("properties") or {}
    mappings: list[Json] = resource.hidden.get("mappings") or []
    destination = Destination(
        Sort(properties["destination"]["endpointType"]),
        endpoint=str(resource.hidden.get("endpointUrl") or ""),
        resource_id=str(inner.get("resourceId") or ""),
        queue=str(inner.get("queueName") or ""),
        headers=tuple((m["name"], str(m["properties"].get("value", ""))) for m in mappings),
    )
    policy: Json = properties.get("retryPolicy") or {}
    letters: Json = (properties.get("deadLetterDestination") or {}).get("properties") or {}
    return Subscription(
        name=resource.id,
        destination=destination,
        schema=str(properties["eventDeliverySchema"]),
        batch=int(inner.get("maxEventsPerBatch") or 1),
        filter=dict(properties.get("filter") or {}),
        source=source,
        policy=RetryPolicy(policy["maxDeliveryAttempts"], policy["eventTimeToLiveInMinutes"]),
        cemetery=Cemetery(str(letters["resourceId"]), str(letters["blobContainerName"]))
        if letters
        else None,
        etag=str(resource.hidden.get("etag")),
    )
