"""Modes, approval, pause and manifest changes, end to end on virtual time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.model.trigger import Cause
from shared.records.approvals import ApprovalExpiredError
from tests.e2e import drifts
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import Stage, build
from tests.e2e.telling import kinds, messages, told, whys

type Record = dict[str, Any]


def approve(stage: Stage, record: Record, *, yes: bool = True) -> None:
    stage.services.records.decide_approval("prod", record["id"], approved=yes, by="kim")


def approved_run(stage: Stage) -> Record:
    return stage.run(stage.trigger(Cause.APPROVAL, by="kim"))


def edit_manifest(stage: Stage, **fields: object) -> None:
    file = stage.place / "environments" / "prod.yaml"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields, indent=1))


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_below_approve_nothing_is_written(mode: str, tmp_path: Path) -> None:
    stage = build(tmp_path, environ={"RELINK_MODE": mode})
    stage.run()
    drifts.restart(stage)
    drifts.open_storage(stage)
    record = stage.run()
    assert record["outcome"] == ("Planned" if mode == "observe" else "NotNeeded")
    assert bool(record["outcomes"]) == (mode == "observe")
    assert kinds(record) <= {"Planned"}
    assert not stage.writes()


def test_one_remediator_can_be_kept_to_observing(tmp_path: Path) -> None:
    stage = build(tmp_path, change=lambda m: m.update(modes={"network_access": "observe"}))
    drifts.open_storage(stage)
    drifts.delete_zone_group(stage)
    assert told(stage.run()) == {
        "PublicAccessEnabled prodmlst": ("Planned", "ObserveMode"),
        "ZoneGroupMissing prod-file-pe": ("Repaired", ""),
    }


def test_a_dry_run_plans_and_leaves_no_trace(tmp_path: Path) -> None:
    stage = build(tmp_path)
    drifts.delete_blob_endpoint(stage)
    record = stage.run(stage.trigger(Cause.MANUAL, dry_run=True))
    assert whys(record) == {"DryRun"}
    assert record["rounds"][0]["plan"]["units"]
    assert not stage.writes()
    assert not stage.notices


def test_an_approved_plan_is_carried_out_by_a_new_run(tmp_path: Path) -> None:
    stage = build(tmp_path, environ={"RELINK_MODE": "approve"})
    before = portrait(stage.cloud)
    drifts.delete_blob_endpoint(stage)
    asked = stage.run()
    assert asked["outcome"] == "AwaitingApproval"
    assert not stage.writes()
    assert stage.notices[-1]["approval"]["plan_hash"] == asked["rounds"][0]["approvalHash"]

    approve(stage, asked)
    done = approved_run(stage)

    assert done["outcome"] == "Repaired"
    assert done["approval"]["by"] == "kim"
    assert differences(before, portrait(stage.cloud)) == []
    # The approval is used up: the same break asks again.
    drifts.delete_blob_endpoint(stage)
    assert stage.run()["outcome"] == "AwaitingApproval"


def test_a_plan_that_changed_after_the_approval_asks_again(tmp_path: Path) -> None:
    stage = build(tmp_path, environ={"RELINK_MODE": "approve"})
    drifts.delete_blob_endpoint(stage)
    asked = stage.run()
    approve(stage, asked)
    drifts.open_vault(stage)

    again = approved_run(stage)

    assert again["outcome"] == "AwaitingApproval"
    assert not stage.writes()
    new = again["rounds"][0]["approvalHash"]
    assert new != asked["rounds"][0]["approvalHash"]
    assert stage.notices[-1]["approval"]["plan_hash"] == new
    # What changed is in the record: both plans, unit by unit.
    units = {unit["title"] for unit in again["rounds"][0]["plan"]["units"]}
    assert units - {unit["title"] for unit in asked["rounds"][0]["plan"]["units"]} == {
        "Restore the network access of prod-mlkv"
    }


def test_what_changed_since_the_approval_is_said(tmp_path: Path) -> None:
    stage = build(tmp_path, environ={"RELINK_MODE": "approve"})
    drifts.delete_blob_endpoint(stage)
    drifts.open_storage(stage)
    approve(stage, stage.run())
    drifts.open_vault(stage)
    stage.human("PATCH", stage.ids.storage, {"properties": {"publicNetworkAccess": "Disabled"}})
    text = messages(approved_run(stage))
    assert (
        "since it was approved (new: Restore the network access of prod-mlkv;"
        " no longer needed: Restore the network access of prodmlst)"
    ) in text


def test_a_rejected_plan_is_not_carried_out_and_not_asked_again(tmp_path: Path) -> None:
    stage = build(tmp_path, environ={"RELINK_MODE": "approve"})
    drifts.delete_blob_endpoint(stage)
    approve(stage, stage.run(), yes=False)
    record = stage.run()
    assert (record["outcome"], whys(record)) == ("Blocked", {"Rejected"})
    assert not stage.writes()
    # Another break is another plan.
    drifts.open_vault(stage)
    assert stage.run()["outcome"] == "AwaitingApproval"


def test_an_approval_that_comes_too_late_counts_for_nothing(tmp_path: Path) -> None:
    stage = build(tmp_path, environ={"RELINK_MODE": "approve"})
    drifts.delete_blob_endpoint(stage)
    asked = stage.run()
    stage.advance(25 * 3600)
    with pytest.raises(ApprovalExpiredError):
        approve(stage, asked)
    again = stage.run()
    assert again["outcome"] == "AwaitingApproval"
    assert again["approval"]["run"] == again["id"]


def test_an_approval_used_after_its_time_asks_again(tmp_path: Path) -> None:
    stage = build(tmp_path, environ={"RELINK_MODE": "approve"})
    drifts.delete_blob_endpoint(stage)
    approve(stage, stage.run())
    stage.advance(25 * 3600)
    assert approved_run(stage)["outcome"] == "AwaitingApproval"
    assert not stage.writes()


def test_a_paused_environment_is_left_alone_until_resumed(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    stage.services.records.pause("prod", "kim", "maintenance")
    seen = len(stage.cloud.events)
    drifts.restart(stage)
    stage.deliver(stage.events_since(seen))
    record = stage.run()
    assert record["outcome"] == "Deferred"
    assert "Paused" in whys(record)
    assert not stage.writes()
    assert stage.services.records.debts("prod"), "debts are taken even when paused"

    stage.services.records.resume("prod", "kim")
    assert stage.run()["outcome"] == "Repaired"


def test_a_pause_in_the_middle_stops_between_units(tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    drifts.restart(stage)

    def pause(name: str, message: Any) -> None:  # noqa: ANN401 - JSON
        if name == "start_step" and message["step"] == 1:
            stage.services.records.pause("prod", "kim", "stop")

    stage.hook = pause
    record = stage.run()
    assert {u["why"] for u in record["units"]} == {"", "Paused"}
    stage.hook = None
    # The endpoint that had been begun was finished, the computes were not touched.
    assert not [line for line in stage.writes() if "/computes/" in line]
    stage.services.records.resume("prod", "kim")
    stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []


def test_the_first_destructive_plan_after_a_manifest_change_waits(tmp_path: Path) -> None:
    stage = build(tmp_path, environ={"RELINK_APPROVE_MANIFEST_CHANGES": "true"})
    stage.run()
    drifts.restart(stage)
    assert stage.run()["outcome"] == "Repaired", "what a fresh store meets first is accepted"
    edit_manifest(stage, maxDestructiveUnits=9)
    drifts.open_storage(stage)
    assert stage.run()["outcome"] == "Repaired", "closing access destroys nothing"

    drifts.restart(stage)
    asked = stage.run()
    assert asked["outcome"] == "AwaitingApproval"
    assert "the manifest changed" in messages(asked)
    approve(stage, asked)
    assert approved_run(stage)["outcome"] == "Repaired"
    drifts.restart(stage)
    assert stage.run()["outcome"] == "Repaired", "the version is known now"
