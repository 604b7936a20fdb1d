"""Owns running the very same orchestrators in one process, without a task hub.

For the command line (real time, threads) and for tests (virtual time, one thread, every schedule
reproducible). Nothing is durable here: what outlives a crash are the records, as for the app.
"""

from __future__ import annotations

import heapq
import itertools
import json
import queue
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from durabletask import task
from durabletask.entities import EntityInstanceId

from shared.workflow.orchestrators import ORCHESTRATORS

type Call = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Carries out one activity by name: JSON in, JSON out."""


class Pace(Protocol):
    """How activities run and how time passes."""

    def now(self) -> datetime:
        """The time."""
        ...

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work`` now or soon."""
        ...

    def rest(self, until: datetime | None) -> None:
        """Return when submitted work has ended or ``until`` has come, whichever is first."""
        ...


@dataclass(slots=True)
class _Instance:
    """One running orchestration and what it waits for."""

    steps: Generator[task.Task[Any], Any, Any]
    outcome: task.CompletableTask[Any]
    awaited: task.Task[Any] | None = None


@dataclass(slots=True)
class Engine:
    """Runs one orchestration and its children to their end."""

    call: Call
    pace: Pace
    orchestrators: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: ORCHESTRATORS)
    signals: list[tuple[str, str, Any]] = field(default_factory=list)
    statuses: dict[str, Any] = field(default_factory=dict)
    _ended: queue.SimpleQueue[Callable[[], None]] = field(default_factory=queue.SimpleQueue)
    _timers: list[tuple[datetime, int, task.CompletableTask[None]]] = field(default_factory=list)
    _instances: list[_Instance] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def run(self, name: str, argument: object, instance_id: str) -> Any:  # noqa: ANN401 - JSON
        """The result of orchestration ``name``.

        Raises:
            durabletask.task.TaskFailedError: when it failed.
        """
        outcome = self.begin(name, argument, instance_id)
        self._resume_all()
        while not outcome.is_complete:
            self._complete_next()
            self._resume_all()
        return outcome.get_result()

    def drain(self) -> None:
        """Go on until every orchestration that was begun beside the first has ended, too."""
        while self._instances:
            self._complete_next()
            self._resume_all()

    def begin(self, name: str, argument: object, instance_id: str) -> task.CompletableTask[Any]:
        """Start an orchestration; children are started this way too."""
        outcome: task.CompletableTask[Any] = task.CompletableTask()
        context = _Context(self, instance_id)
        self._instances.append(
            _Instance(self.orchestrators[name](context, _through_json(argument)), outcome)
        )
        return outcome

    def activity(self, name: str, message: object) -> task.CompletableTask[Any]:
        """Carry out an activity beside the others."""
        done: task.CompletableTask[Any] = task.CompletableTask()
        given = _through_json(message)

        def work() -> None:
            try:
                result = _through_json(self.call(name, given))
            except Exception as error:  # noqa: BLE001 - an activity's failure is the orchestrator's
                failure = error
                self._ended.put(lambda: done.fail(f"{name}: {failure}", failure))
            else:
                self._ended.put(lambda: done.complete(result))

        self.pace.submit(work)
        return done

    def timer(self, at: datetime) -> task.TimerTask:
        """A timer that fires at ``at``."""
        waiting = task.TimerTask()
        heapq.heappush(self._timers, (at, next(self._order), waiting))
        return waiting

    def _complete_next(self) -> None:
        """Wait for the next thing to end, and let everything that is due end."""
        if self._ended.empty():
            self.pace.rest(self._timers[0][0] if self._timers else None)
        while not self._ended.empty():
            self._ended.get()()
        while self._timers and self._timers[0][0] <= self.pace.now():
            waiting = heapq.heappop(self._timers)[2]
            if not waiting.is_complete:
                waiting.complete(None)

    def _resume_all(self) -> None:
        moved = True
        while moved:
            moved = sum(self._resume(instance) for instance in list(self._instances)) > 0

    def _resume(self, instance: _Instance) -> bool:
        """Let one orchestration go on as far as it can; whether it moved."""
        if instance.awaited is not None and not instance.awaited.is_complete:
            return False
        try:
            instance.awaited = self._send(instance)
        except StopIteration as ended:
            self._instances.remove(instance)
            instance.outcome.complete(_through_json(ended.value))
        except Exception as error:  # noqa: BLE001 - a failed child is its parent's to judge
            self._instances.remove(instance)
            instance.outcome.fail(str(error), error)
        return True

    @staticmethod
    def _send(instance: _Instance) -> task.Task[Any]:
        if instance.awaited is None:
            return next(instance.steps)
        try:
            value = instance.awaited.get_result()
        except task.TaskFailedError as failure:
            return instance.steps.throw(failure)
        return instance.steps.send(value)


class _Context:
    """The part of an orchestration context that our orchestrators use."""

    def __init__(self, engine: Engine, instance_id: str) -> None:
        self._engine = engine
        self.instance_id = instance_id

    @property
    def current_utc_datetime(self) -> datetime:
        return self._engine.pace.now().astimezone(UTC).replace(tzinfo=None)  # as durabletask does

    def call_activity(self, name: str, *, input: object) -> task.Task[Any]:  # noqa: A002 - durabletask's word
        return self._engine.activity(name, input)

    def call_sub_orchestrator(
        self,
        name: str,
        *,
        input: object,  # noqa: A002 - durabletask's word
        instance_id: str,
    ) -> task.Task[Any]:
        return self._engine.begin(name, input, instance_id)

    def create_timer(self, after: timedelta) -> task.Task[Any]:
        return self._engine.timer(self._engine.pace.now() + after)

    def set_custom_status(self, status: object) -> None:
        self._engine.statuses[self.instance_id] = _through_json(status)

    def signal_entity(self, entity: EntityInstanceId, operation: str, input: object) -> None:  # noqa: A002 - durabletask's word
        self._engine.signals.append((entity.key, operation, _through_json(input)))


class RealTime:
    """Threads and the real clock."""

    def __init__(self, clock: Callable[[], datetime], workers: int = 8) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="relink")
        self._something_ended = threading.Event()

    def now(self) -> datetime:
        """The time."""
        return self._clock()

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread."""

        def run() -> None:
            work()
            self._something_ended.set()

        self._pool.submit(run)

    def rest(self, until: datetime | None) -> None:
        """Wait for work to end, or for the time."""
        seconds = None if until is None else max(0.0, (until - self._clock()).total_seconds())
        self._something_ended.wait(seconds)
        self._something_ended.clear()


class VirtualTime:
    """One thread, and a clock that jumps: ``advance(seconds)`` moves the world on."""

    def __init__(self, clock: Callable[[], datetime], advance: Callable[[float], None]) -> None:
        self._clock = clock
        self._advance = advance

    def now(self) -> datetime:
        """The virtual time."""
        return self._clock()

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work`` at once; it takes no time."""
        work()

    def rest(self, until: datetime | None) -> None:
        """Jump to the time."""
        if until is None:
            raise RuntimeError("nothing is under way and nothing is waited for")
        self._advance(max(0.0, (until - self._clock()).total_seconds()))


def _through_json(value: object) -> Any:  # noqa: ANN401 - JSON
    """The same passage that a task hub makes values go through."""
    return json.loads(json.dumps(value))
