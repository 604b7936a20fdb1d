"""Approval, its hash, and what later rounds of a run may begin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.guards import Circumstances, Judgement
from shared.model.outcome import OutcomeKind
from shared.model.plan import Unit
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
    endpoints,
    failures,
    judged,
    short,
    verdict,
)

# --- approval ----------------------------------------------------------------


def asked(*units: Unit, told: Circumstances = FREE) -> Judgement:
    return judged(*units, told=told, mode="approve")


def test_in_approve_mode_a_plan_waits_and_names_its_hash() -> None:
    given = asked(unit())
    assert short(given.verdicts["u"]) == (OutcomeKind.AWAITING_APPROVAL, "Approval")
    assert given.approval_hash
    assert given.approval_hash in given.verdicts["u"].message


def test_an_approved_plan_goes_ahead() -> None:
    told = replace(FREE, approved=asked(unit()).approval_hash)
    assert asked(unit(), told=told).verdicts["u"].allowed


def test_the_approval_of_another_plan_is_none() -> None:
    told = replace(FREE, approved=asked(unit()).approval_hash)
    more = asked(unit(), unit("v", VAULT), told=told)
    assert {each.why for each in more.verdicts.values()} == {"Approval"}
    assert more.approval_hash != told.approved


def test_the_hash_is_of_the_plan_and_nothing_else() -> None:
    first = asked(unit()).approval_hash
    when = replace(FREE, now=later(hours=5))
    assert asked(unit(), told=when).approval_hash == first
    assert asked(destroying()).approval_hash != first


def test_what_needs_no_approval_is_not_part_of_the_hash_and_goes_ahead() -> None:
    free = unit("f", VAULT, remediator="free")
    both = judged(unit(), free, modes={"tiny": "approve"})
    assert both.verdicts["f"].allowed
    assert both.approval_hash == asked(unit()).approval_hash


def test_a_rejected_plan_is_blocked_and_not_asked_again() -> None:
    told = replace(FREE, rejected=asked(unit()).approval_hash)
    given = asked(unit(), told=told).verdicts["u"]
    assert short(given) == (OutcomeKind.BLOCKED, "Rejected")


def test_after_a_change_of_the_manifest_only_destruction_waits() -> None:
    told = replace(FREE, manifest_changed=True)
    waiting = judged(destroying(), unit("h", VAULT), told=told)
    assert waiting.verdicts["u"].kind is OutcomeKind.AWAITING_APPROVAL
    assert "the manifest changed" in waiting.verdicts["u"].message
    assert waiting.verdicts["h"].allowed


def test_no_approval_is_asked_for_what_another_guard_stops() -> None:
    given = asked(unit(), told=replace(FREE, paused=True))
    assert given.verdicts["u"].why == "Paused"
    assert given.approval_hash == ""


# --- later rounds ------------------------------------------------------------

LATER = replace(FREE, own=frozenset({rid(ENDPOINT)}))


def test_a_later_round_finishes_what_the_run_began() -> None:
    told = replace(LATER, attempts={rid(ENDPOINT): failures(3)})
    assert verdict(destroying(), told=told, window=WINDOW, mode="approve").allowed


def test_a_later_round_begins_nothing_new() -> None:
    given = verdict(unit("v", VAULT), told=LATER)
    assert short(given) == (OutcomeKind.DEFERRED, "NextRun")
    assert given.until == NOW


@pytest.mark.parametrize(
    ("told", "declared", "why"),
    [
        (LATER, {"mode": "approve"}, "Approval"),
        (replace(LATER, attempts={rid(VAULT): failures(1)}), {}, "HoldOff"),
        (LATER, {"window": WINDOW}, "OutsideWindow"),
        (replace(LATER, paused=True), {}, "Paused"),
        (LATER, {"mode": "observe"}, "ObserveMode"),
    ],
    ids=["approve", "hold-off", "window", "pause", "observe"],
)
def test_a_later_round_still_gives_the_true_reason_of_what_waits(
    told: Circumstances, declared: dict[str, Any], why: str
) -> None:
    """Else a run after the repair of one thing says "next run" of a plan that waits for a person."""
    assert verdict(destroying("v", VAULT), told=told, **declared).why == why


def test_the_question_stays_the_same_in_a_later_round() -> None:
    free = unit("f", remediator="free")
    modes = {"tiny": "approve"}
    first = judged(free, unit("v", VAULT), modes=modes)
    second = judged(unit("v", VAULT), modes=modes, told=LATER)
    assert first.approval_hash == second.approval_hash != ""


def test_new_things_in_a_later_round_do_not_block_what_has_to_be_finished() -> None:
    given = judged(destroying(), *endpoints(15), told=LATER).verdicts
    assert given["u"].allowed
    assert given["u00"].why == "NextRun"
