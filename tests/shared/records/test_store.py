"""Both stores keep the same promises."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from shared.records import (
    Conflict,
    InvalidKeyError,
    Store,
    StoreUnavailableError,
    open_store,
)
from tests.azurite import Azurite, azurite

__all__ = ["azurite"]

_NUMBERS = itertools.count()


def no_credential() -> NoReturn:
    pytest.fail("no credential is needed on this machine")


@pytest.fixture(params=["folder", "blob"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Each call opens the same documents again, as another process would."""
    if request.param == "folder":
        return lambda: open_store(f"file://{tmp_path}/store", no_credential)
    running: Azurite = request.getfixturevalue("azurite")
    address = running.container(f"contract-{next(_NUMBERS)}")
    return lambda: open_store(address, no_credential)


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    return make_store()


def test_reading_what_is_not_there_gives_nothing(store: Store) -> None:
    assert store.read("a/b.json") is None
    assert list(store.keys()) == []


def test_a_store_that_is_not_there_has_no_marks_and_an_empty_one_has_none(store: Store) -> None:
    """What is not there may be not mounted yet; nothing may be concluded from it."""
    with pytest.raises(StoreUnavailableError):
        store.marks()
    store.write("a", b"x")
    store.delete("a")
    assert store.marks() == {}


def test_what_was_written_is_read_by_another(make_store: Callable[[], Store]) -> None:
    etag = make_store().write("a/b.json", b"one")
    stored = make_store().read("a/b.json")
    assert stored is not None
    assert (stored.data, stored.etag) == (b"one", etag)


def test_a_write_replaces_the_whole_document(store: Store) -> None:
    store.write("a", b"a long document")
    store.write("a", b"short")
    stored = store.read("a")
    assert stored is not None
    assert stored.data == b"short"


def test_an_empty_document_is_a_document(store: Store) -> None:
    store.write("a", b"")
    stored = store.read("a")
    assert stored is not None
    assert stored.data == b""


def test_if_absent_refuses_a_second_write(store: Store) -> None:
    store.write("a", b"first", if_absent=True)
    with pytest.raises(Conflict):
        store.write("a", b"second", if_absent=True)
    stored = store.read("a")
    assert stored is not None
    assert stored.data == b"first"


def test_if_match_refuses_what_somebody_else_wrote(store: Store) -> None:
    first = store.write("a", b"first")
    second = store.write("a", b"second", if_match=first)
    with pytest.raises(Conflict):
        store.write("a", b"third", if_match=first)
    assert store.write("a", b"third", if_match=second) != second


def test_if_match_refuses_what_is_gone(store: Store) -> None:
    etag = store.write("a", b"first")
    store.delete("a")
    with pytest.raises(Conflict):
        store.write("a", b"second", if_match=etag)
    with pytest.raises(Conflict):
        store.delete("a", if_match=etag)
    assert store.read("a") is None


def test_deleting_is_done_once_and_asked_often(store: Store) -> None:
    store.write("a/b", b"x")
    store.delete("a/b")
    store.delete("a/b")
    assert store.read("a/b") is None
    assert list(store.keys()) == []


def test_delete_with_if_match_spares_a_newer_version(store: Store) -> None:
    first = store.write("a", b"first")
    second = store.write("a", b"second")
    with pytest.raises(Conflict):
        store.delete("a", if_match=first)
    store.delete("a", if_match=second)
    assert store.read("a") is None


def test_keys_are_sorted_across_folders_and_begin_with_the_prefix(store: Store) -> None:
    names = ["b/2", "b/1", "b-x/1", "a", "b.json", "c/d/e", "b/10"]
    for name in names:
        store.write(name, name.encode())
    assert list(store.keys()) == sorted(names)
    assert list(store.keys("b/")) == ["b/1", "b/10", "b/2"]
    assert list(store.keys("b/1")) == ["b/1", "b/10"]
    assert list(store.keys("b")) == sorted(name for name in names if name.startswith("b"))
    assert list(store.keys("nothing/here")) == []


def test_a_mark_differs_once_a_document_was_written(store: Store) -> None:
    store.write("a", b"one")
    store.write("b", b"other")
    before = store.marks()
    assert before == store.marks()
    store.write("a", b"two")
    after = store.marks()
    assert before["a"] != after["a"]
    assert before["b"] == after["b"]
    assert after["a"].size == 3


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a/.lock", "a\\b", "a\x00b", "a?b", "a."],
)
def test_a_key_that_is_no_plain_path_is_refused(store: Store, key: str) -> None:
    with pytest.raises(InvalidKeyError):
        store.write(key, b"x")
    with pytest.raises(InvalidKeyError):
        store.read(key)
    with pytest.raises(InvalidKeyError):
        store.delete(key)


def test_a_name_with_spaces_and_other_letters_is_a_key(store: Store) -> None:
    key = "my manifests/Größe 1.yaml"
    store.write(key, b"x")
    assert list(store.keys()) == [key]
    assert store.read(key) is not None


def test_of_many_that_write_if_absent_exactly_one_wins(make_store: Callable[[], Store]) -> None:
    won: list[int] = []
    together = threading.Barrier(4)

    def race(number: int) -> None:
        own = make_store()
        together.wait()
        try:
            own.write("lease", b"%d" % number, if_absent=True)
        except Conflict:
            return
        won.append(number)

    _run(race, 4)
    stored = make_store().read("lease")
    assert stored is not None
    assert won == [int(stored.data)]


def test_no_increment_is_lost_under_compare_and_set(make_store: Callable[[], Store]) -> None:
    make_store().write("counter", b"0")

    def count(_: int) -> None:
        own = make_store()
        for _ in range(5):
            _increment(own)

    _run(count, 3)
    stored = make_store().read("counter")
    assert stored is not None
    assert int(stored.data) == 15


def _increment(store: Store) -> None:
    while True:
        stored = store.read("counter")
        assert stored is not None
        try:
            store.write("counter", b"%d" % (int(stored.data) + 1), if_match=stored.etag)
        except Conflict:
            continue
        return


def _run(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_a_container_that_cannot_be_reached_says_so(azurite: Azurite) -> None:
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 - the only test that needs it

    from shared.records.blob import BlobStore  # noqa: PLC0415 - the same

    wrong = azurite.connection_string.replace("AccountKey=Eby8", "AccountKey=XXXX")
    client = ContainerClient.from_connection_string(wrong, "any", retry_total=0)
    with client, pytest.raises(StoreUnavailableError, match="cannot read 'a'"):
        BlobStore(client).read("a")


def test_a_container_in_azure_is_opened_with_a_credential_and_not_asked_anything() -> None:
    made: list[str] = []

    class Credential:
        def get_token(self, *scopes: str, **_: object) -> NoReturn:
            pytest.fail(f"a token for {scopes} is asked for too early")

    def factory() -> Credential:
        made.append("one")
        return Credential()

    store = open_store("https://relink.blob.core.windows.net/records", factory)
    assert made == ["one"]
    assert repr(store) == "BlobStore('https://relink.blob.core.windows.net/records')"
