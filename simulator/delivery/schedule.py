"""Owns when a delivery is tried again, when it is given up, and how long a failing endpoint is left alone.

All in seconds of Azure's time; sources: domain facts, section 1.4. Which outcomes of a webhook count as Busy is a guess
(429 and 503).
"""

from dataclasses import dataclass

STEPS = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0)
TIME_TO_LIVE = 24 * 3600.0
MOST_ATTEMPTS = 30
BURIAL_DELAY = 300.0
TIMED_OUT, NO_CONNECTION, UNKNOWN_FUNCTION = (
    "TimedOut",
    "SocketError",
    "InvalidAzureFunctionDestination",
)
_ACCEPTED = ("200", "201", "202", "203", "204")
_FINAL = ("400", "401", "403", "413")
_SHORTEST = {"408": 120.0, "503": 30.0}
_PROBATION = {
    "429": 10.0,
    "503": 10.0,
    TIMED_OUT: 10.0,
    NO_CONNECTION: 30.0,
    "401": 300.0,
    "403": 300.0,
    "404": 300.0,
    UNKNOWN_FUNCTION: 600.0,
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A subscription's own bounds: 1 to 30 attempts, 1 to 1440 minutes."""

    attempts: int = MOST_ATTEMPTS
    minutes: int = int(TIME_TO_LIVE // 60)


def accepted(outcome: str) -> bool:
    """Tell whether an outcome is a success: 200 to 204 and nothing else."""
    return outcome in _ACCEPTED


def wait(outcome: str, attempts: int) -> float:
    """Return how long to wait after the so-manieth attempt."""
    step = STEPS[min(attempts, len(STEPS)) - 1]
    return max(step, _SHORTEST.get(outcome, 0.0))


def probation(outcome: str) -> float:
    """Return how long nothing is sent to an endpoint that answered so, new events included; 0 for not at all."""
    return _PROBATION.get(outcome, 0.0)


def verdict(outcome: str, attempts: int, age: float, policy: RetryPolicy) -> str:
    """Return why an event is given up, empty when it is tried again; age is checked at an attempt only."""
    if outcome in _FINAL:
        return "UndeliverableDueToResponse"
    if attempts >= policy.attempts:
        return "MaxDeliveryAttemptsExceeded"
    if age > policy.minutes * 60:
        return "TimeToLiveExceeded"
    return ""
