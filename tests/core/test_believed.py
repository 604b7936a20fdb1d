"""An answer on which a judgement breaks is set aside, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from shared.model.actual import Absent, Found, Observation, Question, Read, Unreadable
from shared.unread import believed
from tests.core.builders import STORAGE, rid

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
READS = [Read(Question.GET, rid(f"{STORAGE}{number}")) for number in range(100)]


@pytest.mark.parametrize("bad", [set(), {0}, {99}, {3, 4, 50}, set(range(100))])
def test_the_answers_to_blame_are_found_and_soon(bad: set[int]) -> None:
    answers: dict[Read, Observation] = {
        read: Found({"n": "x" if number in bad else number}, NOW)
        for number, read in enumerate(READS)
    }
    judged: list[int] = []

    def judge(given: Mapping[Read, Observation]) -> None:
        judged.append(len(given))
        for answer in given.values():
            if isinstance(answer, Found):
                int(answer.body["n"])

    kept = believed(answers, judge)
    assert list(kept) == READS
    assert {READS.index(r) for r, a in kept.items() if isinstance(a, Unreadable)} == bad
    assert len(judged) <= 1 + len(bad) * 14
    assert set(judged) == {100}, "what was asked stays asked"


def test_what_is_no_body_is_kept_as_it_is() -> None:
    answers: dict[Read, Observation] = {
        READS[0]: Absent(NOW),
        READS[1]: Unreadable("Busy", "", NOW, retry_after=7),
    }

    def judge(_given: object) -> None:
        raise ValueError("a defect that no answer is to blame for")

    assert believed(answers, judge) == answers
