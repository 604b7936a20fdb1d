"""The import contracts: each is broken on purpose in a made-up tree and must be noticed there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.environment import child_environment

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

# One module for each room that a contract names, so that the tree is complete and empty.
MODULES = (
    "shared/__init__.py",
    "shared/model/__init__.py",
    "shared/azure/__init__.py",
    "shared/workflow/__init__.py",
    "shared/triggers/__init__.py",
    "shared/remediator.py",
    "shared/remediation/__init__.py",
    "shared/reconcile.py",
    "shared/guards.py",
    "shared/remaking.py",
    "shared/focus.py",
    "shared/restarts.py",
    "shared/unread.py",
    "shared/outcomes.py",
    "shared/window.py",
    "shared/ledger.py",
    "shared/events.py",
    "shared/capture.py",
    "shared/records.py",
    "shared/settings.py",
    "shared/telemetry.py",
    "remediators/__init__.py",
    "remediators/private_endpoint.py",
    "remediators/network_access.py",
    "cli/__init__.py",
    "devhost/__init__.py",
    "simulator/__init__.py",
    "function_app.py",
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = child_environment({"PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"})
    return subprocess.run(
        [str(LINT), "--no-cache", "--no-logo", "--config", str(folder / "pyproject.toml")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in MODULES:
        module = tmp_path / name
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text('"""Empty."""\n', encoding="utf-8")
    return tmp_path


def test_a_tree_that_keeps_the_rules_passes(tree: Path) -> None:
    ran = lint(tree)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        pytest.param("shared/model/__init__.py", "azure.core", id="model-to-sdk"),
        pytest.param("shared/model/__init__.py", "shared.settings", id="model-to-settings"),
        pytest.param("remediators/private_endpoint.py", "httpx", id="remediator-to-http"),
        pytest.param("remediators/private_endpoint.py", "shared.azure", id="remediator-to-azure"),
        pytest.param(
            "remediators/private_endpoint.py",
            "remediators.network_access",
            id="remediator-to-remediator",
        ),
        pytest.param("shared/reconcile.py", "remediators", id="planning-to-remediators"),
        pytest.param("shared/guards.py", "shared.workflow", id="guards-to-workflow"),
        pytest.param("shared/events.py", "azure.core", id="events-to-sdk"),
        pytest.param("shared/azure/__init__.py", "shared.reconcile", id="azure-to-planning"),
        pytest.param("shared/workflow/__init__.py", "remediators", id="workflow-to-remediators"),
        pytest.param("shared/triggers/__init__.py", "simulator", id="triggers-to-simulator"),
        pytest.param("simulator/__init__.py", "shared.model", id="simulator-to-product"),
        pytest.param("simulator/__init__.py", "azure.core", id="simulator-to-sdk"),
        pytest.param("simulator/__init__.py", "function_app", id="simulator-to-app"),
    ],
)
def test_an_import_across_the_rules_is_noticed(tree: Path, module: str, forbidden: str) -> None:
    (tree / module).write_text(f'"""Breaks a rule."""\n\nimport {forbidden}\n', encoding="utf-8")
    ran = lint(tree)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "1 broken" in ran.stdout or "2 broken" in ran.stdout


def test_the_real_tree_keeps_the_rules() -> None:
    ran = lint(ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
