"""Owns the sweep: a look at everything that makes no event essential, and the care of the queues."""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from shared.model.trigger import Cause, Trigger
from shared.records import Store, StoreError
from shared.settings import DEFAULT_SWEEP
from shared.signals import IN_DRIFT, QUEUE_DEPTH, SWEEP_AGE
from shared.triggers.events import parsed, take_in
from shared.triggers.ids import new_id
from shared.triggers.intake import Intake
from shared.triggers.leftovers import LIVING, drop_leftovers
from shared.triggers.queueing import deliver_again, enqueue, state_of, tell
from shared.triggers.waiting import of_engine, off_loop
from shared.workflow.announcing import ledger_of
from shared.workflow.queue import overdue
from shared.workflow.services import Services
from shared.workflow.watch import depth, note_sweep, sweep_age

type Client = df.DurableFunctionsClient
_LOG = logging.getLogger("relink.sweep")
_MOST_LETTERS = 500
_MOST_LISTED = 50_000
_LETTER_SECONDS = 300.0
_PART_SECONDS = 30.0
_TURNS = 8
_CURSOR = ("sweep", "letters")


def sweep_blueprint(intake: Callable[[], Intake], environ: Mapping[str, str]) -> df.Blueprint:
    """The timer ``sweep``, by ``RELINK_SWEEP_SCHEDULE``."""
    blueprint = df.Blueprint()
    schedule = environ.get("RELINK_SWEEP_SCHEDULE") or DEFAULT_SWEEP

    @blueprint.function_name("sweep")
    @blueprint.timer_trigger(schedule=schedule, arg_name="timer", run_on_startup=False)
    @blueprint.durable_client_input(client_name="client")
    async def sweep(timer: func.TimerRequest, client: Client) -> None:
        """Free dead runs, replay dead letters, and want a look at every environment."""
        await sweep_all(await off_loop(intake), client, past_due=timer.past_due)

    return blueprint


async def in_sweep[T](work: Callable[[], T]) -> T:
    """``work`` in a thread of the sweep's own; see ``off_loop``."""
    return await off_loop(work, lane="sweep")


async def sweep_all(intake: Intake, client: Client, *, past_due: bool = False) -> None:
    """Each environment and the letters for themselves: nobody's trouble keeps another waiting."""
    services = intake.services
    age = await _begin(services)
    letters = asyncio.create_task(replay_dead_letters(intake, client))
    await asyncio.wait({letters}, timeout=_PART_SECONDS)  # the looks begin with what they told
    names: tuple[str, ...] = ()
    try:
        names = tuple((await in_sweep(services.manifests.current)).environments)
    except StoreError:
        _LOG.exception("the manifests could not be read; no environment is swept")
    note = "the timer was past due" if past_due else ""
    turns = asyncio.Semaphore(_TURNS)
    swept = await asyncio.gather(
        *(_sweep_one(services, name, client, note, turns) for name in names)
    )
    await drop_leftovers(services, client)
    services.measure(IN_DRIFT, sum(each.drifted for each in swept), {})
    services.swept(
        {
            "environments": len(names),
            "failed": sum(each.failed for each in swept),
            "deadLetters": await letters,
            "pastDue": "true" if past_due else "false",
            "age": "" if age is None else round(age),
        }
    )


@dataclass(slots=True)
class _Swept:
    """What was seen of one environment."""

    drifted: bool = False
    failed: bool = False


async def _sweep_one(
    services: Services, name: str, client: Client, note: str, turns: asyncio.Semaphore
) -> _Swept:
    """Three things, in a bounded time each; a look is wanted whatever became of the others."""
    seen = _Swept()

    async def drift() -> None:
        ledger = await in_sweep(lambda: ledger_of(services, name))
        seen.drifted = bool(ledger.open)
        await deliver_again(client, name, ledger, services.clock())

    async def want() -> None:
        wish = Trigger(
            id=new_id(), environment=name, cause=Cause.SWEEP, at=services.clock(), note=note
        )
        await enqueue(client, [wish], services.settings.settle_seconds)

    async with turns:
        for part in (drift(), _look_at_queue(services, name, client), want()):
            try:
                async with asyncio.timeout(_PART_SECONDS):
                    await part
            except Exception:  # noqa: BLE001 - the rest is swept all the same
                seen.failed = True
                _LOG.exception("environment %s could not be swept as a whole", name)
    return seen


async def _begin(services: Services) -> float | None:
    """Note the sweep; the seconds since the one before it. Its records may be away, it goes on."""

    def note() -> float | None:
        age = sweep_age(services)
        note_sweep(services, services.clock())
        return age

    try:
        age = await in_sweep(note)
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
    for run in overdue(queue, services.clock()):
        instance = await of_engine(client.get_orchestration_state(run))
        if instance is not None and instance.runtime_status in LIVING:
            continue
        _LOG.warning("run %s of %s is dead; freeing the queue", run, name)
        await in_sweep(
            partial(services.records.release_lease, name, run, beside=run == queue.beside)
        )
        await tell(client, name, "freed", services.clock(), run=run)


async def replay_dead_letters(intake: Intake, client: Client) -> int:
    """Take in what Event Grid could not deliver; a letter goes when all of it was taken in.

    A bounded number a sweep, for a bounded time, and the next sweep begins where this one ended:
    letters that stay, whatever the reason, never keep others from being read. Returns how many of
    those that were read stay.
    """
    services = intake.services
    if services.dead_letters is None:
        return 0
    stay, last = 0, ""
    began = time.monotonic()
    try:
        for key in await in_sweep(lambda: _letters(services)):
            if time.monotonic() - began > _LETTER_SECONDS:
                _LOG.warning("the dead letters take long; the next sweep goes on with them")
                break
            last = key
            stay += not await _replayed(intake, client, services.dead_letters, key)
        if last:
            await in_sweep(lambda: services.records.put_paper(*_CURSOR, {"after": last}))
    except StoreError:
        _LOG.exception("the dead letters could not be listed, or not how far they were read")
    return stay


async def _replayed(intake: Intake, client: Client, store: Store, key: str) -> bool:
    """Whether a letter was taken in and went."""
    try:
        stored = await in_sweep(lambda: store.read(key))
        events = parsed(stored.data) if stored else ()
        for raw in events:
            await take_in(intake, raw, client)
        if stored and any("unreadable" in raw for raw in events):
            records, name = intake.services.records, f"dead-letters/{key}"
            await in_sweep(lambda: records.keep_aside(name, stored.data, "no events in JSON"))
        await in_sweep(lambda: store.delete(key))
    except Exception:  # noqa: BLE001 - the next letter is read all the same
        _LOG.exception("dead letter %s could not be replayed; it stays", key)
        return False
    return True


def _letters(services: Services) -> list[str]:
    """A bounded number of letters, those first that come after the last one of the last sweep."""
    store = services.dead_letters
    keys = sorted(islice(store.keys(), _MOST_LISTED)) if store is not None else []
    if len(keys) > _MOST_LETTERS:
        _LOG.warning("%d dead letters wait; %d are replayed now", len(keys), _MOST_LETTERS)
    kept = services.records.paper(*_CURSOR)
    after = kept.get("after") if isinstance(kept, dict) else None
    turn = bisect_right(keys, after) if isinstance(after, str) else 0
    return [*keys[turn:], *keys[:turn]][:_MOST_LETTERS]


def dead_letters(services: Services) -> list[dict[str, Any]]:
    """What waits to be replayed: key and reason of each letter."""
    if services.dead_letters is None:
        return []
    found = []
    for key in _letters(services):
        stored = services.dead_letters.read(key)
        reasons = (
            {str(raw.get("deadLetterReason", "")) for raw in parsed(stored.data)}
            if stored
            else set()
        )
        found.append({"key": key, "reasons": sorted(reasons)})
    return found
