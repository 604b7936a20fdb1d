"""The end of a run: attempts, debts, the restarts that no event told of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.model.actual import Question, Read
from shared.model.codec import dump
from shared.model.finding import Disposition, Finding
from shared.model.json import JsonObject
from shared.model.trigger import Cause
from tests.core.builders import (
    CLUSTER,
    CLUSTER_ENDPOINT,
    COMPUTE,
    ENDPOINT,
    VAULT,
    answers,
    debt,
    destroying,
    finding,
    later,
    rid,
    tiny,
)
from tests.workflow.stages import BROKEN
from tests.workflow.world import World, wish, world


def test_concluding_twice_changes_nothing_more(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny([destroying("m", findings=(BROKEN.key,))], findings=[BROKEN])])
    messages: list[dict[str, Any]] = []

    def twice(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run":
            messages.append(message)
            first = stage.call(name, message)
            assert stage.call(name, message) == first
            return first
        return stage.call(name, message)

    stage.engine(twice).run("reconcile", dump(wish()), "run-1")
    stage.clock.advance(500)
    stage.deliver()
    stage.call("conclude_run", messages[0])
    stage.deliver()
    assert len(stage.records.attempts("prod")[rid(ENDPOINT)]) == 1
    assert len(stage.records.runs("prod")) == 1
    assert len(stage.notices) == 1


def test_a_worker_killed_before_the_record_notes_an_attempt_once(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny([destroying("m", findings=(BROKEN.key,))], findings=[BROKEN])])
    stage.services = replace(stage.services, report=_killed)
    calls: list[dict[str, Any]] = []

    def killed_once(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run":
            calls.append(message)
            store = stage.records.documents.store
            if len(calls) == 1:
                with pytest.raises(SystemExit):
                    stage.call(name, message)
                store.delete("runs/run-1.json")  # as if it had died a moment earlier
                stage.services = replace(stage.services, report=lambda _record: None)
                stage.clock.advance(30)
        return stage.call(name, message)

    stage.engine(killed_once).run("reconcile", dump(wish()), "run-1")
    assert len(stage.records.attempts("prod")[rid(ENDPOINT)]) == 1


def _killed(_record: JsonObject) -> None:
    raise SystemExit


def test_a_worker_killed_after_the_record_still_answers_requests_and_tells(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny([destroying("m", findings=(BROKEN.key,))], findings=[BROKEN])])
    stage.services = replace(stage.services, report=_killed)

    def killed(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run" and stage.services.report is _killed:
            with pytest.raises(SystemExit):
                stage.call(name, message)
            stage.services = replace(stage.services, report=lambda _record: None)
        return stage.call(name, message)

    stage.engine(killed).run("reconcile", dump(wish(requests=("run-1", "asked"))), "run-1")
    assert stage.records.request("asked") == "run-1"
    stage.deliver()
    assert len(stage.notices) == 1


def suspected(disposition: Disposition = Disposition.NOT_NEEDED) -> Finding:
    return finding(CLUSTER_ENDPOINT, "RestartSuspected", disposition)


def test_a_refuted_debt_is_closed(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[suspected()])])
    stage.records.add_debts("prod", [debt()])
    assert stage.run(wish())["outcome"] == "NotNeeded"
    assert stage.records.debts("prod") == ()


@pytest.mark.parametrize(
    "found",
    [[], [suspected(Disposition.DEFER)], [suspected(Disposition.BLOCK)], [BROKEN]],
    ids=["nothing-said", "deferred", "blocked", "about-another"],
)
def test_a_debt_that_nothing_refutes_stays_open(tmp_path: Path, found: list[Finding]) -> None:
    stage = world(tmp_path, [tiny(findings=found)])
    stage.records.add_debts("prod", [debt()])
    stage.run(wish())
    assert len(stage.records.debts("prod")) == 1


def test_other_drift_of_the_target_does_not_keep_a_refuted_debt_open(tmp_path: Path) -> None:
    drift = finding(CLUSTER_ENDPOINT, "RecordWrong", Disposition.REPORT)
    stage = world(tmp_path, [tiny(findings=[suspected(), drift])])
    stage.records.add_debts("prod", [debt()])
    stage.run(wish())
    assert stage.records.debts("prod") == ()


def test_a_debt_that_comes_in_after_the_last_look_is_not_closed_by_it(tmp_path: Path) -> None:
    """The cluster was started a second time while the run was ending."""
    stage = world(tmp_path, [tiny(findings=[suspected()])])
    stage.records.add_debts("prod", [debt()])
    second = debt(at=later(minutes=5))

    def meanwhile(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run":
            stage.records.add_debts("prod", [second])
        return stage.call(name, message)

    stage.engine(meanwhile).run("reconcile", dump(wish()), "run-1")
    assert stage.records.debts("prod") == (second,)


def test_a_debt_of_something_no_longer_declared_is_closed_by_a_whole_look(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[])])
    stage.records.add_debts("prod", [debt(f"{COMPUTE}-of-old")])
    stage.run(wish(resources=(rid(VAULT),)))
    assert len(stage.records.debts("prod")) == 1
    stage.run(replace(wish(), id="run-2"))
    assert stage.records.debts("prod") == ()


def test_a_dry_run_closes_and_takes_no_debt(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[suspected()])])
    stage.records.add_debts("prod", [debt()])
    stage.run(wish(dry_run=True))
    assert len(stage.records.debts("prod")) == 1


START = {
    "operationName": {"value": "Microsoft.ContainerService/managedClusters/start/action"},
    "eventTimestamp": later(hours=-1).isoformat(),
    "status": {"value": "Succeeded"},
}


def log_of(stage: World) -> None:
    since = stage.clock() - timedelta(days=89)
    read = Read(Question.POWER_LOG, rid(CLUSTER), since.isoformat())
    (found,) = answers({CLUSTER: {"value": [START]}}).values()
    stage.azure.bodies[read] = found


@pytest.mark.parametrize("mode", ["remediate", "observe", "off"])
def test_a_sweep_takes_debts_of_restarts_that_no_event_told_of(tmp_path: Path, mode: str) -> None:
    stage = world(tmp_path, [tiny(findings=[])], RELINK_MODE=mode)
    log_of(stage)
    stage.run(wish())
    owed = stage.records.debts("prod")
    assert {each.target for each in owed} == {rid(CLUSTER_ENDPOINT), rid(COMPUTE)}
    assert {each.restart_at for each in owed} == {later(hours=-1)}


def test_a_restart_is_taken_from_the_log_once(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[])])
    log_of(stage)
    stage.run(wish())
    for each in stage.records.debts("prod"):
        stage.records.close_debt("prod", each.id)
    stage.run(wish("run-2"))
    assert stage.records.debts("prod") == ()
    asked = [read.detail for read in stage.azure.asked if read.question is Question.POWER_LOG]
    assert asked[-1] == later(hours=-1).isoformat()


def test_an_event_s_run_does_not_read_the_logs(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[])])
    stage.run(wish(cause=Cause.EVENT, resources=(rid(VAULT),)))
    assert not [read for read in stage.azure.asked if read.question is Question.POWER_LOG]
