"""Owns the arithmetic of maintenance windows. Pure: the time is an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.model.environment import Window

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def next_opening(window: Window, now: datetime) -> datetime:
    """``now`` if the window is open, else when it opens next, in UTC.

    A window whose end is not later than its start runs past midnight and belongs to the day on
    which it started. ``start == end`` is open all day. Times of day become instants before they are
    compared: two times of one zone would be compared by the clock on the wall, which shows an hour
    twice when summer time ends.
    """
    local = now.astimezone(ZoneInfo(window.timezone))
    for days in range(-1, 9):
        opening = datetime.combine(
            local.date() + timedelta(days=days), window.start, tzinfo=local.tzinfo
        )
        if _DAYS[opening.weekday()] not in window.days:
            continue
        closing = datetime.combine(opening.date(), window.end, tzinfo=local.tzinfo)
        if closing <= opening:
            closing += timedelta(days=1)
        if opening.astimezone(UTC) <= now < closing.astimezone(UTC):
            return now
        if opening.astimezone(UTC) > now:
            return opening.astimezone(UTC)
    raise ValueError("a maintenance window needs at least one day")
