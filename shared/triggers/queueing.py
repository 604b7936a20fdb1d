"""Owns talking to the entities: wishes and words to the queues, their state out; the same for outboxes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import azure.durable_functions as df
from durabletask.entities import EntityInstanceId

from shared.ledger import Ledger
from shared.model.codec import dump, load
from shared.model.trigger import Trigger, covers
from shared.triggers.waiting import EngineAwayError, of_engine, off_loop
from shared.workflow.delivering import Line
from shared.workflow.entity import ENTITY, OUTBOX
from shared.workflow.outbox import Destination, waiting
from shared.workflow.queue import QueueState
from shared.workflow.services import Services

_MANY = 20


def _queue(environment: str) -> EntityInstanceId:
    return EntityInstanceId(ENTITY, environment)


async def enqueue(
    client: df.DurableFunctionsClient, wishes: Iterable[Trigger], settle_seconds: float
) -> None:
    """Hand the wishes to their environments' queues."""
    for wish in wishes:
        message = {"trigger": dump(wish), "settle": settle_seconds}
        await of_engine(client.signal_entity(_queue(wish.environment), "changed", input=message))


async def ask(services: Services, client: df.DurableFunctionsClient, wish: Trigger) -> None:
    """Hand a person's wish to its queue.

    Where many wait already for a run that will do all of it, the wish is led to that run at once,
    and the queue does not grow by it.
    """
    try:
        pending = (await state_of(client, wish.environment)).pending
    except EngineAwayError:
        pending = None  # it can be told, perhaps, though it cannot be shown
    if pending is not None and len(pending.requests) >= _MANY and covers(pending, wish):
        await off_loop(lambda: services.records.point_request(wish.id, pending.id))
        return
    await enqueue(client, [wish], services.settings.settle_seconds)


async def tell(
    client: df.DurableFunctionsClient, environment: str, word: str, at: datetime, **more: str
) -> None:
    """Send one word (``pause``, ``resume``, ``freed``) to a queue."""
    message = {"at": at.isoformat(), **more}
    await of_engine(client.signal_entity(_queue(environment), word, input=message))


async def state_of(client: df.DurableFunctionsClient, environment: str) -> QueueState:
    """What a queue holds; an empty state when it was never used."""
    return await _state(QueueState, client, _queue(environment))


async def deliver_again(
    client: df.DurableFunctionsClient, environment: str, ledger: Ledger, at: datetime
) -> None:
    """Name an environment to the destinations that its messages still wait for."""
    for destination, messages in waiting(ledger).items():
        word = {"environment": environment, "messages": messages, "at": at.isoformat()}
        entity = EntityInstanceId(OUTBOX, destination)
        await of_engine(client.signal_entity(entity, "waiting", input=word))


async def undelivered(client: df.DurableFunctionsClient) -> dict[str, Any]:
    """How many messages wait for each destination that failed, and since when it has (ISO 8601)."""
    found = {}
    for destination in Destination:
        line = await _state(Line, client, EntityInstanceId(OUTBOX, destination.value))
        since = min((turn.since for turn in line.turns if turn.since), default=None)
        if since is not None:
            messages = sum(turn.messages for turn in line.turns)
            found[destination.value] = {"messages": messages, "since": since.isoformat()}
    return found


async def _state[T](kind: type[T], client: df.DurableFunctionsClient, key: EntityInstanceId) -> T:
    """What an entity holds; an empty state when it was never used.

    Raises:
        EngineAwayError: the engine does not answer, or not with a state of ``kind``.
    """
    entity = await of_engine(client.get_entity(key))
    state: Any = entity.get_state() if entity is not None else None
    try:
        # The engine hands the state over as it is stored: a JSON text.
        # It is an empty one between an entity's first signal and its first operation.
        kept = json.loads(state) if isinstance(state, str) and state else state
        return load(kind, kept or {})
    except ValueError as error:  # pydantic's is one
        raise EngineAwayError(f"the task hub holds no {kind.__name__} of {key}") from error
