"""Owns when a subscription may be called again after Azure throttled one of its calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta


class Pacing:
    """A "not before" per subscription, shared by every run of this process.

    Only throttling holds a subscription: ARM's buckets are per subscription and principal
    (domain.md 6). A busy resource (409, or Network's 429 for another operation) holds nobody else.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def hold(self, subscription: str, seconds: float) -> None:
        """Nothing starts in ``subscription`` for ``seconds`` from now; never shortens a hold."""
        until = self._clock() + timedelta(seconds=seconds)
        key = subscription.lower()
        with self._lock:
            self._until[key] = max(until, self._until.get(key, until))

    def left(self, subscription: str) -> float:
        """Seconds until ``subscription`` may be called; zero when it may be called now."""
        key = subscription.lower()
        with self._lock:
            until = self._until.get(key)
            if until is None:
                return 0.0
            left = (until - self._clock()).total_seconds()
            if left <= 0:
                del self._until[key]
            return max(left, 0.0)
