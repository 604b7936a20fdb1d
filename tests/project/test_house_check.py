"""scripts/house_check.py finds what it says it finds, and nothing in a clean tree."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from devhost.environment import child_environment

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "house_check.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house_check", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Registered before it runs: dataclasses look their own module up.
    sys.modules["house_check"] = module
    spec.loader.exec_module(module)
    return module


house_check = load()


def complain(root: Path) -> list[str]:
    """Every line but the summary; the exit status must agree with them."""
    lines: list[str] = []
    status = house_check.main([str(root)], write=lines.append)
    complaints = lines[:-1]
    assert status == bool(complaints)
    return complaints


def write(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def join(*parts: str) -> str:
    """Puts a forbidden text together, so that this file does not hold it."""
    return "".join(parts)


def make_function(lines: int, docstring: str = "") -> str:
    body = "".join(f"    x = {number}\n" for number in range(lines))
    return f"def f() -> None:\n{docstring}{body}"


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        pytest.param("shared/a.py", "x = 1\n" * 401, "401 lines", id="long-file"),
        pytest.param("scripts/go", "#!/bin/sh\n" + "true\n" * 400, "401 lines", id="long-script"),
        pytest.param("shared/a.py", make_function(41), "body of f has 41 lines", id="long-body"),
        pytest.param("shared/a.py", "def f(:\n", "does not parse", id="broken-module"),
        pytest.param("docs/a.md", join("see /ro", "ot/x\n"), "one machine", id="root-home"),
        pytest.param("a.toml", join('"/wo', 'rk/x"\n'), "one machine", id="work-folder"),
        pytest.param("a.py", join('p = "file:///ho', 'me/me/x"\n'), "one machine", id="file-url"),
        pytest.param("a.sh", join("cd /Use", "rs/me/x\n"), "one machine", id="mac-home"),
        pytest.param(
            "l.json", join("https://files.python", "hosted.org/a"), "registry", id="package-files"
        ),
        pytest.param("a.txt", join("https://pypi.org/", "simple"), "registry", id="package-index"),
        pytest.param("a.txt", join("--extra-index-", "url x"), "registry", id="index-option"),
        pytest.param("p.json", join("registry.np", "mjs.org/x"), "registry", id="node-registry"),
        pytest.param("a.py", join("# TO", "DO later\n"), "unfinished", id="unfinished"),
        pytest.param("Makefile", join("# FIX", "ME\n"), "unfinished", id="to-be-fixed"),
        pytest.param("a.py", join("x = 1  # no", "qa: S101\n"), "reason", id="rule-suppressed"),
        pytest.param("a.py", join("x = 1  # no", "qa\n"), "reason", id="all-rules-suppressed"),
        pytest.param("shared/utils.py", "", "what it owns", id="vague-module"),
        pytest.param(
            "tests/test_a.py", "def test_b():\n    print(1)\n", "test_b asserts", id="empty-test"
        ),
        pytest.param(
            "tests/test_a.py",
            "class TestA:\n    async def test_c(self):\n        run()\n",
            "test_c asserts",
            id="empty-method",
        ),
    ],
)
def test_a_mistake_is_found_with_its_place(
    tmp_path: Path, path: str, text: str, complaint: str
) -> None:
    write(tmp_path, path, text)
    (found,) = complain(tmp_path)
    assert found.startswith(f"{path}:")
    assert complaint in found


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("shared/a.py", "x = 1\n" * 400, id="longest-file"),
        pytest.param("lock.txt", "x\n" * 4000, id="long-list"),
        pytest.param("shared/a.py", make_function(40), id="longest-body"),
        pytest.param(
            "a.py", make_function(40, '    """One.\n\n    Two.\n    """\n'), id="long-docstring"
        ),
        pytest.param("a.py", 'p = "/home/site/wwwroot"\n', id="where-azure-mounts-the-app"),
        pytest.param("a.py", 'p = "https://host/api/work/x"\n', id="path-of-a-url"),
        pytest.param("a.py", join("x = 1  # no", "qa: S101 - the reason\n"), id="reason-given"),
        pytest.param("a.py", "todo_list = 1\n", id="a-word-in-a-name"),
        pytest.param("tests/test_a.py", "def test_b():\n    assert f()\n", id="assert"),
        pytest.param(
            "tests/test_a.py",
            "def test_b():\n    with pytest.raises(ValueError):\n        f()\n",
            id="raises",
        ),
        pytest.param("tests/test_a.py", "def test_b():\n    assert_same(f())\n", id="own-assert"),
        pytest.param("tests/test_a.py", "def test_b():\n    x.expect_none()\n", id="own-expect"),
        pytest.param("shared/a.py", "def test_connection():\n    return 1\n", id="not-a-test-file"),
        pytest.param(".mypy_cache/a.json", join('"/ro', 'ot/x"'), id="tool-cache"),
    ],
)
def test_what_is_allowed_is_not_complained_of(tmp_path: Path, path: str, text: str) -> None:
    write(tmp_path, path, text)
    assert complain(tmp_path) == []


def test_pictures_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\xff\xfe")
    assert complain(tmp_path) == []


def test_what_git_ignores_is_skipped_and_what_it_would_add_is_not(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    write(tmp_path, ".gitignore", "ignored.py\n")
    write(tmp_path, "ignored.py", "x = 1\n" * 500)
    write(tmp_path, "added.py", "x = 1\n" * 500)
    (found,) = complain(tmp_path)
    assert found.startswith("added.py:500:")


def test_the_command_exits_with_1_on_a_complaint(tmp_path: Path) -> None:
    write(tmp_path, "shared/data.py", "")
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stdout.splitlines() == [
        "shared/data.py:1: a module's name says what it owns",
        "house rules: 1 files, 1 complaint",
    ]
