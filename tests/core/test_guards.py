"""Mode, opt-out, locks and the limit; the guards' order, and what they never do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared import guards
from shared.guards import Judgement, judge, mode_of
from shared.model.actual import Absent, Actual, Question, Read, Unreadable
from shared.model.environment import Mode
from shared.model.outcome import OutcomeKind
from shared.model.plan import Plan
from tests.core.builders import (
    COMPUTE,
    ENDPOINT,
    GROUP,
    NOW,
    STORAGE,
    SUBSCRIPTION,
    VAULT,
    answers,
    destroying,
    environment,
    patch,
    plan,
    rid,
    unit,
)
from tests.core.judging import (
    FREE,
    GOOD,
    NEEDS,
    NO_LOCKS,
    UNLOCKED,
    WINDOW,
    endpoints,
    failures,
    judged,
    lock,
    locked,
    short,
    verdict,
)


def test_without_objections_a_unit_may_go_ahead() -> None:
    assert verdict(destroying()).allowed
    assert verdict(unit()).allowed


# --- mode --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ceiling", "environment_s", "own", "expected"),
    [
        ("remediate", "remediate", "remediate", "remediate"),
        ("observe", "remediate", "remediate", "observe"),
        ("remediate", "approve", "remediate", "approve"),
        ("approve", "remediate", "observe", "observe"),
        ("off", "remediate", "remediate", "off"),
        ("remediate", "off", "approve", "off"),
    ],
)
def test_the_strictest_mode_counts(
    ceiling: str, environment_s: str, own: str, expected: str
) -> None:
    declared = environment(mode=environment_s, modes={"tiny": own})
    assert mode_of("tiny", declared, Mode(ceiling)) is Mode(expected)


def test_observing_plans_only() -> None:
    given = verdict(unit(), mode="observe")
    assert short(given) == (OutcomeKind.PLANNED, "ObserveMode")
    assert "observe" in given.message


def test_a_dry_run_plans_only_even_what_might_be_done() -> None:
    given = verdict(unit(), told=replace(FREE, dry_run=True))
    assert short(given) == (OutcomeKind.PLANNED, "DryRun")


# --- opt-out, locks ----------------------------------------------------------


@pytest.mark.parametrize("tags", [{"relink:ignore": "true"}, {"Relink:Ignore": ""}])
def test_what_carries_the_opt_out_tag_is_left_alone_and_reported(tags: dict[str, str]) -> None:
    actual = Actual({**NO_LOCKS, **answers({ENDPOINT: {"tags": tags}})})
    given = verdict(unit(), actual)
    assert short(given) == (OutcomeKind.BLOCKED, "OptedOut")
    assert "relink:ignore" in given.message
    assert "Remove the tag" in given.message


@pytest.mark.parametrize("body", [{"tags": {"relink:ignore": "false"}}, {"tags": None}, {}])
def test_no_tag_or_a_false_one_opts_nothing_out(body: dict[str, Any]) -> None:
    assert verdict(unit(), Actual({**NO_LOCKS, **answers({ENDPOINT: body})})).allowed


def test_opting_out_is_reported_in_observe_mode_as_well() -> None:
    tagged = answers({ENDPOINT: {"tags": {"relink:ignore": "yes"}}})
    assert verdict(unit(), Actual({**NO_LOCKS, **tagged}), mode="observe").why == "OptedOut"


@pytest.mark.parametrize("scope", [ENDPOINT, GROUP, SUBSCRIPTION])
@pytest.mark.parametrize("level", ["CanNotDelete", "ReadOnly", "cannotdelete"])
def test_a_lock_on_the_thing_or_above_it_forbids_deleting(scope: str, level: str) -> None:
    given = verdict(destroying(), locked(lock(scope, level)))
    assert short(given) == (OutcomeKind.BLOCKED, "ScopeLocked")
    assert "keep" in given.message
    assert str(rid(scope)) in given.message


def test_a_lock_against_deletion_leaves_writes_alone() -> None:
    assert verdict(unit(), locked(lock(GROUP))).allowed


def test_a_read_only_lock_forbids_writes() -> None:
    assert verdict(unit(), locked(lock(GROUP, "ReadOnly"))).why == "ScopeLocked"


@pytest.mark.parametrize("scope", [STORAGE, f"{SUBSCRIPTION}/resourceGroups/other", f"{ENDPOINT}2"])
def test_a_lock_elsewhere_forbids_nothing(scope: str) -> None:
    assert verdict(destroying(), locked(lock(scope))).allowed


@pytest.mark.parametrize(
    "answer",
    [Unreadable("AuthorizationFailed", "no", NOW), Absent(NOW), None],
    ids=["forbidden", "absent", "unasked"],
)
def test_locks_that_cannot_be_read_forbid_destroying_and_nothing_else(answer: Any) -> None:  # noqa: ANN401 - any observation
    asked = {Read(Question.LOCKS, rid(SUBSCRIPTION)): answer} if answer else {}
    given = verdict(destroying(), Actual(asked))
    assert short(given) == (OutcomeKind.BLOCKED, "LocksUnreadable")
    assert verdict(unit(), Actual(asked)).allowed


def test_locks_of_the_group_alone_do_where_the_subscription_is_not_ours_to_read() -> None:
    refused = {Read(Question.LOCKS, rid(SUBSCRIPTION)): Unreadable("Forbidden", "no", NOW)}
    one = destroying()
    wanted = guards.needed(plan(one), Actual(refused))
    assert Read(Question.LOCKS, rid(GROUP)) in wanted
    of_group = answers({GROUP: {"value": [lock(ENDPOINT)]}}, Question.LOCKS)
    assert verdict(one, Actual({**refused, **of_group})).why == "ScopeLocked"
    free = answers({GROUP: {"value": []}}, Question.LOCKS)
    assert verdict(one, Actual({**refused, **free})).allowed


# --- limit -------------------------------------------------------------------


def test_as_many_as_the_limit_may_be_destroyed() -> None:
    given = judged(*endpoints(10)).verdicts
    assert all(each.allowed for each in given.values())


def test_over_the_limit_the_whole_plan_is_blocked_and_never_cut() -> None:
    harmless = unit("h", STORAGE, steps=(patch(),))
    given = judged(*endpoints(11), harmless).verdicts
    assert {short(each) for each in given.values()} == {(OutcomeKind.BLOCKED, "DestructiveLimit")}
    assert "11" in given["u00"].message
    assert "10" in given["u00"].message


def test_the_restart_of_one_cluster_counts_once() -> None:
    given = judged(*endpoints(12, counts_as="restart:aks"), *endpoints(0)).verdicts
    assert all(each.allowed for each in given.values())


def test_what_is_not_going_ahead_does_not_count_against_the_limit() -> None:
    attempts = {rid(f"{ENDPOINT}-{n}"): failures(1) for n in range(5)}
    given = judged(*endpoints(15), told=replace(FREE, attempts=attempts)).verdicts
    assert sum(each.allowed for each in given.values()) == 10


def test_a_limit_of_nothing_lets_nothing_be_destroyed() -> None:
    assert verdict(destroying(), maxDestructiveUnits=0).why == "DestructiveLimit"
    assert verdict(unit(), maxDestructiveUnits=0).allowed


# --- order, followers, conflicts ---------------------------------------------


def test_the_first_objection_in_the_design_s_order_is_told() -> None:
    told = replace(FREE, paused=True, attempts={rid(ENDPOINT): failures(1)})
    one = destroying(requires=(NEEDS["exists"],))
    locked_in = locked(lock(ENDPOINT))
    tagged = Actual(
        {**locked_in.observations, **answers({ENDPOINT: {"tags": {"relink:ignore": "1"}}})}
    )
    declared: dict[str, Any] = {"window": WINDOW}
    met = Actual({**NO_LOCKS, **GOOD["exists"]})
    assert verdict(one, tagged, told, mode="observe", **declared).why == "OptedOut"
    assert verdict(one, locked_in, told, mode="observe", **declared).why == "ObserveMode"
    assert verdict(one, locked_in, told, **declared).why == "ScopeLocked"
    assert verdict(one, UNLOCKED, told, **declared).why == "TargetUnreadable"
    assert verdict(one, met, told, window=WINDOW).why == "Paused"
    assert verdict(one, met, replace(told, paused=False), window=WINDOW).why == "HoldOff"
    assert verdict(one, met, FREE, window=WINDOW).why == "OutsideWindow"


def test_what_follows_a_stopped_unit_is_stopped_with_it() -> None:
    first = destroying("a", ENDPOINT)
    second = unit("b", COMPUTE, follows=(ENDPOINT,))
    third = unit("c", VAULT, follows=(COMPUTE,))
    given = judged(first, second, third, actual=locked(lock(ENDPOINT))).verdicts
    assert short(given["a"]) == (OutcomeKind.BLOCKED, "ScopeLocked")
    assert short(given["b"]) == (OutcomeKind.DEFERRED, "FollowsStopped")
    assert short(given["c"]) == (OutcomeKind.DEFERRED, "FollowsStopped")
    assert "Mend a" in given["b"].message


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("observe", OutcomeKind.PLANNED), ("approve", OutcomeKind.AWAITING_APPROVAL)],
)
def test_what_follows_a_planned_or_waiting_unit_is_so_too(mode: str, kind: OutcomeKind) -> None:
    second = unit("b", COMPUTE, follows=(ENDPOINT,), remediator="free")
    given = judged(unit("a"), second, modes={"tiny": mode}).verdicts
    assert given["b"].kind is kind


def test_two_remediators_that_write_one_resource_are_a_planning_error() -> None:
    given = judged(unit("a"), unit("b", remediator="other"), unit("c", VAULT)).verdicts
    assert short(given["a"]) == short(given["b"]) == (OutcomeKind.FAILED, "PlanningConflict")
    assert "other and tiny" in given["a"].message
    assert given["c"].allowed


def test_an_empty_plan_is_judged() -> None:
    assert judge(Plan(), environment(), UNLOCKED, FREE) == Judgement()


def test_what_is_only_planned_stays_planned_and_says_what_would_block_it() -> None:
    given = verdict(destroying(), locked(lock(ENDPOINT, "CanNotDelete")), mode="observe")
    assert short(given) == (OutcomeKind.PLANNED, "ObserveMode")
    assert "would be blocked (ScopeLocked)" in given.message
