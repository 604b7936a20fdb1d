"""Every activity may be delivered twice, the second time late: it changes nothing then."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from shared.model.codec import dump
from shared.model.progress import Done, Progress, Retry, Waiting
from shared.workflow.activities import ACTIVITIES
from tests.core.builders import ENDPOINT, rid
from tests.workflow.stages import broken, only
from tests.workflow.world import World, wish

type Message = tuple[str, dict[str, Any]]


def files(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }


def slow(tmp_path: Path) -> World:
    """A replacement whose every step is refused for now once, waits once, and is done."""
    stage = broken(tmp_path)
    several: list[Progress | Exception] = [Retry(5, "Busy", "b"), Waiting({"n": 1}, 5), Done()]
    stage.azure.script[rid(ENDPOINT)] = [*several, *several]
    return stage


def run(stage: World, again: tuple[str, ...] = ()) -> list[Message]:
    """One run in which every delivery of ``again`` comes once more before each that follows."""
    delivered: list[Message] = []

    def call(name: str, message: dict[str, Any]) -> dict[str, Any]:
        for other, earlier in delivered:
            if other in again:
                ACTIVITIES[other](stage.services, copy.deepcopy(earlier))
        delivered.append((name, copy.deepcopy(message)))
        return ACTIVITIES[name](stage.services, message)

    stage.engine(call).run("reconcile", dump(wish()), "run-1")
    return delivered


def test_what_is_delivered_again_after_the_run_changes_nothing(tmp_path: Path) -> None:
    stage = slow(tmp_path)
    delivered = run(stage)
    before, started = files(tmp_path / "records"), len(stage.azure.started)
    assert {name for name, _ in delivered} == set(ACTIVITIES)
    for name, message in reversed(delivered):
        ACTIVITIES[name](stage.services, message)
        assert files(tmp_path / "records") == before, name
    assert len(stage.azure.started) == started
    assert stage.records.lease("prod") is None


@pytest.mark.parametrize("again", [("assess",), ("look_step",)])
def test_what_is_delivered_again_during_the_run_changes_nothing(
    tmp_path: Path, again: tuple[str, ...]
) -> None:
    """Else the run acts on papers that are not those it was told of."""
    stage = slow(tmp_path)
    run(stage, again)
    record = stage.records.run("run-1")
    assert record is not None
    assert only(record)["kind"] == "Repaired"
    assert stage.records.lease("prod") is None
    assert files(tmp_path / "records" / "papers" / "run-1") == {}


def test_a_step_that_is_done_is_not_started_again_by_a_late_delivery(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    delivered = run(stage, ("start_step",))
    begun = [name for name, _ in delivered].count("start_step")
    assert begun == len(stage.azure.started) == 2


def test_a_first_look_that_ends_only_after_the_run_leaves_nothing(tmp_path: Path) -> None:
    """Both deliveries look at once; the slower one comes to its end when the run is over."""
    stage = broken(tmp_path)
    inside: list[int] = []
    looked = stage.azure.read

    def read(reads: Any) -> Any:  # noqa: ANN401 - what the gateway takes and gives
        if not inside:
            inside.append(1)
            stage.run(wish())
        return looked(reads)

    stage.azure.read = read  # type: ignore[method-assign] # the fake of one test
    answer = ACTIVITIES["assess"](stage.services, {"trigger": dump(wish()), "round": 1})
    assert answer["state"] == "failed"
    assert "over" in answer["problem"]
    assert stage.records.lease("prod") is None
    assert not list((tmp_path / "records" / "papers").glob("run-1/*"))


@pytest.mark.parametrize("late", ["start_step", "look_step"])
def test_a_step_that_ends_only_after_the_run_leaves_nothing(tmp_path: Path, late: str) -> None:
    """Its worker was slow, another one got the activity, and the run went on to its end."""
    stage = slow(tmp_path)
    looked = stage.call("assess", {"trigger": dump(wish()), "round": 1})
    (name,) = looked["units"]
    errand = {"run": "run-1", "environment": "prod", "round": 1, "unit": name, "step": 0}

    def meanwhile(*_: object) -> Done:
        stage.call("conclude_run", {"trigger": dump(wish()), "account": {"rounds": 1}})
        return Done()

    stage.azure.start = meanwhile  # type: ignore[assignment] # the fake of one test
    stage.azure.look = meanwhile  # type: ignore[assignment] # the same
    stage.call(late, errand if late == "start_step" else {"errand": errand, "token": {}})
    assert stage.records.run("run-1") is not None
    assert stage.records.lease("prod") is None
    assert not list((tmp_path / "records" / "papers").glob("run-1/*"))


@pytest.mark.parametrize("lost", ["assessment-1", "assessment-2", "*"])
def test_a_run_whose_papers_are_lost_leaves_a_record_that_says_so(
    tmp_path: Path, lost: str
) -> None:
    stage = broken(tmp_path)

    def call(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run":
            for path in (tmp_path / "records/papers/run-1").glob(f"{lost}.json"):
                path.unlink()
        return ACTIVITIES[name](stage.services, message)

    stage.engine(call).run("reconcile", dump(wish()), "run-1")
    record = stage.records.run("run-1")
    assert record is not None
    assert record["outcome"] == "Failed"
    assert "working papers" in record["problem"]
    assert record["units"]
    assert record["wakeAt"] is not None
    assert stage.records.lease("prod") is None
    assert len(stage.records.intents("prod")) == 1, "what was destroyed was not seen in order"
    stage.deliver()
    assert stage.notices


def test_a_step_without_papers_is_refused(tmp_path: Path) -> None:
    stage = slow(tmp_path)

    def call(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "look_step":
            stage.records.drop_papers("run-1")
        return ACTIVITIES[name](stage.services, message)

    stage.engine(call).run("reconcile", dump(wish()), "run-1")
    record = stage.records.run("run-1")
    assert record is not None
    assert record["units"][0]["why"] == "PapersLost"


def test_a_run_that_cannot_be_judged_leaves_a_record_and_no_lease(tmp_path: Path) -> None:
    """Papers of another plan than the one that was carried out."""
    stage = broken(tmp_path)

    def call(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run":
            message["account"]["units"][0]["unit"] = "nobody planned this"
        return ACTIVITIES[name](stage.services, message)

    stage.engine(call).run("reconcile", dump(wish()), "run-1")
    record = stage.records.run("run-1")
    assert record is not None
    assert record["outcome"] == "Failed"
    assert "could not be judged" in record["problem"]
    assert stage.records.lease("prod") is None
