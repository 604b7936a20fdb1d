"""What only a folder promises: nothing half written, whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from devhost.environment import child_environment
from shared.records import Conflict, FolderStore, StoreUnavailableError
from shared.records.deadline import within

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import sys
from pathlib import Path
from shared.records import FolderStore
store = FolderStore(Path(sys.argv[1]))
number = 0
while True:
    letter = b"ab"[number % 2 : number % 2 + 1]
    store.write("deep/document", letter * 200_000)
    number += 1
"""


@pytest.mark.slow
def test_a_kill_leaves_a_whole_document_and_a_free_lock(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for _ in range(3):
        store.delete("deep/document")
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, env=child_environment()) as writer:
            try:
                _await_document(store)
            finally:
                writer.send_signal(signal.SIGKILL)
        stored = store.read("deep/document")
        assert stored is not None
        assert len(stored.data) == 200_000
        assert len(set(stored.data)) == 1
        store.write("deep/document", b"mine", if_match=stored.etag)
        assert list(store.keys()) == ["deep/document"]


def _await_document(store: FolderStore) -> None:
    deadline = time.monotonic() + 120
    while store.read("deep/document") is None:
        assert time.monotonic() < deadline, "the writer wrote nothing"
        time.sleep(0.01)


def test_reading_creates_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    assert store.read("a") is None
    assert list(store.keys()) == []
    store.delete("a")
    assert not (tmp_path / "store").exists()


def test_a_pipe_in_a_folder_is_no_document(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert FolderStore(tmp_path).marks() == {}
    assert list(FolderStore(tmp_path).keys()) == []


def test_a_lock_that_somebody_keeps_is_waited_for_as_long_as_there_is_time(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write("a", b"1")
    with FileLock(tmp_path / ".lock"):
        began = time.monotonic()
        with within(0.3), pytest.raises(StoreUnavailableError, match="cannot write 'a'"):
            store.write("a", b"2")
        assert time.monotonic() - began < 20
    store.write("a", b"3")


def test_a_folder_keeps_no_draft_after_a_refused_write(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write("a", b"x", if_absent=True)
    with pytest.raises(Conflict):
        store.write("a", b"y", if_absent=True)
    assert list((tmp_path / ".drafts").iterdir()) == []


def test_a_link_to_nowhere_in_a_folder_is_listed_and_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "gone")
    assert set(FolderStore(tmp_path).marks()) == {"a.yaml"}
    assert FolderStore(tmp_path).read("a.yaml") is None


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailableError, match=r"cannot write 'a/b'.*file"):
        FolderStore(tmp_path / "file").write("a/b", b"x")
