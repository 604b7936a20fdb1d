"""Owns what two runs of one environment, the main one and the one beside it, leave to each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from shared.model.plan import Unit
from shared.model.progress import Done, Refused
from shared.workflow.papers import Papers
from shared.workflow.services import Services


def occupied(services: Services, environment: str, *, beside: bool) -> tuple[Unit, ...]:
    """The units of the other run that it may carry out and has not ended.

    ``beside`` says which run asks. Each stores its look before it begins anything, and asks again
    before a unit's first step: of two that begin at once, at least one sees the other.
    """
    other = services.records.holder(environment, beside=not beside)
    return tuple(_open(Papers(services.records, other))) if other else ()


def _open(papers: Papers) -> Iterator[Unit]:
    for number in count(1):
        assessment = papers.get(number)
        if assessment is None:
            return
        for unit in assessment.plan.units:
            if not assessment.judgement.verdicts[unit.id].allowed:
                continue
            note = papers.step(number, unit.id)
            done = note is not None and isinstance(note.progress, Done)
            last = note is not None and note.step == len(unit.steps) - 1
            refused = note is not None and isinstance(note.progress, Refused)
            if not refused and not (done and last):
                yield unit
