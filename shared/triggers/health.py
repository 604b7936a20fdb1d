"""Owns what the app says of its own health: at once, whatever is away, and never "ok" unseen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import azure.durable_functions as df
import azure.functions as func

from shared.records import StoreError
from shared.settings import SettingsError
from shared.triggers.problems import answer
from shared.triggers.queueing import undelivered
from shared.triggers.waiting import HEALTH_SECONDS, off_loop
from shared.workflow.services import Services

_LANE: Final = "health"
"""Threads of its own: it is answered while all others wait."""
_LOG: Final = logging.getLogger("relink.http")


async def read_health(
    services: Callable[[], Services], client: df.DurableFunctionsClient
) -> func.HttpResponse:
    """200 with what is away and what waits for a person; 503 when the settings cannot be used."""
    try:
        here = await off_loop(services, lane=_LANE)
    except SettingsError as error:
        _LOG.error("the settings cannot be used: %s", error)
        return answer({"status": "misconfigured", "see": "the app's log"}, 503)
    parts = ("manifests", _manifests), ("records", _records)
    seen = await asyncio.gather(*(_part(name, read, here) for name, read in parts), _hub(client))
    told: dict[str, Any] = {name: value for part in seen for name, value in part.items()}
    away = sorted(name for name in (*_UNKNOWN, "hub") if told.pop(name, None) == "away")
    well = not away and not any(told[name] for name in _TROUBLE)
    return answer({"status": "ok" if well else "degraded", "away": away, **told})


async def _part(
    name: str, read: Callable[[Services], dict[str, Any]], services: Services
) -> dict[str, Any]:
    """What ``read`` says; every number is unknown of what is away."""
    try:
        return await off_loop(lambda: read(services), HEALTH_SECONDS, _LANE)
    except StoreError as error:
        _LOG.error("health: the %s are away: %s", name, error)
        return {**_UNKNOWN[name], name: "away"}


async def _hub(client: df.DurableFunctionsClient) -> dict[str, Any]:
    """What could not be delivered, by destination; the engine keeps it."""
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            return {"undelivered": await undelivered(client)}
    except Exception:  # noqa: BLE001 - whatever the engine's client raises, it is away
        _LOG.exception("health: the engine is away")
        return {"undelivered": None, "hub": "away"}


def _manifests(services: Services) -> dict[str, Any]:
    manifests = services.manifests.current()
    seen = {
        "environments": len(manifests.environments),
        "manifestProblems": len(manifests.problems),
    }
    return seen if manifests.listed else {**seen, "manifests": "away"}


def _records(services: Services) -> dict[str, Any]:
    return {"setAside": services.records.count_aside()}


_TROUBLE: Final = ("manifestProblems", "setAside", "undelivered")
_UNKNOWN: Final[dict[str, dict[str, Any]]] = {
    "manifests": {"environments": None, "manifestProblems": None},
    "records": {"setAside": None},
}
