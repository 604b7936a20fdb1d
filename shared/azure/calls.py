"""Owns the count of what was asked of Azure: for telemetry, benchmarks and the bill of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP exchange. ``path`` has no query; ``status`` 0 means that no answer came."""

    method: str
    path: str
    status: int
    seconds: float
    request_id: str
    host: str = ""
    correlation_id: str = ""


class CallLog:
    """The calls of one ``Azure``, oldest first; safe to read while others write.

    ``told`` hears of each call as it ends, on the thread that made it.
    """

    def __init__(self, keep: int = 10_000, told: Callable[[Call], None] | None = None) -> None:
        self._told = told
        self._calls: list[Call] = []
        self._keep = keep
        self._count = 0
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Remember ``call``; the oldest is forgotten once there are more than are kept."""
        with self._lock:
            self._count += 1
            self._calls.append(call)
            del self._calls[: -self._keep]
        if self._told is not None:
            self._told(call)

    @property
    def count(self) -> int:
        """How many calls were made, forgotten ones included."""
        return self._count

    @property
    def writes(self) -> tuple[Call, ...]:
        """The calls that could change something."""
        return tuple(call for call in self if call.method != "GET")

    def clear(self) -> None:
        """Begin counting anew."""
        with self._lock:
            self._calls.clear()
            self._count = 0

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(tuple(self._calls))

    def __len__(self) -> int:
        return self._count
