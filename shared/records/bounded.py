"""Owns the end of every call of a store: answered in time, or ``StoreUnavailableError``.

A call that outlasts its time is left behind in its thread, and told to give up (``on_late``). Only so
many may be left behind at once; beyond that a store is unavailable without being asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar, copy_context
from itertools import islice
from typing import Final

from shared.records.deadline import left, within
from shared.records.store import Mark, Store, Stored, StoreUnavailableError

SECONDS: Final = 20.0
"""What one call may take, its retries among it."""
MOST: Final = 32
_PAGE: Final = 500

type _Closers = list[Callable[[], None]]
_CLOSERS: Final[ContextVar[_Closers | None]] = ContextVar("closers", default=None)


def on_late(close: Callable[[], None]) -> None:
    """Have ``close`` called if the call that runs here is given up."""
    closers = _CLOSERS.get()
    if closers is not None:
        closers.append(close)


class BoundedStore:
    """``store``, no call of which takes longer than ``seconds``, or than ``within`` leaves."""

    def __init__(self, store: Store, seconds: float = SECONDS, most: int = MOST) -> None:
        self._store = store
        self._seconds = seconds
        self._free = threading.BoundedSemaphore(most)

    def __repr__(self) -> str:
        return repr(self._store)

    def read(self, key: str) -> Stored | None:
        """See ``Store.read``."""
        return self._timely(f"read '{key}'", lambda: self._store.read(key))

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """See ``Store.write``. One that was not answered may have been done all the same."""
        return self._timely(
            f"write '{key}'",
            lambda: self._store.write(key, data, if_match=if_match, if_absent=if_absent),
        )

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See ``Store.delete``."""
        self._timely(f"delete '{key}'", lambda: self._store.delete(key, if_match=if_match))

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See ``Store.keys``; the time is that of a page."""
        found = iter(self._store.keys(prefix))
        while page := self._timely(f"list '{prefix}'", lambda: list(islice(found, _PAGE))):
            yield from page

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        """See ``Store.marks``."""
        return self._timely(f"list '{prefix}'", lambda: self._store.marks(prefix))

    def _timely[T](self, what: str, work: Callable[[], T]) -> T:
        seconds = left(self._seconds)
        if seconds <= 0 or not self._free.acquire(timeout=seconds):
            raise StoreUnavailableError(f"cannot {what} in {self!r}: no time is left to ask")
        answer: Future[T] = Future()
        closers: _Closers = []

        def call() -> None:
            _CLOSERS.set(closers)
            try:
                with within(seconds):
                    answer.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
                answer.set_exception(error)
            finally:
                self._free.release()

        context = copy_context()
        threading.Thread(target=context.run, args=(call,), name="relink-store", daemon=True).start()
        try:
            return answer.result(left(seconds))
        except TimeoutError:
            if answer.done():  # the work's own
                raise
        for close in tuple(closers):
            with suppress(Exception):
                close()
        raise StoreUnavailableError(f"cannot {what} in {self!r}: no answer in {seconds:.0f} s")
