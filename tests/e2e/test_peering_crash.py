"""The process dies anywhere while a peering is made again; another one completes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.catalogue import whole
from tests.e2e.drifts_network import remake_side_alone
from tests.e2e.portrait import differences, portrait

LEASE_SECONDS = 16 * 60.0
"""A little longer than a dead process holds its environment."""
STEPS = ("start_step", "look_step")


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", range(1, 10))
def test_killed_after_any_activity_the_peering_comes_back(moment: int, tmp_path: Path) -> None:
    stage = whole(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    remake_side_alone(stage)
    seen = 0

    def die(name: str, _message: Mapping[str, Any]) -> None:
        nonlocal seen
        seen += name in STEPS
        if seen == moment:
            raise Killed

    stage.after = die
    with pytest.raises(Killed):
        stage.run()
    again = stage.reborn()
    again.advance(LEASE_SECONDS)

    again.run_until_calm()

    assert differences(before, portrait(again.cloud)) == []
    assert not again.services.records.intents("prod")
