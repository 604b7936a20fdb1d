"""Whole runs on the real orchestrators and activities: what is done, kept and waited for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.azure.errors import Transient
from shared.model.actual import Question
from shared.model.codec import dump
from shared.model.progress import Done, Refused, Retry, Waiting
from shared.model.step import Step
from shared.model.trigger import Cause
from shared.records import HeldBy, StoreUnavailableError
from shared.records.leases import SKEW
from tests.core.builders import (
    ENDPOINT,
    NOW,
    SUBSCRIPTION,
    VAULT,
    answers,
    destroying,
    environment,
    finding,
    later,
    rid,
    tiny,
)
from tests.workflow.stages import BROKEN, INTENT, broken, only
from tests.workflow.world import World, drifting, wish, world


def test_a_drift_is_repaired_and_seen_in_order(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    record = stage.run(wish())
    assert record["outcome"] == only(record)["kind"] == "Repaired"
    assert [step.kind for step in stage.azure.started] == ["DeleteResource", "PutResource"]
    assert len(record["rounds"]) == 2
    assert stage.records.lease("prod") is None
    assert stage.records.intents("prod") == ()


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.run(wish())
    stage.azure.started.pop()
    before = len(stage.azure.started)
    record = stage.run(wish("run-2"))
    assert record["outcome"] == "InSync"
    assert len(stage.azure.started) == before


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_without_leave_to_act_nothing_is_written(tmp_path: Path, mode: str) -> None:
    stage = broken(tmp_path, RELINK_MODE=mode)
    record = stage.run(wish())
    assert stage.azure.started == []
    assert stage.records.intents("prod") == ()
    assert record["outcome"] == {"observe": "Planned", "off": "NotNeeded"}[mode]


def test_off_is_not_called_in_sync_as_nothing_was_looked_at(tmp_path: Path) -> None:
    record = broken(tmp_path, RELINK_MODE="off").run(wish())
    assert record["remediators"] == []
    assert record["outcome"] != "InSync"


def test_a_dry_run_takes_no_lease_writes_nothing_and_signals_nobody(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    taken = stage.records.acquire_lease("prod", "somebody else", 60)
    assert not isinstance(taken, HeldBy)
    engine = stage.engine()
    trigger = wish(dry_run=True)
    engine.run("reconcile", dump(trigger), trigger.id)
    record = stage.records.run(trigger.id)
    assert record is not None
    assert record["outcome"] == "Planned"
    assert only(record)["why"] == "DryRun"
    assert engine.signals == []
    assert stage.azure.started == []
    lease = stage.records.lease("prod")
    assert lease is not None
    assert lease.holder == "somebody else"
    assert stage.notices == []


def test_the_intent_is_stored_before_anything_is_destroyed(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    seen: list[tuple[str, int]] = []

    def look(step: Step) -> None:
        seen.append((step.kind, len(stage.records.intents("prod"))))

    stage.azure.on_start = look
    stage.run(wish())
    assert seen == [("DeleteResource", 1), ("PutResource", 1)]


def test_the_intent_stays_when_the_unit_breaks_off(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.script[rid(ENDPOINT)] = [Done(), Refused("Conflict", "no")]
    remediator = tiny(
        [destroying("mend", findings=(BROKEN.key,), intent=INTENT)], findings=[BROKEN]
    )
    stage.services = replace(stage.services, catalogue=(remediator,))
    record = stage.run(wish())
    assert record["outcome"] == "Failed"
    (intent,) = stage.records.intents("prod")
    assert (intent.run, intent.remediator) == ("run-1", "tiny")


def test_a_run_of_other_remediators_lets_go_of_no_intent(tmp_path: Path) -> None:
    """The endpoint is gone; who could see that was not asked."""
    both = (tiny(findings=[BROKEN]), tiny(name="other", findings=[]))
    stage = world(tmp_path, both)
    stage.records.store_intent("prod", replace(INTENT, remediator="tiny"))
    stage.run(wish(remediators=("other",), cause=Cause.MANUAL))
    assert len(stage.records.intents("prod")) == 1


def test_the_intent_stays_when_nobody_looked_after_the_repair(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.on_start = lambda _step: stage.azure.trouble.extend(
        Transient("Throttled", "429") for _ in range(500)
    )
    record = stage.run(wish())
    assert record["outcome"] == "Deferred"
    assert {outcome["why"] for outcome in record["outcomes"]} == {"NotVerified", "Unreadable"}
    assert record["wakeAt"]
    assert len(stage.records.intents("prod")) == 1


def test_what_did_not_help_is_not_done_again_in_the_same_run(tmp_path: Path) -> None:
    """Else a replacement that does not help destroys the fresh endpoint twice more."""
    mend = destroying("mend", findings=(BROKEN.key,), intent=INTENT)
    stage = world(tmp_path, [tiny([mend], findings=[BROKEN])])
    record = stage.run(wish())
    assert [step.kind for step in stage.azure.started].count("DeleteResource") == 1
    assert only(record)["why"] == "NotRepaired"


def test_a_failure_is_tried_again_by_itself_later_and_later(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny([destroying("m", findings=(BROKEN.key,))], findings=[BROKEN])])
    waits = []
    for number in range(4):
        record = stage.run(wish(f"run-{number}"))
        wake_at = only(record)["until"]
        assert record["wakeAt"] is not None
        woken = later().fromisoformat(record["wakeAt"])
        waits.append((woken - stage.clock()).total_seconds())
        assert wake_at is not None
        stage.clock.at = woken
    assert waits == [60, 120, 240, 480]


def test_a_run_before_its_time_is_held_off(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny([destroying("m", findings=(BROKEN.key,))], findings=[BROKEN])])
    stage.run(wish("run-1"))
    record = stage.run(wish("run-2"))
    assert only(record)["why"] == "HoldOff"
    assert stage.run(wish("run-3", cause=Cause.MANUAL))["outcome"] == "Failed"


def test_a_pause_before_the_unit_is_no_attempt(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    call = stage.call

    def paused(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "start_step":
            stage.records.pause("prod", "ann", "maintenance")
        return call(name, message)

    stage.engine(paused).run("reconcile", dump(wish()), "run-1")
    record = stage.records.run("run-1")
    assert record is not None
    assert only(record)["why"] == "Paused"
    assert stage.azure.started == []
    assert stage.records.attempts("prod") == {}


def test_a_pause_inside_a_unit_does_not_stop_it(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.on_start = lambda _s: void(stage.records.pause("prod", "ann", ""))
    assert stage.run(wish())["outcome"] == "Repaired"
    assert len(stage.azure.started) == 2


def void(_value: object) -> None:
    """For callbacks whose result does not matter."""


def test_an_environment_that_somebody_else_works_on_is_left_until_their_time(
    tmp_path: Path,
) -> None:
    stage = broken(tmp_path)
    stage.records.acquire_lease("prod", "ann's laptop", 300)
    record = stage.run(wish())
    assert record["outcome"] == "Deferred"
    assert record["wakeAt"] == (later(seconds=300) + SKEW).isoformat()
    assert "ann's laptop" in record["problem"]
    assert stage.azure.started == []
    assert stage.notices == []


def test_a_lease_lost_between_units_stops_the_next_and_not_the_begun(tmp_path: Path) -> None:
    other = finding(VAULT)
    first = destroying("a", findings=(BROKEN.key,), exclusive=("x",))
    second = destroying("b", VAULT, findings=(other.key,), exclusive=("x",))
    stages: list[World] = []
    remediator = drifting([first, second], [BROKEN, other], lambda: stages[0].azure)
    stage = world(tmp_path, [remediator])
    stages.append(stage)

    def rob(step: Step) -> None:
        if step.kind == "PutResource":
            stage.records.release_lease("prod", "run-1")
            stage.records.acquire_lease("prod", "thief", 3600)

    stage.azure.on_start = rob
    record = stage.run(wish())
    assert [step.resource for step in stage.azure.started] == [rid(ENDPOINT)] * 2
    why = {unit["unit"]: unit["why"] for unit in record["units"]}
    assert why == {"a": "", "b": "LeaseLost"}
    assert record["outcome"] == "Deferred"


def test_an_unknown_environment_is_a_failed_run_with_a_record(tmp_path: Path) -> None:
    record = world(tmp_path).run(wish(environment="nowhere"))
    assert record["outcome"] == "Failed"
    assert "'nowhere'" in record["problem"]
    assert "prod" in record["problem"]


def test_azure_s_wish_to_come_back_later_is_waited_for(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.trouble = [Transient("Throttled", "429", retry_after=20.0) for _ in range(3)]
    assert stage.run(wish())["outcome"] == "Repaired"
    assert stage.clock() >= later(seconds=20)


def test_a_step_honours_what_azure_asks_for(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.script[rid(ENDPOINT)] = [
        Retry(33, "TooManyRequests", "busy"),
        Waiting({"url": "u"}, 45),
        Waiting({"url": "u"}, 45),
        Done(),
    ]
    record = stage.run(wish())
    assert record["outcome"] == "Repaired"
    assert record["units"][0]["timings"][0]["seconds"] == 33 + 45 + 45
    assert len(stage.azure.looked) == 2


def test_a_store_that_is_away_for_a_moment_breaks_no_unit_off(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    away = ["first", "second"]

    def shaky(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run" and away:
            away.pop()
            raise StoreUnavailableError("gone")
        return stage.call(name, message)

    stage.azure.trouble = [StoreUnavailableError("gone")]
    stage.azure.script[rid(ENDPOINT)] = [StoreUnavailableError("gone"), Done()]
    engine = stage.engine(shaky)
    engine.run("reconcile", dump(wish()), "run-1")
    record = stage.records.run("run-1")
    assert record is not None
    assert record["outcome"] == "Repaired"
    assert engine.signals[-1][1] == "finished"


def test_the_queue_hears_of_a_run_whose_end_could_not_be_written(tmp_path: Path) -> None:
    stage = broken(tmp_path)

    def no_end(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run":
            raise StoreUnavailableError("gone")
        return stage.call(name, message)

    engine = stage.engine(no_end)
    ended = engine.run("reconcile", dump(wish()), "run-1")
    assert ended["outcome"] == "Failed"
    name, word, told = engine.signals[-1]
    assert (name, word, told["run"]) == ("prod", "finished", "run-1")
    assert told["wake_at"] is not None


def test_a_run_leaves_no_working_papers(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.run(wish())
    assert [key for key in stage.records.documents.store.keys("papers/run-1/")] == []  # noqa: C416 - an iterator


def test_locks_are_read_before_anything_is_destroyed(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    lock = {
        "id": f"{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.Authorization/locks/keep",
        "properties": {"level": "CanNotDelete"},
    }
    stage.azure.bodies |= answers({SUBSCRIPTION: {"value": [lock]}}, Question.LOCKS)
    record = stage.run(wish())
    assert (record["outcome"], only(record)["why"]) == ("Blocked", "ScopeLocked")
    assert stage.azure.started == []


def test_two_environments_do_not_hold_each_other(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[])], environment(), environment(name="test"))
    stage.records.acquire_lease("prod", "somebody", 300)
    assert stage.run(wish("run-1"))["outcome"] == "Deferred"
    assert stage.run(wish("run-2", environment="test"))["outcome"] == "InSync"


def test_a_step_that_is_delivered_after_the_run_ended_does_nothing(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.run(wish())
    before = len(stage.azure.started)
    errand = {"run": "run-1", "environment": "prod", "round": 1, "unit": "mend", "step": 0}
    assert stage.call("start_step", errand)["why"] == "PapersLost"
    assert len(stage.azure.started) == before
    assert stage.records.intents("prod") == ()
    assert stage.clock() >= NOW
