"""Owns how much time is left for what is being done: for a question with its pages, for an exchange.

Real seconds of this process, whatever clock the rest of Relink lives by: what they bound is sockets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Final

WHOLE_SECONDS: Final = 240.0
"""A question with all its pages, or the calls of one step: well within an activity (host.json)."""

_UNTIL: ContextVar[float] = ContextVar("until", default=inf)


@contextmanager
def within(seconds: float = WHOLE_SECONDS) -> Iterator[None]:
    """Everything that is sent inside ends in ``seconds``, or earlier if it has to already."""
    token = _UNTIL.set(min(_UNTIL.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _UNTIL.reset(token)


def left() -> float:
    """Seconds until what is done here has to end; ``inf`` outside of ``within``."""
    return _UNTIL.get() - time.monotonic()
