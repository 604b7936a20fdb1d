"""Owns what time it is for the simulated Azure; refuses to read the machine's clock elsewhere."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, aware and in UTC."""

    def now(self) -> datetime:
        """Return the present moment."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)  # noqa: TID251 - this is the composition root of time


class VirtualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the present moment."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward; a negative number is refused with ValueError."""
        if seconds < 0:
            raise ValueError(f"time moves forward only, not by {seconds} s")
        self._now += timedelta(seconds=seconds)

    def advance_to(self, moment: datetime) -> None:
        """Move forward to a moment; an earlier one changes nothing."""
        self._now = max(self._now, moment.astimezone(UTC))


def stamp(moment: datetime) -> str:
    """Write a moment as ARM does: ISO 8601 with seven decimals and Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
