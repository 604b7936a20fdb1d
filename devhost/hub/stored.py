"""The in-memory backend, with every change stored before its caller hears of it.

Owns which instances and entities a call touched and the one transaction that stores them. When that
fails the hub refuses all further work (`StateLostError`): its memory is ahead of the disk and only a new
start brings the two together.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

import grpc
from durabletask.testing.in_memory_backend import InMemoryOrchestrationBackend

from devhost.errors import StateLostError
from devhost.hub.alarm import Alarm
from devhost.hub.store import Changes, Store

# The backend bounds a history to protect a test's memory; a run here may be long.
_NO_LIMIT = 2**31


class Refused(Exception):  # noqa: N818 -- an answer with its gRPC status, not a fault of the hub
    """The hub does not do what a call asks for."""

    def __init__(self, code: grpc.StatusCode, why: str) -> None:
        super().__init__(why)
        self.code = code


class Caller:
    """Stands in for the gRPC context of a call that is made in this process."""

    def abort(self, code: grpc.StatusCode, why: str) -> NoReturn:
        """End the call, as gRPC's own context does."""
        raise Refused(code, why)


CALLER = Caller()


class Bell(threading.Event):
    """An event that calls somebody instead of being waited for."""

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__()
        self._ring = ring

    def set(self) -> None:
        """Call."""
        self._ring()


class StoredBackend(InMemoryOrchestrationBackend):
    """Keeps the backend's state in `store`.

    `on_work` is called, on any thread and with the hub's lock held, whenever there may be work to
    take or the hub broke.
    """

    def __init__(
        self, store: Store, now: Callable[[], datetime], on_work: Callable[[], None]
    ) -> None:
        super().__init__(max_history_size=_NO_LIMIT)
        self._store, self._now, self._on_work = store, now, on_work
        self._work_available = Bell(on_work)
        self._changes = Changes()
        self._owners: dict[str, str] = {}
        self._broken: StateLostError | None = None
        self._serials = itertools.count(1)
        self._alarm = Alarm(now)

    @property
    def broken(self) -> StateLostError | None:
        """Why the hub refuses all work, None while it does not."""
        return self._broken

    def close(self) -> None:
        """Stop the timers and close the file. Work that is held is delivered at the next start."""
        self._alarm.stop()
        with self._lock:
            self._broken = self._broken or StateLostError("the task hub is closed")
            self._store.close()

    @contextmanager
    def _committed(self) -> Iterator[None]:
        """Hold the lock, and store what changed before letting it go, refusals included.

        Raises:
            StateLostError: it could not be stored, now or earlier.
        """
        with self._lock:
            if self._broken:
                raise self._broken
            try:
                yield
            finally:
                self._commit()

    def _commit(self) -> None:
        changes, self._changes = self._changes, Changes()
        if changes == Changes():
            return
        for key in changes.instances:
            changes.instances[key] = self._instances.get(key)
        for key in changes.entities:
            found = self._entities.get(key)
            changes.entities[key] = (found, self._owners.get(key)) if found else None
        try:
            self._store.save(changes)
        except StateLostError as error:
            self._broken = error
            self._on_work()
            raise

    def _touch(self, key: str) -> None:
        self._changes.instances[key] = None

    def _touch_entity(self, key: str) -> None:
        self._changes.entities[key] = None

    def _enqueue_orchestration(self, instance_id: str) -> None:
        self._touch(instance_id)
        super()._enqueue_orchestration(instance_id)
        self._on_work()

    def _enqueue_entity(self, entity_id: str) -> None:
        self._touch_entity(entity_id)
        super()._enqueue_entity(entity_id)
        self._on_work()

    def _token(self) -> int:
        token = self._next_completion_token
        self._next_completion_token += 1
        return token
