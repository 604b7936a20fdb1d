"""Approving at the command line: the plan counts, not which run asked about it first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.commands import reconcile as command
from cli.running import approved
from cli.session import fixed, open_services, read_file
from shared.records import ApprovalState, FolderStore, Records
from tests.cli.world import World, now, parsed

pytestmark = pytest.mark.filterwarnings(
    "ignore", "error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning"
)

OPEN = {"properties": {"publicNetworkAccess": "Enabled"}}
NAME = "prod-mlw"


def kept(world: World) -> Records:
    """The records of the folder."""
    return Records(FolderStore(world.folder / ".relink/records"), now)


def waiting(world: World) -> Path:
    """A manifest in mode approve whose plan an earlier run left waiting."""
    file = world.captured()
    file.write_text(file.read_text().replace("mode: remediate", "mode: approve"))
    world.does("PATCH", world.plan.storage, OPEN)
    first = world.relink("reconcile", str(file))
    assert first.exit_code == 2, first.output
    assert "waits for approval until" in first.stderr
    assert "relink reconcile --yes approves it" in first.stderr
    return file


def is_open(world: World) -> bool:
    """Whether the account still is as somebody left it."""
    return bool(world.body(world.plan.storage)["properties"]["publicNetworkAccess"] == "Enabled")


def test_yes_approves_a_plan_that_an_earlier_run_left_waiting(world: World) -> None:
    file = waiting(world)
    done = world.relink("reconcile", str(file), "--yes")
    assert done.exit_code == 0, done.output
    assert "prod-mlw: Repaired" in done.stdout
    assert not is_open(world)


def test_a_person_at_the_terminal_approves_what_another_run_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = waiting(world)
    monkeypatch.setattr(command, "can_ask", lambda: True)
    done = world.relink("reconcile", str(file), answer="y\n")
    assert done.exit_code == 0, done.output
    assert not is_open(world)


def test_a_rejected_plan_says_who_rejected_it_and_until_when(world: World) -> None:
    file = waiting(world)
    asked = kept(world).approval(NAME)
    assert asked is not None
    kept(world).decide_approval(NAME, asked.run, approved=False, by="the colleague")
    done = world.relink("reconcile", str(file), "--yes")
    assert done.exit_code == 2, done.output
    assert "Blocked (Rejected)" in done.stdout
    assert f"plan {asked.plan_hash} was rejected by the colleague at 2" in done.stderr
    assert "that stands until" in done.stderr
    assert is_open(world)
    left = kept(world).approval(NAME)
    assert left is not None
    assert left.state is ApprovalState.REJECTED


@pytest.mark.parametrize("state", ["waiting", "rejected"])
def test_a_question_that_expired_is_asked_anew(world: World, state: str) -> None:
    file = waiting(world)
    asked = kept(world).approval(NAME)
    assert asked is not None
    yesterday = datetime.now(UTC) - timedelta(days=1)
    kept(world).clear_approval(NAME)
    old = Records(FolderStore(world.folder / ".relink/records"), lambda: yesterday)
    old.ask_approval(NAME, asked.plan_hash, asked.run, yesterday + timedelta(hours=1))
    if state == "rejected":
        old.decide_approval(NAME, asked.run, approved=False, by="the colleague")
    again = world.relink("reconcile", str(file))
    assert again.exit_code == 2
    fresh = kept(world).approval(NAME)
    assert fresh is not None
    assert fresh.run != asked.run
    assert fresh.state is ApprovalState.WAITING
    assert world.relink("reconcile", str(file), "--yes").exit_code == 0
    assert not is_open(world)


def test_what_a_person_has_not_seen_is_not_approved(world: World) -> None:
    file = waiting(world)
    record = parsed(world.relink("reconcile", str(file), "--json"))
    records = (world.folder / ".relink/records").as_uri()
    with open_services(records, fixed(read_file(file))) as services:
        assert approved(services, record, (), confirmed=frozenset()) is None
        units = frozenset(unit["id"] for unit in record["rounds"][-1]["plan"]["units"])
        changed = {**record, "rounds": [{**record["rounds"][-1], "approvalHash": "another"}]}
        assert approved(services, changed, (), confirmed=units) is None
        assert approved(services, record, (), confirmed=units) is not None
