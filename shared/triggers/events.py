"""Owns the ways in for events: pushed by Event Grid, or fetched from a storage queue."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from shared.triggers.intake import Intake
from shared.triggers.queueing import enqueue
from shared.triggers.waiting import EVENT_SECONDS, off_loop

_LOG = logging.getLogger("relink.events")
_CONNECTION = "AzureWebJobsStorage"


def events_blueprint(intake: Callable[[], Intake], environ: Mapping[str, str]) -> df.Blueprint:
    """``resource_changed``, and ``resource_changed_queued`` where ``RELINK_EVENT_QUEUE`` names a queue."""
    blueprint = df.Blueprint()

    @blueprint.function_name("resource_changed")
    @blueprint.event_grid_trigger(arg_name="event")
    @blueprint.durable_client_input(client_name="client")
    async def resource_changed(
        event: func.EventGridEvent, client: df.DurableFunctionsClient
    ) -> None:
        """One event, in either schema; what is handed over follows the payload (ecosystem.md)."""
        await take_in(await off_loop(intake), as_mapping(event), client)

    if environ.get("RELINK_EVENT_QUEUE"):
        _add_queue(blueprint, intake)
    return blueprint


def _add_queue(blueprint: df.Blueprint, intake: Callable[[], Intake]) -> None:
    @blueprint.function_name("resource_changed_queued")
    @blueprint.queue_trigger(
        arg_name="message", queue_name="%RELINK_EVENT_QUEUE%", connection=_CONNECTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def resource_changed_queued(
        message: func.QueueMessage, client: df.DurableFunctionsClient
    ) -> None:
        """A queue message holds one event, as Event Grid's storage queue destination writes it."""
        here = await off_loop(intake)
        for raw in parsed(message.get_body()):
            await take_in(here, raw, client)


async def take_in(
    intake: Intake, raw: Mapping[str, Any], client: df.DurableFunctionsClient
) -> None:
    """Write debts down and hand the wishes to the queues, off the event loop where it blocks.

    Raises:
        StoreError: the event has to be delivered again.
    """
    wishes = await off_loop(lambda: intake.take(raw), EVENT_SECONDS)
    await enqueue(client, wishes, intake.services.settings.settle_seconds)


def as_mapping(event: Any) -> dict[str, Any]:  # noqa: ANN401 - EventGridEvent or CloudEvent
    """The event as its JSON again, whichever schema it came in."""
    if hasattr(event, "event_type"):
        return {
            "id": event.id,
            "subject": event.subject,
            "eventType": event.event_type,
            "eventTime": event.event_time.isoformat() if event.event_time else None,
            "topic": event.topic,
            "data": event.get_json(),
        }
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "subject": event.subject,
        "type": event.type,
        "time": event.time.isoformat() if event.time else None,
        "data": event.get_json(),
    }


def parsed(body: bytes) -> tuple[Mapping[str, Any], ...]:
    """The events of a message: one object or an array. What is neither becomes a rejected event."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ({"unreadable": body[:500].decode(errors="replace")},)
    items = found if isinstance(found, list) else [found]
    return tuple(item if isinstance(item, dict) else {"unreadable": item} for item in items)
