"""Runs that began under an earlier release are replayed by the present orchestrators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
import pytest

from shared.workflow import orchestrators
from tests.workflow.hub import batches, completed, execute, read, run_on_hub, written
from tests.workflow.record_histories import CASES, FOLDER
from tests.workflow.test_orchestrators import Script, skeleton

RECORDED = [
    pytest.param(path, name, id=f"{path.stem}:{name}")
    for path in sorted(FOLDER.glob("*.json"))
    for name in json.loads(path.read_text())
]


def history(path: Path, name: str) -> list[pb.HistoryEvent]:
    return read(json.loads(path.read_text())[name])


@pytest.mark.parametrize(("path", "name"), RECORDED)
def test_a_recorded_run_is_replayed_to_the_same_end(path: Path, name: str) -> None:
    events = history(path, name)
    *before, last = batches(events)
    result = execute(name, [event for batch in before for event in batch], last)
    (ended,) = [a for a in result.actions if a.HasField("completeOrchestration")]
    then = completed(events)
    done = ended.completeOrchestration
    assert done.orchestrationStatus == then.orchestrationStatus, done.failureDetails.errorMessage
    assert done.result.value == then.result.value


@pytest.mark.parametrize(("path", "name"), RECORDED)
def test_a_recorded_run_is_taken_up_at_every_point(path: Path, name: str) -> None:
    """A deployment may come between any two steps of a run."""
    rounds = batches(history(path, name))
    for end in range(1, len(rounds)):
        old = [event for batch in rounds[: end - 1] for event in batch]
        result = execute(name, old, rounds[end - 1])
        for action in result.actions:
            failed = action.completeOrchestration.failureDetails.errorMessage
            assert not failed, f"at batch {end} of {len(rounds)}: {failed}"


def test_every_version_s_cases_are_recorded() -> None:
    recorded = {path.stem for path in FOLDER.glob("*.json")}
    assert {f"v{orchestrators.VERSION}-{name}" for name in CASES} <= recorded


def test_a_changed_order_of_calls_does_not_replay() -> None:
    """What the tests above rely on: a replay that differs is an error, not another run."""
    (path, name) = next(p.values for p in RECORDED if p.values[1] == "run-1")
    events = read(_renamed(json.loads(Path(str(path)).read_text())[str(name)]))
    *before, last = batches(events)
    result = execute(str(name), [event for batch in before for event in batch], last)
    failed = [a.completeOrchestration.failureDetails.errorType for a in result.actions]
    assert any("NonDeterminism" in kind for kind in failed)


def _renamed(events: list[Any]) -> list[Any]:
    text = json.dumps(events).replace('"name": "assess"', '"name": "look_around"')
    return list(json.loads(text))


def test_a_run_on_a_real_hub_does_what_the_inline_engine_does(tmp_path: Path) -> None:
    plan = {"a": skeleton(steps=2), "b": skeleton("a"), "c": skeleton()}
    hub, inline = Script([plan, {}]), Script([plan, {}])
    found = run_on_hub(tmp_path, hub, {"id": "run-1", "environment": "prod"})
    inline.run()
    assert [what for _, _, what in hub.log] == [what for _, _, what in inline.log]
    assert _without_times(hub.account) == _without_times(inline.account)
    assert set(found) == {"run-1", "run-1-1-0", "run-1-1-1", "run-1-1-2"}
    assert read(written(found["run-1"])) == found["run-1"]


def _without_times(account: dict[str, Any]) -> dict[str, Any]:
    units = [{k: v for k, v in unit.items() if k != "timings"} for unit in account["units"]]
    return {**account, "units": sorted(units, key=lambda unit: str(unit["unit"]))}
