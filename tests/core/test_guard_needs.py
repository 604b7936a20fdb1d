"""What could not be made again is not destroyed: each need, met, unmet and unread."""

from __future__ import annotations

import pytest

from shared import guards
from shared.model.actual import Absent, Actual, Found, Question, Read, Unreadable
from shared.model.outcome import OutcomeKind
from tests.core.builders import (
    CLUSTER,
    COMPUTE,
    ENDPOINT,
    GROUP,
    NOW,
    SUBNET,
    VAULT,
    answers,
    destroying,
    plan,
    rid,
    unit,
)
from tests.core.judging import (
    ACTION,
    GOOD,
    NEEDS,
    NO_LOCKS,
    UNLOCKED,
    extension,
    hanging,
    judged,
    needing,
    permitted,
    short,
    verdict,
)

SETTINGS = "Microsoft.Insights/diagnosticSettings"
ROLES = "Microsoft.Authorization/roleAssignments"


def test_what_hangs_on_an_endpoint_is_named() -> None:
    logs = {"id": f"{ENDPOINT}/providers/{SETTINGS}/logs"}
    given = verdict(
        needing("bare"), Actual({**NO_LOCKS, **GOOD["bare"], **hanging(SETTINGS, logs)})
    )
    assert "diagnostic setting 'logs'" in given.message


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
def test_a_need_that_azure_does_not_tell_of_now_defers_the_unit_and_no_other(name: str) -> None:
    away = {read: Unreadable("GatewayTimeout", "no", NOW, retry_after=9) for read in GOOD[name]}
    actual = Actual({**NO_LOCKS, **away})
    one, other = needing(name), unit("other", VAULT)
    given = judged(one, other, actual=actual).verdicts
    assert given[one.id].kind is OutcomeKind.DEFERRED
    assert "GatewayTimeout" in given[one.id].message
    assert given["other"].allowed


def test_locks_that_azure_does_not_tell_of_now_defer_what_destroys_and_nothing_else() -> None:
    away = {read: Unreadable("GatewayTimeout", "no", NOW, retry_after=9) for read in NO_LOCKS}
    one, other = destroying("one"), unit("other", VAULT)
    given = judged(one, other, actual=Actual(away)).verdicts
    assert (given["one"].kind, given["one"].why) == (OutcomeKind.DEFERRED, "LocksUnreadable")
    assert given["other"].allowed


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
            answers({GROUP: permitted("Microsoft.Network/*", but=(ACTION,))}, Question.PERMISSIONS),
            "MissingPermission",
        ),
        ("permission", answers({GROUP: {"value": []}}, Question.PERMISSIONS), "MissingPermission"),
        ("exists", {Read(Question.GET, rid(SUBNET)): Absent(NOW)}, "TargetGone"),
        ("succeeded", {Read(Question.GET, rid(CLUSTER)): Absent(NOW)}, "TargetGone"),
        (
            "succeeded",
            answers({CLUSTER: {"properties": {"provisioningState": "Updating"}}}),
            "TargetNotReady",
        ),
        ("extension", answers({CLUSTER: {"value": []}}, Question.EXTENSIONS), "ExtensionMissing"),
        (
            "extension",
            answers({CLUSTER: extension("Failed")}, Question.EXTENSIONS),
            "ExtensionNotReady",
        ),
        (
            "extension",
            answers({CLUSTER: extension("Succeeded", "microsoft.flux")}, Question.EXTENSIONS),
            "ExtensionMissing",
        ),
        (
            "bare",
            {**GOOD["bare"], **hanging(SETTINGS, {"id": f"{ENDPOINT}/providers/{SETTINGS}/logs"})},
            "ExtensionResources",
        ),
        (
            "bare",
            {
                **GOOD["bare"],
                **hanging(
                    ROLES,
                    {
                        "id": f"{ENDPOINT}/providers/{ROLES}/r",
                        "properties": {"scope": ENDPOINT.upper()},
                    },
                ),
            },
            "ExtensionResources",
        ),
        ("bare", hanging(SETTINGS), "ExtensionResourcesUnreadable"),
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
    none = answers({GROUP: {"value": []}}, Question.PERMISSIONS)
    message = verdict(needing("permission"), Actual({**NO_LOCKS, **none})).message
    assert ACTION in message
    assert GROUP in message
