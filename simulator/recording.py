"""Owns the record of exchanges on disk: one JSON line each, in the form that conformance tools read.

Several clouds in several processes may write to one file: each line is appended in a single write.
"""

import os
import threading
from pathlib import Path

from simulator.wire import Exchange

VARIABLE = "SIMULATOR_RECORD"


class Recorder:
    """Appends exchanges to a file, which is made with its folder when the first one comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._lock = threading.Lock()

    def note(self, exchange: Exchange) -> None:
        """Append one exchange."""
        line = exchange.line().encode() + b"\n"
        with self._lock:
            os.write(self._open(), line)

    def _open(self) -> int:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY
            self._file = os.open(self._path, flags, 0o644)
        return self._file

    def __del__(self) -> None:
        """Close the file with the cloud that owned it."""
        if self._file is not None:
            os.close(self._file)


def recorders(path: Path | None) -> tuple[Recorder, ...]:
    """Return a recorder for the path, and one for the file that the environment names, if any."""
    named = os.environ.get(VARIABLE, "").strip()
    wanted = {p.absolute() for p in (path, Path(named) if named else None) if p}
    return tuple(Recorder(p) for p in sorted(wanted))
