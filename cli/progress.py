"""Owns how a run looks while it is under way: rows that change on a terminal, lines elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from cli.shell import Shell

if TYPE_CHECKING:
    from rich.table import Table

_REFRESHES_A_SECOND = 4


@dataclass(slots=True)
class Progress:
    """What runs now, step by step, and since when. Safe for the threads of a run."""

    shell: Shell
    clock: Callable[[], datetime]
    _live: bool = False
    _running: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show rows for as long as the run goes on, where there is a terminal to show them on."""
        if self.shell.quiet or not self.shell.err.is_terminal:
            yield
            return
        from rich.live import Live  # noqa: PLC0415 - needed on terminals only

        self._live = True
        with Live(
            get_renderable=self._rows,
            console=self.shell.err,
            transient=True,
            refresh_per_second=_REFRESHES_A_SECOND,
        ):
            yield
        self._live = False

    def begins(self, key: str, words: str) -> None:
        """A step begins; begun again after a refusal for now, it is the same step."""
        with self._lock:
            known = key in self._running
            self._running.setdefault(key, (words, self.clock()))
        if not known and not self._live:
            self.shell.note(f"… {words}")

    def waits(self, key: str, why: str) -> None:
        """A step was refused for now and is begun again later."""
        self.shell.note(f"… {self._words(key)}: {why}")

    def ends(self, key: str, said: str, *, good: bool) -> None:
        """A step is over; ``said`` is what was noted, or why it was refused."""
        words = self._words(key)
        with self._lock:
            _, since = self._running.pop(key, (words, self.clock()))
        took = f" ({(self.clock() - since).total_seconds():.1f} s)"
        mark, style = ("✔", "green") if good else ("✘", "red")
        self.shell.note(f"{mark} {words}{took}{f': {said}' if said else ''}", style)

    def _words(self, key: str) -> str:
        with self._lock:
            return self._running.get(key, (key, self.clock()))[0]

    def _rows(self) -> Table:
        from rich.spinner import Spinner  # noqa: PLC0415 - needed on terminals only
        from rich.table import Table  # noqa: PLC0415 - the same
        from rich.text import Text  # noqa: PLC0415 - the same

        table = Table.grid(padding=(0, 1))
        with self._lock:
            running = list(self._running.values())
        for words, since in running:
            seconds = (self.clock() - since).total_seconds()
            table.add_row(Spinner("dots"), Text(words), Text(f"{seconds:.0f} s", style="dim"))
        return table
