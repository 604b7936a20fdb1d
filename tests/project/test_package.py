"""What is deployed: the app and its two rooms, by git's reading of .funcignore and by Core Tools'."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pathspec
import pytest

ROOT = Path(__file__).parents[2]
PATTERNS = (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines()

SHIPPED_FILES = {"function_app.py", "host.json", "requirements.txt"}
SHIPPED_ROOMS = {"remediators", "shared"}

# What may lie about in a folder that somebody deploys from, tracked or not.
LITTER = (
    ".git/HEAD",
    ".git/objects/ab/cdef",
    ".gitignore",
    ".gitattributes",
    ".github/workflows/ci.yml",
    ".ci/run",
    ".venv/bin/python",
    ".venv/lib/python3.13/site-packages/shared/__init__.py",
    ".vscode/settings.json",
    ".azure/dev/.env",
    ".env",
    ".coverage",
    ".mypy_cache/3.13/shared.data.json",
    ".hypothesis/examples/1/2",
    "README.md",
    "LICENSE",
    "Makefile",
    "azure.yaml",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements/app.in",
    "local.settings.json",
    "local.settings.json.sample",
    "relink.egg-info/PKG-INFO",
    "__pycache__/function_app.cpython-313.pyc",
    "shared/__pycache__/records.cpython-313.pyc",
    "shared/azure/__pycache__/arm.cpython-313.pyc",
    "node_modules/azurite/package.json",
    "state/host-key",
    "__azurite_db_queue__.json",
    "benchmarks/results.json",
    "cli/main.py",
    "devhost/host.py",
    "docs/adr/0000-template.md",
    "infra/main.bicep",
    "scripts/setup",
    "simulator/__init__.py",
    "tests/shared/test_records.py",
)

# Names that begin like a left-out folder: the ones that a careless pattern takes along.
KEPT = (
    "function_app.py",
    "host.json",
    "requirements.txt",
    "remediators/__init__.py",
    "remediators/private_endpoint.py",
    "shared/__init__.py",
    "shared/azure/arm.py",
    "shared/model/build.py",
    "shared/workflow/state.py",
    "shared/triggers/scripts.py",
)


def left_out_by_git(path: str) -> bool:
    """As azd and VS Code read the file."""
    return pathspec.GitIgnoreSpec.from_lines(PATTERNS).match_file(path)


def left_out_by_core_tools(path: str) -> bool:
    """As `func` does: every pattern is the beginning of a path (its GitIgnoreParser.cs, 2026).

    `*` stands for characters other than a slash and `**` for any, at least one of each.
    """
    for line in (line.strip() for line in PATTERNS):
        if not line or line.startswith("#"):
            continue
        expression = re.escape(line.removeprefix("/"))
        expression = expression.replace(r"\*\*", "(.+)").replace(r"\*", "([^/]+)")
        if re.match(expression, path):
            return True
    return False


READERS = pytest.mark.parametrize("left_out", [left_out_by_git, left_out_by_core_tools])


@READERS
@pytest.mark.parametrize("path", LITTER)
def test_nothing_but_the_app_is_deployed(left_out: Callable[[str], bool], path: str) -> None:
    assert left_out(path)


@READERS
@pytest.mark.parametrize("path", KEPT)
def test_the_app_is_deployed_whole(left_out: Callable[[str], bool], path: str) -> None:
    assert not left_out(path)


@READERS
def test_of_the_real_tree_only_the_app_and_its_rooms_are_deployed(
    left_out: Callable[[str], bool],
) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    shipped = {path for path in paths if not left_out(path)}
    assert {path for path in shipped if "/" not in path} <= SHIPPED_FILES
    assert {path.split("/")[0] for path in shipped if "/" in path} <= SHIPPED_ROOMS
    assert {"host.json", "requirements.txt"} <= shipped


def test_no_pattern_brings_something_back_as_the_readers_disagree_on_that() -> None:
    assert [line for line in PATTERNS if line.startswith("!")] == []
