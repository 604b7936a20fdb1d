"""Every call of a store ends: one that hangs, one that drips, and the hundredth of them."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from shared.records import FolderStore, Store, StoreUnavailableError, open_store
from shared.records.bounded import BoundedStore
from shared.records.deadline import left, within

HEAD = (
    b"HTTP/1.1 206 Partial\r\nContent-Length: 100000\r\nContent-Range: bytes 0-99999/100000\r\n"
    b'ETag: "1"\r\nx-ms-blob-type: BlockBlob\r\nContent-Type: application/xml\r\n'
)
ANSWERS = {
    "nonsense": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\n<a><b/>",
    "stranger": b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
}
"""The 404 is a proxy's: it says nothing about a document, so no pause may be taken for ended by it."""


class Neighbour:
    """Accepts, then hangs, or drips the head or the body of an answer. Counts who is connected."""

    def __init__(self, mood: str) -> None:
        self.mood = mood
        self.open: set[socket.socket] = set()
        self.hits = 0
        self._over = threading.Event()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._door.accept()
            except OSError:
                return
            self.hits += 1
            self._threads.append(threading.Thread(target=self._answer, args=(peer,)))
            self._threads[-1].start()

    def _answer(self, peer: socket.socket) -> None:
        self.open.add(peer)
        with peer, suppress(OSError):
            peer.recv(65536)
            if self.mood == "body":
                peer.sendall(HEAD + b"\r\n")
            if self.mood in ANSWERS:
                peer.sendall(ANSWERS[self.mood])
                return
            while self.mood == "hang" and not self._over.wait(0.05):
                continue
            while not self._over.wait(0.05):
                peer.sendall(b"x" if self.mood == "body" else b"H")
        self.open.discard(peer)

    def close(self) -> None:
        self._over.set()
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in self._threads:
            thread.join(10)

    @property
    def address(self) -> str:
        key = base64.b64encode(b"k" * 32).decode()
        endpoint = f"http://127.0.0.1:{self.port}/acc"
        return f"AccountName=acc;AccountKey={key};BlobEndpoint={endpoint};Container=records"


@contextmanager
def neighbour(mood: str) -> Iterator[Neighbour]:
    found = Neighbour(mood)
    try:
        yield found
    finally:
        found.close()


def no_credential() -> NoReturn:
    pytest.fail("no credential is needed on this machine")


CALLS: dict[str, Callable[[Store], object]] = {
    "read": lambda store: store.read("a.json"),
    "write": lambda store: store.write("a.json", b"x"),
    "delete": lambda store: store.delete("a.json"),
    "keys": lambda store: list(store.keys()),
    "marks": lambda store: store.marks(),
}


# The SDK drops an answer that it cannot read without closing it; the collector does.
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("mood", ["hang", "head", "body", *ANSWERS])
def test_a_container_that_hangs_or_drips_or_is_none_is_given_up_in_time(
    mood: str, call: Callable[[Store], object]
) -> None:
    with neighbour(mood) as bad:
        store = open_store(bad.address, no_credential)
        began = time.monotonic()
        with within(0.5), pytest.raises(StoreUnavailableError):
            call(store)
        assert time.monotonic() - began < 20
        assert bad.hits


def test_a_body_that_drips_is_cut_off_and_not_asked_for_again() -> None:
    with neighbour("body") as bad:
        store = open_store(bad.address, no_credential)
        with within(0.5), pytest.raises(StoreUnavailableError):
            store.read("a.json")
        wait_until(lambda: not bad.open)
        assert bad.hits == 1


def wait_until(seen: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Hanging(FolderStore):
    """Hangs until it is let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.go = threading.Event()
        self.asked = 0

    def read(self, key: str) -> Any:  # noqa: ANN401 - as the store's
        self.asked += 1
        self.go.wait(120)
        return super().read(key)


def test_only_so_many_calls_are_left_behind_and_a_store_that_answers_again_is_used(
    tmp_path: Path,
) -> None:
    inner = Hanging(tmp_path)
    store = BoundedStore(inner, seconds=0.1, most=3)
    for _ in range(10):
        with pytest.raises(StoreUnavailableError):
            store.read("a")
    assert inner.asked == 3
    inner.go.set()
    wait_until(lambda: _answers(store))
    store.write("a", b"x")
    assert store.read("a") is not None


def _answers(store: Store) -> bool:
    with suppress(StoreUnavailableError):
        return store.read("a") is None
    return False


def test_all_calls_below_a_deadline_share_it(tmp_path: Path) -> None:
    inner = Hanging(tmp_path)
    store = BoundedStore(inner, seconds=30)
    began = time.monotonic()
    with within(0.3):
        for _ in range(20):
            with pytest.raises(StoreUnavailableError):
                store.read("a")
        assert left(10) == 0
    assert left(10) == 10
    assert time.monotonic() - began < 20
    assert inner.asked == 1
    inner.go.set()


def test_what_the_store_raises_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailableError, match="cannot write"):
        BoundedStore(FolderStore(tmp_path / "file")).write("a/b", b"x")


def test_a_long_listing_comes_in_pages(tmp_path: Path) -> None:
    store = BoundedStore(FolderStore(tmp_path))
    for number in range(1201):
        (tmp_path / f"{number:05}").write_bytes(b"")
    assert len(list(store.keys())) == 1201
    assert next(iter(store.keys())) == "00000"
