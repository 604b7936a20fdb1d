"""Unread is never in order: whatever one remediator could not read, its look says so."""

from __future__ import annotations

import pytest

from remediators import REMEDIATORS
from shared.model.actual import Actual, Observation, Read, Unreadable
from shared.model.finding import Disposition, Finding
from shared.reconcile import find
from shared.remediator import Remediator
from shared.unread import blind_spots, unread_findings
from tests.contract.test_remediators import DRIFTS, SHOWS
from tests.remediators.estate import NOW, environment
from tests.remediators.world import World

AWAY = Unreadable("ServiceUnavailable", "later", NOW, retry_after=10.0)
REFUSED = Unreadable("MissingPermission", "no", NOW, "some/action/read")
CASES = [(r, drift) for r in REMEDIATORS for drift in ("healthy", *SHOWS[r.name])]


def look(remediator: Remediator, world: World, sick: Read | None, answer: Unreadable) -> Actual:
    answers: dict[Read, Observation] = {}
    while True:
        actual = Actual(answers, world.memory)
        wanted = [r for r in remediator.reads(environment(), actual) if r not in answers]
        if not wanted:
            return actual
        answers |= {read: answer if read == sick else world.answer(read) for read in wanted}


def told(remediator: Remediator, actual: Actual) -> tuple[Finding, ...]:
    found = find((remediator,), environment(), actual)
    blind = blind_spots((remediator,), environment(), actual)
    return found + unread_findings(blind, actual, found)


@pytest.mark.parametrize(
    ("remediator", "drift"), CASES, ids=lambda each: getattr(each, "name", each)
)
@pytest.mark.parametrize(
    ("answer", "disposition"),
    [(AWAY, Disposition.DEFER), (REFUSED, Disposition.BLOCK)],
    ids=["away", "refused"],
)
def test_each_question_without_an_answer_is_deferred_or_blocked(
    remediator: Remediator, drift: str, answer: Unreadable, disposition: Disposition
) -> None:
    world = World()
    if drift in DRIFTS:
        DRIFTS[drift](world)
    for read in look(remediator, world, None, answer).observations:
        actual = look(remediator, world, read, answer)
        unread = {f.disposition for f in told(remediator, actual) if f.why == "Unreadable"}
        assert disposition in unread, read


def test_what_is_read_leaves_nothing_unsaid() -> None:
    for remediator in REMEDIATORS:
        assert told(remediator, look(remediator, World(), None, AWAY)) == ()
