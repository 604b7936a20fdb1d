"""docs/architecture.md: what each part needs is said of every function, and shown by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from shared.workflow.activities import ACTIVITIES
from shared.workflow.entity import ENTITY, OUTBOX
from shared.workflow.orchestrators import ORCHESTRATORS
from tests.triggers.test_function_app import indexed

__all__ = ["indexed"]

ROOT = Path(__file__).parents[2]
HEAD = "| part | needs | deadline | without it | shown by |"
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")


def rows() -> list[list[str]]:
    """The cells of each row of the table."""
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    table = text.split(f"{HEAD}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table]


def parts() -> set[str]:
    return {name for row in rows() for name in re.findall(r"`(\w+)`", row[0])}


def test_every_function_of_the_app_has_a_row(indexed: dict[str, Any]) -> None:
    own = {name for name in indexed["functions"] if not name.startswith("BuiltIn__")}
    assert own - parts() == set()
    assert {*ACTIVITIES, *ORCHESTRATORS, ENTITY, OUTBOX} - parts() == set()


def test_no_row_is_of_a_function_that_is_gone(indexed: dict[str, Any]) -> None:
    assert parts() - set(indexed["functions"]) == {"plan"}, "a command has a row, too"


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]}-{row[1]}"[:60])
def test_each_row_is_whole_and_its_tests_exist(row: list[str]) -> None:
    assert len(row) == 5
    assert row[1]
    assert row[3]
    named = NAMED.findall(row[4])
    assert named
    for file, name in named:
        text = (ROOT / "tests" / file).read_text("utf-8")
        assert re.search(rf"def {name or 'test_'}", text), f"{file}::{name}"
