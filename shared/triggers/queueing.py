"""Owns talking to the queue entities: wishes in, words to them, their state out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import azure.durable_functions as df
from durabletask.entities import EntityInstanceId

from shared.model.codec import dump, load
from shared.model.trigger import Trigger
from shared.workflow.entity import ENTITY
from shared.workflow.queue import QueueState


def _queue(environment: str) -> EntityInstanceId:
    return EntityInstanceId(ENTITY, environment)


async def enqueue(
    client: df.DurableFunctionsClient, wishes: Iterable[Trigger], settle_seconds: float
) -> None:
    """Hand the wishes to their environments' queues."""
    for wish in wishes:
        message = {"trigger": dump(wish), "settle": settle_seconds}
        await client.signal_entity(_queue(wish.environment), "changed", input=message)


async def tell(
    client: df.DurableFunctionsClient, environment: str, word: str, at: datetime, **more: str
) -> None:
    """Send one word (``pause``, ``resume``, ``freed``) to a queue."""
    message = {"at": at.isoformat(), **more}
    await client.signal_entity(_queue(environment), word, input=message)


async def state_of(client: df.DurableFunctionsClient, environment: str) -> QueueState:
    """What a queue holds; an empty state when it was never used."""
    entity = await client.get_entity(_queue(environment))
    state: Any = entity.get_state() if entity is not None else None
    # The engine hands the state over as it is stored: a JSON text.
    # It is an empty one between an entity's first signal and its first operation.
    kept = json.loads(state) if isinstance(state, str) and state else state
    return load(QueueState, kept or {})
