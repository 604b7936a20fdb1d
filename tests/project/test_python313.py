"""scripts/python313 finds a Python 3.13 wherever it is, believes none unseen, and says what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL = Path(getattr(sys, "_base_executable", sys.executable))


def find(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the script of a fresh project with nothing but the given environment, in an empty home."""
    home, script = tmp_path / "home", tmp_path / "project/scripts/python313"
    for folder in (home, script.parent):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "scripts/python313", script)
    shutil.copy(ROOT / "requirements-dev.txt", tmp_path / "project")
    given = {"PATH": str(tmp_path / "nowhere"), "HOME": str(home)} | environment
    return subprocess.run(
        [str(script)], env=given, capture_output=True, text=True, timeout=120, check=False
    )


def place(folder: Path, name: str, script: str = "") -> Path:
    """An executable in `folder`: the real Python, or a shell script that stands for another program."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    target.write_text(f"#!/bin/sh\n{script or f'exec {REAL} "$@"'}\n", encoding="utf-8")
    target.chmod(0o755)
    return target


def assert_is_real(ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 0, ran.stderr
    assert REAL.samefile(ran.stdout.strip())


def test_nothing_found_is_one_message_that_says_how_to_get_one(tmp_path: Path) -> None:
    ran = find(tmp_path)
    assert ran.returncode == 1
    assert ran.stdout == ""
    for way in (
        "pyenv install 3.13",
        "uv python install 3.13",
        "apt",
        "python.org",
        "RELINK_PYTHON",
    ):
        assert way in ran.stderr
    assert ran.stderr.count("Relink needs Python 3.13") == 1
    assert "not found" not in ran.stderr


@pytest.mark.parametrize("name", ["python3.13", "python3", "python"])
def test_a_python_on_the_path_is_found_under_each_name(tmp_path: Path, name: str) -> None:
    place(tmp_path / "bin", name)
    assert_is_real(find(tmp_path, PATH=str(tmp_path / "bin")))


def test_a_shim_that_fails_is_passed_over_for_the_next_on_the_path(tmp_path: Path) -> None:
    place(tmp_path / "shims", "python3.13", "echo 'pyenv: command not found' >&2; exit 127")
    place(tmp_path / "bin", "python3.13")
    assert_is_real(find(tmp_path, PATH=f"{tmp_path}/shims:{tmp_path}/bin"))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo 3.13; exit 1", id="only-talks"),
        pytest.param(f"exec {REAL} -c 'raise SystemExit(1)'", id="lacks-a-module"),
    ],
)
def test_a_python_that_cannot_carry_the_project_is_refused(tmp_path: Path, script: str) -> None:
    place(tmp_path / "bin", "python3", script)
    assert find(tmp_path, PATH=str(tmp_path / "bin")).returncode == 1


@pytest.mark.parametrize("moved", [False, True], ids=["in-the-home", "moved-by-pyenv-root"])
def test_a_version_under_pyenv_is_found_without_being_selected(
    tmp_path: Path, *, moved: bool
) -> None:
    root = tmp_path / ("elsewhere" if moved else "home/.pyenv")
    place(root / "versions/3.12.1/bin", "python", "exit 1")
    place(root / "versions/3.13.9/bin", "python")
    assert_is_real(find(tmp_path, **({"PYENV_ROOT": str(root)} if moved else {})))


def test_a_python_that_uv_has_is_found(tmp_path: Path) -> None:
    python = place(tmp_path / "uv-pythons", "python3.13")
    place(tmp_path / "bin", "uv", f'[ "$2" = find ] && echo {python}')
    ran = find(tmp_path, PATH=str(tmp_path / "bin"))
    assert_is_real(ran)
    assert ran.stderr == ""


def installing_uv(tmp_path: Path) -> str:
    """A script for uv: only after `uv python install` does `uv python find` succeed."""
    python = tmp_path / "uv-pythons" / "python3.13"
    source = place(tmp_path / "source", "python3.13")
    return (
        f'if [ "$2" = install ]; then /bin/mkdir -p {python.parent}; /bin/ln -s {source} {python};'
        f" else [ -e {python} ] && echo {python}; fi"
    )


def test_uv_installs_one_when_it_has_none_and_says_so(tmp_path: Path) -> None:
    place(tmp_path / "bin", "uv", installing_uv(tmp_path))
    ran = find(tmp_path, PATH=str(tmp_path / "bin"))
    assert_is_real(ran)
    assert "uv installs one" in ran.stderr


def older(tmp_path: Path, pip: str, venv: str = "exit 1") -> str:
    """A PATH whose python3 stands for an older version; `pip` is run with the folder that it installs into in $target."""
    place(
        tmp_path / "bin",
        "python3",
        'case "$1 $2" in'
        f" '-I -c') case \"$3\" in *'(3, 9)'*) exit 0;; *) exit 1;; esac;;"
        f" '-m venv') {venv};;"
        ' "-m pip") while [ "$1" != --target ]; do shift; done; target=$2;'
        f' while [ "$1" != --requirement ]; do shift; done; lock=$2; {pip};;'
        " esac",
    )
    # No system folder: it might hold a Python 3.13.
    for name in ("awk", "cp", "mkdir", "mv", "rm"):
        program = shutil.which(name)
        assert program
        (tmp_path / "bin" / name).symlink_to(program)
    return str(tmp_path / "bin")


def test_without_uv_the_pinned_one_is_installed_by_an_older_python_and_kept(tmp_path: Path) -> None:
    uv = place(tmp_path / "wheel", "uv", installing_uv(tmp_path))
    pip = f'cp "$lock" {tmp_path}/asked; mkdir -p "$target/bin"; cp {uv} "$target/bin"'
    ran = find(tmp_path, PATH=older(tmp_path, pip))
    assert_is_real(ran)
    assert f"{tmp_path}/bin/python3 installs uv into build/uv" in ran.stderr
    asked = (tmp_path / "asked").read_text(encoding="utf-8")
    assert asked.startswith("uv==")
    assert asked.count("==") == 1
    assert "--hash=sha256:" in asked
    again = find(tmp_path, PATH=f"{tmp_path}/nowhere")
    assert_is_real(again)
    assert again.stderr == ""


@pytest.mark.parametrize(
    "pip",
    [
        pytest.param("echo no such package >&2; exit 1", id="pip-refuses"),
        pytest.param('mkdir -p "$target/bin"; echo no such package >&2', id="pip-installs-no-uv"),
    ],
)
def test_an_older_python_that_cannot_install_uv_ends_in_the_message_and_leaves_nothing(
    tmp_path: Path, pip: str
) -> None:
    ran = find(tmp_path, PATH=older(tmp_path, pip, venv='mkdir -p "$3"; exit 1'))
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert "no such package" in ran.stderr
    assert ran.stderr.count("Relink needs Python 3.13") == 1
    assert list((tmp_path / "project/build").iterdir()) == []


def test_a_uv_that_cannot_install_ends_in_the_message(tmp_path: Path) -> None:
    place(tmp_path / "bin", "uv", "exit 2")
    ran = find(tmp_path, PATH=str(tmp_path / "bin"))
    assert ran.returncode == 1
    assert "Relink needs Python 3.13" in ran.stderr


def test_the_chosen_python_wins_over_the_path(tmp_path: Path) -> None:
    place(tmp_path / "bin", "python3.13", "echo /wrong")
    ran = find(tmp_path, PATH=str(tmp_path / "bin"), RELINK_PYTHON=str(REAL))
    assert_is_real(ran)


def test_a_chosen_python_that_does_not_fit_is_an_error_and_never_replaced(tmp_path: Path) -> None:
    place(tmp_path / "bin", "python3.13")
    old = place(tmp_path / "old", "python3.12", "exit 1")
    ran = find(tmp_path, PATH=str(tmp_path / "bin"), RELINK_PYTHON=str(old))
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert str(old) in ran.stderr


def test_inside_a_virtual_environment_the_python_beneath_is_meant(tmp_path: Path) -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("these tests run outside a virtual environment")
    ran = find(tmp_path, RELINK_PYTHON=sys.executable)
    assert_is_real(ran)
    assert not Path(ran.stdout.strip()).is_relative_to(sys.prefix)
