"""What is urgent does not wait for a long repair of the same environment."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.faults import Fault, Mischief
from tests.e2e import drifts
from tests.e2e.line import Line
from tests.e2e.stage import Stage, build


def long_repair(stage: Stage) -> None:
    """An endpoint is gone, and Azure takes most of an hour to make it again."""
    drifts.delete_blob_endpoint(stage)
    making = Fault(
        Mischief.SLOW, method="PUT", path="/privateEndpoints/[^/]+$", times=None, factor=40
    )
    stage.cloud.add_fault(making)


def later(stage: Stage, seconds: float, what: drifts.Break) -> datetime:
    """Let it happen so long after now; when that is."""
    due = stage.clock.now() + timedelta(seconds=seconds)
    done: list[int] = []
    advance = stage.advance

    def advancing(seconds: float) -> None:
        end = stage.clock.now() + timedelta(seconds=seconds)
        if not done and due <= end:
            done.append(1)
            advance((due - stage.clock.now()).total_seconds())
            what(stage)
        advance(max(0.0, (end - stage.clock.now()).total_seconds()))

    stage.advance = advancing  # type: ignore[method-assign] # a person who acts meanwhile
    return due


def times(record: dict[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(record["startedAt"]), datetime.fromisoformat(record["finishedAt"])


@pytest.mark.parametrize("what", [drifts.open_storage, drifts.open_vault, drifts.open_registry])
def test_what_is_opened_during_a_long_repair_is_closed_at_once(
    tmp_path: Path, what: drifts.Break
) -> None:
    """Storage stayed public for 64 minutes once."""
    stage = build(tmp_path)
    stage.run()
    line = Line(stage)
    long_repair(stage)
    opened = later(stage, 300, what)
    line.sweep()
    line.until_idle()
    main = next(r for r in line.records if r["units"] and not r["trigger"]["beside"])
    began, ended = times(main)
    assert (ended - began).total_seconds() > 1800
    aside = [r for r in line.records if r["trigger"]["beside"]]
    assert [r["outcome"] for r in aside] == ["Repaired"]
    assert timedelta(0) < times(aside[0])[1] - opened <= timedelta(seconds=90)
    assert set(aside[0]["remediators"]) == {"network_access", "workspace"}
    assert line.records[-1]["outcome"] == "InSync"
    assert stage.services.records.lease("prod") is None
    assert stage.services.records.lease("prod", beside=True) is None
    assert not list((tmp_path / "records" / "papers").glob("*/assessment-*"))


def test_what_the_long_run_closed_itself_is_closed_again_when_it_is_opened_again(
    tmp_path: Path,
) -> None:
    stage = build(tmp_path)
    stage.run()
    line = Line(stage)
    long_repair(stage)
    drifts.open_storage(stage)
    opened = later(stage, 300, drifts.open_storage)
    line.sweep()
    line.until_idle()
    aside = [r for r in line.records if r["units"] and r["trigger"]["beside"]]
    assert [r["outcome"] for r in aside] == ["Repaired"]
    assert timedelta(0) < times(aside[0])[1] - opened <= timedelta(seconds=90)


def test_what_no_event_told_of_is_closed_by_the_sweep_during_a_long_repair(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    line = Line(stage, lambda _events: [])
    long_repair(stage)

    def sweep_after_opening(there: Stage) -> None:
        drifts.open_storage(there)
        line.sweep()

    opened = later(stage, 300, sweep_after_opening)
    line.sweep()
    line.until_idle()
    aside = [r for r in line.records if r["units"] and r["trigger"]["beside"]]
    assert [r["outcome"] for r in aside] == ["Repaired"]
    assert timedelta(0) < times(aside[0])[1] - opened <= timedelta(seconds=90)


def test_a_person_is_asked_by_the_main_run_alone(tmp_path: Path) -> None:
    """Else the question about the long repair would be replaced by one about a part of it."""
    stage = build(tmp_path, change=lambda m: m.update(modes={"network_access": "approve"}))
    stage.run()
    line = Line(stage)
    long_repair(stage)
    later(stage, 300, drifts.open_storage)
    line.sweep()
    line.until_idle()
    aside = [r for r in line.records if r["trigger"]["beside"]]
    assert [(o["kind"], o["why"]) for r in aside for o in r["outcomes"]] == [
        ("Deferred", "OtherRun")
    ]
    assert not any(r["units"] for r in aside)
    approval = stage.services.records.approval("prod")
    assert approval is not None
    assert approval.run not in {r["id"] for r in aside}
    assert line.records[-1]["outcome"] == "AwaitingApproval"


def test_a_short_run_is_waited_for(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    line = Line(stage)
    drifts.open_storage(stage)
    drifts.open_vault(stage)
    drifts.open_registry(stage)
    line.until_idle()
    assert not [r for r in line.records if r["trigger"]["beside"]]
    assert stage.run()["outcome"] == "InSync"
