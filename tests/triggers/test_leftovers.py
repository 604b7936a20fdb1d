"""Working papers of dead runs go; those of runs that may live stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from durabletask.client import OrchestrationStatus

from shared.model.codec import dump
from shared.triggers.leftovers import drop_leftovers
from shared.workflow.papers import Papers
from tests.core.builders import NOW
from tests.triggers.client import FakeClient
from tests.workflow.world import World, wish, world


def stage(tmp_path: Path, age: timedelta) -> World:
    """A run that kept papers and was not heard of since."""
    here = world(tmp_path, [])
    trigger = replace(wish(), at=NOW - age)
    Papers(here.records, trigger.id).put_trigger(trigger)
    here.records.put_paper(trigger.id, "assessment-1", {})
    here.records.put_paper("ledger", "prod", {"run": "run-1"})
    return here


async def dropped(here: World, status: OrchestrationStatus | None) -> bool:
    client = FakeClient()
    if status is not None:
        client.instances["run-1"] = status
    count = await drop_leftovers(here.services, client)  # type: ignore[arg-type]
    assert here.records.paper("ledger", "prod") is not None
    gone = here.records.paper("run-1", "trigger") is None
    assert (here.records.paper("run-1", "assessment-1") is None) == gone
    assert count == gone
    return gone


FAILED, RUNNING = OrchestrationStatus.FAILED, OrchestrationStatus.RUNNING


@pytest.mark.parametrize(
    ("age", "status", "goes"),
    [
        (timedelta(days=2), FAILED, True),
        (timedelta(days=2), OrchestrationStatus.COMPLETED, True),
        (timedelta(hours=2), FAILED, False),
        (timedelta(days=30), RUNNING, False),
        (timedelta(days=30), OrchestrationStatus.PENDING, False),
        (timedelta(days=2), None, False),
        (timedelta(days=8), None, True),
    ],
)
async def test_papers_go_when_their_run_is_surely_dead(
    tmp_path: Path, age: timedelta, status: OrchestrationStatus | None, *, goes: bool
) -> None:
    assert await dropped(stage(tmp_path, age), status) is goes


async def test_who_holds_the_lease_is_not_dead(tmp_path: Path) -> None:
    here = stage(tmp_path, timedelta(days=8))
    here.records.acquire_lease("prod", "run-1", 60)
    assert not await dropped(here, None)


async def test_a_trigger_that_cannot_be_used_is_set_aside(tmp_path: Path) -> None:
    here = stage(tmp_path, timedelta(days=8))
    here.records.put_paper("run-1", "trigger", {"id": "run-1"})
    assert await drop_leftovers(here.services, FakeClient()) == 0  # type: ignore[arg-type]
    assert here.records.paper("run-1", "assessment-1") is not None
    assert [each.key for each in here.records.set_aside()] == ["papers/run-1/trigger.json"]


async def test_a_run_that_cannot_be_judged_keeps_no_others_papers(tmp_path: Path) -> None:
    here = stage(tmp_path, timedelta(days=8))
    (tmp_path / "records/papers/odd/trigger.json").mkdir(parents=True)
    here.records.put_paper("odd-2", "trigger", {**dump(wish("odd-2")), "at": "2026-11-02T09:00:00"})
    assert here.records.runs_with_papers(9)[0] == "odd-2"
    assert await dropped(here, None)
