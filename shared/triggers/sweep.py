"""Owns the sweep: a look at everything that makes no event essential, and the care of the queues."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.client import OrchestrationStatus

from shared.model.trigger import Cause, Trigger
from shared.records import Store, StoreError
from shared.settings import DEFAULT_SWEEP
from shared.signals import IN_DRIFT, QUEUE_DEPTH, SWEEP_AGE
from shared.triggers.events import parsed, take_in
from shared.triggers.ids import new_id
from shared.triggers.intake import Intake
from shared.triggers.queueing import deliver_again, enqueue, state_of, tell
from shared.workflow.announcing import ledger_of
from shared.workflow.queue import overdue
from shared.workflow.services import Services
from shared.workflow.watch import depth, note_sweep, sweep_age

type Client = df.DurableFunctionsClient
_LOG = logging.getLogger("relink.sweep")
_LIVING = frozenset(
    {OrchestrationStatus.RUNNING, OrchestrationStatus.PENDING, OrchestrationStatus.SUSPENDED}
)
_MOST_LETTERS = 500


def sweep_blueprint(intake: Callable[[], Intake], environ: Mapping[str, str]) -> df.Blueprint:
    """The timer ``sweep``, by ``RELINK_SWEEP_SCHEDULE``."""
    blueprint = df.Blueprint()
    schedule = environ.get("RELINK_SWEEP_SCHEDULE") or DEFAULT_SWEEP

    @blueprint.function_name("sweep")
    @blueprint.timer_trigger(schedule=schedule, arg_name="timer", run_on_startup=False)
    @blueprint.durable_client_input(client_name="client")
    async def sweep(timer: func.TimerRequest, client: Client) -> None:
        """Free dead runs, replay dead letters, and want a look at every environment."""
        await sweep_all(intake(), client, past_due=timer.past_due)

    return blueprint


async def sweep_all(intake: Intake, client: Client, *, past_due: bool = False) -> None:
    """One environment's trouble never keeps another from being swept."""
    services = intake.services
    age = _begin(services)
    letters = await replay_dead_letters(intake, client)
    names = tuple(services.manifests.current().environments)
    failed = drifted = 0
    for name in names:
        try:
            ledger = ledger_of(services, name)
            drifted += bool(ledger.open)
            await deliver_again(client, name, ledger, services.clock())
            await _look_at_queue(services, name, client)
            wish = Trigger(
                id=new_id(),
                environment=name,
                cause=Cause.SWEEP,
                at=services.clock(),
                note="the timer was past due" if past_due else "",
            )
            await enqueue(client, [wish], services.settings.settle_seconds)
        except Exception:  # noqa: BLE001 - the next environment is swept all the same
            failed += 1
            _LOG.exception("environment %s could not be swept", name)
    services.measure(IN_DRIFT, drifted, {})
    services.swept(
        {
            "environments": len(names),
            "failed": failed,
            "deadLetters": letters,
            "pastDue": "true" if past_due else "false",
            "age": "" if age is None else round(age),
        }
    )


def _begin(services: Services) -> float | None:
    """Note the sweep; the seconds since the one before it. Its records may be away, it goes on."""
    try:
        age = sweep_age(services)
        note_sweep(services, services.clock())
    except StoreError:
        _LOG.exception("when sweeps ran could not be read or noted")
        return None
    if age is not None:
        services.measure(SWEEP_AGE, age, {"by": "sweep"})
    return age


async def _look_at_queue(services: Services, name: str, client: Client) -> None:
    """Measure what waits; a run whose lease is over is freed if the engine no longer runs it."""
    queue = await state_of(client, name)
    services.measure(QUEUE_DEPTH, depth(queue), {"environment": name})
    if not overdue(queue, services.clock()):
        return
    instance = await client.get_orchestration_state(queue.running)
    if instance is not None and instance.runtime_status in _LIVING:
        return
    _LOG.warning("run %s of %s is dead; freeing the queue", queue.running, name)
    services.records.release_lease(name, queue.running)
    await tell(client, name, "freed", services.clock(), run=queue.running)


async def replay_dead_letters(intake: Intake, client: Client) -> int:
    """Take in what Event Grid could not deliver; a letter goes when all of it was taken in.

    Returns how many of them stay.
    """
    store = intake.services.dead_letters
    if store is None:
        return 0
    stay = 0
    for key in _letters(store):
        try:
            stored = await asyncio.to_thread(store.read, key)
            for raw in parsed(stored.data) if stored else ():
                await take_in(intake, raw, client)
            await asyncio.to_thread(store.delete, key)
        except Exception:  # noqa: BLE001 - the next letter is read all the same
            stay += 1
            _LOG.exception("dead letter %s could not be replayed; it stays", key)
    return stay


def _letters(store: Store) -> Iterator[str]:
    """The oldest letters first; a bounded number a sweep."""
    try:
        keys = sorted(store.keys(""))
    except StoreError:
        _LOG.exception("the dead letters could not be listed")
        return
    if len(keys) > _MOST_LETTERS:
        _LOG.warning("%d dead letters wait; %d are replayed now", len(keys), _MOST_LETTERS)
    yield from keys[:_MOST_LETTERS]


def dead_letters(services: Services) -> list[dict[str, Any]]:
    """What waits to be replayed: key and reason of each letter."""
    if services.dead_letters is None:
        return []
    found = []
    for key in _letters(services.dead_letters):
        stored = services.dead_letters.read(key)
        reasons = (
            {str(raw.get("deadLetterReason", "")) for raw in parsed(stored.data)}
            if stored
            else set()
        )
        found.append({"key": key, "reasons": sorted(reasons)})
    return found
