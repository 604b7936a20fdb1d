"""What a run tells, to whom, and how often."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.model.finding import Disposition
from shared.model.json import JsonObject
from shared.model.trigger import Cause
from shared.workflow.announcing import ledger_of
from shared.workflow.services import NotToldError
from tests.core.builders import (
    ENDPOINT,
    VAULT,
    destroying,
    finding,
    rid,
    tiny,
)
from tests.workflow.stages import BROKEN, broken
from tests.workflow.world import wish, world

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


def test_a_notification_that_did_not_arrive_goes_out_later(tmp_path: Path) -> None:
    stage = world(tmp_path, [tiny(findings=[STUCK])])
    arrived: list[JsonObject] = []

    def away(_message: JsonObject) -> None:
        raise NotToldError("the webhook is away")

    stage.services = replace(stage.services, notify=away)
    assert stage.run(wish("run-1"))["outcome"] == "Blocked"
    stage.services = replace(stage.services, notify=arrived.append)
    stage.run(wish("run-2"))
    assert [message["run"] for message in arrived] == ["run-1"]


def test_what_broke_runs_off_is_told_once_as_long_as_it_is_the_same(tmp_path: Path) -> None:
    stage = world(tmp_path)
    for number in range(3):
        stage.run(wish(f"run-{number}", environment="unknown"))
    assert [notice["run"] for notice in stage.notices] == ["run-0"]
    assert "no environment is called 'unknown'" in stage.notices[0]["problem"]


def test_without_a_webhook_nothing_waits_and_the_log_still_says_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = world(tmp_path, [tiny(findings=[STUCK])])
    stage.services = replace(stage.services, notify=None)
    stage.run(wish())
    assert "needs a person: prod Blocked" in caplog.text
    assert ledger_of(stage.services, "prod").notices == ()


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
