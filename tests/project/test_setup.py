"""scripts/setup builds .venv once, again when it must, and never keeps one that is broken or foreign."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL = getattr(sys, "_base_executable", sys.executable)

pytestmark = pytest.mark.slow

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "sample"
version = "1.0"
"""

# The smallest build backend that pip accepts: an empty wheel, so that no package has to be downloaded.
BACKEND = """
import zipfile


def build_editable(folder, settings=None, metadata=None):
    name = "sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        home = "sample-1.0.dist-info"
        wheel.writestr(f"{home}/METADATA", "Metadata-Version: 2.1\\nName: sample\\nVersion: 1.0\\n")
        tag = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{home}/WHEEL", tag)
        wheel.writestr(f"{home}/RECORD", "")
    return name
"""


def set_up(folder: Path) -> list[str]:
    """What `scripts/setup` said; it must succeed."""
    ran = subprocess.run(
        [str(folder / "scripts/setup")],
        env={"PATH": f"{Path(REAL).parent}:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.splitlines()


def assert_works(folder: Path) -> None:
    command = [str(folder / ".venv/bin/python"), "-c", "import sys; print(sys.prefix)"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(folder / ".venv")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without requirements, set up once."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "scripts").mkdir()
    for name in ("setup", "python313"):
        shutil.copy(ROOT / "scripts" / name, folder / "scripts")
    (folder / "requirements.txt").write_text("", encoding="utf-8")
    (folder / "requirements-dev.txt").write_text("", encoding="utf-8")
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    lines = set_up(folder)
    assert lines[0].startswith("setup: a new .venv with ")
    assert lines[-1] == "setup: .venv is ready"
    return folder


def test_a_second_set_up_does_nothing_and_says_nothing(built: Path) -> None:
    assert set_up(built) == []
    assert_works(built)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "pyproject.toml"])
def test_a_changed_input_is_installed_into_the_same_environment(built: Path, name: str) -> None:
    with (built / name).open("a", encoding="utf-8") as changed:
        changed.write("# another line\n")
    lines = set_up(built)
    assert lines[0].startswith("setup: installing")
    assert set_up(built) == []


def test_a_set_up_that_was_cut_short_is_taken_up_again(built: Path) -> None:
    (built / ".venv/relink-setup").unlink()
    assert set_up(built)[0].startswith("setup: installing")


def test_an_environment_that_does_not_start_is_rebuilt(built: Path) -> None:
    python = built / ".venv/bin/python"
    python.unlink()
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    assert set_up(built)[0].startswith("setup: a new .venv with ")
    assert_works(built)


def test_an_environment_that_was_copied_from_elsewhere_is_rebuilt(
    built: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built, copy, symlinks=True)
    assert set_up(copy)[0].startswith("setup: a new .venv with ")
    assert_works(copy)


def test_a_requirement_without_a_hash_is_refused(built: Path) -> None:
    lock = built / "requirements-dev.txt"
    before = lock.read_text(encoding="utf-8")
    lock.write_text("pip==1.0\n", encoding="utf-8")
    try:
        with pytest.raises(AssertionError, match=r"(?i)hash"):
            set_up(built)
    finally:
        lock.write_text(before, encoding="utf-8")
        set_up(built)
