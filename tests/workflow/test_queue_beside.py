"""The run beside the main one: when it starts, that it is one, and that nothing is lost by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.model.trigger import Cause, Trigger
from shared.workflow import queue
from shared.workflow.queue import GRACE, LEASE, QueueState, Remind, Start
from tests.workflow.test_queue import SETTLE, at, event, resource, running, start_of, wish

OLD = GRACE.total_seconds()


def aside(state: QueueState | None = None, name: str = "u") -> tuple[QueueState, Trigger]:
    state, actions = queue.changed(state or running(), event(name, OLD, urgent=True), SETTLE)
    return state, start_of(actions)


def test_what_is_urgent_starts_beside_a_run_that_goes_on_for_long() -> None:
    state, start = aside()
    assert start.beside
    assert start.resources == (resource("u"),)
    assert (state.running, state.beside) == ("run-1", start.id)
    assert start.requests == (start.id,)
    assert state.pending is not None
    assert "u" in state.pending.requests, "the main run looks at it, too, once it can"


def test_a_young_run_is_waited_for() -> None:
    state, actions = queue.changed(running(), event("u", 5, urgent=True), SETTLE)
    assert actions == (Remind("beside", at(OLD)),)
    state, actions = queue.changed(state, event("v", 6, urgent=True), SETTLE)
    assert actions == ()
    state, actions = queue.beside(state, at(OLD))
    assert start_of(actions).resources == (resource("u"), resource("v"))


def test_the_reminder_of_a_run_that_has_ended_starts_nothing() -> None:
    state, _ = queue.changed(running(), event("u", 5, urgent=True), SETTLE)
    state, actions = queue.finished(state, "run-1", at(20), None)
    assert not start_of(actions).beside
    assert queue.beside(state, at(OLD)) == (state, ())


def test_an_ordinary_event_waits_for_the_end_of_the_run() -> None:
    state, actions = queue.changed(running(), event("a", OLD), SETTLE)
    assert (actions, state.beside_pending) == ((), None)


@pytest.mark.parametrize("cause", [Cause.SWEEP, Cause.MANUAL])
def test_the_sweep_and_people_have_what_is_urgent_looked_at(cause: Cause) -> None:
    _, actions = queue.changed(running(), wish("s", cause, OLD), SETTLE)
    assert start_of(actions).beside


def test_there_is_one_run_beside_and_then_the_next() -> None:
    state, first = aside()
    state, actions = queue.changed(state, event("v", OLD + 1, urgent=True), SETTLE)
    assert actions == ()
    state, actions = queue.finished(state, first.id, at(OLD + 5), None)
    second = start_of(actions)
    assert second.resources == (resource("v"),)
    assert second.id != first.id
    assert state.running == "run-1"


def test_the_end_of_the_main_run_leaves_the_one_beside_it() -> None:
    state, start = aside()
    state, actions = queue.finished(state, "run-1", at(100), None)
    assert not start_of(actions).beside
    assert state.beside == start.id
    state, actions = queue.finished(state, start.id, at(101), None)
    assert (state.beside, actions) == ("", ())
    assert state.running != ""


def test_a_doubled_end_of_the_run_beside_changes_nothing() -> None:
    state, start = aside()
    state, _ = queue.finished(state, start.id, at(100), None)
    assert queue.finished(state, start.id, at(101), at(102)) == (state, ())


def test_what_the_run_beside_puts_off_is_looked_at_after_the_main_run() -> None:
    state, start = aside()
    state, actions = queue.finished(state, start.id, at(100), at(100))
    assert actions == (Remind("wake", at(115)),)
    assert queue.wake(state, "prod", at(115)) == (state, ())
    state, actions = queue.finished(state, "run-1", at(200), None)
    assert Remind("wake", at(215)) in actions


def test_a_dead_run_beside_is_found_and_its_look_is_taken_again() -> None:
    state, start = aside()
    late = at(OLD) + LEASE
    state, _ = queue.alive(state, "run-1", late)
    assert queue.overdue(state, late) == (start.id,)
    state, actions = queue.freed(state, "prod", start.id, late)
    again = start_of(actions)
    assert again.beside
    assert again.id != start.id
    assert again.resources is None
    assert state.running == "run-1"


def test_a_living_run_beside_keeps_its_lease() -> None:
    state, start = aside()
    state, _ = queue.alive(state, start.id, at(OLD + 100))
    assert queue.overdue(state, at(OLD + 99) + LEASE) == ("run-1",)


def test_nothing_starts_beside_a_run_in_a_pause() -> None:
    state, _ = queue.paused(running())
    state, actions = queue.changed(state, event("u", OLD, urgent=True), SETTLE)
    assert actions == ()
    _, actions = queue.resumed(state, "prod", at(OLD + 1))
    assert start_of(actions).beside


def test_a_state_of_an_earlier_release_knows_no_beginning_and_counts_as_old() -> None:
    state = replace(running(), began=None)
    _, start = aside(state)
    assert start.beside


def test_the_actions_of_both_kinds_are_starts() -> None:
    _, actions = queue.changed(running(), event("u", OLD, urgent=True), SETTLE)
    assert [type(action) for action in actions] == [Start]
