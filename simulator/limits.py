"""Owns how many requests Azure takes: ARM's token buckets, providers' limits, Resource Graph's quota.

ARM keeps a bucket for each subscription and principal, in the one region that this ARM is reached through: reads 250 and
25 more a second, writes and deletes 200 and 10 a second (domain facts, section 6). Network counts 1000 writes and 10000
reads in 5 minutes, DNS 500 reads; Resource Graph 15 queries in 5 seconds a user. Nothing is refused unless `enforced`.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from simulator.errors import ArmError

if TYPE_CHECKING:
    from simulator.context import Context

_GRAPH = (15, 15 / 5.0)
# What a bucket holds and what it gains in a second.
_ARM = {"reads": (250, 25.0), "writes": (200, 10.0), "deletes": (200, 10.0)}
_SORTS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}
_PROVIDERS = {
    ("microsoft.network", "writes"): (1000, 1000 / 300),
    ("microsoft.network", "reads"): (10000, 10000 / 300),
    ("microsoft.network/privatednszones", "reads"): (500, 500 / 300),
}


@dataclass(slots=True)
class Bucket:
    """Tokens that are left, and when that was."""

    capacity: int
    rate: float
    left: float
    at: datetime

    def take(self, now: datetime, speed: float) -> float:
        """Take a token; returns 0, or the seconds of Azure's time until there is one."""
        gained = max(0.0, (now - self.at).total_seconds()) * speed * self.rate
        self.left, self.at = min(float(self.capacity), self.left + gained), now
        if self.left < 1:
            return (1 - self.left) / self.rate
        self.left -= 1
        return 0.0


@dataclass(slots=True)
class Limits:
    """The buckets."""

    enforced: bool = False
    _buckets: dict[tuple[str, ...], Bucket] = field(default_factory=dict)

    def request(
        self, method: str, subscription: str, principal: str, type_name: str, context: "Context"
    ) -> dict[str, str]:
        """Count a request to ARM; returns the header that tells what is left, raises ArmError 429."""
        sort = _SORTS.get(method, "writes")
        scope = ("arm", subscription.lower(), principal, sort)
        bucket = self._count(scope, _ARM[sort], context, "SubscriptionRequestsThrottled")
        for (prefix, limited), size in _PROVIDERS.items():
            if limited == sort and (type_name.lower() + "/").startswith(prefix + "/"):
                self._count((prefix, subscription.lower(), sort), size, context, "TooManyRequests")
        area = "subscription" if subscription else "tenant"
        return {f"x-ms-ratelimit-remaining-{area}-{sort}": str(int(bucket.left))}

    def query(self, principal: str, context: "Context") -> dict[str, str]:
        """Count a query of Resource Graph; returns the quota headers, raises ArmError 429."""
        bucket = self._count(("graph", principal), _GRAPH, context, "RateLimiting")
        return {
            "x-ms-user-quota-remaining": str(int(bucket.left)),
            "x-ms-user-quota-resets-after": "00:00:05",
        }

    def _count(
        self, key: tuple[str, ...], size: tuple[int, float], context: "Context", code: str
    ) -> Bucket:
        capacity, rate = size
        now = context.now()
        bucket = self._buckets.setdefault(key, Bucket(capacity, rate, float(capacity), now))
        wait = bucket.take(now, context.speed)
        if wait and self.enforced:
            headers = {"Retry-After": str(max(1, math.ceil(wait / context.speed)))}
            if key[0] == "graph":
                headers |= {"x-ms-user-quota-remaining": "0"}
                headers |= {"x-ms-user-quota-resets-after": "00:00:05"}
            message = f"Number of requests for {'/'.join(key)} exceeded the limit. Please try again later."
            raise ArmError(429, code, message, headers=headers)
        return bucket
