"""However much is asked, the queue's state stays small, and whoever asked is led to an answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from shared.model.codec import dump
from shared.model.trigger import Cause, Trigger, covers, merged
from shared.workflow import queue
from tests.workflow.test_queue import SETTLE, at, event, running, start_of, wish


@pytest.mark.parametrize("cause", [Cause.MANUAL, Cause.EVENT])
def test_requests_without_end_leave_a_small_state(cause: Cause) -> None:
    """110,000 made a record too large once, and 6,000 took 43 seconds to be answered."""
    state = running()
    for number in range(3000):
        asked = replace(wish(f"asked-{number}", cause), note=f"because {number}", by="ann")
        state, _ = queue.changed(state, asked, SETTLE)
    assert state.pending is not None
    assert len(state.pending.requests) <= 100
    assert len(state.pending.requests) + state.pending.more == 3000
    assert len(state.pending.note) <= 1000
    assert len(json.dumps(dump(state))) < 30_000
    state, actions = queue.finished(state, "run-1", at(60), None)
    assert start_of(actions).more + len(state.taken) == 3000


def test_events_leave_room_for_those_who_ask() -> None:
    state = running()
    for number in range(300):
        state, _ = queue.changed(state, event(f"e{number}"), SETTLE)
    state, _ = queue.changed(state, wish("ann"), SETTLE)
    assert state.pending is not None
    assert "ann" in state.pending.requests


@pytest.mark.parametrize("first", [event("a"), wish("a")], ids=["event", "person"])
def test_the_id_of_the_next_run_is_known_while_it_is_pending(first: Trigger) -> None:
    state, _ = queue.changed(running(), first, SETTLE)
    assert state.pending is not None
    _, actions = queue.finished(state, "run-1", at(60), None)
    assert start_of(actions).id == state.pending.id


def test_an_event_that_an_earlier_release_left_pending_gets_an_id_of_its_own() -> None:
    old = replace(event("a"), requests=("a",), causes=(Cause.EVENT,))
    _, actions = queue.finished(replace(running(), pending=old), "run-1", at(60), None)
    assert start_of(actions).id != "a"


def test_a_note_is_said_once_and_kept_short() -> None:
    first, second = replace(wish("a"), note="because"), replace(wish("b"), note="why not")
    both = merged(merged(first, second), replace(wish("c"), note="because"))
    assert both.note == "because; why not"
    assert len(merged(both, replace(wish("d"), note="x" * 5000)).note) <= 1000


def test_a_wish_is_covered_by_what_looks_at_as_much_for_the_same_cause() -> None:
    everything, narrow = wish("all"), replace(wish("one"), remediators=("tiny",))
    assert covers(everything, narrow)
    assert not covers(narrow, everything)
    assert not covers(event("a"), everything)
    assert not covers(wish("s", Cause.SWEEP), everything), "a person's run releases hold-offs"
