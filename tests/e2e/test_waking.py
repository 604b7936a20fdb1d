"""How often an environment is looked at by itself: never in a loop, whatever stands still."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from tests.e2e.line import Line
from tests.e2e.stage import Stage, build


def distances(line: Line) -> list[float]:
    """Seconds between the end of one run and the end of the next."""
    ends = [datetime.fromisoformat(record["finishedAt"]) for record in line.records]
    return [(later - end).total_seconds() for end, later in pairwise(ends)]


def never_made(stage: Stage) -> None:
    """Computes that Azure goes on making for ever."""
    for compute in stage.environment.computes:
        stage.cloud.forge(str(compute.id)).properties["provisioningState"] = "Creating"


def test_what_is_put_off_for_ever_is_looked_at_less_and_less(tmp_path: Path) -> None:
    """641 runs and 41,035 calls in three hours once."""
    stage = build(tmp_path)
    stage.run()
    never_made(stage)
    calls = len(stage.times)
    line = Line(stage)
    line.sweep()
    line.live(3 * 3600)
    assert {record["outcome"] for record in line.records} == {"Deferred"}
    assert 10 < len(line.records) <= 30
    assert len(stage.times) - calls < 3000
    assert min(distances(line)) >= 15


def test_a_clock_behind_the_engine_s_makes_no_loop(tmp_path: Path) -> None:
    """Held until a time that the engine has passed already: 401 runs in 40 seconds once."""
    stage = build(tmp_path)
    stage.services.records.acquire_lease("prod", "somebody", 900)
    stage.advance(900 - 40)
    line = Line(stage, ahead=timedelta(seconds=40))
    line.sweep()
    line.live(600)
    assert [record["outcome"] for record in line.records] == ["Deferred"] * 4 + ["InSync"]
    assert min(distances(line)) >= 15
