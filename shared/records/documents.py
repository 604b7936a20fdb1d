"""Owns the way from typed values to stored documents and back: JSON, bounded, never trusted.

A document that cannot be read is reported with its key and treated as not there; it never stops
the others. Changing a document is a compare-and-set loop, so two processes cannot lose each
other's change.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from shared.model.codec import dump, load
from shared.model.json import canonical, fingerprint
from shared.records.store import Conflict, Store, StoreError, is_segment
from shared.records.values import Corrupt

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


@dataclass(frozen=True, slots=True)
class Documents:
    """Typed documents in a store. ``corrupt`` gathers, by key, what could not be read."""

    store: Store
    corrupt: dict[str, Corrupt] = field(default_factory=dict)

    def get[T](self, kind: type[T], key: str) -> T | None:
        """The value at ``key``; nothing when there is none or it cannot be read."""
        version = self.version(kind, key)
        return version.value if version is not None else None

    def version[T](self, kind: type[T], key: str) -> Version[T] | None:
        """The value at ``key`` with its etag; nothing when there is no document."""
        stored = self.store.read(key)
        if stored is None:
            return None
        try:
            value = load(kind, json.loads(stored.data))
        except (ValueError, RecursionError) as error:
            self._report(key, error)
            return Version(None, stored.etag)
        self.corrupt.pop(key, None)
        return Version(value, stored.etag)

    def all[T](self, kind: type[T], prefix: str) -> Iterator[T]:
        """The readable values below ``prefix``, in the order of their keys."""
        for key in self.store.keys(prefix):
            value = self.get(kind, key)
            if value is not None:
                yield value

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

    def _report(self, key: str, error: BaseException) -> None:
        why = _reason(error)
        if key not in self.corrupt and len(self.corrupt) < _MOST_CORRUPT:
            self.corrupt[key] = Corrupt(key, why)
        _LOG.error("The record %s cannot be read and is skipped: %s", key, why)


def encode(key: str, value: object) -> bytes:
    """``value`` as the bytes of a document, the same for equal values.

    Raises:
        TooLargeError: when it is larger than ``MAX_BYTES``.
    """
    text = json.dumps(plain(value), sort_keys=True, indent=1, ensure_ascii=False)
    encoded = text.encode()
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


def same(left: Any, right: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether two JSON values are equal, whatever the order of their keys."""
    return canonical(left) == canonical(right)


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
