"""Maintenance windows: days, midnight, time zones and the two days when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.environment import Window
from shared.window import next_opening

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def window(start: str, end: str, timezone: str = "UTC", *days: str) -> Window:
    chosen = {"days": days} if days else {}
    return Window.model_validate(
        {
            "start": time.fromisoformat(start),
            "end": time.fromisoformat(end),
            "timezone": timezone,
            **chosen,
        }
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-11-02T21:59:59Z", "2026-11-02T22:00:00Z"),
        ("2026-11-02T22:00:00Z", "2026-11-02T22:00:00Z"),
        ("2026-11-02T23:59:00Z", "2026-11-02T23:59:00Z"),
        ("2026-11-03T00:00:00Z", "2026-11-03T22:00:00Z"),
    ],
    ids=["before", "opens-inclusive", "inside", "closes-exclusive"],
)
def test_a_window_is_open_from_its_start_until_before_its_end(now: str, opening: str) -> None:
    assert next_opening(window("22:00", "00:00"), at(now)) == at(opening)


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-11-06T23:30:00Z", True),  # Friday night
        ("2026-11-07T03:59:00Z", True),  # what began on Friday runs into Saturday
        ("2026-11-07T04:00:00Z", False),
        ("2026-11-07T23:30:00Z", False),  # Saturday is no day of it
        ("2026-11-06T03:00:00Z", False),  # Friday's small hours belong to Thursday
    ],
)
def test_a_window_past_midnight_belongs_to_the_day_it_began(now: str, is_open: bool) -> None:  # noqa: FBT001 - parametrised
    opening = next_opening(window("22:00", "04:00", "UTC", "fri"), at(now))
    assert (opening == at(now)) is is_open


def test_the_next_opening_skips_the_days_that_are_not_named() -> None:
    opening = next_opening(window("01:00", "02:00", "UTC", "sun"), MONDAY)
    assert opening == at("2026-11-08T01:00:00Z")


def test_a_day_that_has_just_closed_opens_again_in_a_week() -> None:
    opening = next_opening(window("00:00", "01:00", "UTC", "mon"), MONDAY + timedelta(hours=2))
    assert opening == at("2026-11-09T00:00:00Z")


def test_the_same_start_and_end_is_open_all_day() -> None:
    all_day = window("06:00", "06:00")
    for hour in range(24):
        now = MONDAY + timedelta(hours=hour)
        assert next_opening(all_day, now) == now


def test_times_are_those_of_the_window_s_own_zone() -> None:
    tokyo = window("01:00", "03:00", "Asia/Tokyo", "tue")
    assert next_opening(tokyo, at("2026-11-02T16:30:00Z")) == at("2026-11-02T16:30:00Z")
    assert next_opening(tokyo, at("2026-11-02T09:00:00Z")) == at("2026-11-02T16:00:00Z")


def test_an_hour_that_the_clock_shows_twice_is_not_the_window_twice() -> None:
    """Berlin, 25 October 2026: 02:00 to 03:00 comes twice; the window is over after the first."""
    berlin = window("01:30", "02:30", "Europe/Berlin")
    first, second = at("2026-10-25T00:15:00Z"), at("2026-10-25T01:15:00Z")  # both 02:15 there
    assert next_opening(berlin, first) == first
    assert next_opening(berlin, second) == at("2026-10-26T00:30:00Z")


def test_a_window_over_the_doubled_hour_stays_open_throughout() -> None:
    berlin = window("02:30", "03:30", "Europe/Berlin")
    again = at("2026-10-25T01:10:00Z")  # 02:10 for the second time: it opened before that
    assert next_opening(berlin, again) == again


def test_a_window_in_the_hour_that_is_skipped_still_opens() -> None:
    """Berlin, 29 March 2026: 02:00 to 03:00 does not exist."""
    berlin = window("02:15", "02:45", "Europe/Berlin")
    opening = next_opening(berlin, at("2026-03-29T00:00:00Z"))
    assert opening == at("2026-03-29T01:15:00Z")
    inside = at("2026-03-29T01:20:00Z")
    assert next_opening(berlin, inside) == inside


@given(
    start=st.times().map(lambda t: t.replace(microsecond=0)),
    end=st.times().map(lambda t: t.replace(microsecond=0)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    days=st.sets(st.sampled_from(["mon", "wed", "sat", "sun"]), min_size=1),
)
def test_a_window_opens_within_nine_days_and_is_open_then(
    start: time, end: time, zone: str, now: datetime, days: set[str]
) -> None:
    some = Window.model_validate(
        {"start": start, "end": end, "timezone": zone, "days": tuple(sorted(days))}
    )
    opening = next_opening(some, now)
    assert now <= opening <= now + timedelta(days=9)
    instant = opening.astimezone(UTC)
    assert next_opening(some, instant) == instant
