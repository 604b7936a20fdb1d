"""One thread that calls back at points in time, however many there are.

Owns the waiting. Refuses to keep anything: what must survive is stored by whoever sets the alarm.
"""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from datetime import datetime

log = logging.getLogger("devhost")

# The wall clock may jump while the thread waits on the monotonic one.
_LONGEST_WAIT = 30.0


class Alarm:
    """Callbacks in the order of their times; they run one after the other on the alarm's thread."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._heap: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="hub-alarm", daemon=True)
        self._thread.start()

    def at(self, due: datetime, call: Callable[[], None]) -> None:
        """Call back at `due`, at once when it has passed."""
        with self._changed:
            heapq.heappush(self._heap, (due, next(self._order), call))
            self._changed.notify()

    def stop(self) -> None:
        """Let the running callback end and call no other."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while call := self._next():
            try:
                call()
            except Exception:
                # One callback must not end the thread that all timers of all instances depend on.
                log.exception("an alarm of the task hub failed")

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._stopped:
                left = self._left()
                if left is not None and left <= 0:
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(_LONGEST_WAIT if left is None else min(left, _LONGEST_WAIT))
            return None

    def _left(self) -> float | None:
        return (self._heap[0][0] - self._now()).total_seconds() if self._heap else None
