"""What is open is derived from the history: properties."""

from datetime import UTC, datetime

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.internal import helpers
from hypothesis import given
from hypothesis import strategies as st

from devhost.hub.recovery import open_work


def scheduled(number: int) -> pb.HistoryEvent:
    return helpers.new_task_scheduled_event(number, "a", "1")


def completed(number: int) -> pb.HistoryEvent:
    return helpers.new_task_completed_event(number, "1")


@given(st.lists(st.integers(1, 6)), st.data())
def test_a_task_is_open_as_often_as_it_was_scheduled_and_not_closed(
    ids: list[int], data: st.DataObject
) -> None:
    closed = data.draw(st.lists(st.sampled_from(ids), max_size=len(ids)) if ids else st.just([]))
    inbox = [completed(number) for number in closed]
    found = [event.eventId for event in open_work([scheduled(n) for n in ids], inbox).tasks]
    for number in set(ids):
        assert found.count(number) == max(0, ids.count(number) - closed.count(number))


@given(st.lists(st.integers(1, 6), unique=True), st.integers(0, 6))
def test_it_does_not_matter_whether_a_closing_is_in_the_history_or_the_inbox(
    ids: list[int], cut: int
) -> None:
    opened = [scheduled(number) for number in ids]
    closings = [completed(number) for number in ids[: len(ids) // 2]]
    whole = open_work([*opened, *closings], [])
    assert open_work([*opened, *closings[:cut]], closings[cut:]) == whole
    assert [event.eventId for event in whole.tasks] == ids[len(ids) // 2 :]


def test_a_failed_child_and_a_fired_timer_are_closed_and_a_task_of_the_same_id_is_not() -> None:
    fire_at = datetime(2026, 11, 21, tzinfo=UTC)
    history = [
        scheduled(1),
        helpers.new_timer_created_event(1, fire_at),
        helpers.new_sub_orchestration_created_event(1, "c", "id"),
        helpers.new_timer_fired_event(1, fire_at),
        helpers.new_sub_orchestration_failed_event(1, ValueError("x")),
    ]
    found = open_work(history, [])
    assert (len(found.tasks), found.timers, found.children) == (1, (), ())
