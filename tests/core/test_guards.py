"""Each guard with its reason and message, their order, and what they never do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared import guards
from shared.guards import Circumstances, Judgement, Verdict, held_off_until, judge, mode_of
from shared.model.actual import Absent, Actual, Found, Question, Read, Unreadable
from shared.model.attempt import Attempt
from shared.model.environment import Mode
from shared.model.outcome import OutcomeKind
from shared.model.plan import Need, Plan, Requirement, Unit
from tests.core.builders import (
    CLUSTER,
    COMPUTE,
    ENDPOINT,
    GROUP,
    NOW,
    STORAGE,
    SUBNET,
    SUBSCRIPTION,
    VAULT,
    answers,
    destroying,
    environment,
    later,
    patch,
    plan,
    rid,
    unit,
)

FREE = Circumstances(now=NOW, ceiling=Mode.REMEDIATE)
NO_LOCKS = answers({SUBSCRIPTION: {"value": []}}, Question.LOCKS)
UNLOCKED = Actual(NO_LOCKS)
ACTION = "Microsoft.Network/privateEndpoints/write"


def lock(scope: str, level: str = "CanNotDelete", name: str = "keep") -> dict[str, Any]:
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/locks/{name}",
        "properties": {"level": level},
    }


def locked(*locks: dict[str, Any]) -> Actual:
    return Actual(answers({SUBSCRIPTION: {"value": list(locks)}}, Question.LOCKS))


def judged(
    *units: Unit, actual: Actual = UNLOCKED, told: Circumstances = FREE, **declared: object
) -> Judgement:
    return judge(plan(*units), environment(**declared), actual, told)


def verdict(
    one: Unit, actual: Actual = UNLOCKED, told: Circumstances = FREE, **declared: object
) -> Verdict:
    return judged(one, actual=actual, told=told, **declared).verdicts[one.id]


def short(given: Verdict) -> tuple[OutcomeKind | None, str]:
    return given.kind, given.why


def test_without_objections_a_unit_may_go_ahead() -> None:
    assert verdict(destroying()).allowed
    assert verdict(unit()).allowed


# --- mode -------------------------------------------------------------------


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


# --- opt-out, locks ---------------------------------------------------------


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


# --- cannot be made again ---------------------------------------------------

NEEDS = {
    "permission": Requirement(Need.PERMISSION, rid(GROUP), ACTION),
    "exists": Requirement(Need.EXISTS, rid(SUBNET)),
    "succeeded": Requirement(Need.SUCCEEDED, rid(CLUSTER)),
    "extension": Requirement(Need.EXTENSION, rid(CLUSTER)),
    "idle": Requirement(Need.IDLE, rid(COMPUTE)),
}


def _extension(state: str, kind: str = "Microsoft.AzureML.Kubernetes") -> dict[str, Any]:
    return {"value": [{"properties": {"extensionType": kind, "provisioningState": state}}]}


def _permitted(*actions: str, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"value": [{"actions": list(actions), "notActions": list(but)}]}


GOOD: dict[str, dict[Read, Any]] = {
    "permission": answers({GROUP: _permitted("Microsoft.Network/*")}, Question.PERMISSIONS),
    "exists": answers({SUBNET: {}}),
    "succeeded": answers({CLUSTER: {"properties": {"provisioningState": "Succeeded"}}}),
    "extension": answers({CLUSTER: _extension("Succeeded")}, Question.EXTENSIONS),
    "idle": {
        **answers({COMPUTE: {"value": []}}, Question.JOBS),
        **answers(
            {COMPUTE: {"value": [{"properties": {"provisioningState": "Succeeded"}}]}},
            Question.DEPLOYMENTS,
        ),
    },
}


def needing(name: str) -> Unit:
    return destroying(requires=(NEEDS[name],))


@pytest.mark.parametrize("name", NEEDS)
def test_a_need_that_is_met_lets_the_unit_go(name: str) -> None:
    assert verdict(needing(name), Actual({**NO_LOCKS, **GOOD[name]})).allowed


@pytest.mark.parametrize("name", NEEDS)
def test_a_need_that_was_not_read_is_a_no(name: str) -> None:
    given = verdict(needing(name))
    assert given.kind is OutcomeKind.BLOCKED
    assert "Nothing is deleted" in given.message


@pytest.mark.parametrize("name", NEEDS)
def test_a_need_that_could_not_be_read_is_a_no(name: str) -> None:
    unread = {read: Unreadable("Forbidden", "no", NOW) for read in GOOD[name]}
    assert verdict(needing(name), Actual({**NO_LOCKS, **unread})).kind is OutcomeKind.BLOCKED


@pytest.mark.parametrize("name", NEEDS)
def test_each_need_is_asked_for_before_it_is_judged(name: str) -> None:
    assert set(GOOD[name]) <= guards.needed(plan(needing(name)), UNLOCKED)
    assert not guards.needed(plan(needing(name)), Actual({**NO_LOCKS, **GOOD[name]}))


@pytest.mark.parametrize("name", NEEDS)
def test_needs_hold_back_destruction_only(name: str) -> None:
    harmless = unit(requires=(NEEDS[name],))
    assert verdict(harmless).allowed
    assert not guards.needed(plan(harmless), UNLOCKED)


@pytest.mark.parametrize(
    ("name", "bad", "why"),
    [
        (
            "permission",
            answers(
                {GROUP: _permitted("Microsoft.Network/*", but=(ACTION,))}, Question.PERMISSIONS
            ),
            "MissingPermission",
        ),
        ("permission", answers({GROUP: {"value": []}}, Question.PERMISSIONS), "MissingPermission"),
        ("exists", {Read(Question.GET, rid(SUBNET)): Absent(NOW)}, "TargetGone"),
        ("succeeded", {Read(Question.GET, rid(CLUSTER)): Absent(NOW)}, "TargetNotReady"),
        (
            "succeeded",
            answers({CLUSTER: {"properties": {"provisioningState": "Updating"}}}),
            "TargetNotReady",
        ),
        ("extension", answers({CLUSTER: {"value": []}}, Question.EXTENSIONS), "ExtensionMissing"),
        (
            "extension",
            answers({CLUSTER: _extension("Failed")}, Question.EXTENSIONS),
            "ExtensionNotReady",
        ),
        (
            "extension",
            answers({CLUSTER: _extension("Succeeded", "microsoft.flux")}, Question.EXTENSIONS),
            "ExtensionMissing",
        ),
        (
            "idle",
            {**GOOD["idle"], **answers({COMPUTE: {"value": [{"name": "j"}]}}, Question.JOBS)},
            "JobsRunning",
        ),
        (
            "idle",
            {
                **GOOD["idle"],
                **answers(
                    {COMPUTE: {"value": [{"properties": {"provisioningState": "Updating"}}]}},
                    Question.DEPLOYMENTS,
                ),
            },
            "DeploymentUpdating",
        ),
    ],
)
def test_a_need_that_is_not_met_blocks_with_its_reason(
    name: str, bad: dict[Read, Found], why: str
) -> None:
    given = verdict(needing(name), Actual({**NO_LOCKS, **bad}))
    assert short(given) == (OutcomeKind.BLOCKED, why)


def test_a_missing_permission_is_named_with_its_scope() -> None:
    message = verdict(needing("permission")).message
    assert ACTION in message
    assert GROUP in message


# --- pause, hold-off, window ------------------------------------------------


def test_a_paused_environment_begins_nothing() -> None:
    given = verdict(unit(), told=replace(FREE, paused=True))
    assert short(given) == (OutcomeKind.DEFERRED, "Paused")
    assert given.until is None


def failures(count: int, last: datetime = NOW) -> tuple[Attempt, ...]:
    return tuple(Attempt(last - timedelta(seconds=n), ok=False) for n in range(count))[::-1]


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


WINDOW = {"start": "22:00", "end": "23:00"}


def test_outside_the_window_what_disrupts_waits_and_the_rest_does_not() -> None:
    given = verdict(destroying(), window=WINDOW)
    assert short(given) == (OutcomeKind.DEFERRED, "OutsideWindow")
    assert given.until == later(hours=13)
    assert verdict(unit(), window=WINDOW).allowed
    assert verdict(destroying(), window=WINDOW, told=replace(FREE, now=later(hours=13))).allowed


# --- limit ------------------------------------------------------------------


def endpoints(count: int, **more: Any) -> list[Unit]:  # noqa: ANN401 - any field
    return [destroying(f"u{n:02}", f"{ENDPOINT}-{n}", **more) for n in range(count)]


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


# --- approval ---------------------------------------------------------------


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


# --- later rounds -----------------------------------------------------------

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


# --- order, followers, conflicts --------------------------------------------


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
    assert verdict(one, UNLOCKED, told, **declared).why == "TargetGone"
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
