"""When events go out, whatever dies in between, and what they must not hold."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.model.codec import dump
from shared.model.finding import Disposition
from shared.model.json import JsonObject
from shared.signals import DRIFT_OPEN, SWEEP_AGE, Signal
from shared.workflow.announcing import ledger_of
from shared.workflow.outbox import deliver_all
from shared.workflow.services import NotToldError
from shared.workflow.watch import note_sweep
from tests.core.builders import VAULT, finding, tiny
from tests.workflow.stages import BROKEN, broken
from tests.workflow.world import World, wish, world

STUCK = finding(VAULT, "ResourceGone", Disposition.REPORT)


def listening(stage: World) -> list[JsonObject]:
    heard: list[JsonObject] = []
    stage.services = replace(stage.services, publish=heard.extend)
    return heard


def types(heard: list[JsonObject]) -> list[str]:
    return [event["type"].removeprefix("Relink.") for event in heard]


def test_a_conclusion_delivered_twice_tells_once(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    heard = listening(stage)
    stage.run(wish())
    stage.call("conclude_run", {"trigger": dump(wish()), "account": {"rounds": 2}})
    assert types(heard) == ["DriftFound", "Repaired"]


def test_an_assessment_delivered_twice_tells_once(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    heard = listening(stage)
    for _ in range(2):
        stage.call("assess", {"trigger": dump(wish()), "round": 1})
        stage.deliver()
    assert types(heard) == ["DriftFound"]


def test_a_death_between_sending_and_noting_sends_the_same_ids_again(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    heard: list[JsonObject] = []

    def dies(events: list[JsonObject]) -> None:
        heard.extend(events)
        raise NotToldError("the process died after the topic took it")

    stage.services = replace(stage.services, publish=dies)  # type: ignore[arg-type]
    stage.run(wish())
    before = {event["id"] for event in heard}
    again = listening(stage)
    stage.run(wish("run-2"))
    assert {event["id"] for event in again} == before


def test_a_defect_of_the_sender_fails_no_run_and_loses_nothing(tmp_path: Path) -> None:
    stage = broken(tmp_path)

    def defect(_events: object) -> None:
        raise TypeError("a defect")

    stage.services = replace(stage.services, publish=defect)
    assert stage.run(wish())["outcome"] == "Repaired"
    heard = listening(stage)
    stage.run(wish("run-2"))
    assert types(heard) == ["DriftFound", "Repaired"]


def test_a_dry_run_tells_nothing(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    heard = listening(stage)
    stage.run(wish(dry_run=True))
    assert heard == []


def test_without_a_topic_nothing_is_owed_and_drift_is_known_all_the_same(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[STUCK])])
    stage.run(wish())
    ledger = ledger_of(stage.services, "prod")
    assert [drift.reason for drift in ledger.open.values()] == ["ResourceGone"]
    assert ledger.owed == ()


@pytest.mark.parametrize(
    "kept",
    [{"owed": 7}, {"owed": [{}]}, {"owed": [{"id": "1"}]}, {"notices": [1]}, "text", [1]],
    ids=["a-number", "an-event-of-nothing", "an-event-cut", "no-run", "a-text", "a-list"],
)
def test_a_ledger_that_cannot_be_used_is_set_aside_and_begun_anew(
    tmp_path: Path, kept: object
) -> None:
    stage = broken(tmp_path)
    stage.records.put_paper("ledger", "prod", kept)
    heard = listening(stage)
    assert stage.run(wish())["outcome"] == "Repaired"
    assert types(heard) == ["DriftFound", "Repaired"]
    assert [each.key for each in stage.records.set_aside()] == ["papers/ledger/prod.json"]


def test_drift_of_what_is_no_resource_breaks_no_run_of_a_part(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    odd = {"reason": "ResourceGone", "resource": "nonsense", "remediator": "tiny"}
    stage.records.put_paper("ledger", "prod", {"open": {"1": odd}})
    part = replace(wish(), resources=(BROKEN.resource,))
    assert stage.run(part)["outcome"] == "Repaired"
    assert ledger_of(stage.services, "prod").run == part.id


@pytest.mark.parametrize("kept", ["text", 5, [[1]], {"key": 1}, {"key": "0001-01-01T00:00:00Z"}])
def test_waits_that_cannot_be_used_break_no_run(tmp_path: Path, kept: object) -> None:
    stage = broken(tmp_path)
    stage.records.put_paper("waits", "prod", kept)
    assert stage.run(wish())["outcome"] == "Repaired"


def test_a_notice_of_a_record_that_is_none_holds_up_no_other(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    store = stage.records.documents.store
    store.write("runs/odd.json", b"{}")
    stage.records.put_paper("ledger", "prod", {"notices": ["odd"]})
    found = deliver_all(stage.services, "prod")
    assert [(each.left, each.problem) for each in found] == [(0, ""), (0, "")]
    assert ledger_of(stage.services, "prod").dropped == 1


def test_an_approval_of_a_record_that_is_none_breaks_no_run(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.records.documents.store.write("runs/odd.json", b'{"rounds": [{}]}')
    until = stage.services.clock() + timedelta(hours=1)
    stage.records.ask_approval("prod", "hash", "odd", until)
    stage.records.decide_approval("prod", "odd", approved=True, by="ada")
    assert stage.run(wish())["outcome"] == "Repaired"


def test_no_event_holds_a_secret_setting_or_a_body(tmp_path: Path) -> None:
    secret = "hook-5f1d"
    stage = world(
        tmp_path,
        [tiny(findings=[BROKEN, STUCK])],
        RELINK_NOTIFY_URL=f"https://example.test/hook?sig={secret}",
        APPLICATIONINSIGHTS_CONNECTION_STRING=f"InstrumentationKey={secret}",
    )
    heard = listening(stage)
    stage.run(wish())
    assert heard
    assert secret not in json.dumps(heard)
    known = {"environment", "run", "reason", "resource", "outcome", "why", "planHash", "until"}
    assert {key for event in heard for key in event["data"]} <= known


@pytest.mark.parametrize(("mode", "left"), [("observe", 1.0), ("remediate", 0.0)])
def test_how_much_differs_is_measured_as_a_run_ends(tmp_path: Path, mode: str, left: float) -> None:
    stage = broken(tmp_path, RELINK_MODE=mode)
    measured: list[tuple[Signal, float, dict[str, str]]] = []
    stage.services = replace(
        stage.services, measure=lambda s, v, where: measured.append((s, v, dict(where)))
    )
    note_sweep(stage.services, stage.clock())
    stage.clock.advance(3600)
    stage.run(wish())
    assert (DRIFT_OPEN, left, {"environment": "prod"}) in measured
    (age,) = [value for signal, value, _ in measured if signal is SWEEP_AGE]
    assert 3600 <= age < 3700


@pytest.mark.parametrize("paper", ["ledger", "waits"])
def test_a_ledger_or_waits_that_are_away_keep_nothing_from_being_repaired(
    tmp_path: Path, paper: str
) -> None:
    """One document that the store does not give (a folder in its place), all others are well."""
    stage = broken(tmp_path)
    (tmp_path / "records/papers" / paper / "prod.json").mkdir(parents=True)
    assert stage.run(wish())["outcome"] == "Repaired"
    assert stage.records.lease("prod") is None
    assert stage.records.paper("run-1", "trigger") is None
