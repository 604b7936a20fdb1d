"""Owns documents in a local folder: one file each, replaced as a whole or not at all.

A write goes to a hidden file, is flushed to disk and then takes the document's place, so a kill at
any moment leaves the old or the new document, never a part of one. Comparing and replacing happen
under one lock file, which the system releases when its holder dies. Nothing is created by reading.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.records.deadline import left
from shared.records.store import (
    Conflict,
    Mark,
    Stored,
    StoreUnavailableError,
    checked_key,
    is_segment,
)

if TYPE_CHECKING:
    from filelock import FileLock

_LOCK_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.005


class FolderStore:
    """A ``Store`` in the folder ``root``, which is made by the first write."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._drafts = self._root / ".drafts"

    def __repr__(self) -> str:
        return f"FolderStore({str(self._root)!r})"

    def read(self, key: str) -> Stored | None:
        """See ``Store.read``."""
        try:
            data = self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unavailable("read", key, error) from error
        return Stored(data, _etag(data))

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """See ``Store.write``."""
        path = self._path(key)
        try:
            draft = self._draft(data)
            try:
                with self._lock():
                    self._expect(key, if_match, if_absent=if_absent)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    draft.replace(path)
                    _flush_folder(path.parent)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:  # a lock that is not had in time is a TimeoutError
            raise self._unavailable("write", key, error) from error
        return _etag(data)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See ``Store.delete``."""
        path = self._path(key)
        if if_match is None and not path.exists():
            return
        try:
            with self._lock():
                self._expect(key, if_match, if_absent=False)
                path.unlink(missing_ok=True)
                self._drop_empty(path.parent)
        except OSError as error:  # a lock that is not had in time is a TimeoutError
            raise self._unavailable("delete", key, error) from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See ``Store.keys``."""
        yield from sorted(key for key, _ in self._files(prefix))

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        """See ``Store.marks``. A mark is made of inode, size and time of change."""
        if not self._root.is_dir():
            raise StoreUnavailableError(f"there is no folder {self._root}")
        found: dict[str, Mark] = {}
        for key, path in sorted(self._files(prefix)):
            try:
                seen = path.stat()
            except OSError as error:  # reading it says what is wrong
                if isinstance(error, FileNotFoundError) and not path.is_symlink():
                    continue  # deleted since it was listed
                found[key] = Mark(type(error).__name__, 0)
                continue
            found[key] = Mark(f"{seen.st_ino}-{seen.st_size}-{seen.st_mtime_ns}", seen.st_size)
        return found

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _lock(self) -> FileLock:
        self._root.mkdir(parents=True, exist_ok=True)
        from filelock import FileLock  # noqa: PLC0415 - not needed to index the app

        seconds = left(_LOCK_SECONDS)
        return FileLock(self._root / ".lock", timeout=seconds, poll_interval=_POLL_SECONDS)

    def _draft(self, data: bytes) -> Path:
        self._drafts.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._drafts)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return Path(name)

    def _expect(self, key: str, if_match: str | None, *, if_absent: bool) -> None:
        """Called under the lock, just before the change."""
        if if_match is None and not if_absent:
            return
        current = self.read(key)
        if if_absent and current is not None:
            raise Conflict(f"{key} exists already")
        if if_match is not None and (current is None or current.etag != if_match):
            raise Conflict(f"{key} is not the version that was read")

    def _drop_empty(self, folder: Path) -> None:
        """Remove folders that hold nothing any more; under the lock, so no write is on its way."""
        while folder != self._root and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent

    def _files(self, prefix: str) -> Iterator[tuple[str, Path]]:
        start = self._root / prefix.rpartition("/")[0]
        if prefix.rpartition("/")[0]:
            checked_key(prefix.rpartition("/")[0])
        try:
            for folder, folders, files in os.walk(start, onerror=_raise_unless_missing):
                folders[:] = [name for name in folders if is_segment(name)]
                for name in filter(is_segment, files):
                    path = Path(folder, name)
                    if _is_special(path):
                        continue
                    key = path.relative_to(self._root).as_posix()
                    if key.startswith(prefix):
                        yield key, path
        except OSError as error:
            raise self._unavailable("list", prefix, error) from error

    def _unavailable(self, what: str, key: str, error: BaseException) -> StoreUnavailableError:
        return StoreUnavailableError(f"cannot {what} '{key}' in {self._root}: {error}")


def _is_special(path: Path) -> bool:
    """A pipe, a socket or a device, which would be waited for without end.

    A link that leads nowhere is none: what is declared behind it has not gone because it cannot be read.
    """
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _etag(data: bytes) -> str:
    # By content: a document that went A, B, A is A again, which is all that compare-and-set of
    # whole values needs; a file's times are too coarse to tell two writes apart.
    return hashlib.sha256(data).hexdigest()[:32]


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
