"""Owns when messages are delivered: a durable entity for each destination, apart from all repairs.

One call at a time for each destination, under a deadline, in the entity's own slot: activities, which
repair, never wait for it. Environments take turns, and each has its own pause after a failure, so what
is new goes before what failed. In the entity is only who waits: the messages are in the ledgers, and
each sweep names again whoever has some.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from durabletask.entities import DurableEntity

from shared.model.codec import dump
from shared.workflow.entity import state_of
from shared.workflow.outbox import Delivery, Destination, deliver
from shared.workflow.services import Services

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=15)
_LOST: Final = timedelta(minutes=5)
"""A try that is overdue by so much was lost with its signal."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An environment with messages: when it is tried, and since when and how often that failed."""

    environment: str
    messages: int
    at: datetime
    since: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Who waits for a destination, and for when the next try is signalled."""

    turns: tuple[Turn, ...] = ()
    due: datetime | None = None


def joined(line: Line, environment: str, messages: int, now: datetime) -> Line:
    """The line after an environment said that it has messages; a new one is tried at once."""
    mine = next((turn for turn in line.turns if turn.environment == environment), None)
    mine = replace(mine, messages=messages) if mine else Turn(environment, messages, now)
    turns = (*_others(line, environment), mine)
    if line.due is None or line.due < now - _LOST or mine.at <= now < line.due:
        return Line(turns, now)
    return Line(turns, line.due)


def following(line: Line, now: datetime) -> Turn:
    """Whose turn it is: of those that are due the longest-waiting, those that failed after the others."""
    due = [turn for turn in line.turns if turn.at <= now] or line.turns
    return min(due, key=lambda turn: (turn.failures > 0, turn.at))


def tried(line: Line, turn: Turn, delivery: Delivery, now: datetime) -> Line:
    """The line after a try."""
    turns = _others(line, turn.environment)
    if delivery.problem:
        pause = min(FIRST_PAUSE * 2 ** min(turn.failures, 10), LONGEST_PAUSE)
        again = Turn(
            turn.environment, delivery.left, now + pause, turn.since or now, turn.failures + 1
        )
        turns = (*turns, again)
    elif delivery.left:
        turns = (*turns, Turn(turn.environment, delivery.left, now))
    return Line(turns, max(now, min(each.at for each in turns)) if turns else None)


def _others(line: Line, environment: str) -> tuple[Turn, ...]:
    return tuple(turn for turn in line.turns if turn.environment != environment)


class Outbox(DurableEntity):
    """One for each destination, under its name."""

    services: Callable[[], Services]

    def waiting(self, message: dict[str, Any]) -> None:
        """``{"environment": …, "messages": …, "at": …}``: from runs and sweeps."""
        before, at = self._line(), datetime.fromisoformat(message["at"])
        line = joined(before, message["environment"], message["messages"], at)
        self._keep(line)
        if line.due != before.due:
            self._remind(line)

    def deliver(self, message: dict[str, Any]) -> None:
        """``{"at": …}``: from ourselves. One that another came before does nothing."""
        line, services = self._line(), self.services()
        if line.due is None or datetime.fromisoformat(message["at"]) != line.due:
            return
        destination = Destination(self.entity_context.entity_id.key)
        turn = following(line, max(services.clock(), line.due))
        delivery = deliver(services, destination, turn.environment)
        line = tried(line, turn, delivery, services.clock())
        self._keep(line)
        self._remind(line)

    def _line(self) -> Line:
        return state_of(self, Line)

    def _keep(self, line: Line) -> None:
        self.set_state(dump(line))

    def _remind(self, line: Line) -> None:
        if line.due is not None:
            at = {"at": line.due.isoformat()}
            self.signal_entity(self.entity_context.entity_id, "deliver", at, line.due)


def outbox_entity(services: Callable[[], Services]) -> type[Outbox]:
    """The entity over the app's services. ``services`` is called when something is delivered."""

    class Bound(Outbox):
        pass

    Bound.services = staticmethod(services)
    return Bound
