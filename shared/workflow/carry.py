"""Owns carrying out one step: what is written down before, and what is looked at once after.

Delivered twice, a step does nothing the second time: what came of it is kept and told again, and
destructive steps compare the incarnation just before acting (``shared.azure``), as a worker may be
killed between acting and noting. The intent keeps the first incarnation that was stored. Delivered
after its run has ended, a step is refused.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from shared.model.plan import Unit
from shared.model.progress import Done, Progress, Refused, Retry, Waiting
from shared.model.step import DESTRUCTIVE, Step
from shared.reconcile import clash
from shared.records import HeldBy, StoreError
from shared.workflow.assess import LEASE_SECONDS, take_lease
from shared.workflow.lanes import occupied
from shared.workflow.papers import Assessment, Papers, RunIsOverError, StepNote
from shared.workflow.services import Services

_LOG = logging.getLogger("relink.workflow")


@dataclass(frozen=True, slots=True)
class Errand:
    """Which step of which unit: round and index into the papers of the run.

    ``beside`` says that the run goes on beside the environment's main one.
    """

    run: str
    environment: str
    round: int
    unit: str
    step: int
    beside: bool = False


def start_step(services: Services, errand: Errand) -> Progress:
    """Begin the step. Guards act between units: only the first step can still be held back."""
    planned = _planned(services, errand)
    if isinstance(planned, Refused):
        return planned
    assessment, unit, step = planned
    known = Papers(services.records, errand.run).step(errand.round, errand.unit)
    if known is not None and known.step > errand.step:
        return Done(note="done already")
    if known is not None and known.step == errand.step and not isinstance(known.progress, Retry):
        return known.progress
    try:
        held = _held_back(services, errand, unit)
    except RunIsOverError as over:
        return Refused("PapersLost", str(over))
    if held is not None:
        return _noted(services, errand, held)
    _write_ahead(services, errand, unit, step)
    progress = _noted(services, errand, services.azure().start(step, dict(assessment.observed())))
    return _kept_through(services, errand, progress)


def look_step(services: Services, errand: Errand, token: dict[str, Any]) -> Progress:
    """Look once at what was begun."""
    planned = _planned(services, errand)
    if isinstance(planned, Refused):
        return planned
    services.records.renew_lease(
        errand.environment, errand.run, LEASE_SECONDS, beside=errand.beside
    )
    progress = services.azure().look(planned[2], token)
    progress = progress if isinstance(progress, Waiting) else _noted(services, errand, progress)
    return _kept_through(services, errand, progress)


def _kept_through(services: Services, errand: Errand, progress: Progress) -> Progress:
    """The lease outlasts a long wait that Azure asks for, as nobody renews it in between.

    Otherwise a run beside this one would take it for over and write what it is at. Records that
    are away change nothing: the step has begun.
    """
    if isinstance(progress, Waiting | Retry) and progress.after > LEASE_SECONDS / 2:
        seconds = progress.after + LEASE_SECONDS
        with suppress(StoreError):
            services.records.renew_lease(
                errand.environment, errand.run, seconds, beside=errand.beside
            )
    return progress


def _planned(services: Services, errand: Errand) -> tuple[Assessment, Unit, Step] | Refused:
    """The step as it was planned, with its unit and assessment."""
    assessment = Papers(services.records, errand.run).get(errand.round)
    units = {unit.id: unit for unit in assessment.plan.units} if assessment is not None else {}
    unit = units.get(errand.unit)
    if assessment is None or unit is None or errand.step >= len(unit.steps):
        text = f"run {errand.run} has no papers of this step for round {errand.round}"
        return Refused("PapersLost", text)
    return assessment, unit, unit.steps[errand.step]


def _held_back(services: Services, errand: Errand, unit: Unit) -> Refused | None:
    """Pause, a lost lease and the other run stop a unit before its first step, never inside."""
    lease = take_lease(services, errand.environment, errand.run, beside=errand.beside)
    if errand.step:
        return None
    if isinstance(lease, HeldBy):
        text = f"'{lease.holder}' took over environment {errand.environment} until {lease.until}"
        return Refused("LeaseLost", text)
    pause = services.records.paused(errand.environment)
    if pause is not None:
        return Refused("Paused", f"environment {errand.environment} was paused by {pause.by}")
    for other in occupied(services, errand.environment, beside=errand.beside):
        if clash(unit, other):
            return Refused("OtherRun", f"another run is at it: {other.title}")
    return None


def _write_ahead(services: Services, errand: Errand, unit: Unit, step: Step) -> None:
    """Store the intent before something is destroyed."""
    intent = unit.intent_of(step.resource)
    if isinstance(step, DESTRUCTIVE) and intent is not None:
        now = services.clock()
        kept = replace(intent, run=errand.run, stored_at=now, remediator=unit.remediator)
        services.records.store_intent(errand.environment, kept)


def _noted(services: Services, errand: Errand, progress: Progress) -> Progress:
    """Keep what came of the step. It has happened: records that are away now change nothing."""
    try:
        papers = Papers(services.records, errand.run)
        known = papers.step(errand.round, errand.unit)
        if known is None or known.step <= errand.step:
            papers.put_step(errand.round, errand.unit, StepNote(errand.step, progress))
    except (StoreError, RunIsOverError) as error:
        _LOG.warning("what came of step %s of %s was not kept: %s", errand.step, errand.unit, error)
    return progress
