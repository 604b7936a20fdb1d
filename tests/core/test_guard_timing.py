"""Pause, hold-off and window: what waits, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.guards import held_off_until
from shared.model.attempt import Attempt
from shared.model.outcome import OutcomeKind
from tests.core.builders import (
    ENDPOINT,
    NOW,
    VAULT,
    destroying,
    later,
    rid,
    unit,
)
from tests.core.judging import (
    FREE,
    WINDOW,
    failures,
    short,
    verdict,
)


def test_a_paused_environment_begins_nothing() -> None:
    given = verdict(unit(), told=replace(FREE, paused=True))
    assert short(given) == (OutcomeKind.DEFERRED, "Paused")
    assert given.until is None


@pytest.mark.parametrize(
    ("count", "minutes"),
    [(1, 1), (2, 2), (3, 4), (4, 8), (8, 128), (9, 240), (30, 240), (50, 240)],
)
def test_each_failure_doubles_the_pause_up_to_four_hours(count: int, minutes: int) -> None:
    assert held_off_until(failures(count), NOW) == later(minutes=minutes)


def test_a_success_ends_the_doubling() -> None:
    tried = (*failures(6, later(minutes=-90)), Attempt(later(minutes=-70), ok=True))
    assert held_off_until(tried, NOW) is None
    again = (*tried, Attempt(NOW, ok=False))
    assert held_off_until(again, NOW) == later(minutes=1)


@pytest.mark.parametrize(("count", "minutes"), [(1, None), (4, None), (5, 1), (6, 2), (8, 8)])
def test_repairs_that_somebody_keeps_undoing_are_paused_too(
    count: int, minutes: int | None
) -> None:
    tried = tuple(Attempt(later(minutes=-n), ok=True) for n in range(count))
    expected = None if minutes is None else later(minutes=minutes)
    assert held_off_until(tried, NOW) == expected


def test_repairs_of_an_hour_ago_are_no_flapping() -> None:
    tried = tuple(Attempt(later(minutes=-61 - n), ok=True) for n in range(20))
    assert held_off_until(tried, NOW) is None


def test_the_order_in_which_attempts_are_stored_does_not_matter() -> None:
    tried = (*failures(3), Attempt(later(minutes=-5), ok=True))
    assert held_off_until(tried, NOW) == held_off_until(tried[::-1], NOW) == later(minutes=4)


def test_a_held_off_unit_says_when_it_is_tried_again() -> None:
    told = replace(FREE, attempts={rid(ENDPOINT): failures(2)})
    given = verdict(unit(), told=told)
    assert short(given) == (OutcomeKind.DEFERRED, "HoldOff")
    assert given.until == later(minutes=2)
    assert verdict(unit("v", VAULT), told=told).allowed


def test_a_hold_off_that_is_over_holds_nothing() -> None:
    told = replace(FREE, attempts={rid(ENDPOINT): failures(1, later(minutes=-1))})
    assert verdict(unit(), told=told).allowed


def test_a_person_releases_the_hold_off() -> None:
    told = replace(FREE, attempts={rid(ENDPOINT): failures(9)}, released=True)
    assert verdict(unit(), told=told).allowed


def test_outside_the_window_what_disrupts_waits_and_the_rest_does_not() -> None:
    given = verdict(destroying(), window=WINDOW)
    assert short(given) == (OutcomeKind.DEFERRED, "OutsideWindow")
    assert given.until == later(hours=13)
    assert verdict(unit(), window=WINDOW).allowed
    assert verdict(destroying(), window=WINDOW, told=replace(FREE, now=later(hours=13))).allowed
