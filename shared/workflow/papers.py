"""Owns a run's working papers: what one activity leaves for the next, in the records store.

Activities exchange ids and hashes; plans and observations are too large for a durable history.
An activity may be delivered twice, the second time long after the first: what was stored first
stays, and a run that has its record gets no papers any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from shared.guards import Judgement
from shared.model.actual import Found, Link, Question, Read
from shared.model.codec import dump, load
from shared.model.finding import Finding
from shared.model.json import JsonObject, canonical, fingerprint
from shared.model.plan import Plan
from shared.model.progress import Progress
from shared.model.resource_id import ResourceId
from shared.model.trigger import Trigger
from shared.outcomes import Round
from shared.records import Records


@dataclass(frozen=True, slots=True)
class Sight:
    """One body that a PATCH was planned from, with the time it was read."""

    read: Read
    body: JsonObject
    at: datetime


@dataclass(frozen=True, slots=True)
class Assessment:
    """One round's papers.

    ``looked_at`` are the parts that were judged, ``active`` the remediators that judged them, and
    ``debts`` the ids of the debts that they knew of: what came in later was not looked at.
    ``blind`` are the remediators that lacked an answer, and about what; ``again_after`` the seconds
    that Azure asked to wait for the last of these.
    """

    environment: str
    manifest_version: str
    at: datetime
    findings: tuple[Finding, ...]
    plan: Plan
    judgement: Judgement
    links: tuple[Link, ...] = ()
    looked_at: tuple[ResourceId, ...] = ()
    active: tuple[str, ...] = ()
    debts: tuple[str, ...] = ()
    approved_hash: str = ""
    sights: tuple[Sight, ...] = ()
    unreadable: tuple[str, ...] = ()
    blind: tuple[tuple[str, ResourceId], ...] = ()
    again_after: float = 0.0
    azure_calls: int = 0

    @property
    def round(self) -> Round:
        """What outcomes are judged by."""
        return Round(self.findings, self.plan, self.judgement, self.blind)

    def observed(self) -> dict[Read, Found]:
        """The bodies as answers again."""
        return {sight.read: Found(sight.body, sight.at) for sight in self.sights}


class RunIsOverError(LookupError):
    """The run has its record: what is delivered of it now comes too late."""


@dataclass(frozen=True, slots=True)
class StepNote:
    """How far a unit is: the step that was begun last, and what was heard of it last."""

    step: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class Papers:
    """The papers of one run."""

    records: Records
    run: str

    @property
    def over(self) -> bool:
        """Whether the run has ended: its record is written before its papers are dropped."""
        return self.records.run(self.run) is not None

    def put_trigger(self, trigger: Trigger) -> None:
        """Keep why the run was started."""
        self.records.put_paper(self.run, "trigger", dump(trigger))

    def put(self, number: int, assessment: Assessment) -> Assessment:
        """Keep round ``number`` unless it is kept already; the one that stands.

        Raises:
            RunIsOverError: when the run ended in the meantime; nothing of it is left then.
        """
        added = self.records.add_paper(self.run, f"assessment-{number}", dump(assessment))
        self.leave_none_behind()
        return assessment if added else self.get(number) or assessment

    def leave_none_behind(self) -> None:
        """To be called after each paper that is left: the run may have ended in the meantime.

        Raises:
            RunIsOverError: when it has; its papers are dropped then, as its end has looked already.
        """
        if self.over:
            self.records.drop_papers(self.run)
            raise RunIsOverError(f"run {self.run} is over")

    def get(self, number: int) -> Assessment | None:
        """Round ``number`` if it was kept."""
        paper = self.records.paper(self.run, f"assessment-{number}")
        return _assessment(canonical(paper)) if paper is not None else None

    def put_step(self, number: int, unit: str, note: StepNote) -> None:
        """Keep how far a unit of round ``number`` is.

        Raises:
            RunIsOverError: when the run ended in the meantime; nothing of it is left then.
        """
        self.records.put_paper(self.run, _step_name(number, unit), dump(note))
        self.leave_none_behind()

    def step(self, number: int, unit: str) -> StepNote | None:
        """How far a unit of round ``number`` is; nothing when no step was begun."""
        paper = self.records.paper(self.run, _step_name(number, unit))
        return load(StepNote, paper) if paper is not None else None


def _step_name(number: int, unit: str) -> str:
    return f"step-{number}-{fingerprint(unit)}"


@lru_cache(maxsize=8)
def _assessment(text: str) -> Assessment:
    """The papers that ``text`` is: every look at every step wants the same ones again."""
    return load(Assessment, json.loads(text))


def sights_of(plan: Plan, answers: dict[Read, object]) -> tuple[Sight, ...]:
    """The bodies that the plan's PATCH steps were planned from."""
    wanted = {
        Read(Question.GET, step.resource)
        for unit in plan.units
        for step in unit.steps
        if step.kind == "PatchResource"
    }
    found = ((read, answers.get(read)) for read in sorted(wanted))
    return tuple(
        Sight(read, answer.body, answer.at) for read, answer in found if isinstance(answer, Found)
    )
