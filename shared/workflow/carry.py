"""Owns carrying out one step: what is written down before, and what is looked at once after.

Delivered twice, a step does nothing the second time: destructive steps compare the incarnation
just before acting (``shared.azure``), the intent keeps the first one that was stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from shared.model.progress import Progress, Refused
from shared.model.step import DESTRUCTIVE, Step
from shared.records import HeldBy
from shared.workflow.assess import LEASE_SECONDS
from shared.workflow.papers import Papers
from shared.workflow.services import Services


@dataclass(frozen=True, slots=True)
class Errand:
    """Which step of which unit: round and index into the papers of the run."""

    run: str
    environment: str
    round: int
    unit: str
    step: int


def start_step(services: Services, errand: Errand) -> Progress:
    """Begin the step. Guards act between units: only the first step can still be held back."""
    assessment = Papers(services.records, errand.run).get(errand.round)
    if assessment is None:
        return Refused("PapersLost", f"run {errand.run} has no papers for round {errand.round}")
    unit = assessment.plan.unit(errand.unit)
    step = unit.steps[errand.step]
    held = _held_back(services, errand)
    if held is not None:
        return held
    intent = unit.intent_of(step.resource)
    if isinstance(step, DESTRUCTIVE) and intent is not None:
        now = services.clock()
        kept = replace(intent, run=errand.run, stored_at=now, remediator=unit.remediator)
        services.records.store_intent(errand.environment, kept)
    return services.azure().start(step, dict(assessment.observed()))


def look_step(services: Services, errand: Errand, token: dict[str, Any]) -> Progress:
    """Look once at what was begun."""
    services.records.renew_lease(errand.environment, errand.run, LEASE_SECONDS)
    return services.azure().look(_step(services, errand), token)


def _step(services: Services, errand: Errand) -> Step:
    assessment = Papers(services.records, errand.run).get(errand.round)
    if assessment is None:
        raise LookupError(f"run {errand.run} has no papers for round {errand.round}")
    return assessment.plan.unit(errand.unit).steps[errand.step]


def _held_back(services: Services, errand: Errand) -> Refused | None:
    """Pause and a lost lease stop a unit before its first step, never inside."""
    lease = services.records.acquire_lease(errand.environment, errand.run, LEASE_SECONDS)
    if errand.step:
        return None
    if isinstance(lease, HeldBy):
        text = f"'{lease.holder}' took over environment {errand.environment} until {lease.until}"
        return Refused("LeaseLost", text)
    pause = services.records.paused(errand.environment)
    if pause is not None:
        return Refused("Paused", f"environment {errand.environment} was paused by {pause.by}")
    return None
