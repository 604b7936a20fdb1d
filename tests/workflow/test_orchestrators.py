"""The orchestrators alone, on scripted activities: order, parallelism, waiting, giving up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from durabletask import task

from shared.workflow.inline import Engine, RealTime, VirtualTime
from shared.workflow.orchestrators import MOST_ROUNDS, MOST_TRIES, STEP_TIME
from tests.core.builders import NOW
from tests.workflow.world import Clock

TRIGGER = {"id": "run-1", "environment": "prod"}
DONE = {"kind": "Done", "changes": [], "note": ""}
type Answer = dict[str, Any] | Exception


def skeleton(*after: str, exclusive: tuple[str, ...] = (), steps: int = 1) -> dict[str, Any]:
    return {"after": list(after), "exclusive": list(exclusive), "steps": steps}


def waiting(after: float = 10) -> dict[str, Any]:
    return {"kind": "Waiting", "token": {"n": 1}, "after": after}


def retry(after: float = 10) -> dict[str, Any]:
    return {"kind": "Retry", "after": after, "code": "Busy", "message": "busy"}


def refused(why: str = "Conflict", *, blocked: bool = False) -> dict[str, Any]:
    return {"kind": "Refused", "why": why, "message": f"{why}!", "blocked": blocked}


@dataclass
class Script:
    """Activities by script: plans per round, answers per unit (the last repeats)."""

    plans: list[dict[str, Any]]
    steps: dict[str, list[Answer]] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    log: list[tuple[float, str, str]] = field(default_factory=list)
    account: dict[str, Any] = field(default_factory=dict)
    ended: dict[str, Any] = field(default_factory=lambda: {"outcome": "Repaired", "wake_at": None})

    def __call__(self, name: str, message: dict[str, Any]) -> dict[str, Any]:
        match name:
            case "assess":
                plan = self.plans[min(message["round"], len(self.plans)) - 1]
                self._note(name, str(message["round"]))
                return {"state": "assessed", "units": plan, "hash": "h"}
            case "start_step" | "look_step":
                errand = message if name == "start_step" else message["errand"]
                self._note(name, f"{errand['unit']}/{errand['step']}")
                return self._answer(errand["unit"])
            case _:
                self.account = message["account"]
                return self.ended

    def _note(self, name: str, what: str) -> None:
        self.log.append(((self.clock() - NOW).total_seconds(), name, what))

    def _answer(self, unit: str) -> dict[str, Any]:
        planned = self.steps.get(unit) or [DONE]
        answer = planned.pop(0) if len(planned) > 1 else planned[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(self, call: Callable[..., dict[str, Any]] | None = None, **trigger: Any) -> Engine:  # noqa: ANN401 - JSON
        engine = Engine(call or self, VirtualTime(self.clock, self.clock.advance))
        engine.run("reconcile", {**TRIGGER, **trigger}, "run-1")
        return engine

    def begun(self) -> list[str]:
        return [what for _, name, what in self.log if name == "start_step"]

    def results(self) -> dict[str, dict[str, Any]]:
        return {unit["unit"]: unit for unit in self.account["units"]}


def test_a_run_in_which_nothing_may_be_done_looks_once() -> None:
    script = Script([{}])
    script.run()
    assert [name for _, name, _ in script.log] == ["assess"]
    assert (script.account["rounds"], script.account["units"]) == (1, [])


def test_after_carrying_out_everything_is_looked_at_again() -> None:
    script = Script([{"a": skeleton(steps=3)}, {}])
    script.run()
    assert script.begun() == ["a/0", "a/1", "a/2"]
    assert script.account["rounds"] == 2
    assert script.results()["a"]["why"] == ""
    assert [timing["step"] for timing in script.results()["a"]["timings"]] == [0, 1, 2]


def test_units_run_beside_each_other() -> None:
    plan = {"a": skeleton(), "b": skeleton(), "c": skeleton("a", "b")}
    script = Script([plan, {}], {"a": [waiting(100), DONE], "b": [waiting(60), DONE]})
    script.run()
    starts = {what: at for at, name, what in script.log if name == "start_step"}
    assert starts == {"a/0": 0, "b/0": 0, "c/0": 100}


def test_users_of_one_thing_run_one_after_the_other() -> None:
    plan = {n: skeleton(exclusive=("subnet",)) for n in "abc"}
    script = Script([plan, {}], {n: [waiting(60), DONE] for n in "abc"})
    script.run()
    starts = {what: at for at, name, what in script.log if name == "start_step"}
    assert starts == {"a/0": 0, "b/0": 60, "c/0": 120}


def test_a_refused_unit_stops_its_followers_and_nobody_else() -> None:
    plan = {"a": skeleton(steps=2), "b": skeleton("a"), "c": skeleton()}
    script = Script([plan, {}], {"a": [DONE, refused(blocked=True)]})
    script.run()
    assert set(script.results()) == {"a", "c"}
    assert (script.results()["a"]["why"], script.results()["a"]["at_step"]) == ("Conflict", 1)
    assert script.results()["a"]["blocked"] is True


def test_a_broken_activity_breaks_its_unit_and_nobody_else() -> None:
    script = Script([{"a": skeleton(), "b": skeleton()}, {}], {"a": [RuntimeError("bug")]})
    script.run()
    assert script.results()["a"]["why"] == "BrokeOff"
    assert "bug" in script.results()["a"]["message"]
    assert script.results()["a"]["round"] == 1
    assert script.results()["b"]["why"] == ""


def test_waiting_looks_again_and_retrying_starts_again() -> None:
    steps = [retry(5), waiting(7), waiting(11), DONE]
    script = Script([{"a": skeleton()}, {}], {"a": list[Answer](steps)})
    script.run()
    assert script.log[1:5] == [
        (0, "start_step", "a/0"),
        (5, "start_step", "a/0"),
        (12, "look_step", "a/0"),
        (23, "look_step", "a/0"),
    ]


@pytest.mark.parametrize("after", [0, -5, 0.001])
def test_a_wish_for_no_pause_at_all_becomes_no_loop(after: float) -> None:
    script = Script([{"a": skeleton()}, {}], {"a": [waiting(after), waiting(after), DONE]})
    script.run()
    assert script.clock() >= NOW.replace(second=2)


STRANGE = [float("inf"), float("-inf"), float("nan"), 1e300, 86_400.0 * 365, "soon", None]


@pytest.mark.parametrize("after", STRANGE, ids=str)
def test_a_strange_wish_for_a_pause_neither_breaks_a_step_nor_holds_it(after: object) -> None:
    late = {"kind": "Waiting", "token": {"n": 1}, "after": after}
    script = Script([{"a": skeleton()}, {}], {"a": [late, DONE]})
    script.run()
    assert script.results()["a"]["why"] == ""
    assert NOW + timedelta(seconds=1) <= script.clock() <= NOW + STEP_TIME + timedelta(seconds=1)


@pytest.mark.parametrize("after", STRANGE, ids=str)
def test_a_look_put_off_to_a_strange_time_neither_breaks_the_run_nor_holds_it(
    after: object,
) -> None:
    def busy(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "assess":
            return {"state": "later", "after": after, "problem": "throttled"}
        return script(name, message)

    script = Script([{}])
    script.run(busy)
    assert script.account["problem"] == "throttled"
    assert script.clock() <= NOW + timedelta(hours=2, minutes=5)


def test_a_step_that_azure_never_ends_is_given_up() -> None:
    script = Script([{"a": skeleton()}, {}], {"a": [waiting(60)]})
    script.run()
    assert script.results()["a"]["why"] == "TookTooLong"
    taken = (script.clock() - NOW).total_seconds()
    assert STEP_TIME.total_seconds() <= taken <= STEP_TIME.total_seconds() + 120


def test_a_step_that_is_always_busy_is_given_up() -> None:
    script = Script([{"a": skeleton()}, {}], {"a": [retry(1)]})
    script.run()
    assert script.results()["a"]["why"] == "TookTooLong"
    assert "busy" in script.results()["a"]["message"]
    assert len(script.begun()) == MOST_TRIES + 1


def test_a_unit_that_was_done_is_not_carried_out_again() -> None:
    script = Script([{"a": skeleton(), "b": skeleton("a")}])
    script.run()
    assert script.begun() == ["a/0", "b/0"]
    assert script.account["rounds"] == 2


def test_a_unit_that_broke_off_is_finished_in_a_later_round() -> None:
    script = Script([{"a": skeleton()}, {"a": skeleton()}, {}], {"a": [refused(), DONE]})
    script.run()
    assert script.begun() == ["a/0", "a/0"]
    assert [unit["round"] for unit in script.account["units"]] == [1, 2]


def test_a_run_ends_after_a_number_of_rounds() -> None:
    script = Script([{"a": skeleton()}], {"a": [refused()]})
    script.run()
    assert script.account["rounds"] == MOST_ROUNDS
    assert len(script.begun()) == MOST_ROUNDS - 1


def test_a_look_that_is_always_put_off_ends_the_run() -> None:
    tries: list[int] = []

    def busy(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "assess":
            tries.append(1)
            return {"state": "later", "after": 5, "problem": "throttled"}
        return script(name, message)

    script = Script([{}])
    script.run(busy)
    assert script.account["problem"] == "throttled"
    assert len(tries) == MOST_TRIES


def test_a_look_that_breaks_ends_the_run_with_what_was_done() -> None:
    def breaking(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "assess" and message["round"] == 2:
            raise RuntimeError("bug")
        return script(name, message)

    script = Script([{"a": skeleton()}])
    script.run(breaking)
    assert "bug" in script.account["problem"]
    assert script.account["rounds"] == 1
    assert script.results()["a"]["why"] == ""


def test_being_held_ends_the_run_until_then() -> None:
    def held(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "assess":
            return {"state": "held", "problem": "ann", "until": "2026-11-02T10:00:00+00:00"}
        return script(name, message)

    script = Script([{}])
    script.run(held)
    assert script.account["held_until"] == "2026-11-02T10:00:00+00:00"
    assert script.account["rounds"] == 0


def test_the_queue_hears_that_a_run_lives_and_that_it_ended() -> None:
    wake_at = "2026-11-02T09:30:00+00:00"
    script = Script([{"a": skeleton()}, {}], ended={"outcome": "Deferred", "wake_at": wake_at})
    signals = script.run().signals
    assert [word for _, word, _ in signals] == ["alive", "alive", "alive", "finished"]
    assert {(name, told["run"]) for name, _, told in signals} == {("prod", "run-1")}
    assert signals[-1][2]["wake_at"] == wake_at


def test_a_dry_run_says_nothing_to_the_queue() -> None:
    assert Script([{}]).run(dry_run=True).signals == []


def test_how_far_a_run_is_can_be_seen() -> None:
    seen: list[dict[str, Any]] = []

    def watching(name: str, message: dict[str, Any]) -> dict[str, Any]:
        seen.append({key: dict(value) for key, value in engine.statuses.items()})
        return script(name, message)

    script = Script([{"a": skeleton(steps=2)}, {}])
    engine = Engine(watching, VirtualTime(script.clock, script.clock.advance))
    engine.run("reconcile", TRIGGER, "run-1")
    assert seen[0]["run-1"] == {"phase": "assessing", "round": 1}
    repairing = seen[2]
    assert repairing["run-1"]["running"] == {"a": "run-1-1-0"}
    assert repairing["run-1-1-0"] == {"step": 1, "of": 2}
    assert engine.statuses["run-1"]["phase"] == "concluding"


def test_the_account_names_the_version_of_the_orchestrator() -> None:
    script = Script([{}])
    script.run()
    assert script.account["version"]


# --- the inline engine ---------------------------------------------------------


def test_on_real_time_units_run_in_threads_beside_each_other() -> None:
    meeting = threading.Barrier(3, timeout=120)

    def meet(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "start_step":
            meeting.wait()  # only passes when all three are under way at once
        return script(name, message)

    script = Script([{n: skeleton() for n in "abc"}, {}])
    engine = Engine(meet, RealTime(lambda: datetime.now(UTC)))
    engine.run("reconcile", TRIGGER, "run-1")
    assert {unit["why"] for unit in script.account["units"]} == {""}


def test_an_orchestration_that_fails_raises_what_failed() -> None:
    def bad(_ctx: object, _input: object) -> Any:  # noqa: ANN401 - a generator of tasks
        yield from ()
        raise ValueError("broken")

    engine = Engine(Script([{}]), VirtualTime(Clock(), Clock().advance), {"bad": bad})
    with pytest.raises(task.TaskFailedError, match="broken"):
        engine.run("bad", None, "x")


def test_waiting_for_nothing_is_an_error_and_no_hang() -> None:
    def stuck(_ctx: object, _input: object) -> Any:  # noqa: ANN401 - a generator of tasks
        yield task.CompletableTask[None]()

    engine = Engine(Script([{}]), VirtualTime(Clock(), Clock().advance), {"stuck": stuck})
    with pytest.raises(RuntimeError, match="nothing is under way"):
        engine.run("stuck", None, "x")
