"""docs/operating.md explains every reason that the code can give for an outcome."""

import ast
import re
from pathlib import Path

from shared.model.environment import Mode
from shared.model.outcome import OutcomeKind
from shared.remediation.differences import NEXT

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/operating.md"
GIVING = (
    "shared/guards.py", "shared/remaking.py", "shared/outcomes.py", "shared/workflow/carry.py",
    "shared/azure/awaiting.py", "shared/azure/polling.py", "shared/azure/patches.py",
    "shared/azure/wire.py", "shared/azure/kinds.py", "shared/azure/steps.py", "cli/running.py",
)  # fmt: skip
NO_REASONS = {
    "AwaitState", "Done", "Refused", "Retry",  # kinds of steps and of progress
    "OperationLost", "StillThere",  # a step is tried again for them
}  # fmt: skip
CAMEL = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)*")


def given() -> set[str]:
    """Every word in CamelCase that stands alone as a text in the files that give reasons."""
    nodes = (n for path in GIVING for n in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))))
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {text for text in texts if CAMEL.fullmatch(text)} - NO_REASONS - NEXT.keys()


def explained() -> set[str]:
    """What the first column of a table names."""
    rows = re.findall(r"^\| (`.+?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_reason_of_guards_results_and_steps_is_explained() -> None:
    assert {"HoldOff", "JobsRunning", "NotRepaired", "LeaseLost"} <= given()
    assert given() - explained() == set()


def test_every_outcome_and_mode_is_explained() -> None:
    assert {kind.value for kind in OutcomeKind} - explained() == set()
    assert {mode.value for mode in Mode} - explained() == set()
