"""A deadline on the whole of a call, whatever it does."""

from __future__ import annotations

import threading

import pytest

from devhost.child import wait_until
from shared.deadline import Deadline, DeadlineError


def test_what_ends_in_time_is_returned_or_raised() -> None:
    deadline = Deadline(5.0)
    assert deadline.call(lambda: 7) == 7
    with pytest.raises(TimeoutError, match="its own"):
        deadline.call(_late_by_itself)


def _late_by_itself() -> None:
    raise TimeoutError("its own")


def test_what_does_not_end_is_left_and_only_a_few_are() -> None:
    deadline, end, begun = Deadline(0.05), threading.Event(), list[int]()

    def hang() -> None:
        begun.append(1)
        end.wait()

    for _ in range(3):
        with pytest.raises(DeadlineError, match=r"no answer within 0\.05 s"):
            deadline.call(hang)
    with pytest.raises(DeadlineError, match="3 earlier calls have not ended yet"):
        deadline.call(hang)
    assert len(begun) == 3
    end.set()
    assert wait_until(lambda: _answers(deadline))


def _answers(deadline: Deadline) -> bool:
    try:
        return deadline.call(lambda: True)
    except DeadlineError:
        return False


def test_abandoning_is_told_to_the_call() -> None:
    end = threading.Event()
    with pytest.raises(DeadlineError):
        Deadline(0.05).call(end.wait, end.set)
    assert end.is_set()
