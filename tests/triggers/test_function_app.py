"""The composition root: it registers and decides nothing, and indexing it costs little."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devhost.environment import child_environment

ROOT = Path(__file__).resolve().parents[2]
LATE = (
    "azure.mgmt",
    "azure.ai",
    "azure.identity",
    "azure.core",
    "azure.eventgrid",
    "azure.storage",
    "azure.monitor",
    "msal",
    "httpx",
    "requests",
    "ruamel",
    "cryptography",
    "hypothesis",
    "simulator",
    "devhost",
    "cli",
)
"""What an activity imports when it first needs it, and what is no part of the app."""

PROBE = """
import json, sys, time
began = time.perf_counter()
import function_app
seconds = time.perf_counter() - began
with open("/proc/self/status") as status:  # ru_maxrss would be the parent's at the fork
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
functions = function_app.app.get_functions()
print(json.dumps({
    "seconds": seconds, "peak_mb": peak, "modules": sorted(sys.modules),
    "functions": {f.get_function_name(): [b.type for b in f.get_bindings()] for f in functions},
}))
"""


@pytest.fixture(scope="module")
def indexed() -> dict[str, Any]:
    """What a fresh process looks like after indexing the app, without any setting."""
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is read from /proc, which this system does not have")
    told = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=ROOT,
        env=child_environment({"RELINK_EVENT_QUEUE": "events"}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def test_indexing_imports_no_azure_sdk(indexed: dict[str, Any]) -> None:
    late = [m for m in indexed["modules"] if any(m == p or m.startswith(f"{p}.") for p in LATE)]
    assert late == []


def test_indexing_stays_small(indexed: dict[str, Any]) -> None:
    """Loose bounds: the goals (0.7 s, 110 MB) are measured by the benchmarks on a quiet machine."""
    assert indexed["peak_mb"] < 150
    assert indexed["seconds"] < 20


def test_the_app_has_the_functions_of_the_seams(indexed: dict[str, Any]) -> None:
    found = indexed["functions"]
    triggers = {name: next(t for t in types if "rigger" in t) for name, types in found.items()}
    own = {name: t for name, t in triggers.items() if not name.startswith("BuiltIn__")}
    assert own == {
        "environment_queue": "entityTrigger",
        "outbox": "entityTrigger",
        "reconcile": "orchestrationTrigger",
        "apply_unit": "orchestrationTrigger",
        "assess": "activityTrigger",
        "start_step": "activityTrigger",
        "look_step": "activityTrigger",
        "conclude_run": "activityTrigger",
        "resource_changed": "eventGridTrigger",
        "resource_changed_queued": "queueTrigger",
        "sweep": "timerTrigger",
        "health": "httpTrigger",
        "list_environments": "httpTrigger",
        "show_environment": "httpTrigger",
        "reconcile_environment": "httpTrigger",
        "pause_environment": "httpTrigger",
        "resume_environment": "httpTrigger",
        "show_run": "httpTrigger",
        "approve_run": "httpTrigger",
        "reject_run": "httpTrigger",
    }


def test_the_composition_root_only_registers() -> None:
    tree = ast.parse((ROOT / "function_app.py").read_text())
    for statement in tree.body:
        assert isinstance(
            statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.Assign | ast.Expr
        ), ast.unparse(statement)
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=attribute))):
                assert attribute == "register_functions"
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case ast.Expr():
                pytest.fail(ast.unparse(statement))
            case ast.FunctionDef(body=[ast.Expr(), ast.Return(value=ast.Call())]):
                pass  # a docstring and one call
            case ast.FunctionDef():
                pytest.fail(ast.unparse(statement))
            case _:
                pass
    decisions = (
        ast.If | ast.For | ast.While | ast.Try | ast.With | ast.Match | ast.IfExp | ast.BoolOp
    )
    assert not [node for node in ast.walk(tree) if isinstance(node, decisions)]


def orchestrator_functions() -> list[ast.FunctionDef]:
    tree = ast.parse((ROOT / "shared/workflow/orchestrators.py").read_text())
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("function", orchestrator_functions(), ids=lambda f: f.name)
def test_an_orchestrator_s_body_is_short(function: ast.FunctionDef) -> None:
    last = function.body[-1].end_lineno or 0
    assert last - function.body[0].lineno + 1 < 40


FORBIDDEN = {
    "now", "utcnow", "today", "time", "monotonic", "sleep", "uuid4", "uuid1", "random", "getenv",
    "environ", "open", "input", "print", "get_event_loop",
}  # fmt: skip


def test_orchestrators_ask_nothing_but_their_context() -> None:
    """No clock, chance, environment or file: a replay has to decide the same again."""
    source = (ROOT / "shared/workflow/orchestrators.py").read_text()
    named = {
        name
        for node in ast.walk(ast.parse(source))
        for name in ([node.id] if isinstance(node, ast.Name) else [])
        + ([node.attr] if isinstance(node, ast.Attribute) else [])
    }
    assert named & FORBIDDEN == set()
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= {
        "__future__", "collections.abc", "datetime", "typing", "durabletask",
        "durabletask.entities", "shared.reconcile", "shared.workflow.entity",
    }  # fmt: skip


def test_the_functions_doctor_finds_nothing_nondeterministic() -> None:
    told = subprocess.run(
        [
            Path(sys.executable).with_name("azure-functions-doctor"), "doctor", "--path", ROOT,
            "--profile", "minimal", "--hosting-plan", "flex-consumption",
            "--target-python", "3.13",
        ],
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    assert "0 fails" in told.stdout
