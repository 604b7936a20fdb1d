"""Events that could not be read are counted: all of them, within bounds, and without ever failing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shared.records import FolderStore, Records, StoreUnavailableError
from tests.shared.records.test_records import START, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def records(tmp_path: Path, clock: Clock) -> Records:
    return Records(FolderStore(tmp_path), clock)


def test_rejected_events_are_counted_within_bounds(records: Records) -> None:
    for number in range(100):
        records.note_rejected_event(f"reason {number}", {"text": "x" * 10_000})
    rejected = records.rejected_events()
    assert sum(rejected.counts.values()) == 100
    assert len(rejected.counts) == 65
    assert rejected.counts["other"] == 36
    assert len(rejected.newest) == 20
    assert rejected.newest[0].reason == "reason 99"
    assert all(len(event.sample) <= 2000 for event in rejected.newest)


@pytest.mark.parametrize("sample", [b"\xff", "\ud800", {"a": {1, 2}}, {(1,): 2}, None], ids=repr)
def test_any_sample_can_be_noted(records: Records, sample: object) -> None:
    records.note_rejected_event("strange", sample)
    assert records.rejected_events().counts == {"strange": 1}


def test_noting_a_rejected_event_never_fails(
    tmp_path: Path, clock: Callable[[], datetime], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "store").write_text("in the way")
    records = Records(FolderStore(tmp_path / "store"), clock)
    with pytest.raises(StoreUnavailableError):
        records.set_watermark("prod", "x", START)
    records.note_rejected_event("no place", {})
    assert "no place" in caplog.text


def test_no_rejected_event_is_lost_in_a_crowd(tmp_path: Path, clock: Clock) -> None:
    """Several processes, each with several threads, count at once."""
    processes = [Records(FolderStore(tmp_path), clock) for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        for number in range(800):
            pool.submit(processes[number % 4].note_rejected_event, f"reason {number % 3}", {})
    for each in processes:
        each.rejected_events()
    assert sum(Records(FolderStore(tmp_path), clock).rejected_events().counts.values()) == 800


def test_rejected_events_wait_for_a_store_that_is_away(records: Records, tmp_path: Path) -> None:
    store = records.documents.store
    object.__setattr__(records.documents, "store", Away())
    for _ in range(30):
        records.note_rejected_event("why", {})
    with pytest.raises(StoreUnavailableError):
        records.rejected_events()
    object.__setattr__(records.documents, "store", store)
    found = records.rejected_events()
    assert (found.counts, len(found.newest)) == ({"why": 30}, 20)
    assert tmp_path.exists()


class Away:
    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any call of a store
        raise StoreUnavailableError(name)
