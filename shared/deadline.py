"""Owns a deadline on the whole of a call, whatever it is made of: names, connections, bytes that drip.

Timeouts of HTTP libraries count from one byte to the next, and none covers the look-up of a name or
of a token. So the call runs in a thread of its own, which is left to itself when the time is over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

_MOST_LEFT: Final = 3


class DeadlineError(TimeoutError):
    """The call did not end in time, or too many before it have not ended yet."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """For the calls of one purpose; ``seconds`` for the whole of each.

    A call that is left to itself may go on and even succeed later. Only a few may: then no other is
    begun until one of them has ended. Their threads hold up no end of the process.
    """

    seconds: float
    _left: set[threading.Thread] = field(default_factory=set)

    def call[T](self, work: Callable[[], T], abandon: Callable[[], None] = lambda: None) -> T:
        """What ``work`` returns or raises; ``abandon`` is called when its time is over.

        Raises:
            DeadlineError: it was not begun or did not end in time.
        """
        self._left.difference_update([thread for thread in self._left if not thread.is_alive()])
        if len(self._left) >= _MOST_LEFT:
            raise DeadlineError(f"{len(self._left)} earlier calls have not ended yet")
        outcome: Future[T] = Future()

        def run() -> None:
            try:
                outcome.set_result(work())
            except BaseException as error:  # noqa: BLE001 - raised by whoever waits
                outcome.set_exception(error)

        thread = threading.Thread(target=run, name="relink-deadline", daemon=True)
        thread.start()
        try:
            return outcome.result(self.seconds)
        except TimeoutError:
            if outcome.done():
                return outcome.result()
            self._left.add(thread)
            abandon()
            raise DeadlineError(f"no answer within {self.seconds:g} s") from None
