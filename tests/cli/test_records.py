"""Where records are: one rule for every command."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from shared.records import FolderStore, Records
from tests.cli.world import World, now, parsed

pytestmark = pytest.mark.filterwarnings(
    "ignore", "error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning"
)


def relink(*arguments: str) -> Result:
    """A command in the current folder."""
    return CliRunner().invoke(app, list(arguments))


def test_what_reconcile_wrote_is_found_though_a_host_has_run_in_the_folder(world: World) -> None:
    file = world.captured()
    host = Records(FolderStore(world.folder / ".relink/records"), now)
    host.keep_good("prod.yaml", "1", "text")  # what a host leaves: .relink/records exists
    done = world.relink("reconcile", str(file), "--yes")
    assert done.exit_code == 0, done.output
    assert "records: .relink/records\n" in done.stderr
    (row,) = parsed(world.relink("runs", "--json"))
    assert parsed(world.relink("show", "last", "--json"))["id"] == row["id"]
    assert host.run(row["id"]) is not None


def test_the_folder_of_the_manifest_makes_no_difference(world: World) -> None:
    (world.folder / "environments").mkdir()
    file = world.captured("environments/prod.yaml")
    assert world.relink("reconcile", str(file)).exit_code == 0
    assert len(parsed(world.relink("runs", "--json"))) == 1
    assert not (file.parent / ".relink").exists()


def test_a_setting_decides_for_every_command(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = world.captured()
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("RELINK_RECORDS", elsewhere.as_uri())
    missing = world.relink("plan", str(file))
    assert missing.exit_code == 1
    assert f"no records: the folder {elsewhere} does not exist" in missing.stderr
    assert world.relink("reconcile", str(file)).exit_code == 0
    assert len(parsed(world.relink("runs", "--json"))) == 1
    assert world.relink("show", "last").exit_code == 0
    assert world.relink("plan", str(file)).exit_code == 0
    assert not (tmp_path / ".relink").exists()


def test_a_plan_looks_at_the_records_that_are_there_and_makes_none(world: World) -> None:
    file = world.captured()
    assert world.relink("plan", str(file)).exit_code == 0
    assert not (world.folder / ".relink").exists()


@pytest.mark.parametrize("name", ["plan", "reconcile", "runs", "show"])
def test_the_help_of_every_command_says_the_rule(name: str) -> None:
    shown = " ".join(relink(name, "--help").stdout.split())
    assert "else RELINK_RECORDS, else .relink/records here" in shown
    assert "else .relink/records in this folder" in " ".join(relink("--help").stdout.split())


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("name", [("runs",), ("show", "last")], ids=["runs", "show"])
def test_records_that_are_no_folder_are_named(name: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for where, said in ((tmp_path / "none", "does not exist"), (file, "is a file")):
        done = relink(*name, "--records", str(where))
        assert done.exit_code == 1
        assert f"no records: the folder {where} {said}" in done.stderr
        assert "RELINK_RECORDS" in done.stderr


def test_a_plan_goes_on_without_records_that_cannot_be_used(world: World) -> None:
    file = world.captured()
    place = world.folder / "records"
    place.mkdir()
    (place / "papers").write_text("a file where a folder should be")
    done = world.relink("plan", str(file), "--records", str(place))
    assert done.exit_code == 0, done.output
    assert "the records cannot be used" in done.stderr
    assert "in sync" in done.stdout


def test_a_run_without_records_is_refused_at_once(world: World) -> None:
    file = world.captured()
    place = world.folder / "records"
    place.write_text("a file where a folder should be")
    world.cloud.exchanges.clear()
    done = world.relink("reconcile", str(file), "--yes", "--records", str(place))
    assert done.exit_code == 1
    assert str(place) in done.stderr
    assert "Traceback" not in done.stderr
    assert world.cloud.writes() == []
