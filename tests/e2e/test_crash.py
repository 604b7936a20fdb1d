"""The process dies after any activity of the restart repair; another one completes it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.moments import Moment, incarnations_destroyed, undisturbed
from tests.e2e.portrait import differences, portrait

LEASE_SECONDS = 16 * 60.0
"""A little longer than a dead process holds its environment."""
MOMENTS = 17
"""How many different crashes one repair has; the first test says so when that changes."""


def test_every_activity_of_the_repair_is_covered() -> None:
    film = undisturbed()
    assert len(film.moments) == MOMENTS
    counted = Counter(film.activities)
    assert (counted["assess"], counted["conclude_run"]) == (2, 1)
    # 5 steps of the endpoint, 4 and 8 of the two computes; some are begun again until they hold.
    assert counted["start_step"] >= 17
    # What writes is always a moment of its own.
    assert {moment.activity for moment in film.moments} >= {"assess", "start_step", "conclude_run"}


@pytest.mark.parametrize("number", range(MOMENTS))
def test_killed_after_an_activity_the_repair_completes(number: int, tmp_path: Path) -> None:
    film = undisturbed()
    moment = film.moments[number]
    again = moment.reborn(tmp_path)
    held = again.run()
    assert (held["outcome"] == "Deferred") == _held(moment), held["problem"]

    again.advance(LEASE_SECONDS)
    records = again.run_until_calm()

    assert differences(film.before, portrait(again.cloud)) == [], records
    destroyed = incarnations_destroyed(again.cloud.exchanges)
    # The endpoint and two computes, each once: nothing fresh fell to a debt already paid.
    assert sorted(destroyed.values()) == [1, 1, 1], destroyed
    assert not again.services.records.intents("prod")
    assert not again.services.records.debts("prod")


def _held(moment: Moment) -> bool:
    """While the dead process's lease lasts nobody else acts; the last activity gives it back."""
    return moment.activity != "conclude_run"
