"""What the queue of one environment promises: merged, single flight, nothing lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from shared.model.codec import dump, load
from shared.model.resource_id import ResourceId
from shared.model.trigger import Cause, Trigger
from shared.workflow import queue
from shared.workflow.queue import QueueState, Remind, Start

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SETTLE = 20.0
EVERYTHING = Cause.SWEEP


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def resource(name: str) -> ResourceId:
    return ResourceId.parse(
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/ml"
        f"/providers/Microsoft.Network/privateEndpoints/{name}"
    )


def event(name: str, seconds: float = 0, *, urgent: bool = False) -> Trigger:
    return Trigger(name, "prod", Cause.EVENT, at(seconds), (resource(name),), urgent=urgent)


def wish(name: str, cause: Cause = Cause.MANUAL, seconds: float = 0) -> Trigger:
    return Trigger(name, "prod", cause, at(seconds))


def running(state: QueueState | None = None, name: str = "run-1") -> QueueState:
    following, (start,) = queue.changed(state or QueueState(), wish(name), SETTLE)
    assert isinstance(start, Start)
    return following


def start_of(actions: tuple[queue.Action, ...]) -> Trigger:
    (trigger,) = (action.trigger for action in actions if isinstance(action, Start))
    return trigger


def test_an_event_waits_for_its_burst_to_settle() -> None:
    state, actions = queue.changed(QueueState(), event("a"), SETTLE)
    assert actions == (Remind("settled", at(20)),)
    state, actions = queue.changed(state, event("b", 5), SETTLE)
    assert actions == ()
    state, actions = queue.settled(state, at(20))
    assert start_of(actions).requests == ("a", "b")
    assert start_of(actions).resources == (resource("a"), resource("b"))


@pytest.mark.parametrize(
    "impatient",
    [wish("m"), wish("s", Cause.SWEEP), wish("y", Cause.APPROVAL), event("u", urgent=True)],
    ids=["manual", "sweep", "approval", "urgent-event"],
)
def test_only_an_ordinary_event_waits(impatient: Trigger) -> None:
    _, actions = queue.changed(QueueState(), impatient, SETTLE)
    assert start_of(actions).requests == (impatient.id,)


def test_an_urgent_event_takes_what_was_settling_along() -> None:
    state, _ = queue.changed(QueueState(), event("a"), SETTLE)
    state, actions = queue.changed(state, event("u", 3, urgent=True), SETTLE)
    assert set(start_of(actions).requests) == {"a", "u"}
    assert queue.settled(state, at(20)) == (state, ())


def test_without_a_settling_time_an_event_starts_at_once() -> None:
    _, actions = queue.changed(QueueState(), event("a"), 0)
    assert start_of(actions).requests == ("a",)


def test_the_same_wish_is_taken_once() -> None:
    state = running()
    state, _ = queue.changed(state, event("a"), SETTLE)
    again, actions = queue.changed(state, event("a", 1), SETTLE)
    assert (again, actions) == (state, ())


def test_a_wish_that_comes_during_a_run_waits_for_its_end() -> None:
    state = running()
    state, actions = queue.changed(state, wish("run-2"), SETTLE)
    assert not any(isinstance(action, Start) for action in actions)
    state, actions = queue.finished(state, "run-1", at(60), None)
    assert start_of(actions).id == "run-2"
    assert state.running == "run-2"


def test_a_merged_run_keeps_the_first_wish_s_id_and_all_requests() -> None:
    state = running()
    state, _ = queue.changed(state, wish("first"), SETTLE)
    state, _ = queue.changed(state, wish("second"), SETTLE)
    state, actions = queue.finished(state, "run-1", at(60), None)
    assert start_of(actions).id == "first"
    assert state.taken == ("first", "second")


def test_an_event_that_comes_again_after_many_others_starts_a_run_of_its_own() -> None:
    """A dead letter hours later: an engine refuses a second run under the first one's id."""
    state, actions = queue.changed(QueueState(), event("a"), 0)
    first = start_of(actions).id
    state, _ = queue.finished(state, first, at(1), None)
    for number in range(queue._RECENT):
        state, actions = queue.changed(state, event(f"e{number}", 2 + number), 0)
        state, _ = queue.finished(state, start_of(actions).id, at(2 + number), None)
    state, actions = queue.changed(state, event("a", 1000), 0)
    again = start_of(actions)
    assert again.requests == ("a",)
    assert again.id != first


def test_ids_of_runs_leave_room_for_the_ids_of_their_children() -> None:
    """Durable instance ids have at most 100 characters."""
    name = "e" * 63
    state = QueueState(wake_at=at(0))
    _, actions = queue.wake(state, name, at(0))
    ids = [start_of(actions).id]
    state, actions = queue.changed(QueueState(), Trigger("x", name, Cause.EVENT, at(0)), 0)
    ids.append(start_of(actions).id)
    for _ in range(20):  # a run that dies again and again
        state, actions = queue.freed(state, name, state.running, at(0))
        ids.append(start_of(actions).id)
    assert len(set(ids)) == len(ids)
    assert max(len(each) for each in ids) <= 92


@pytest.mark.parametrize("run", ["run-0", "", "RUN-1"])
def test_word_of_another_run_s_end_changes_nothing(run: str) -> None:
    state, _ = queue.changed(running(), wish("run-2"), SETTLE)
    assert queue.finished(state, run, at(60), at(90)) == (state, ())
    assert queue.alive(state, run, at(60)) == (state, ())
    assert queue.freed(state, "prod", run, at(60)) == (state, ())


def test_the_doubled_end_of_a_run_does_not_end_the_next() -> None:
    state, _ = queue.changed(running(), wish("run-2"), SETTLE)
    state, _ = queue.finished(state, "run-1", at(60), None)
    assert queue.finished(state, "run-1", at(61), None) == (state, ())
    assert state.running == "run-2"


def test_a_run_that_ends_with_a_wake_up_is_looked_after_at_that_time() -> None:
    state, actions = queue.finished(running(), "run-1", at(60), at(90))
    assert actions == (Remind("wake", at(90)),)
    state, actions = queue.wake(state, "prod", at(90))
    assert start_of(actions).cause is Cause.WAKE
    assert start_of(actions).resources is None


def test_an_earlier_wake_up_replaces_a_later_one() -> None:
    state, _ = queue.finished(running(), "run-1", at(60), at(900))
    state, actions = queue.finished(running(state, "run-2"), "run-2", at(70), at(90))
    assert actions == (Remind("wake", at(90)),)
    state, actions = queue.wake(state, "prod", at(90))
    assert start_of(actions).resources is None
    state, _ = queue.finished(state, state.running, at(95), None)
    assert queue.wake(state, "prod", at(900)) == (state, ())


def test_a_later_wake_up_never_replaces_an_earlier_one() -> None:
    state, _ = queue.finished(running(), "run-1", at(60), at(90))
    state, actions = queue.finished(running(state, "run-2"), "run-2", at(70), at(900))
    assert actions == (Remind("wake", at(90)),)
    _, actions = queue.wake(state, "prod", at(90))
    assert start_of(actions).cause is Cause.WAKE


def test_a_wake_up_whose_reminder_is_late_is_not_lost_to_a_later_one() -> None:
    state, _ = queue.finished(running(), "run-1", at(60), at(90))
    state, actions = queue.finished(running(state, "run-2"), "run-2", at(95), at(900))
    assert actions == (Remind("wake", at(110)),)
    assert queue.wake(state, "prod", at(90)) == (state, ())
    _, actions = queue.wake(state, "prod", at(110))
    assert start_of(actions).cause is Cause.WAKE


def test_two_wake_ups_for_the_same_time_are_two_runs_at_a_distance() -> None:
    state, actions = queue.finished(running(), "run-1", at(60), at(60))
    assert actions == (Remind("wake", at(75)),)
    state, actions = queue.wake(state, "prod", at(75))
    first = start_of(actions).id
    state, actions = queue.finished(state, first, at(75), at(60))
    assert actions == (Remind("wake", at(90)),)
    state, actions = queue.wake(state, "prod", at(90))
    assert start_of(actions).id != first


def test_a_wake_up_during_a_run_waits_for_its_end_and_comes_at_a_distance() -> None:
    state, _ = queue.finished(running(), "run-1", at(60), at(90))
    state = running(state, "run-2")
    state, actions = queue.wake(state, "prod", at(90))
    assert actions == ()
    state, actions = queue.finished(state, "run-2", at(120), None)
    assert actions == (Remind("wake", at(135)),)
    _, actions = queue.wake(state, "prod", at(135))
    assert start_of(actions).causes == (Cause.WAKE,)


@pytest.mark.parametrize("skew", [-40.0, 0.0, 40.0])
def test_a_wake_up_never_comes_sooner_than_the_floor_whatever_the_clocks_say(skew: float) -> None:
    """The time to wake at comes from a worker, the others from the engine."""
    state, ends = running(), list[float]()
    now, run = 60.0, "run-1"
    for _ in range(20):
        state, actions = queue.finished(state, run, at(now), at(now + skew))
        ends.append(now)
        (reminder,) = actions
        assert isinstance(reminder, Remind)
        state, actions = queue.wake(state, "prod", reminder.at)
        run, now = start_of(actions).id, (reminder.at - T0).total_seconds() + 0.1
    assert min(later - end for end, later in pairwise(ends)) >= 15


def looks(state: QueueState, mark: str, seconds: float, began: float = 0.0) -> list[float]:
    """When a queue looks whose runs all end alike at once and want to be woken at once."""
    run, now, found = state.running, began, list[float]()
    while now < began + seconds:
        found.append(now)
        state, actions = queue.finished(state, run, at(now), at(now), mark)
        (reminder,) = actions
        assert isinstance(reminder, Remind)
        now = (reminder.at - T0).total_seconds()
        state, actions = queue.wake(state, "prod", reminder.at)
        run = start_of(actions).id
    return found


def test_runs_that_end_alike_come_at_growing_distances() -> None:
    """The same finding put off again and again: 641 runs in three hours once."""
    found = looks(running(), "deferred", 3 * 3600)
    assert len(found) <= 30
    assert found[:4] == [0, 15, 30, 45]
    gaps = [later - one for one, later in pairwise(found)]
    assert gaps == sorted(gaps)
    far = looks(running(), "deferred", 24 * 3600)
    assert round(max(later - one for one, later in pairwise(far))) == 1800


def test_an_end_that_says_nothing_of_itself_is_like_no_other() -> None:
    """An orchestrator of an earlier release sends no mark."""
    assert len(looks(running(), "", 600)) == 40


@pytest.mark.parametrize("news", ["another end", "event", "manual", "approval"])
def test_progress_events_and_people_bring_the_short_distance_back(news: str) -> None:
    state, mark = running(), "deferred"
    state, _ = queue.finished(state, "run-1", at(0), at(0), mark)
    state = replace(state, running="run-2")
    state, _ = queue.finished(state, "run-2", at(3600), at(3600), mark)
    assert state.wake_at == at(3600 + 900)
    state = running(replace(state, wake_at=None), "run-3") if news == "another end" else state
    if news != "another end":
        asked = replace(wish("run-3", Cause(news)), at=at(3700))
        state, actions = queue.changed(state, asked, 0)
        state = replace(state, wake_at=None, running="run-3")
    else:
        mark = "repaired one of them"
    _, actions = queue.finished(state, "run-3", at(3800), at(3800), mark)
    assert actions == (Remind("wake", at(3815)),)


def test_the_sweep_does_not_bring_the_short_distance_back() -> None:
    state, _ = queue.finished(running(), "run-1", at(0), at(0), "deferred")
    state, actions = queue.changed(state, wish("run-2", Cause.SWEEP, 3600), SETTLE)
    assert start_of(actions).id == "run-2"
    _, actions = queue.finished(replace(state, wake_at=None), "run-2", at(3600), at(0), "deferred")
    assert actions == (Remind("wake", at(4500)),)


def test_a_time_that_no_calendar_reaches_is_no_time_to_wake_at() -> None:
    _, actions = queue.finished(running(), "run-1", at(0), datetime.max.replace(tzinfo=UTC))
    assert actions == (Remind("wake", at(7 * 86400)),)


def test_a_living_run_keeps_its_lease() -> None:
    state = running()
    assert not queue.overdue(state, at(1799))
    assert queue.overdue(state, at(1801))
    state, _ = queue.alive(state, "run-1", at(1000))
    assert not queue.overdue(state, at(2799))


def test_an_idle_queue_is_never_overdue() -> None:
    assert not queue.overdue(QueueState(), at(10**6))


def test_what_a_dead_run_took_is_wanted_again_by_a_run_of_another_id() -> None:
    state = running()
    state, _ = queue.changed(state, wish("asked"), SETTLE)
    state, _ = queue.finished(state, "run-1", at(10), None)
    state, actions = queue.freed(state, "prod", "asked", at(2000))
    again = start_of(actions)
    assert again.id != "asked"
    assert "asked" in again.requests
    assert again.resources is None
    assert again.remediators == ()
    assert state.running == again.id


def test_a_dead_run_s_wishes_join_what_waits_already() -> None:
    state, _ = queue.changed(running(), wish("run-2"), SETTLE)
    _, actions = queue.freed(state, "prod", "run-1", at(2000))
    assert start_of(actions).id == "run-2"
    assert "run-1" in start_of(actions).requests


def test_a_paused_queue_takes_wishes_and_starts_nothing() -> None:
    state, _ = queue.paused(QueueState())
    state, actions = queue.changed(state, wish("a"), SETTLE)
    assert actions == ()
    state, actions = queue.settled(state, at(20))
    assert actions == ()
    state, actions = queue.resumed(state, "prod", at(30))
    assert "a" in start_of(actions).requests


def test_resuming_looks_again_as_the_pause_may_have_stopped_a_repair() -> None:
    state = running()
    state, _ = queue.paused(state)
    state, _ = queue.finished(state, "run-1", at(60), None)
    _, actions = queue.resumed(state, "prod", at(90))
    assert start_of(actions).cause is Cause.RESUME
    assert start_of(actions).resources is None


def test_resuming_what_is_not_paused_starts_nothing() -> None:
    assert queue.resumed(QueueState(), "prod", at(0)) == (QueueState(), ())


def test_a_run_that_dies_in_a_pause_is_looked_after_once_resumed() -> None:
    state, _ = queue.paused(running())
    state, actions = queue.freed(state, "prod", "run-1", at(2000))
    assert actions == ()
    assert state.taken == ()
    _, actions = queue.resumed(state, "prod", at(2100))
    assert "run-1" in start_of(actions).requests


def test_a_flood_of_events_becomes_a_look_at_everything() -> None:
    state = running()
    for number in range(500):
        state, _ = queue.changed(state, event(f"e{number}"), SETTLE)
    assert state.pending is not None
    assert state.pending.resources is None
    assert len(state.pending.notices) <= 50
    assert len(state.recent) <= queue._RECENT


def test_the_state_survives_json() -> None:
    state, _ = queue.changed(running(), event("a"), SETTLE)
    state, _ = queue.finished(state, "run-1", at(60), at(90))
    assert load(QueueState, dump(state)) == state
    assert load(QueueState, {}) == QueueState()
