"""Owns the way from typed values to stored documents and back: JSON, bounded, never trusted.

A document that cannot be used is set aside with its reason (``shared.records.aside``); it never stops
the others. Changing a document is a compare-and-set loop, so two processes cannot lose each
other's change.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from pydantic import ValidationError

from shared.model.codec import dump, load
from shared.model.json import fingerprint
from shared.records import aside
from shared.records.store import Conflict, Store, Stored, StoreError, is_segment
from shared.records.values import Corrupt, RejectedEvents

MAX_BYTES: Final = 4 * 1024 * 1024
_MOST_CORRUPT: Final = 100
_TRIES: Final = 20
_PLAIN: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,127}", re.ASCII)
_LOG: Final = logging.getLogger("relink.records")


class TooLargeError(StoreError):
    """The document is larger than a record may be."""


@dataclass(frozen=True, slots=True)
class Version[T]:
    """A value with the etag it was read at; ``value`` is None when the document is corrupt."""

    value: T | None
    etag: str


@dataclass(slots=True)
class Waiting:
    """Rejected events of this process that are not written down yet. ``writing``: somebody does."""

    value: RejectedEvents = field(default_factory=RejectedEvents)
    lock: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Documents:
    """Typed documents in a store. ``corrupt`` has, by key, what could not even be set aside."""

    store: Store
    clock: Callable[[], datetime]
    corrupt: dict[str, Corrupt] = field(default_factory=dict)
    waiting: Waiting = field(default_factory=Waiting)

    def get[T](self, kind: type[T], key: str) -> T | None:
        """The value at ``key``; nothing when there is none or it cannot be used."""
        version = self.version(kind, key)
        return version.value if version is not None else None

    def version[T](
        self, kind: type[T], key: str, key_of: Callable[[T], str] | None = None
    ) -> Version[T] | None:
        """The value at ``key`` with its etag; nothing when there is no document.

        What cannot be used as ``kind``, or belongs under another key by ``key_of``, is set aside.
        """
        stored = self.store.read(key)
        if stored is None:
            return None
        try:
            value = load(kind, json.loads(stored.data))
            aside.check_times(value, self.clock())
            if key_of is not None and key_of(value) != key:
                raise ValueError(f"it belongs under {key_of(value)}")  # noqa: TRY301 - one reason of several
        except (ValueError, RecursionError, OverflowError) as error:
            return self._set_aside(kind, key, stored, _reason(error))
        self.corrupt.pop(key, None)
        return Version(value, stored.etag)

    def all[T](
        self, kind: type[T], prefix: str, key_of: Callable[[T], str] | None = None
    ) -> Iterator[T]:
        """The usable values below ``prefix``, in the order of their keys."""
        for key in self.store.keys(prefix):
            version = self.version(kind, key, key_of)
            if version is not None and version.value is not None:
                yield version.value

    def put(self, key: str, value: object) -> None:
        """Write ``value``, whatever was there."""
        self.store.write(key, encode(key, value))

    def add(self, key: str, value: object) -> bool:
        """Write ``value`` unless there is a document already; whether it was written."""
        try:
            self.store.write(key, encode(key, value), if_absent=True)
        except Conflict:
            return False
        return True

    def change[T](
        self, kind: type[T], key: str, decide: Callable[[T | None], T | None]
    ) -> T | None:
        """Replace the value at ``key`` by ``decide(value)``; nothing decided, nothing written.

        ``decide`` is called again when somebody else wrote in between. Returns what it decided.

        Raises:
            Conflict: when that happened again and again.
        """
        for _ in range(_TRIES):
            version = self.version(kind, key)
            decided = decide(version.value if version is not None else None)
            if decided is None:
                return None
            try:
                if version is None:
                    self.store.write(key, encode(key, decided), if_absent=True)
                else:
                    self.store.write(key, encode(key, decided), if_match=version.etag)
            except Conflict:
                continue
            return decided
        raise Conflict(f"{key} changed {_TRIES} times while it was to be written")

    def drop(self, key: str) -> None:
        """Delete the document, if there is one."""
        self.store.delete(key)
        self.corrupt.pop(key, None)

    def drop_all(self, prefix: str) -> None:
        """Delete every document below ``prefix``."""
        for key in tuple(self.store.keys(prefix)):
            self.drop(key)

    def keep_aside(self, key: str, data: bytes, etag: str, why: str) -> None:
        """Keep a document (of any store) under ``aside/``; the first by name go where many are."""
        place = aside.place_of(key, etag)
        self.add(place, aside.wrapped(key, data, why, self.clock()))
        kept = tuple(self.store.keys(place.rpartition("/")[0] + "/"))
        for spare in [each for each in kept if each != place][: max(len(kept) - aside.MOST, 0)]:
            self.store.delete(spare)
        _LOG.error("%s cannot be used and was set aside as %s: %s", key, place, why)

    def set_aside(self, most: int) -> tuple[Corrupt, ...]:
        """What was set aside and nobody has seen to, and what could not even be moved."""
        keys = islice(self.store.keys(aside.PREFIX), most)
        found = (self.get(dict[str, str], key) or {} for key in keys)
        return (*self.corrupt.values(), *(Corrupt(*aside.reason(each)) for each in found))[:most]

    def count_aside(self, most: int) -> int:
        """How many there are, ``most`` at most; reads none of them."""
        stored = sum(1 for _ in islice(self.store.keys(aside.PREFIX), most))
        return min(most, stored + len(self.corrupt))

    def _set_aside[T](self, kind: type[T], key: str, stored: Stored, why: str) -> Version[T] | None:
        """Move a document aside and say what there is in its place now."""
        instead: T | None = aside.stand_in(kind, key, self.clock())
        if key.startswith(aside.PREFIX):
            return Version(None, stored.etag)
        try:
            self.keep_aside(key, stored.data, stored.etag, why)
            if (lost := aside.watermarks_of(key)) is not None:
                self.drop_all(lost)
            if instead is not None:
                etag = self.store.write(key, encode(key, instead), if_match=stored.etag)
                return Version(instead, etag)
            self.store.delete(key, if_match=stored.etag)
        except Conflict:  # somebody else was faster; the next look sees what there is now
            return Version(instead, stored.etag)
        except StoreError as error:  # we may only read: in this process it is out of the way
            if len(self.corrupt) < _MOST_CORRUPT:
                self.corrupt[key] = Corrupt(key, why)
            _LOG.error("%s cannot be used (%s) nor be set aside: %s", key, why, error)
            return Version(instead, stored.etag)
        return None


def encode(key: str, value: object) -> bytes:
    """``value`` as the bytes of a document, the same for equal values.

    Raises:
        TooLargeError: when it is larger than ``MAX_BYTES``.
    """
    text = json.dumps(plain(value), sort_keys=True, indent=1, ensure_ascii=False)
    encoded = text.encode(errors="replace")  # half a surrogate pair becomes "?"
    if len(encoded) > MAX_BYTES:
        raise TooLargeError(f"{key} would have {len(encoded)} bytes, allowed are {MAX_BYTES}")
    return encoded


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """``value`` as JSON values, our own values inside of plain mappings and lists included."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or type(value) in {str, int, float, bool}:
        return value
    return dump(value)


def segment(text: str) -> str:
    """One name of a key for ``text``: itself when it is plain, a hash of it otherwise."""
    plain = _PLAIN.fullmatch(text) and is_segment(text)
    return text if plain else f"x-{fingerprint(text)}"


def slug(name: str, key: str) -> str:
    """A readable and unique name of a key: what it is called, and a hash of what it is."""
    readable = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:60]
    return f"{readable or 'x'}-{fingerprint(key)}"


def _reason(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:300]
    return f"{type(error).__name__}: {error}"[:300]
