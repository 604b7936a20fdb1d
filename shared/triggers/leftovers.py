"""Owns what dead runs leave behind: working papers that nobody will ever ask for again.

A run drops its papers itself when it has written its record. One that died before is dead if the
engine says that it has ended, or has not heard of it for a week (a command line's run is unknown to
the engine for as long as it lives). What cannot be judged stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import azure.durable_functions as df
from durabletask.client import OrchestrationStatus

from shared.model.trigger import Trigger
from shared.triggers.waiting import of_engine, off_loop
from shared.workflow.services import Services

LIVING: Final = frozenset(
    {OrchestrationStatus.RUNNING, OrchestrationStatus.PENDING, OrchestrationStatus.SUSPENDED}
)
_ENDED_FOR: Final = timedelta(days=1)
_UNKNOWN_FOR: Final = timedelta(days=7)
_MOST: Final = 100
_SECONDS: Final = 120.0
_LANE: Final = "sweep"
_LOG: Final = logging.getLogger("relink.sweep")


async def drop_leftovers(services: Services, client: df.DurableFunctionsClient) -> int:
    """Drop the papers of dead runs, a bounded number in a bounded time; how many runs'. Never raises."""
    dropped = 0
    try:
        async with asyncio.timeout(_SECONDS):
            records = services.records
            for run in await off_loop(lambda: records.runs_with_papers(_MOST), lane=_LANE):
                dropped += await _drop_if_dead(services, client, run)
    except Exception:  # noqa: BLE001 - there is another sweep
        _LOG.exception("the papers of dead runs could not be dropped")
    return dropped


async def _drop_if_dead(services: Services, client: df.DurableFunctionsClient, run: str) -> bool:
    """Whether the run was dead and its papers went. What is wrong with one run keeps no other's."""
    try:
        age = await off_loop(_aged(services, run), lane=_LANE)
        if age is None or not await _is_dead(client, run, age):
            return False
        await off_loop(_dropped(services, run), lane=_LANE)
    except Exception:  # noqa: BLE001 - whatever it is, it stays, and the others are looked at
        _LOG.exception("whether run %s is dead could not be found out", run)
        return False
    return True


def _aged(services: Services, run: str) -> Callable[[], timedelta | None]:
    """Reads how long ago the run was wanted; nothing for what is no run, or holds its lease."""

    def age() -> timedelta | None:
        trigger: Trigger | None = services.records.paper(run, "trigger", Trigger)
        if trigger is None:
            return None
        lease = services.records.lease(trigger.environment)
        held = lease is not None and lease.holder == run and lease.until > services.clock()
        return None if held or trigger.id != run else services.clock() - trigger.at

    return age


async def _is_dead(client: df.DurableFunctionsClient, run: str, age: timedelta) -> bool:
    if age < _ENDED_FOR:
        return False
    instance = await of_engine(client.get_orchestration_state(run))
    if instance is None:
        return age >= _UNKNOWN_FOR
    return instance.runtime_status not in LIVING


def _dropped(services: Services, run: str) -> Callable[[], None]:
    def drop() -> None:
        _LOG.warning("run %s is dead; its papers are dropped", run)
        services.records.drop_papers(run)

    return drop
