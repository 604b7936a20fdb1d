"""What a child gets of our environment, and that every child of ours gets an environment made for it."""

import ast
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.child import HostProcess
from devhost.environment import child_environment
from tests.devhost.conftest import APPS, KEY

ROOT = Path(__file__).parents[2]
FOREIGN = {
    "AZUREML_CURRENT_CLOUD": "Relink0123456789abcdef",  # as azure-ai-ml leaves it behind
    "RELINK_NOTIFY_URL": "https://hooks.example/secret",
    "AZURE_CLIENT_ID": "somebody",
    "HTTPS_PROXY": "http://proxy.example:3128",
}
OTHERS = {
    "scripts/az_test.py": "pytest itself, and uv with its index",
    "scripts/conformance.py": "npm with its registry, and a demo that makes its own",
    "scripts/house_check.py": "git",
    "scripts/node_packages.py": "npm with its registry",
    "tests/azurite.py": "Azurite, a program of somebody else",
    "tests/docs/test_links.py": "git",
    "tests/infra/test_alerts.py": "Microsoft's KQL parser",
    "tests/infra/test_compiler.py": "Microsoft's Bicep compiler",
    "tests/infra/test_deployed.py": "uv with its index",
    "tests/project/test_gate.py": "make, git and the gate itself",
    "tests/project/test_house_check.py": "git",
    "tests/project/test_package.py": "git",
    "tests/project/test_setup.py": "a Python that was just installed",
    "tests/simulator/test_conformance.py": "a judge that may have npm install its packages",
}
"""Files that start a program of somebody else with our whole environment: which."""


@pytest.fixture
def littered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("littered")
def test_a_child_gets_what_it_needs_and_what_is_given_and_nothing_else() -> None:
    made = child_environment({"RELINK_MODE": "observe", "PATH": "/given"})
    assert made.keys() & FOREIGN.keys() == set()
    assert made.items() >= {("RELINK_MODE", "observe"), ("PATH", "/given")}
    assert made.get("HOME") == os.environ.get("HOME")


@pytest.mark.usefixtures("littered")
def test_a_host_starts_whatever_a_library_left_in_our_environment(tmp_path: Path) -> None:
    environ = {"MARKS": str(tmp_path), "EVERY_SECOND": "0 0 0 1 1 *"}
    with HostProcess(APPS / "web", tmp_path / "state", key=KEY, environ=environ) as host:
        listing = Path(f"/proc/{host.pid}/environ")
        if not listing.exists():
            pytest.skip("a process's environment is read from /proc, which this system lacks")
        got = {line.partition("=")[0] for line in listing.read_text().split("\0")}
    assert got & FOREIGN.keys() == set()
    assert {"MARKS", "PATH"} <= got


def starts(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call that starts a process."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if isinstance(of, ast.Name) and of.id == "subprocess":
                yield node


def inherits(source: str) -> bool:
    """Whether a file starts a process with our environment, or with a copy of it."""
    tree = ast.parse(source)
    if any("env" not in {word.arg for word in call.keywords} for call in starts(tree)):
        return True
    copies = ("{**os.environ", "env=dict(os.environ)", "os.environ.copy()", "env=os.environ", "os.environ |",
              "in os.environ.items()")  # fmt: skip
    return bool(list(starts(tree))) and any(copy in source for copy in copies)


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run(['relink', 'host'])",
        "import subprocess\nenv = {**os.environ, 'A': 'b'}\nsubprocess.Popen(['relink'], env=env)",
        "import subprocess\nsubprocess.run(['relink'], env=dict(os.environ))",
    ],
)
def test_a_start_that_inherits_is_found(source: str) -> None:
    assert inherits(source)


def test_no_child_of_ours_inherits_our_environment() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(
        command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    mine = Path(__file__).relative_to(ROOT).as_posix()
    found = {
        name
        for name in filter(None, listed.stdout.split("\0"))
        if name != mine and (ROOT / name).is_file() and inherits((ROOT / name).read_text("utf-8"))
    }
    assert found == OTHERS.keys()
