"""Owns what crosses the durable boundary: JSON in, one thing done, JSON out. Nothing waits here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from shared import telemetry
from shared.model.codec import dump, load
from shared.model.progress import Progress, Retry, Waiting
from shared.model.trigger import Trigger
from shared.reconcile import PlanningError
from shared.records import Conflict, StoreUnavailableError
from shared.workflow.announcing import announce_found
from shared.workflow.assess import Held, Later, assess, skeletons
from shared.workflow.carry import Errand, look_step, start_step
from shared.workflow.conclude import Account, ask, conclude
from shared.workflow.outbox import waiting
from shared.workflow.papers import RunIsOverError
from shared.workflow.services import Services, UnknownEnvironmentError

_LOG = logging.getLogger("relink.workflow")

_UNREACHABLE = (StoreUnavailableError, Conflict)
"""The records may answer again in a moment; a unit must not break off half way for that."""
_STORE_AGAIN = 10.0

type Activity = Callable[[Services, dict[str, Any]], dict[str, Any]]


def assess_activity(services: Services, message: dict[str, Any]) -> dict[str, Any]:
    """``{"trigger", "round"}`` → ``{"state": "assessed"|"later"|"held"|"failed", …}``."""
    trigger = load(Trigger, message["trigger"])
    ledger = None
    try:
        look = assess(services, trigger, message["round"])
        if isinstance(look, Held):
            text = f"'{look.holder}' works on this environment until {look.until.isoformat()}"
            return {"state": "held", "problem": text, "until": look.until.isoformat()}
        if isinstance(look, Later):
            return {"state": "later", "after": look.after, "problem": look.problem}
        ledger = announce_found(services, trigger, look)
        ask(services, trigger, look)
    except _UNREACHABLE as error:
        return {"state": "later", "after": _STORE_AGAIN, "problem": str(error)}
    except (UnknownEnvironmentError, PlanningError, RunIsOverError) as error:
        return {"state": "failed", "problem": str(error)}
    return {
        "state": "assessed",
        "units": skeletons(look),
        "hash": look.plan.hash,
        "undelivered": waiting(ledger) if ledger is not None else {},
    }


def start_activity(services: Services, message: dict[str, Any]) -> dict[str, Any]:
    """An ``Errand`` → a ``Progress``."""
    try:
        return _told(start_step(services, _errand(message)))
    except _UNREACHABLE as error:
        return _told(Retry(_STORE_AGAIN, type(error).__name__, str(error)))


def look_activity(services: Services, message: dict[str, Any]) -> dict[str, Any]:
    """``{"errand", "token"}`` → a ``Progress``."""
    try:
        return _told(look_step(services, _errand(message["errand"]), message["token"]))
    except _UNREACHABLE:
        return _told(Waiting(message["token"], _STORE_AGAIN))


def conclude_activity(services: Services, message: dict[str, Any]) -> dict[str, Any]:
    """``{"trigger", "account"}`` → ``{"outcome", "wake_at", "mark", "undelivered"}``."""
    trigger = load(Trigger, message["trigger"])
    account = load(Account, message["account"])
    ended = conclude(services, trigger, account)
    _LOG.info("run %s of %s ended: %s", trigger.id, trigger.environment, ended.outcome)
    return {
        "outcome": ended.outcome.value,
        "wake_at": ended.wake_at.isoformat() if ended.wake_at else None,
        "mark": ended.mark,
        "undelivered": dict(ended.undelivered),
    }


def _errand(message: Mapping[str, Any]) -> Errand:
    names = ("run", "environment", "round", "unit", "step", "beside")
    return load(Errand, {name: message[name] for name in names if name in message})


def _told(progress: Progress) -> dict[str, Any]:
    told: dict[str, Any] = dump(progress)
    return told


def _traced(name: str, activity: Activity) -> Activity:
    """The activity in a span of its run's trace."""

    @wraps(activity)
    def work(services: Services, message: dict[str, Any]) -> dict[str, Any]:
        with telemetry.activity(name, message):
            return activity(services, message)

    return work


ACTIVITIES: Mapping[str, Activity] = {
    name: _traced(name, activity)
    for name, activity in (
        ("assess", assess_activity),
        ("start_step", start_activity),
        ("look_step", look_activity),
        ("conclude_run", conclude_activity),
    )
}
