"""Owns when a subscription may be called again after Azure throttled one of its calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from shared.azure.errors import Transient
from shared.model.actual import Question, Read
from shared.model.resource_id import ResourceId

_OF_QUESTION: Final = {
    Question.LOCKS: "Microsoft.Authorization",
    Question.PERMISSIONS: "Microsoft.Authorization",
    Question.ROLES: "Microsoft.Authorization",
    Question.POWER_LOG: "Microsoft.Insights",
    Question.WRITE_LOG: "Microsoft.Insights",
    Question.EXTENSIONS: "Microsoft.KubernetesConfiguration",
}
"""Who answers a question, where it is not the provider of the resource itself."""
_ARM_S_OWN: Final = frozenset({"subscriptionrequeststhrottled", "tenantrequeststhrottled"})
"""ARM's own buckets are per subscription; any other 429 is one provider's (domain.md 6)."""


def lane_of(resource: ResourceId, read: Read | None = None) -> str:
    """What one provider's throttling holds: that provider in that subscription."""
    provider = resource.type.partition("/")[0]
    if read is not None:
        listed = read.detail.partition("/")[0] if "/" in read.detail else provider
        own = listed if read.question is Question.LIST else provider
        provider = _OF_QUESTION.get(read.question, own)
    return f"{resource.subscription}/{provider}"


class Pacing:
    """A "not before" per subscription and per provider in it, shared by every run of this process.

    Only throttling holds: ARM's own holds the subscription, whose buckets are per subscription and
    principal, and a provider's holds that provider there (domain.md 6). A busy resource (409, or
    Network's 429 for another operation) holds nobody else.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def heed(self, lane: str, error: Transient) -> None:
        """Hold what ``error`` throttled: the lane, or the whole subscription."""
        if error.throttled:
            whole = error.code.lower() in _ARM_S_OWN
            self.hold(_subscription(lane) if whole else lane, error.retry_after)

    def hold(self, lane: str, seconds: float) -> None:
        """Nothing starts in ``lane`` for ``seconds`` from now; never shortens a hold."""
        until = self._clock() + timedelta(seconds=seconds)
        key = lane.lower()
        with self._lock:
            self._until[key] = max(until, self._until.get(key, until))

    def left(self, lane: str) -> float:
        """Seconds until ``lane`` may be called; zero when it may be called now."""
        now, keys = self._clock(), {lane.lower(), _subscription(lane).lower()}
        with self._lock:
            for key in [key for key in keys & self._until.keys() if self._until[key] <= now]:
                del self._until[key]
            waits = [(self._until[key] - now).total_seconds() for key in keys & self._until.keys()]
        return max(waits, default=0.0)


def _subscription(lane: str) -> str:
    return lane.partition("/")[0]
