"""Owns the state of the simulated Azure and what every kind may do with it: time, ids, operations, notices.

It knows no concrete kind of resource and no transport.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulator.access import Access
from simulator.activity import entry
from simulator.chance import Chance
from simulator.clock import Clock
from simulator.directory import Directory
from simulator.durations import SECONDS
from simulator.errors import ArmError
from simulator.events import resource_event
from simulator.faults import Faults, Mischief
from simulator.limits import Limits
from simulator.operations import Change, Operation
from simulator.paths import Path
from simulator.store import Resource, Store
from simulator.wire import Json

EVENTS_KEPT = 100_000


@dataclass(slots=True)
class State:
    """Everything that a snapshot holds."""

    chance: Chance
    store: Store = field(default_factory=Store)
    directory: Directory = field(default_factory=Directory)
    faults: Faults = field(default_factory=Faults)
    revoked: list[tuple[str, str]] = field(default_factory=list)
    operations: dict[str, Operation] = field(default_factory=dict)
    running: list[Operation] = field(default_factory=list)
    activity: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    index: object = None
    before: dict[str, Json | None] = field(default_factory=dict[str, Json | None])
    changes: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class Context:
    """The state with the clock, the speed and ARM's own origin."""

    clock: Clock
    speed: float
    endpoint: str
    page_size: int
    state: State
    moment: datetime | None = None
    outbox: list[Json] = field(default_factory=list)
    on_end: Callable[["Context", Change], None] | None = None
    on_subscribe: Callable[[Resource], None] | None = None
    used: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    @property
    def store(self) -> Store:
        """The resources."""
        return self.state.store

    @property
    def chance(self) -> Chance:
        """The source of ids."""
        return self.state.chance

    @property
    def access(self) -> Access:
        """Permissions and locks as they are now."""
        return Access(self.state.store, self.state.revoked, self.used)

    def now(self) -> datetime:
        """Return the present moment: while an operation completes, the moment it was due."""
        return self.moment or self.clock.now()

    def after(self, duration: str, factor: float = 1.0) -> datetime:
        """Return when something with a documented duration ends."""
        return self.now() + timedelta(seconds=SECONDS[duration] * factor / self.speed)

    def retry_after(self, documented: int) -> str:
        """Return a Retry-After in real seconds: at least 1, since 0 means 30 to Azure's SDKs."""
        return str(max(1, math.ceil(documented / self.speed)))

    def begin(
        self,
        change: Change,
        resource: Resource,
        what: str,
        duration: str,
        arguments: Json | None = None,
    ) -> Operation:
        """Start an operation on a resource; faults may slow or doom it."""
        faults = self.state.faults
        where = (change.method, change.resource_id, change.action)
        slow = faults.strike(Mischief.SLOW, *where)
        doom = faults.strike(Mischief.FAIL_OPERATION, *where)
        operation = Operation(
            id=self.chance.guid(),
            kind=resource.type,
            resource_id=resource.id,
            what=what,
            started=self.now(),
            due=self.after(duration, slow.factor if slow else 1.0),
            change=change,
            location=str(resource.body.get("location") or "global").replace(" ", "").lower(),
            arguments=arguments or {},
            doomed=(doom.code or "InternalServerError", doom.message or "It failed.")
            if doom
            else None,
        )
        self.state.operations[operation.id] = operation
        self.state.running.append(operation)
        return operation

    def running_on(self, resource_id: str) -> Operation | None:
        """Return the operation in progress on a resource, or None."""
        key = resource_id.lower()
        return next((o for o in self.state.running if o.resource_id.lower() == key), None)

    def started(self, change: Change) -> None:
        """Log that a write was accepted."""
        self._log(change, "Started", None)

    def ended(self, change: Change, error: ArmError | None = None) -> None:
        """Log how a write ended and tell Event Grid."""
        if change.silent:
            return
        status = "Failed" if error else "Succeeded"
        self._log(change, status, error)
        if self.on_end:
            self.on_end(self, change)
        event = resource_event(change, status, self.now(), self.chance.guid())
        self.state.events.append(event)
        del self.state.events[:-EVENTS_KEPT]
        self.outbox.append(event)

    def _log(self, change: Change, status: str, error: ArmError | None) -> None:
        log = entry(change, status, self.now(), self.chance.guid(), error)
        self.state.activity.append(log)
        del self.state.activity[:-EVENTS_KEPT]

    def make(self, path: Path, type_name: str, body: Json) -> Resource:
        """Create a resource; its parent's casing is kept, the type is spelled as Azure does."""
        parent = self.store.get(str(path.parent)) if len(path.types) > 1 else None
        if parent:
            resource_id = f"{parent.id}/{type_name.rsplit('/', 1)[-1]}/{path.name}"
        else:
            segments = type_name.split("/")[1:]
            tail = "".join(f"/{t}/{n}" for t, n in zip(segments, path.names, strict=True))
            group = self.store.get(path.scope) if path.group else None
            scope = group.id if group else path.scope
            resource_id = f"{scope}/providers/{type_name.split('/', maxsplit=1)[0]}{tail}"
        whole: Json = {"id": resource_id, "name": path.name, "type": type_name, **body}
        return self.store.put(Resource(resource_id, type_name, whole, self.now()))
