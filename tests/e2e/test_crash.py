"""The process dies anywhere in the restart repair; another one completes it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.moments import Moment, incarnations_destroyed, undisturbed
from tests.e2e.portrait import differences, portrait

LEASE_SECONDS = 17 * 60.0
"""A little longer than a dead process holds its environment."""
PARTS = 12
"""Every moment is in one part; how many there are follows from what the product writes."""


def test_the_film_of_the_repair_is_complete() -> None:
    film = undisturbed()
    counted = Counter(film.activities)
    assert (counted["assess"], counted["conclude_run"]) == (2, 1)
    # 5 steps of the endpoint, 4 and 8 of the two computes; some are begun again until they hold.
    assert counted["start_step"] >= 17
    shown = [moment.what.split("/")[0] for moment in film.moments]
    assert len(shown) >= 30
    assert {"wrote environments", "wrote papers", "wrote runs"} <= set(shown)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_any_moment_the_repair_completes(part: int, tmp_path: Path) -> None:
    moments = undisturbed().moments[part::PARTS]
    assert moments
    for number, moment in enumerate(moments):
        expect_recovery(moment, tmp_path / str(number))


def expect_recovery(moment: Moment, place: Path) -> None:
    again = moment.reborn(place)
    held = again.services.records.lease("prod") is not None
    first = again.run()
    assert (first["outcome"] == "Deferred") == held, (moment.what, first["problem"])

    again.advance(LEASE_SECONDS)
    records = again.run_until_calm()

    assert differences(undisturbed().before, portrait(again.cloud)) == [], (moment.what, records)
    destroyed = incarnations_destroyed(again.cloud.exchanges)
    # The endpoint and two computes, each once: nothing fresh fell to a debt already paid.
    assert sorted(destroyed.values()) == [1, 1, 1], (moment.what, destroyed)
    assert not again.services.records.intents("prod")
    assert not again.services.records.debts("prod")
