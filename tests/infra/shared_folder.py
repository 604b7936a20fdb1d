"""The checkers that lie beside the project: Bicep's and KQL's. Where they are absent, tests skip."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scripts import judges
from scripts.judges import SHARED

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
TEMPLATES = sorted([*INFRA.glob("*.bicep"), *INFRA.glob("modules/*.bicep")])

needs_bicep_check = pytest.mark.skipif(
    not (SHARED / "bicep_check/bicep_check.py").is_file(),
    reason="the offline Bicep checker is not beside the project; `az bicep build` does more",
)


@cache
def module(name: str) -> ModuleType:
    """A module of the Bicep checker."""
    if name in sys.modules:
        return sys.modules[name]
    path = SHARED / f"bicep_check/{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def parsed(text: str) -> list[Any]:
    """The statements of a template."""
    statements: list[Any] = module("bicep_parser").parse(text)
    return statements


@cache
def _types() -> Any:  # noqa: ANN401 - the checker has no types of its own
    import json  # noqa: PLC0415 - with the checker only

    checker = module_with_parser()
    return checker.Types(json.loads((SHARED / "bicep_check/types.json").read_text()))


def module_with_parser() -> ModuleType:
    """The checker; it imports the parser by its bare name."""
    judges.ran("bicep-check", f"{len(TEMPLATES)} templates")
    module("bicep_parser")
    return module("bicep_check")


def diagnostics(paths: list[Path]) -> list[str]:
    """What the checker says of templates: errors and warnings."""
    found = module_with_parser().check([str(path) for path in paths], _types())
    return [str(each) for each in found if each.sev in {"error", "warning"}]
