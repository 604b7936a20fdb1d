"""Owns the queue of an environment on virtual time: events in, runs one after the other, wake-ups.

The state machine is the product's own; this only carries out what it asks for, as the durable
entity does.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.model.codec import dump
from shared.model.trigger import Cause, Trigger
from shared.workflow import queue
from shared.workflow.queue import Action, Next, QueueState, Remind, Start
from tests.e2e.stage import Stage

type Event = dict[str, Any]
type Delivery = Callable[[list[Event]], Iterable[Event]]

SETTLE_SECONDS = 20.0


def _as_they_come(events: list[Event]) -> Iterable[Event]:
    return events


@dataclass
class Line:
    """One environment's queue. ``deliver`` says what becomes of the events that Azure emits.

    ``ahead`` is how far the engine's clock is before that of the workers.
    """

    stage: Stage
    deliver: Delivery = _as_they_come
    state: QueueState = field(default_factory=QueueState)
    records: list[dict[str, Any]] = field(default_factory=list)
    ahead: timedelta = timedelta(0)
    _seen: int = 0
    _heard: int = 0
    _starting: list[Trigger] = field(default_factory=list)
    _reminders: list[tuple[datetime, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._seen = len(self.stage.cloud.events)
        self._heard = len(self.stage.signals)

    def take_events(self) -> None:
        """Deliver what Azure has emitted since the last time."""
        fresh = self.stage.events_since(self._seen)
        self._seen += len(fresh)
        for wish in self.stage.deliver(self.deliver(fresh)):
            self.want(wish)

    def want(self, wish: Trigger) -> None:
        """A wish comes in."""
        self._go(queue.changed(self.state, wish, SETTLE_SECONDS))

    def sweep(self) -> None:
        """The timer wants a look at everything."""
        self.want(self.stage.trigger(Cause.SWEEP))

    def until_idle(self, patience: timedelta = timedelta(hours=4)) -> None:
        """Run, deliver and remember until nothing is under way."""
        deadline = self.stage.clock.now() + patience
        self.take_events()
        while self._starting or self._reminders:
            assert self.stage.clock.now() < deadline, [r["outcome"] for r in self.records]
            if self._starting:
                self._run(self._starting.pop(0))
            else:
                self._remind()
            self.take_events()

    def live(self, seconds: float) -> None:
        """Run, deliver and remember for so long, whatever is still to come then."""
        end = self.now() + timedelta(seconds=seconds)
        self.take_events()
        while self._starting or (self._reminders and self._reminders[0][0] <= end):
            if self._starting:
                self._run(self._starting.pop(0))
            else:
                self._remind()
            self.take_events()

    def now(self) -> datetime:
        """The engine's time."""
        return self.stage.clock.now() + self.ahead

    def _run(self, trigger: Trigger) -> None:
        self.stage.hook = lambda _name, _message: self._meanwhile()
        self.stage.run(trigger)
        self.stage.hook = None
        self._hear()

    def _meanwhile(self) -> None:
        """What comes in during a run: events, reminders, the end of a run beside it."""
        self.take_events()
        self._hear()
        while self._reminders and self._reminders[0][0] <= self.now():
            self._remind()

    def _hear(self) -> None:
        """Take in which runs have ended."""
        ended = [told for _, word, told in self.stage.signals[self._heard :] if word == "finished"]
        self._heard = len(self.stage.signals)
        for told in ended:
            record = self.stage.services.records.run(told["run"])
            assert record is not None
            self.records.append(dict(record))
            wake_at = datetime.fromisoformat(told["wake_at"]) if told["wake_at"] else None
            self._go(queue.finished(self.state, told["run"], self.now(), wake_at, told["mark"]))

    def _remind(self) -> None:
        at, _, operation = heapq.heappop(self._reminders)
        self.stage.advance(max(0.0, (at - self.now()).total_seconds()))
        now = self.now()
        if operation == "settled":
            self._go(queue.settled(self.state, now))
        elif operation == "beside":
            self._go(queue.beside(self.state, now))
        else:
            self._go(queue.wake(self.state, self.stage.name, now))

    def _go(self, following: Next) -> None:
        self.state, actions = following
        for action in actions:
            self._do(action)

    def _do(self, action: Action) -> None:
        match action:
            case Start(trigger=trigger) if trigger.beside:
                assert self.stage.engine is not None
                self.stage.engine.begin("reconcile", dump(trigger), trigger.id)
            case Start(trigger=trigger):
                self._starting.append(trigger)
            case Remind(operation=operation, at=at):
                heapq.heappush(self._reminders, (at, len(self._reminders), operation))


def outcomes(line: Line) -> list[str]:
    """What the runs came to, in order."""
    return [record["outcome"] for record in line.records]
