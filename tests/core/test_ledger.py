"""What is known to differ, and which facts others are told of, over runs that see parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from shared.ledger import ABOUT, MOST_OWED, Fact, Ledger, delivered, ended
from shared.model.codec import dump, load
from shared.model.json import JsonObject
from tests.core.builders import ENDPOINT, NOW, VAULT, rid

AT = NOW.isoformat()


def outcome(kind: str, resource: str = ENDPOINT, why: str = "") -> dict[str, Any]:
    told = {"key": f"key-{resource}", "reason": "EndpointMissing", "remediator": "tiny"}
    return {
        "finding": {**told, "resource": str(rid(resource))},
        "kind": kind,
        "why": why,
        "until": None,
    }


def run(
    name: str,
    *outcomes: JsonObject,
    looked_at: Sequence[str] = (ENDPOINT, VAULT),
    plan: str = "p1",
    whole: bool = False,
    problem: str = "",
) -> JsonObject:
    return {
        "id": name,
        "environment": "prod",
        "finishedAt": AT,
        "outcome": "Failed" if problem else "InSync",
        "problem": problem,
        "approval": None,
        "trigger": {"resources": None if whole else [str(rid(each)) for each in looked_at]},
        "outcomes": list(outcomes),
        "rounds": [{"at": AT, "approvalHash": plan, "findings": []}],
        "lookedAt": [str(rid(each)) for each in looked_at],
        "remediators": ["tiny"],
        "unreadable": [],
    }


def told(*records: JsonObject) -> list[tuple[str, str]]:
    """Run and type of every event that a sequence of runs leads to."""
    ledger = Ledger()
    for record in records:
        ledger = ended(ledger, record)
    return [(event["data"]["run"], event["type"].removeprefix("Relink.")) for event in ledger.owed]


def test_a_repair_is_found_and_repaired() -> None:
    assert told(run("a", outcome("Repaired"))) == [("a", "DriftFound"), ("a", "Repaired")]


@pytest.mark.parametrize(
    ("kind", "fact"),
    [("Blocked", "Blocked"), ("AwaitingApproval", "AwaitingApproval"), ("Failed", "RepairFailed")],
)
def test_what_needs_a_person_is_told_once_as_long_as_it_is_the_same(kind: str, fact: str) -> None:
    again = [run(name, outcome(kind, why="Same")) for name in "abc"]
    assert told(*again) == [("a", "DriftFound"), ("a", fact)]


def test_a_block_for_another_reason_is_told_anew() -> None:
    runs = run("a", outcome("Blocked", why="ScopeLocked")), run("b", outcome("Blocked", why="X"))
    assert told(*runs)[2:] == [("b", "Blocked")]


def test_another_plan_asks_anew() -> None:
    waits = outcome("AwaitingApproval")
    assert told(run("a", waits), run("b", waits, plan="p2"))[2:] == [("b", "AwaitingApproval")]


def test_planned_drift_is_found_once_and_gone_when_a_run_no_longer_sees_it() -> None:
    runs = run("a", outcome("Planned")), run("b", outcome("Planned")), run("c")
    assert told(*runs) == [("a", "DriftFound"), ("c", "DriftGone")]


def test_a_run_that_looks_elsewhere_says_nothing_of_it() -> None:
    assert told(run("a", outcome("Planned")), run("b", looked_at=[VAULT])) == [("a", "DriftFound")]


def test_what_is_no_longer_declared_is_gone_after_a_look_at_everything() -> None:
    runs = run("a", outcome("Planned")), run("b", looked_at=[VAULT], whole=True)
    assert told(*runs) == [("a", "DriftFound"), ("b", "DriftGone")]


def test_a_look_by_other_remediators_says_nothing_of_it() -> None:
    elsewhere = {**run("b", whole=True), "remediators": ["another"]}
    assert told(run("a", outcome("Planned")), elsewhere) == [("a", "DriftFound")]


def test_what_could_not_be_read_is_not_said_to_be_gone() -> None:
    unread = {**run("b"), "unreadable": [f"GET {rid(ENDPOINT)}: AuthorizationFailed"]}
    assert told(run("a", outcome("Planned")), unread) == [("a", "DriftFound")]
    other = {**run("b"), "unreadable": [f"GET {rid(VAULT)}: AuthorizationFailed"]}
    assert told(run("a", outcome("Planned")), other)[1:] == [("b", "DriftGone")]


def test_what_went_and_came_back_is_found_again() -> None:
    mended = outcome("Repaired")
    assert told(run("a", mended), run("b", mended))[2:] == [("b", "DriftFound"), ("b", "Repaired")]


@pytest.mark.parametrize("kind", ["NotNeeded", "InSync"])
def test_a_refuted_suspicion_is_no_drift(kind: str) -> None:
    assert told(run("a", outcome(kind))) == []


def test_the_same_run_entered_again_changes_nothing() -> None:
    record = run("a", outcome("Repaired"), outcome("Blocked", VAULT, "ScopeLocked"))
    once = ended(Ledger(), record)
    assert ended(once, record) == once
    assert len(once.owed) == 4


def test_two_runs_side_by_side_that_are_entered_again_owe_nothing_twice() -> None:
    first, other = run("a", outcome("Blocked", why="X")), run("b", outcome("Failed", VAULT))
    ledger = Ledger()
    for record in (first, other, first, other):
        ledger = ended(ledger, record)
    assert ledger.notices == ("a", "b")
    ids = [event["id"] for event in ledger.owed]
    assert len(ids) == len(set(ids))


def test_the_same_fact_has_the_same_id_and_another_one_another() -> None:
    first, again = (ended(Ledger(), run("a", outcome("Repaired"))) for _ in range(2))
    assert first.owed == again.owed
    other = ended(Ledger(), run("b", outcome("Repaired")))
    assert len({event["id"] for event in (*first.owed, *other.owed)}) == 4


def test_a_ledger_survives_its_passage_through_the_records() -> None:
    ledger = ended(Ledger(), run("a", outcome("Blocked", why="ScopeLocked")))
    assert load(Ledger, dump(ledger)) == ledger


def test_what_was_delivered_is_owed_no_more() -> None:
    ledger = ended(Ledger(), run("a", outcome("Repaired")))
    assert delivered(ledger, [ledger.owed[0]["id"]]).owed == ledger.owed[1:]


def test_a_topic_that_is_never_there_fills_no_store() -> None:
    ledger = Ledger()
    for number in range(MOST_OWED):
        ledger = ended(ledger, run(f"run-{number}", outcome("Repaired")))
    assert len(ledger.owed) == MOST_OWED
    assert ledger.owed[-1]["data"]["run"] == f"run-{MOST_OWED - 1}"


def test_every_fact_is_described() -> None:
    assert set(ABOUT) == set(Fact)
