"""Files that commands write: as a whole or not at all, and never over another unasked."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.files import check_folder, write_file
from cli.main import app
from cli.shell import CommandError
from shared.manifests import parse_manifest
from tests.cli.world import World
from tests.shared.declared import manifest

OPEN = {"properties": {"publicNetworkAccess": "Enabled"}}


def relink(*arguments: str) -> Result:
    """A command that reads no Azure."""
    return CliRunner().invoke(app, list(arguments))


def written(folder: Path) -> Path:
    """A manifest."""
    file = folder / "prod.yaml"
    file.write_text(manifest())
    return file


def test_capture_does_not_replace_a_manifest_by_what_drifted(world: World) -> None:
    file = world.captured()
    before = file.read_text()
    world.does("PATCH", world.plan.storage, OPEN)
    world.cloud.exchanges.clear()
    done = world.relink("capture", "-w", world.plan.workspace, "--out", str(file))
    assert done.exit_code == 1
    assert f"--out: {file} exists and is left as it is" in done.stderr
    assert f"relink capture --update {file}" in done.stderr
    assert "--force overwrites it" in done.stderr
    assert file.read_text() == before
    assert not list(world.cloud.exchanges)  # found out before Azure was read


def test_force_overwrites_and_keeps_mode_and_link(world: World) -> None:
    file = world.captured()
    file.chmod(0o640)
    link = world.folder / "link.yaml"
    link.symlink_to(file)
    world.does("PATCH", world.plan.storage, OPEN)
    arguments = ("capture", "-w", world.plan.workspace, "--out", str(link), "--force")
    done = world.relink(*arguments)
    assert done.exit_code == 0, done.output
    captured = parse_manifest(file.read_text(), "prod.yaml")
    assert captured.storage_accounts[0].public_network_access == "Enabled"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert link.is_symlink()


def test_capture_all_leaves_files_alone_unless_forced(world: World) -> None:
    folder = world.folder / "environments"
    arguments = ("capture", "--all", "--out", str(folder))
    assert world.relink(*arguments).exit_code == 0
    file = folder / "prod-mlw.yaml"
    file.write_text("# mine\n")
    left = world.relink(*arguments)
    assert f"relink capture --update {file}" in left.stderr
    assert file.read_text() == "# mine\n"
    assert world.relink(*arguments, "--force").exit_code == 0
    assert "apiVersion: relink/v1" in file.read_text()


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("folder", "is a folder"),
        ("none/prod.yaml", "does not exist"),
        ("file/prod.yaml", "is not a folder"),
        ("/proc/prod.yaml", "nothing can be written in /proc"),
    ],
    ids=["a-folder", "no-folder", "below-a-file", "not-writable"],
)
def test_a_place_that_cannot_be_written_is_refused_before_azure_is_read(
    world: World, out: str, said: str
) -> None:
    (world.folder / "folder").mkdir()
    (world.folder / "file").write_text("")
    world.cloud.exchanges.clear()
    done = world.relink("capture", "-w", world.plan.workspace, "--out", out)
    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(world.cloud.exchanges)


def test_capture_all_wants_a_folder(world: World) -> None:
    (world.folder / "file").write_text("")
    done = world.relink("capture", "--all", "--out", "file")
    assert done.exit_code == 1
    assert "--out names a folder: file is a file" in done.stderr


def test_a_world_file_is_not_overwritten_unasked(tmp_path: Path) -> None:
    file, out = written(tmp_path), tmp_path / "world.json"
    out.write_text("mine")
    refused = relink("world", str(file), "--out", str(out))
    assert refused.exit_code == 1
    assert "exists and is left as it is" in refused.stderr
    assert out.read_text() == "mine"
    assert relink("world", str(file), "--out", str(out), "--force").exit_code == 0
    assert out.read_text().startswith("[")


@pytest.mark.parametrize("command", ["rehearse", "demo"])
def test_logs_are_not_mixed_with_what_is_there(tmp_path: Path, command: str) -> None:
    file = written(tmp_path)
    given = [str(file)] if command == "rehearse" else []
    done = relink(command, *given, "--keep", str(tmp_path))
    assert done.exit_code == 1
    assert f"--keep: {tmp_path} is not empty" in done.stderr


def test_a_report_is_not_overwritten_unasked(tmp_path: Path) -> None:
    file, folder = written(tmp_path), tmp_path / "rehearsal"
    folder.mkdir()
    (folder / "report.md").write_text("mine")
    done = relink("rehearse", str(file), "--report", str(folder))
    assert done.exit_code == 1
    assert "report.md exists and is left as it is" in done.stderr


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        write_file(file, "half \ud83d")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_appeared_meanwhile_is_left(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text("theirs")
    with pytest.raises(CommandError, match="was made meanwhile"):
        write_file(file, "ours", force=False)
    assert file.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_file_gets_the_mode_of_any_other(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "prod.yaml", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "prod.yaml").stat().st_mode) == 0o640


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_file(Path(os.devnull), "text")
    assert Path(os.devnull).is_char_device()


def test_a_folder_is_tried_without_leaving_anything(tmp_path: Path) -> None:
    check_folder(tmp_path, "--out")
    assert not list(tmp_path.iterdir())
