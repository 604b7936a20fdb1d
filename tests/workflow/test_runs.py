"""Whole runs on the real orchestrators and activities: what is done, kept, paid and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.azure.errors import Transient
from shared.model.actual import Question, Read
from shared.model.codec import dump
from shared.model.environment import Mode
from shared.model.finding import Disposition, Finding
from shared.model.intent import Intent
from shared.model.json import JsonObject
from shared.model.progress import Done, Refused, Retry, Waiting
from shared.model.step import Step
from shared.model.trigger import Cause
from shared.records import HeldBy, StoreUnavailableError
from shared.workflow.services import NotToldError
from tests.core.builders import (
    CLUSTER,
    CLUSTER_ENDPOINT,
    COMPUTE,
    ENDPOINT,
    NOW,
    SUBSCRIPTION,
    VAULT,
    answers,
    debt,
    destroying,
    environment,
    finding,
    later,
    rid,
    tiny,
    unit,
)
from tests.workflow.world import World, drifting, wish, world

BROKEN = finding()
INTENT = Intent(rid(ENDPOINT), {"location": "westeurope"}, "incarnation-1")


def broken(tmp_path: Path, *, destroy: bool = True, **settings: str) -> World:
    """One drift of one endpoint, gone once its unit has begun."""
    make = destroying if destroy else unit
    mend = make("mend", findings=(BROKEN.key,), intent=INTENT if destroy else None)
    worlds: list[World] = []
    asking = (Read(Question.GET, rid(ENDPOINT)),)
    remediator = drifting([mend], [BROKEN], lambda: worlds[0].azure, reads=asking)
    worlds.append(world(tmp_path, [remediator], **settings))
    return worlds[0]


def only(record: JsonObject) -> dict[str, Any]:
    (outcome,) = record["outcomes"]
    return dict(outcome)


def test_a_drift_is_repaired_and_seen_in_order(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    record = stage.run(wish())
    assert record["outcome"] == only(record)["kind"] == "Repaired"
    assert [step.kind for step in stage.azure.started] == ["DeleteResource", "PutResource"]
    assert len(record["rounds"]) == 2
    assert stage.records.lease("prod") is None
    assert stage.records.intents("prod") == ()


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.run(wish())
    stage.azure.started.pop()
    before = len(stage.azure.started)
    record = stage.run(wish("run-2"))
    assert record["outcome"] == "InSync"
    assert len(stage.azure.started) == before


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_without_leave_to_act_nothing_is_written(tmp_path: Path, mode: str) -> None:
    stage = broken(tmp_path, RELINK_MODE=mode)
    record = stage.run(wish())
    assert stage.azure.started == []
    assert stage.records.intents("prod") == ()
    assert record["outcome"] == {"observe": "Planned", "off": "NotNeeded"}[mode]


def test_off_is_not_called_in_sync_as_nothing_was_looked_at(tmp_path: Path) -> None:
    record = broken(tmp_path, RELINK_MODE="off").run(wish())
    assert record["remediators"] == []
    assert record["outcome"] != "InSync"


def test_a_dry_run_takes_no_lease_writes_nothing_and_signals_nobody(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    taken = stage.records.acquire_lease("prod", "somebody else", 60)
    assert not isinstance(taken, HeldBy)
    engine = stage.engine()
    trigger = wish(dry_run=True)
    engine.run("reconcile", dump(trigger), trigger.id)
    record = stage.records.run(trigger.id)
    assert record is not None
    assert record["outcome"] == "Planned"
    assert only(record)["why"] == "DryRun"
    assert engine.signals == []
    assert stage.azure.started == []
    lease = stage.records.lease("prod")
    assert lease is not None
    assert lease.holder == "somebody else"
    assert stage.notices == []


def test_the_intent_is_stored_before_anything_is_destroyed(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    seen: list[tuple[str, int]] = []

    def look(step: Step) -> None:
        seen.append((step.kind, len(stage.records.intents("prod"))))

    stage.azure.on_start = look
    stage.run(wish())
    assert seen == [("DeleteResource", 1), ("PutResource", 1)]


def test_the_intent_stays_when_the_unit_breaks_off(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.script[rid(ENDPOINT)] = [Done(), Refused("Conflict", "no")]
    remediator = tiny(
        [destroying("mend", findings=(BROKEN.key,), intent=INTENT)], findings=[BROKEN]
    )
    stage.services = replace(stage.services, catalogue=(remediator,))
    record = stage.run(wish())
    assert record["outcome"] == "Failed"
    (intent,) = stage.records.intents("prod")
    assert (intent.run, intent.remediator) == ("run-1", "tiny")


def test_a_run_of_other_remediators_lets_go_of_no_intent(tmp_path: Path) -> None:
    """The endpoint is gone; who could see that was not asked."""
    both = (tiny(findings=[BROKEN]), tiny(name="other", findings=[]))
    stage = world(tmp_path, both)
    stage.records.store_intent("prod", replace(INTENT, remediator="tiny"))
    stage.run(wish(remediators=("other",), cause=Cause.MANUAL))
    assert len(stage.records.intents("prod")) == 1


def test_the_intent_stays_when_nobody_looked_after_the_repair(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.on_start = lambda _step: stage.azure.trouble.extend(
        Transient("Throttled", "429") for _ in range(500)
    )
    record = stage.run(wish())
    assert record["outcome"] == "Failed"
    assert "429" in record["problem"]
    assert only(record)["why"] == "NotVerified"
    assert len(stage.records.intents("prod")) == 1


def test_what_did_not_help_is_not_done_again_in_the_same_run(tmp_path: Path) -> None:
    """Else a replacement that does not help destroys the fresh endpoint twice more."""
    mend = destroying("mend", findings=(BROKEN.key,), intent=INTENT)
    stage = world(tmp_path, [tiny([mend], findings=[BROKEN])])
    record = stage.run(wish())
    assert [step.kind for step in stage.azure.started].count("DeleteResource") == 1
    assert only(record)["why"] == "NotRepaired"


def test_a_failure_is_tried_again_by_itself_later_and_later(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny([destroying("m", findings=(BROKEN.key,))], findings=[BROKEN])])
    waits = []
    for number in range(4):
        record = stage.run(wish(f"run-{number}"))
        wake_at = only(record)["until"]
        assert record["wakeAt"] is not None
        woken = later().fromisoformat(record["wakeAt"])
        waits.append((woken - stage.clock()).total_seconds())
        assert wake_at is not None
        stage.clock.at = woken
    assert waits == [60, 120, 240, 480]


def test_a_run_before_its_time_is_held_off(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny([destroying("m", findings=(BROKEN.key,))], findings=[BROKEN])])
    stage.run(wish("run-1"))
    record = stage.run(wish("run-2"))
    assert only(record)["why"] == "HoldOff"
    assert stage.run(wish("run-3", cause=Cause.MANUAL))["outcome"] == "Failed"


def test_a_pause_before_the_unit_is_no_attempt(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    call = stage.call

    def paused(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "start_step":
            stage.records.pause("prod", "ann", "maintenance")
        return call(name, message)

    stage.engine(paused).run("reconcile", dump(wish()), "run-1")
    record = stage.records.run("run-1")
    assert record is not None
    assert only(record)["why"] == "Paused"
    assert stage.azure.started == []
    assert stage.records.attempts("prod") == {}


def test_a_pause_inside_a_unit_does_not_stop_it(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.on_start = lambda _s: void(stage.records.pause("prod", "ann", ""))
    assert stage.run(wish())["outcome"] == "Repaired"
    assert len(stage.azure.started) == 2


def void(_value: object) -> None:
    """For callbacks whose result does not matter."""


def test_an_environment_that_somebody_else_works_on_is_left_until_their_time(
    tmp_path: Path,
) -> None:
    stage = broken(tmp_path)
    stage.records.acquire_lease("prod", "ann's laptop", 300)
    record = stage.run(wish())
    assert record["outcome"] == "Deferred"
    assert record["wakeAt"] == later(seconds=300).isoformat()
    assert "ann's laptop" in record["problem"]
    assert stage.azure.started == []
    assert stage.notices == []


def test_a_lease_lost_between_units_stops_the_next_and_not_the_begun(tmp_path: Path) -> None:
    other = finding(VAULT)
    first = destroying("a", findings=(BROKEN.key,), exclusive=("x",))
    second = destroying("b", VAULT, findings=(other.key,), exclusive=("x",))
    stages: list[World] = []
    remediator = drifting([first, second], [BROKEN, other], lambda: stages[0].azure)
    stage = world(tmp_path, [remediator])
    stages.append(stage)

    def rob(step: Step) -> None:
        if step.kind == "PutResource":
            stage.records.release_lease("prod", "run-1")
            stage.records.acquire_lease("prod", "thief", 3600)

    stage.azure.on_start = rob
    record = stage.run(wish())
    assert [step.resource for step in stage.azure.started] == [rid(ENDPOINT)] * 2
    why = {unit["unit"]: unit["why"] for unit in record["units"]}
    assert why == {"a": "", "b": "LeaseLost"}
    assert record["outcome"] == "Deferred"


def test_an_unknown_environment_is_a_failed_run_with_a_record(tmp_path: Path) -> None:
    record = world(tmp_path).run(wish(environment="nowhere"))
    assert record["outcome"] == "Failed"
    assert "'nowhere'" in record["problem"]
    assert "prod" in record["problem"]


def test_azure_s_wish_to_come_back_later_is_waited_for(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.trouble = [Transient("Throttled", "429", retry_after=77.0) for _ in range(3)]
    assert stage.run(wish())["outcome"] == "Repaired"
    assert stage.clock() >= later(seconds=3 * 77)


def test_a_step_honours_what_azure_asks_for(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.script[rid(ENDPOINT)] = [
        Retry(33, "TooManyRequests", "busy"),
        Waiting({"url": "u"}, 45),
        Waiting({"url": "u"}, 45),
        Done(),
    ]
    record = stage.run(wish())
    assert record["outcome"] == "Repaired"
    assert record["units"][0]["timings"][0]["seconds"] == 33 + 45 + 45
    assert len(stage.azure.looked) == 2


def test_a_store_that_is_away_for_a_moment_breaks_no_unit_off(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    away = ["first", "second"]

    def shaky(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run" and away:
            away.pop()
            raise StoreUnavailableError("gone")
        return stage.call(name, message)

    stage.azure.trouble = [StoreUnavailableError("gone")]
    stage.azure.script[rid(ENDPOINT)] = [StoreUnavailableError("gone"), Done()]
    engine = stage.engine(shaky)
    engine.run("reconcile", dump(wish()), "run-1")
    record = stage.records.run("run-1")
    assert record is not None
    assert record["outcome"] == "Repaired"
    assert engine.signals[-1][1] == "finished"


def test_the_queue_hears_of_a_run_whose_end_could_not_be_written(tmp_path: Path) -> None:
    stage = broken(tmp_path)

    def no_end(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "conclude_run":
            raise StoreUnavailableError("gone")
        return stage.call(name, message)

    engine = stage.engine(no_end)
    ended = engine.run("reconcile", dump(wish()), "run-1")
    assert ended["outcome"] == "Failed"
    name, word, told = engine.signals[-1]
    assert (name, word, told["run"]) == ("prod", "finished", "run-1")
    assert told["wake_at"] is not None


# --- the end of a run ---------------------------------------------------------


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
    stage.call("conclude_run", messages[0])
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


# --- approval ------------------------------------------------------------------


def approving(tmp_path: Path) -> World:
    stage = broken(tmp_path, RELINK_MODE="approve")
    stage.run(wish())
    return stage


def test_a_plan_waits_for_a_person_and_is_asked_once(tmp_path: Path) -> None:
    stage = approving(tmp_path)
    first = stage.records.approval("prod")
    stage.clock.advance(600)
    record = stage.run(wish("run-2"))
    assert record["outcome"] == "AwaitingApproval"
    assert stage.records.approval("prod") == first
    assert len(stage.notices) == 1
    assert stage.notices[0]["approval"]["run"] == "run-1"
    assert stage.azure.started == []


def test_an_approved_plan_is_carried_out_once_and_its_record_names_who_approved(
    tmp_path: Path,
) -> None:
    stage = approving(tmp_path)
    stage.records.decide_approval("prod", "run-1", approved=True, by="ann")
    record = stage.run(wish("run-2", cause=Cause.APPROVAL))
    assert record["outcome"] == "Repaired"
    assert record["approval"]["by"] == "ann"
    assert stage.records.approval("prod") is None


def test_an_approval_outlives_a_run_that_did_not_use_it(tmp_path: Path) -> None:
    other = finding(VAULT, remediator="free")
    stage = approving(tmp_path)
    stage.records.decide_approval("prod", "run-1", approved=True, by="ann")
    free = drifting(
        [unit("f", VAULT, findings=(other.key,), remediator="free")],
        [other],
        lambda: stage.azure,
        name="free",
    )
    stage.services = replace(
        stage.services,
        catalogue=(*stage.services.catalogue, free),
        settings=stage.services.settings.model_copy(update={"mode": Mode.REMEDIATE}),
    )
    stage.manifests.edit("prod", "v1", modes={"tiny": "approve"})
    stage.run(wish("run-2", remediators=("free",), cause=Cause.MANUAL))
    approval = stage.records.approval("prod")
    assert approval is not None
    assert approval.by == "ann"


def test_a_changed_plan_is_asked_anew_and_told_anew(tmp_path: Path) -> None:
    stage = approving(tmp_path)
    stage.records.decide_approval("prod", "run-1", approved=True, by="ann")
    other = destroying("mend", findings=(BROKEN.key,), exclusive=("x",), counts_as="y")
    other = replace(other, steps=other.steps[1:])
    stage.services = replace(stage.services, catalogue=(tiny([other], findings=[BROKEN]),))
    record = stage.run(wish("run-2", cause=Cause.APPROVAL))
    assert record["outcome"] == "AwaitingApproval"
    assert stage.azure.started == []
    assert [notice["run"] for notice in stage.notices] == ["run-1", "run-2"]
    assert stage.notices[1]["approval"]["run"] == "run-2"


def test_a_rejected_plan_is_blocked_until_a_day_later(tmp_path: Path) -> None:
    stage = approving(tmp_path)
    stage.records.decide_approval("prod", "run-1", approved=False, by="ann")
    assert only(stage.run(wish("run-2")))["why"] == "Rejected"
    stage.clock.advance(25 * 3600)
    assert only(stage.run(wish("run-3")))["why"] == "Approval"


def test_an_approval_that_has_expired_lets_nothing_happen(tmp_path: Path) -> None:
    stage = approving(tmp_path)
    stage.records.decide_approval("prod", "run-1", approved=True, by="ann")
    stage.clock.advance(25 * 3600)
    assert stage.run(wish("run-2"))["outcome"] == "AwaitingApproval"
    assert stage.azure.started == []


def test_the_first_destructive_plan_after_a_manifest_change_waits(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.manifests.edit("prod", "v2")
    assert stage.run(wish())["outcome"] == "AwaitingApproval"
    stage.records.decide_approval("prod", "run-1", approved=True, by="ann")
    assert stage.run(wish("run-2", cause=Cause.APPROVAL))["outcome"] == "Repaired"
    assert stage.records.accepted_version("prod") == "v2"


def test_a_change_of_the_manifest_during_a_run_is_not_accepted_by_it(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.azure.on_start = lambda _s: stage.manifests.edit("prod", "v2")
    stage.run(wish())
    assert stage.records.accepted_version("prod") == "v1"


# --- telling ---------------------------------------------------------------------

STUCK = finding(VAULT, "ResourceGone", Disposition.REPORT)


def test_what_needs_a_person_is_told_once_as_long_as_it_is_the_same(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[STUCK])])
    for number in range(3):
        stage.run(wish(f"run-{number}"))
    assert [notice["run"] for notice in stage.notices] == ["run-0"]
    assert stage.notices[0]["findings"][0]["finding"]["reason"] == "ResourceGone"


def test_a_run_that_looks_elsewhere_does_not_have_it_told_again(tmp_path: Path) -> None:
    found = [STUCK]
    stage = world(tmp_path, [replace(tiny(), detect=lambda e, _a: found if e.key_vaults else [])])
    stage.run(wish("run-1"))
    stage.run(wish("run-2", cause=Cause.EVENT, resources=(rid(ENDPOINT),)))
    stage.run(wish("run-3"))
    assert [notice["run"] for notice in stage.notices] == ["run-1"]


def test_what_went_and_came_back_is_told_again(tmp_path: Path) -> None:
    found = [STUCK]
    stage = world(tmp_path, [replace(tiny(), detect=lambda _e, _a: list(found))])
    stage.run(wish("run-1"))
    found.clear()
    stage.run(wish("run-2"))
    found.append(STUCK)
    stage.run(wish("run-3"))
    assert [notice["run"] for notice in stage.notices] == ["run-1", "run-3"]


def test_a_notification_that_did_not_arrive_goes_out_with_the_next_run(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[STUCK])])
    arrived: list[JsonObject] = []

    def first_fails(message: JsonObject) -> None:
        if message["run"] == "run-1":
            raise NotToldError("the webhook is away")
        arrived.append(message)

    stage.services = replace(stage.services, notify=first_fails)
    assert stage.run(wish("run-1"))["outcome"] == "Blocked"
    stage.run(wish("run-2"))
    assert [message["run"] for message in arrived] == ["run-2"]


def test_a_repair_is_told_to_nobody(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.run(wish())
    assert stage.notices == []


def test_no_secret_setting_shows_in_any_record(tmp_path: Path) -> None:
    secret = "hook-5f1d"
    stage = world(
        tmp_path,
        [tiny([destroying("m", findings=(BROKEN.key,))], findings=[BROKEN, STUCK])],
        RELINK_NOTIFY_URL=f"https://example.test/hook?sig={secret}",
        APPLICATIONINSIGHTS_CONNECTION_STRING=f"InstrumentationKey={secret}",
    )
    stage.run(wish())
    stored = [path for path in (tmp_path / "records").rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if secret in path.read_text()]


def test_a_run_leaves_no_working_papers(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.run(wish())
    assert [key for key in stage.records.documents.store.keys("papers/run-1/")] == []  # noqa: C416 - an iterator


def test_locks_are_read_before_anything_is_destroyed(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    lock = {
        "id": f"{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.Authorization/locks/keep",
        "properties": {"level": "CanNotDelete"},
    }
    stage.azure.bodies |= answers({SUBSCRIPTION: {"value": [lock]}}, Question.LOCKS)
    record = stage.run(wish())
    assert (record["outcome"], only(record)["why"]) == ("Blocked", "ScopeLocked")
    assert stage.azure.started == []


def test_two_environments_do_not_hold_each_other(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[])], environment(), environment(name="test"))
    stage.records.acquire_lease("prod", "somebody", 300)
    assert stage.run(wish("run-1"))["outcome"] == "Deferred"
    assert stage.run(wish("run-2", environment="test"))["outcome"] == "InSync"


def test_a_step_that_is_delivered_after_the_run_ended_does_nothing(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    stage.run(wish())
    before = len(stage.azure.started)
    errand = {"run": "run-1", "environment": "prod", "round": 1, "unit": "mend", "step": 0}
    assert stage.call("start_step", errand)["why"] == "PapersLost"
    assert len(stage.azure.started) == before
    assert stage.records.intents("prod") == ()
    assert stage.clock() >= NOW
