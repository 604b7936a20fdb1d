"""Owns the whole simulated Azure as one state machine that needs no socket: a request in, a response out.

State advances by time alone: on every request, and whenever a driver calls `advance`, operations that are due complete
in order of their due times. One lock makes it safe for threads. It refuses to know who drives it.
"""

import copy
import json
import re
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path as File
from typing import Any

from simulator import front, pipeline
from simulator.call import Call
from simulator.chance import Chance
from simulator.clock import Clock
from simulator.context import Context, State
from simulator.directory import ARM_AUDIENCE, Principal
from simulator.errors import ArmError
from simulator.faults import Fault, Faults, Mischief
from simulator.graph.changes import note_after
from simulator.graph.tables import before_change
from simulator.kind import Kind
from simulator.loading import load
from simulator.operations import Operation
from simulator.providers import KINDS, kind_of
from simulator.recording import recorders
from simulator.store import Resource, Store
from simulator.wire import Exchange, Json, Reply, Request, Response

EXCHANGES_KEPT = 20_000
_POLL = re.compile(r"/([A-Za-z]*(operation)[A-Za-z]*)/(?:[a-z]+-)?([0-9a-f-]{36})$", re.IGNORECASE)


class Cloud:
    """A small Azure.

    Args:
        clock: tells the time; durations of operations are divided by `speed`, timestamps are the clock's.
        speed: 1.0 is Azure's own pace.
        seed: of every id and random choice.
        page_size: of lists.
        limits: whether requests beyond Azure's token buckets and quotas are refused.
        record: a file that gets one JSON line an exchange (polls left out); so does the one that SIMULATOR_RECORD names.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        speed: float = 1.0,
        seed: int = 0,
        page_size: int = 100,
        record: File | None = None,
        limits: bool = False,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"speed is a positive number, not {speed}")
        self.context = Context(
            clock, speed, "https://management.azure.com", page_size, State(Chance(seed))
        )
        self.context.on_end = note_after
        self.context.state.limits.enforced = limits
        self.exchanges: deque[Exchange] = deque(maxlen=EXCHANGES_KEPT)
        self._lock = threading.RLock()
        self._listeners: list[Callable[[Json], None]] = []
        self._recorders = recorders(record)
        self._forged: set[str] = set()

    # -- driving ------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer a request as ARM (or Entra) would."""
        try:
            with self._lock:
                self._advance()
                response, caller, poll = self._answer(request)
                self._note(request, response, caller, poll=poll)
                return response
        finally:
            self._publish()

    def call(
        self, method: str, url: str, body: Json | None = None, *, caller: str = "human"
    ) -> Response:
        """Execute a request as a named principal, without a token of one's own."""
        principal = self.context.state.directory.by_name(caller)
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token(principal)}"}
        return self.handle(Request(method, url, headers, raw))

    def token(self, principal: Principal, audience: str = ARM_AUDIENCE) -> str:
        """Issue a token that ARM accepts."""
        with self._lock:
            context = self.context
            return context.state.directory.issue(principal, audience, context.now(), context.chance)

    def advance(self) -> None:
        """Complete every operation that is due."""
        with self._lock:
            self._advance()
        self._publish()

    def next_due(self) -> datetime | None:
        """Return when the next operation completes, or None when none runs."""
        with self._lock:
            return min((o.due for o in self.context.state.running), default=None)

    def load(self, resources: list[Json]) -> None:
        """Add ARM resources that exist since long; raises ValueError for one that cannot be."""
        with self._lock:
            load(self.context, KINDS, resources)

    def subscribe_in_process(self, callback: Callable[[Json], None]) -> None:
        """Have each event (Event Grid schema) handed over after the request that caused it, outside of the lock."""
        self._listeners.append(callback)

    def snapshot(self) -> State:
        """Return a copy of everything but the record of exchanges."""
        with self._lock:
            return copy.deepcopy(self.context.state)

    def restore(self, state: State) -> None:
        """Go back to a snapshot; events since then are not taken back from who heard them."""
        with self._lock:
            self.context.state = copy.deepcopy(state)

    # -- looking ------------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The resources, for drivers and tests."""
        return self.context.store

    @property
    def events(self) -> list[Json]:
        """The events emitted, Event Grid schema, oldest first."""
        return self.context.state.events

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose."""
        return self.context.state.faults

    def writes(self) -> list[Exchange]:
        """Return the recorded exchanges that changed or tried to change something."""
        reads = (
            "/resolveprivatelinkserviceid",
            "/providers/microsoft.resourcegraph/",
            "/diagnose",
            "credential",
        )
        return [
            e
            for e in list(self.exchanges)
            if e.method in pipeline.WRITES and not any(r in e.url.lower() for r in reads)
        ]

    def get(self, resource_id: str) -> Json | None:
        """Return what a GET of a resource shows, or None; no permission is asked."""
        with self._lock:
            self._advance()
            resource = self.store.get(resource_id)
            return kind_of(resource.type).shown(self.context, resource) if resource else None

    def inspect(self, resource_id: str) -> Json | None:
        """Return a resource with what ARM does not show, such as whether a compute's link is alive."""
        with self._lock:
            self._advance()
            resource = self.store.get(resource_id)
            if resource is None:
                return None
            kind = kind_of(resource.type)
            view: Json = {
                "resource": kind.shown(self.context, resource),
                "hidden": copy.deepcopy(resource.hidden),
            }
            alive = kind.alive(self.context, resource)
            return view if alive is None else {**view, "alive": alive}

    def forge(self, resource_id: str) -> Resource:
        """Hand out a resource to be made into what Azure would never show; raises KeyError for none.

        From now on what is exchanged about it is not recorded: conformance judges Azure, not what somebody made up.
        """
        with self._lock:
            resource = self.store.get(resource_id)
            if resource is None:
                raise KeyError(resource_id)
            self._forged.add(resource.key)
            return resource

    # -- breaking -----------------------------------------------------------------------------------------

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force; a revoked permission stays revoked until faults are cleared."""
        with self._lock:
            if fault.kind is Mischief.REVOKE:
                known = self.context.state.directory.principals
                who = (
                    known[fault.principal].object_id
                    if fault.principal in known
                    else fault.principal
                )
                self.context.state.revoked.append((who, fault.action))
            else:
                self.faults.add(fault)

    def clear_faults(self) -> None:
        """End every fault."""
        with self._lock:
            self.faults.clear()
            self.context.state.revoked.clear()

    # -- machinery ----------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> tuple[Response, str, bool]:
        context = self.context
        caller = ""
        try:
            fronted = front.answer(context, request)
            if fronted is not None:
                return self._written(fronted, ""), "", True
            principal = pipeline.authenticate(context, request)
            caller = principal.name
            found = _POLL.search(request.url.split("?")[0])
            operation = context.state.operations.get(found[3].lower()) if found else None
            if found and operation:
                by_status = "result" not in found[1].lower()
                kind = kind_of(operation.kind)
                reply = pipeline.poll(
                    context, kind, operation, by_status=by_status, url=request.url
                )
                return self._written(reply, operation.change.correlation), caller, True
            return self._perform(request, principal), caller, False
        except ArmError as error:
            reply = Reply(error.status, error.envelope(), error.headers)
            return self._written(reply, context.chance.guid()), caller, False

    def _perform(self, request: Request, principal: Principal) -> Response:
        context = self.context
        call, kind = pipeline.open_call(context, KINDS, request, principal)
        meter = context.state.limits
        subscription = call.path.subscription
        told = meter.request(
            request.method, subscription, principal.object_id, call.path.type, context
        )
        pipeline.authorize(call, kind)
        pipeline.strike(context, call)
        pipeline.locate(call, kind)
        if request.method in pipeline.WRITES and not call.action.endswith("/read") and call.action:
            pipeline.open_change(call)
        try:
            pipeline.respect_locks(call, kind)
            pipeline.respect_conditions(call, kind)
            reply = pipeline.dispatch(call, kind)
        except ArmError as error:
            if call.change:
                context.ended(call.change, error)
            raise
        self._keep(call, kind)
        self._conceal(request, call.change is not None and call.change.creates, str(call.path))
        where = (request.method, str(call.path), call.action)
        if context.state.faults.strike(Mischief.LOST_REPLY, *where):
            raise ArmError(502, "BadGateway", "The reply was lost; the operation was accepted.")
        reply = Reply(reply.status, reply.body, {**told, **reply.headers})
        return self._written(reply, call.correlation)

    def _keep(self, call: Call, kind: Kind) -> None:
        """Remember how a resource looks that a fault lets linger after its deletion."""
        if call.request.method != "DELETE" or call.resource is None:
            return
        linger = self.faults.strike(Mischief.LINGER, "DELETE", str(call.path), call.action)
        if linger:
            body = kind.shown(self.context, call.resource)
            self.faults.lingering[call.path.key] = (linger.reads, body)

    def _conceal(self, request: Request, creates: bool, path: str) -> None:  # noqa: FBT001 - private
        hide = self.faults.strike(Mischief.HIDE, request.method, path) if creates else None
        if hide:
            self.faults.hidden[path.lower()] = hide.reads

    def _written(self, reply: Reply, correlation: str) -> Response:
        headers = {
            "x-ms-request-id": self.context.chance.guid(),
            "x-ms-correlation-request-id": correlation,
            **reply.headers,
        }
        raw = b"" if reply.body is None else json.dumps(reply.body).encode()
        if raw:
            headers["Content-Type"] = "application/json; charset=utf-8"
        return Response(reply.status, headers, raw)

    def _advance(self) -> None:
        context = self.context
        while True:
            due = [o for o in context.state.running if o.due <= context.clock.now()]
            if not due:
                return
            self._complete(min(due, key=lambda o: (o.due, o.started)))

    def _complete(self, operation: Operation) -> None:
        context = self.context
        context.state.running.remove(operation)
        context.moment = operation.due
        before_change(context)
        try:
            self._transition(operation)
        finally:
            context.moment = None

    def _transition(self, operation: Operation) -> None:
        context, kind = self.context, kind_of(operation.kind)
        operation.ended = operation.due
        try:
            _finish(kind, context, operation)
            operation.status = "Succeeded"
        except ArmError as error:
            operation.status, operation.error = "Failed", error
            resource: Resource | None = context.store.get(operation.resource_id)
            if resource:
                kind.failed(context, operation, resource, error)
        context.ended(operation.change, operation.error)

    def _publish(self) -> None:
        with self._lock:
            events, self.context.outbox = self.context.outbox, []
        for event in events:
            for listener in list(self._listeners):
                listener(event)

    def _note(self, request: Request, response: Response, caller: str, *, poll: bool) -> None:
        exchange = Exchange(
            request.method,
            request.url,
            _parsed(request.body),
            response.status,
            response.headers,
            _parsed(response.body),
            caller,
            poll,
        )
        self.exchanges.append(exchange)
        if not poll and self._recorders and not self._is_forged(exchange):
            for recorder in self._recorders:
                recorder.note(exchange)

    def _is_forged(self, exchange: Exchange) -> bool:
        text = exchange.line().lower() if self._forged else ""
        return any(key in text for key in self._forged)


def _finish(kind: Kind, context: Context, operation: Operation) -> None:
    if operation.doomed:
        raise ArmError(409, *operation.doomed)
    kind.finish(context, operation)


def _parsed(raw: bytes) -> Any:  # noqa: ANN401 - JSON of any shape
    try:
        return json.loads(raw) if raw.strip() else None
    except ValueError:
        return None
