"""Owns how long a store may be waited for: a deadline that all calls below it share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_UNTIL: Final[ContextVar[float | None]] = ContextVar("until", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Whatever waits inside has ``seconds`` for all of it, or less where less is left already."""
    token = _UNTIL.set(time.monotonic() + left(seconds))
    try:
        yield
    finally:
        _UNTIL.reset(token)


def left(most: float) -> float:
    """The seconds that are left, ``most`` at most, 0 when the time is over."""
    until = _UNTIL.get()
    return most if until is None else min(most, max(until - time.monotonic(), 0.0))
