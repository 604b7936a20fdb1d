"""Situations of a run and the outcome each finding gets from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from shared.guards import Judgement, Verdict
from shared.model.finding import Disposition, Finding
from shared.model.outcome import Outcome, OutcomeKind, worst
from shared.model.plan import Plan, Unit
from shared.outcomes import Round, UnitResult, outcomes, spaced, wait_key, wake_at
from tests.core.builders import COMPUTE, ENDPOINT, NOW, VAULT, destroying, finding, later, rid, unit

BROKEN = finding()
UNIT = destroying("u", findings=(BROKEN.key,))
DONE = {"u": UnitResult("u")}


def a_round(*found: Finding, units: tuple[Unit, ...] = (), **verdicts: Verdict) -> Round:
    judged = {each.id: verdicts.get(each.id, Verdict(each.id)) for each in units}
    plan = Plan(units, {each.id: () for each in units})
    return Round(tuple(found), plan, Judgement(judged))


def the_only(given: tuple[Outcome, ...]) -> Outcome:
    (outcome,) = given
    return outcome


FIRST = a_round(BROKEN, units=(UNIT,))
AGAIN = a_round(BROKEN, units=(UNIT,))
ORDER = a_round()


def refused(why: str = "Conflict", *, blocked: bool = False) -> dict[str, UnitResult]:
    return {"u": UnitResult("u", why, f"{why}!", blocked)}


def test_done_and_seen_in_order_is_repaired() -> None:
    assert the_only(outcomes([FIRST, ORDER], DONE, NOW)).kind is OutcomeKind.REPAIRED


def test_done_and_found_again_is_a_failure() -> None:
    given = the_only(outcomes([FIRST, AGAIN], DONE, NOW))
    assert (given.kind, given.why) == (OutcomeKind.FAILED, "NotRepaired")


def test_gone_without_our_doing_is_in_sync() -> None:
    assert the_only(outcomes([FIRST, ORDER], {}, NOW)).kind is OutcomeKind.IN_SYNC


def test_nothing_found_gives_no_outcomes() -> None:
    assert outcomes([ORDER], {}, NOW) == ()


def test_done_and_not_looked_at_since_is_not_called_repaired_nor_failed() -> None:
    """The look after the repair broke off or was held: nothing is known of it."""
    given = the_only(outcomes([FIRST], DONE, NOW, verified=False))
    assert (given.kind, given.why) == (OutcomeKind.DEFERRED, "NotVerified")
    assert given.until == later(seconds=60)


@pytest.mark.parametrize("disposition", [Disposition.BLOCK, Disposition.DEFER])
def test_done_and_unreadable_afterwards_is_not_called_repaired(disposition: Disposition) -> None:
    unseen = finding(reason="EndpointUnreadable", disposition=disposition, why="Unreadable")
    given = {o.finding.reason: o for o in outcomes([FIRST, a_round(unseen)], DONE, NOW)}
    assert given["EndpointMissing"].why == "NotVerified"
    assert given["EndpointUnreadable"].why == "Unreadable"


def test_a_replacement_that_waits_for_approval_afterwards_is_blocked() -> None:
    pending = finding(reason="EndpointPending", disposition=Disposition.BLOCK, why="TargetApproval")
    results = refused("TargetApproval", blocked=True)
    given = {o.finding.reason: o for o in outcomes([FIRST, a_round(pending)], results, NOW)}
    assert given["EndpointMissing"].kind is OutcomeKind.BLOCKED
    assert given["EndpointPending"].kind is OutcomeKind.BLOCKED


def test_a_unit_that_broke_off_and_was_finished_by_another_is_repaired() -> None:
    missing = finding(reason="EndpointGone")
    finishing = unit("v", findings=(missing.key,))
    rounds = [FIRST, a_round(missing, units=(finishing,)), ORDER]
    results = {**refused("BrokeOff"), "v": UnitResult("v")}
    given = outcomes(rounds, results, NOW)
    assert [outcome.kind for outcome in given] == [OutcomeKind.REPAIRED] * 2
    assert "BrokeOff" in given[0].message


@pytest.mark.parametrize(
    ("results", "kind"),
    [
        (refused("Conflict"), OutcomeKind.FAILED),
        (refused("BrokeOff"), OutcomeKind.FAILED),
        (refused("ScopeLocked", blocked=True), OutcomeKind.BLOCKED),
        (refused("Paused"), OutcomeKind.DEFERRED),
        (refused("LeaseLost"), OutcomeKind.DEFERRED),
        (refused("Interrupted"), OutcomeKind.DEFERRED),
    ],
    ids=lambda value: value["u"].why if isinstance(value, dict) else None,
)
def test_a_refused_unit_names_its_reason(results: dict[str, UnitResult], kind: OutcomeKind) -> None:
    given = the_only(outcomes([FIRST, AGAIN], results, NOW))
    assert (given.kind, given.why) == (kind, results["u"].why)


@pytest.mark.parametrize("why", ["Paused", "LeaseLost", "Interrupted"])
def test_what_was_never_begun_is_not_ours_when_it_is_gone(why: str) -> None:
    assert the_only(outcomes([FIRST, ORDER], refused(why), NOW)).kind is OutcomeKind.IN_SYNC


@pytest.mark.parametrize("kind", [k for k in OutcomeKind if k not in list(OutcomeKind)[:3]])
def test_a_stopped_unit_gives_its_verdict(kind: OutcomeKind) -> None:
    verdict = Verdict("u", kind, "Because", "text", later(hours=1))
    given = the_only(outcomes([a_round(BROKEN, units=(UNIT,), u=verdict)], {}, NOW))
    assert (given.kind, given.why, given.message) == (kind, "Because", "text")
    assert given.until == later(hours=1)


def test_an_allowed_unit_that_was_never_begun_followed_a_failure() -> None:
    given = the_only(outcomes([FIRST], {}, NOW))
    assert (given.kind, given.why) == (OutcomeKind.DEFERRED, "FollowsStopped")


def test_a_repair_without_a_step_is_a_person_s() -> None:
    given = the_only(outcomes([a_round(BROKEN)], {}, NOW))
    assert (given.kind, given.why) == (OutcomeKind.BLOCKED, "NothingPlanned")


@pytest.mark.parametrize(
    ("disposition", "why", "kind", "seconds"),
    [
        (Disposition.DEFER, "ClusterStopped", OutcomeKind.DEFERRED, None),
        (Disposition.DEFER, "InProgress", OutcomeKind.DEFERRED, 15),
        (Disposition.DEFER, "ClusterUpdating", OutcomeKind.DEFERRED, 30),
        (Disposition.DEFER, "ActivityLogLag", OutcomeKind.DEFERRED, 60),
        (Disposition.BLOCK, "TargetApproval", OutcomeKind.BLOCKED, None),
        (Disposition.REPORT, "NotOwned", OutcomeKind.BLOCKED, None),
        (Disposition.NOT_NEEDED, "", OutcomeKind.NOT_NEEDED, None),
    ],
)
def test_what_is_not_to_be_repaired_keeps_its_reason(
    disposition: Disposition, why: str, kind: OutcomeKind, seconds: int | None
) -> None:
    given = the_only(outcomes([a_round(finding(disposition=disposition, why=why))], {}, NOW))
    assert (given.kind, given.why) == (kind, why)
    assert given.until == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_a_report_without_a_reason_says_that_it_only_reports() -> None:
    given = the_only(outcomes([a_round(finding(disposition=Disposition.REPORT))], {}, NOW))
    assert given.why == "ReportOnly"


def test_a_suspicion_refuted_by_our_own_repair_is_told_as_the_repair() -> None:
    refuted = finding(reason="RestartSuspected", disposition=Disposition.NOT_NEEDED)
    given = the_only(outcomes([FIRST, a_round(refuted)], DONE, NOW))
    assert (given.finding.reason, given.kind) == ("EndpointMissing", OutcomeKind.REPAIRED)


def test_a_suspicion_about_something_else_is_told() -> None:
    refuted = finding(VAULT, reason="RestartSuspected", disposition=Disposition.NOT_NEEDED)
    kinds = {o.kind for o in outcomes([FIRST, a_round(refuted)], DONE, NOW)}
    assert kinds == {OutcomeKind.REPAIRED, OutcomeKind.NOT_NEEDED}


def test_what_shows_only_in_a_later_round_is_told_too() -> None:
    other = finding(COMPUTE)
    held = Verdict("w", OutcomeKind.DEFERRED, "NextRun", "", NOW)
    second = a_round(other, units=(unit("w", COMPUTE, findings=(other.key,)),), w=held)
    given = {o.finding.resource: o for o in outcomes([FIRST, second], DONE, NOW)}
    assert given[other.resource].why == "NextRun"
    assert given[BROKEN.resource].kind is OutcomeKind.REPAIRED


def test_each_finding_has_one_outcome_however_many_rounds_saw_it() -> None:
    assert len(outcomes([FIRST, AGAIN, AGAIN], DONE, NOW)) == 1


def test_a_run_is_named_after_its_worst_outcome() -> None:
    order = [
        "Repaired",
        "InSync",
        "NotNeeded",
        "Planned",
        "AwaitingApproval",
        "Deferred",
        "Blocked",
        "Failed",
    ]
    assert [kind.value for kind in OutcomeKind] == order
    for better, worse in pairwise(OutcomeKind):
        assert worst([better, worse, better]) is worse
    assert worst([]) is OutcomeKind.IN_SYNC


def _until(*minutes: float | None) -> list[Outcome]:
    whens = (None if each is None else later(minutes=each) for each in minutes)
    return [Outcome(finding(), OutcomeKind.DEFERRED, until=when) for when in whens]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [((), None), ((None,), None), ((5, None, 3), 3), ((-5, 3), 0)],
    ids=["nothing", "no-time", "the-earliest", "never-in-the-past"],
)
def test_the_environment_wakes_at_the_earliest_time(
    minutes: tuple[float | None, ...], expected: float | None
) -> None:
    woken = wake_at(_until(*minutes), NOW)
    assert woken == (None if expected is None else later(minutes=expected))


def test_the_same_finding_of_two_looks_has_one_key() -> None:
    assert (
        finding().key == finding(ENDPOINT.upper().replace("/SUBSCRIPTIONS/", "/subscriptions/")).key
    )
    assert finding().key != finding(reason="Other").key


def test_a_new_drift_of_a_repaired_resource_is_left_to_the_next_run_and_no_failure() -> None:
    """The unit's id is the same, as it is named after the resource."""
    other = finding(reason="TrustedServicesDropped")
    first = a_round(BROKEN, units=(unit("u", findings=(BROKEN.key,)),))
    again = a_round(other, units=(unit("u", findings=(other.key,)),))
    given = {o.finding.reason: o for o in outcomes([first, again], DONE, NOW)}
    assert given[BROKEN.reason].kind is OutcomeKind.REPAIRED
    new = given["TrustedServicesDropped"]
    assert (new.kind, new.why, new.until) == (OutcomeKind.DEFERRED, "NextRun", NOW)


def test_one_of_two_that_a_unit_put_right_is_not_repaired_beside_the_other_that_failed() -> None:
    other = finding(reason="TrustedServicesDropped")
    both = unit("u", findings=(BROKEN.key, other.key))
    left = unit("u", findings=(other.key,))
    seen = [a_round(BROKEN, other, units=(both,)), a_round(other, units=(left,))]
    assert [o.kind for o in outcomes(seen, DONE, NOW)] == [OutcomeKind.FAILED, OutcomeKind.FAILED]


def test_one_unit_s_repair_is_no_repair_while_another_unit_of_the_resource_failed() -> None:
    """The endpoint was made, its zone group written in the next round, and found wrong again."""
    names = finding(reason="ZoneGroupChanged")
    made = unit("u", findings=(BROKEN.key,))
    named = unit("names", findings=(names.key,))
    rounds = [
        a_round(BROKEN, units=(made,)),
        a_round(names, units=(named,)),
        a_round(names, units=(named,)),
    ]
    given = outcomes(rounds, {**DONE, "names": UnitResult("names")}, NOW)
    assert {(o.finding.reason, o.kind) for o in given} == {
        ("EndpointMissing", OutcomeKind.FAILED),
        ("ZoneGroupChanged", OutcomeKind.FAILED),
    }


def test_what_broke_off_and_left_the_resource_otherwise_wrong_is_not_repaired() -> None:
    """Detached, and not attached again: the stale compute is gone, and missing."""
    missing = finding(reason="ComputeMissing")
    again = a_round(missing, units=(unit("v", findings=(missing.key,)),))
    given = {o.finding.reason: o for o in outcomes([FIRST, again], refused(), NOW)}
    assert (given[BROKEN.reason].kind, given[BROKEN.reason].why) == (OutcomeKind.FAILED, "Conflict")
    assert given["ComputeMissing"].kind is not OutcomeKind.REPAIRED


def test_what_was_replaced_and_is_otherwise_wrong_is_not_repaired() -> None:
    other = finding(reason="EndpointDisconnected")
    again = a_round(other, units=(destroying("u", findings=(other.key,)),))
    given = {o.finding.reason: o for o in outcomes([FIRST, again], DONE, NOW)}
    assert (given[BROKEN.reason].kind, given[BROKEN.reason].why) == (
        OutcomeKind.DEFERRED,
        "NotVerified",
    )


@pytest.mark.parametrize("results", [DONE, {}], ids=["done", "not-begun"])
def test_what_the_last_look_could_not_read_is_neither_repaired_nor_in_sync(
    results: dict[str, UnitResult],
) -> None:
    below = BROKEN.resource.child("parts", "one")
    blind = replace(a_round(), blind=((BROKEN.remediator, below),))
    given = the_only(outcomes([FIRST, blind], results, NOW))
    assert (given.kind, given.why) == (OutcomeKind.DEFERRED, "NotVerified")
    elsewhere = replace(a_round(), blind=(("another", below), (BROKEN.remediator, rid(VAULT))))
    assert the_only(outcomes([FIRST, elsewhere], DONE, NOW)).kind is OutcomeKind.REPAIRED


def test_what_stays_deferred_is_looked_at_again_later_and_later_up_to_an_hour() -> None:
    seen = outcomes([a_round(finding(disposition=Disposition.DEFER, why="Unreadable"))], {}, NOW)
    key = wait_key(seen[0])
    waits = []
    for minutes in (0, 1, 10, 60, 6000):
        (again,) = spaced(seen, {key: later(minutes=-minutes)}, NOW)
        assert again.until is not None
        waits.append((again.until - NOW).total_seconds() / 60)
    assert waits == [1, 1, 5, 30, 60]
    (asked,) = spaced(seen, {}, NOW, 900.0)
    assert asked.until == later(minutes=15)
