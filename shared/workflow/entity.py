"""Owns the passage between the queue's state machine and a durable entity. It decides nothing."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from durabletask.entities import DurableEntity

from shared import telemetry
from shared.model.codec import dump, load
from shared.model.trigger import Trigger
from shared.signals import QUEUE_DEPTH
from shared.workflow import queue
from shared.workflow.queue import Next, QueueState, Remind, Start
from shared.workflow.watch import depth

_LOG = logging.getLogger("relink.workflow")
ENTITY = "environment_queue"
OUTBOX = "outbox"
"""The entity that delivers (``shared.workflow.delivering``), one for each destination."""
RECONCILE = "reconcile"


class EnvironmentQueue(DurableEntity):
    """One per environment: merges wishes, starts one run at a time, wakes itself."""

    def changed(self, message: dict[str, Any]) -> None:
        """``{"trigger": …, "settle": seconds}``."""
        trigger = load(Trigger, message["trigger"])
        self._go(queue.changed(self._state(), trigger, float(message["settle"])))

    def settled(self, message: dict[str, Any]) -> None:
        """``{"at": …}``: from ourselves."""
        self._go(queue.settled(self._state(), _at(message)))

    def finished(self, message: dict[str, Any]) -> None:
        """``{"run": …, "at": …, "wake_at": …, "mark": …}``."""
        wake_at = datetime.fromisoformat(message["wake_at"]) if message.get("wake_at") else None
        mark = str(message.get("mark", ""))
        self._go(queue.finished(self._state(), message["run"], _at(message), wake_at, mark))

    def alive(self, message: dict[str, Any]) -> None:
        """``{"run": …, "at": …}``."""
        self._go(queue.alive(self._state(), message["run"], _at(message)))

    def freed(self, message: dict[str, Any]) -> None:
        """``{"run": …, "at": …}``: from the sweep."""
        name = self.entity_context.entity_id.key
        self._go(queue.freed(self._state(), name, message["run"], _at(message)))

    def wake(self, message: dict[str, Any]) -> None:
        """``{"at": …}``: from ourselves."""
        self._go(queue.wake(self._state(), self.entity_context.entity_id.key, _at(message)))

    def beside(self, message: dict[str, Any]) -> None:
        """``{"at": …}``: from ourselves."""
        self._go(queue.beside(self._state(), _at(message)))

    def pause(self, _message: dict[str, Any]) -> None:
        """Start nothing until ``resume``."""
        self._go(queue.paused(self._state()))

    def resume(self, message: dict[str, Any]) -> None:
        """``{"at": …}``."""
        name = self.entity_context.entity_id.key
        self._go(queue.resumed(self._state(), name, _at(message)))

    def _state(self) -> QueueState:
        return state_of(self, QueueState)

    def _go(self, following: Next) -> None:
        state, actions = following
        self.set_state(dump(state))
        where = {"environment": self.entity_context.entity_id.key}
        telemetry.measure(QUEUE_DEPTH, depth(state), where)
        for action in actions:
            match action:
                case Start(trigger=trigger):
                    self.schedule_new_orchestration(
                        RECONCILE, input=dump(trigger), instance_id=trigger.id
                    )
                case Remind(operation=operation, at=at):
                    self.signal_entity(
                        self.entity_context.entity_id, operation, {"at": at.isoformat()}, at
                    )


def state_of[T](entity: DurableEntity, kind: type[T]) -> T:
    """What an entity holds. What is no ``kind`` is logged and begun anew: no operation fails for it.

    The sweep wants again what is lost so; leases and pauses are in the records as well.
    """
    try:
        return load(kind, entity.get_state(dict, {}))
    except (ValueError, TypeError):  # pydantic's is a ValueError
        _LOG.exception(
            "the state of %s cannot be read and is begun anew", entity.entity_context.entity_id
        )
        return load(kind, {})


def _at(message: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(message["at"])
