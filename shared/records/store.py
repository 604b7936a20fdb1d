"""Owns what a store is: named documents, each written whole, with compare-and-set.

Two forms keep the same promises (``tests/shared/records/test_store.py`` holds both to them): a
local folder and a blob container. A store knows nothing of what the documents mean.

    StoreError
    ├── InvalidKeyError      the key could mean another document, or none
    ├── Conflict             somebody else wrote or deleted in between
    └── StoreUnavailableError  the folder or container could not be used now; retrying may help
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

_SEGMENT: Final = re.compile(r"""[^\x00-\x1f\x7f/\\:*?"<>|]{1,200}""")
_LONGEST_KEY: Final = 900  # Azure allows 1024 characters; a folder below PATH_MAX fits as well


class StoreError(Exception):
    """A store could not do what it was asked."""


class InvalidKeyError(StoreError, ValueError):
    """The key is not a plain path of names below the store."""


class Conflict(StoreError):  # noqa: N818 - an ordinary outcome of compare-and-set, not a fault
    """The document is not the one that the caller had seen; read again and decide again."""


class StoreUnavailableError(StoreError):
    """The folder or container could not be read or written now."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One document. ``etag`` names this version of it, for ``if_match``."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What a listing tells of a document: ``tag`` differs once it was written; size in bytes.

    A mark is cheaper than an etag and is no etag: it only tells whether reading again is worth it.
    """

    tag: str
    size: int


class Store(Protocol):
    """Documents by key. Safe to use from several threads and processes at once."""

    def read(self, key: str) -> Stored | None:
        """The document, or nothing when there is none."""

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """Write the whole document and return its etag.

        Raises:
            Conflict: with ``if_match``, when the document is no longer that version; with
                ``if_absent``, when there is one already.
        """

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete the document; nothing happens when there is none.

        Raises:
            Conflict: with ``if_match``, when the document is no longer that version.
        """

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with ``prefix``, sorted by code point."""

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        """Key to mark of each document, sorted by key: one listing, nothing is read.

        Raises:
            StoreUnavailableError: also when there is no such folder or container. That is not the
                same as an empty one: it may be that nobody has mounted it yet.
        """


def checked_key(key: str) -> str:
    """``key`` itself if it is a plain relative path.

    Raises:
        InvalidKeyError: for an empty, hidden, climbing or over-long path.
    """
    if not key or len(key) > _LONGEST_KEY:
        raise InvalidKeyError(f"a key has 1 to {_LONGEST_KEY} characters, found {len(key)}")
    for segment in key.split("/"):
        if not is_segment(segment):
            raise InvalidKeyError(f"'{key}': '{segment}' is not a plain name")
    return key


def is_segment(text: str) -> bool:
    """Whether ``text`` may be one name of a key. Hidden names belong to the stores themselves."""
    return bool(_SEGMENT.fullmatch(text)) and text[0] != "." and text[-1] not in ". "
