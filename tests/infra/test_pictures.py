"""The trace and the charts in the docs: from what was recorded, which is what the product tells."""

from __future__ import annotations

import json
import shutil
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.infra.recorded import record
from tests.infra.shared_folder import INFRA, ROOT

RECORDED = ROOT / "docs/recorded"


def load(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def script() -> ModuleType:
    """scripts/pictures as a module."""
    loader = SourceFileLoader("pictures", str(ROOT / "scripts/pictures"))
    spec = spec_from_loader("pictures", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_pages_show_what_was_recorded(script: ModuleType) -> None:
    for page, wanted in script.pages().items():
        assert page.read_text(encoding="utf-8") == wanted, page.name


def longest_step() -> str:
    """The duration of the longest step, as it stands in the recording."""
    steps = [span["ms"] for span in load("restart")["spans"] if span["name"] == "relink.step"]
    return f'"ms": {max(steps)}'


@pytest.mark.parametrize(
    ("file", "page", "number"),
    [
        ("restart.json", "trace.md", longest_step()),
        ("day.json", "workbook.md", '["ScopeLocked", 6'),
    ],
    ids=["trace", "workbook"],
)
def test_another_number_makes_another_page(
    script: ModuleType, tmp_path: Path, file: str, page: str, number: str
) -> None:
    shutil.copytree(RECORDED, tmp_path / "recorded")
    changed = tmp_path / "recorded" / file
    text = changed.read_text(encoding="utf-8")
    assert number in text
    changed.write_text(text.replace(number, f"{number}9", 1), encoding="utf-8")
    script.RECORDED = changed.parent  # type: ignore[attr-defined]
    wanted = script.pages()[ROOT / "docs" / page]
    assert wanted != (ROOT / "docs" / page).read_text(encoding="utf-8")


def test_the_charts_are_those_of_the_workbook() -> None:
    items = json.loads((INFRA / "workbook.json").read_text(encoding="utf-8"))["items"]
    queries = {item["name"]: item["content"]["query"] for item in items if item["type"] == 3}
    recorded = {name: each["query"] for name, each in load("day")["panels"].items()}
    assert recorded == queries, "record anew: .venv/bin/python scripts/pictures --record"


def test_no_chart_of_the_day_is_empty() -> None:
    for name, panel in load("day")["panels"].items():
        assert panel["rows"], name
        assert any(value for row in panel["rows"] for value in row[1:]), name


def sound(told: dict[str, Any]) -> None:
    """One trace: everything once, everything below what it belongs to."""
    spans = {span["id"]: span for span in told["spans"]}
    assert len(spans) == len(told["spans"])
    (root,) = [span for span in spans.values() if span["parent"] not in spans]
    assert (root["name"], root["parent"]) == ("relink.run", "")
    steps = [(s["unit"], int(s["step"])) for s in spans.values() if s["name"] == "relink.step"]
    planned = [(unit, n) for unit, labels in told["steps"].items() for n in range(len(labels))]
    assert sorted(steps) == sorted(planned)
    for span in spans.values():
        parent = spans.get(span["parent"])
        if span["name"] == "relink.activity":
            assert parent is not None
            whole = span["activity"] in {"assess", "conclude_run"}
            assert parent["name"] == ("relink.run" if whole else "relink.step")
            assert whole or parent["unit"] == span["unit"]
        elif "arm" in span:
            assert parent is not None
            assert parent["name"] in {"relink.activity", "activity_span"}
    done = [span["activity"] for span in spans.values() if "activity" in span]
    assert done.count("conclude_run") == 1
    assert done.count("start_step") >= len(steps)


def test_the_recorded_trace_is_sound() -> None:
    told = load("restart")
    sound(told)
    assert told["outcome"] == "Repaired"
    assert (told["endpoints"], told["computes"]) == (3, 4)


@pytest.mark.slow
def test_a_repair_on_the_real_worker_is_one_sound_trace(tmp_path: Path) -> None:
    told = record(tmp_path, speed=100.0, endpoints=1, computes=1)
    assert told["outcome"] == "Repaired"
    sound(told)
    assert sum(span.get("activity") == "assess" for span in told["spans"]) >= 2
    assert told["metrics"]["relink.queue.depth"] >= 1  # told by the entity that held the wish
    assert told["metrics"]["relink.drift.open"] == 0
