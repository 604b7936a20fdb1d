"""Plans that wait for a person: asked once, carried out once, and forgotten in time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shared.model.environment import Mode
from shared.model.trigger import Cause
from shared.records import FolderStore, Records, StoreUnavailableError
from tests.core.builders import (
    VAULT,
    destroying,
    finding,
    tiny,
    unit,
)
from tests.workflow.stages import BROKEN, broken, only
from tests.workflow.world import World, drifting, wish


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


class AwayForAMoment(FolderStore):
    """A folder that does not take a question to a person at first."""

    def __init__(self, folder: Path, refusals: list[str]) -> None:
        super().__init__(folder)
        self.refusals = refusals

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        if key.endswith("approval.json") and self.refusals:
            raise StoreUnavailableError(self.refusals.pop())
        return super().write(key, data, if_match=if_match, if_absent=if_absent)


def test_a_store_that_is_away_while_a_person_is_to_be_asked_breaks_nothing_off(
    tmp_path: Path,
) -> None:
    stage = broken(tmp_path, RELINK_MODE="approve")
    store = AwayForAMoment(tmp_path / "records", ["gone", "gone"])
    stage.services = replace(stage.services, records=Records(store, stage.clock))
    record = stage.run(wish())
    assert store.refusals == []
    assert (record["outcome"], record["problem"]) == ("AwaitingApproval", "")
    approval = stage.records.approval("prod")
    assert approval is not None
    assert approval.run == "run-1"
