"""Owns the guard around every test: what a process shares between its tests is left as it was found.

A pytest plugin. Watched are environment variables, working directory, signal handlers, warning
filters, ``sys.path``, logging, threads, listening sockets and child processes (the last two where the
system lists them in ``/dev/fd`` and ``/proc``). What a fixture of a module or of the session opens
is no leak of the test that happens to run first: it is the fixture's to close, and the fixture is
judged when it ends. Pytest's own log handlers come and go with the phases of a test: not counted.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import stat
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

import pytest
from _pytest.logging import caplog_records_key

PATIENCE: Final = float(os.environ.get("LEAKS_PATIENCE", "30"))
"""Seconds within which what was told to end may end: a thread that saw its flag, a socket."""
_PAUSE: Final = 0.05
_FILES, _TASKS = Path("/dev/fd"), Path("/proc/self/task")
_OURS: Final = ("root", "relink", "devhost")
_SETTLED: Final = "azure.ai.ml"
"""Its loggers are set when its modules are used and set back when a client is built (ADR 0012)."""
_REPLACED: Final = ("thread", "child process")
_THINGS: Final = ("thread", "listening socket", "child process")
"""What is opened and ends; everything else is set and set back."""

type Name = tuple[str, Any]
"""A kind, and which one of it."""
type State = dict[Name, object]


class Absent:
    """Stands for what is not there."""

    def __repr__(self) -> str:
        """As a message shows it."""
        return "absent"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Logs:
    """What a logger does with what it is told."""

    level: int
    """Of the root and of our own; what a library says is set once, by whoever uses the library."""
    disabled: bool
    propagate: bool
    handlers: list[logging.Handler]
    """Without those that do nothing, and without pytest's."""

    @classmethod
    def of(cls, logger: logging.Logger) -> Self:
        """As it is now."""
        handlers = [
            each
            for each in logger.handlers
            if not isinstance(each, logging.NullHandler)
            and not type(each).__module__.startswith("_pytest")
        ]
        ours = logger.name.partition(".")[0] in _OURS
        return cls(logger.level if ours else 0, logger.disabled, logger.propagate, handlers)


def look() -> State:
    """What this process shares between its tests, now."""
    found: State = {("environment variable", name): it for name, it in _environment().items()}
    found.pop(("environment variable", "PYTEST_CURRENT_TEST"), None)
    found["working directory", ""] = _working_directory()
    found["sys.path", ""] = tuple(sys.path)
    found["warnings.filters", ""] = tuple(filter(_general, warnings.filters))
    found["logging.disable", ""] = logging.root.manager.disable
    for number in signal.valid_signals() - {signal.SIGALRM}:  # it is pytest-timeout's
        found["signal handler", f"{number!r}"] = signal.getsignal(number)
    for name, logger in [("root", logging.root), *logging.root.manager.loggerDict.copy().items()]:
        if isinstance(logger, logging.Logger) and not name.startswith(_SETTLED):
            found["logger", name] = Logs.of(logger)
    found |= {("thread", thread): "running" for thread in threading.enumerate()}
    found |= {("listening socket", place): "open" for place in _listening()}
    found |= {("child process", pid): "there" for pid in _children()}
    return found


def _environment() -> dict[str, str]:
    while True:
        try:
            return dict(os.environ)
        except (KeyError, RuntimeError):  # a thread of a library changed it meanwhile
            continue


def _general(filtered: tuple[Any, ...]) -> bool:
    """Whether a filter is more than a library's word on its own warnings, said when it is imported.

    Pytest takes all of them back after each test.
    """
    _, _, category, module, _ = filtered
    return category.__module__ == "builtins" and module is None


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return "a folder that no longer exists"


def _listening() -> Iterator[tuple[int, int]]:
    """Descriptor and inode of every socket of this process that takes connections."""
    for number in map(int, os.listdir(_FILES) if _FILES.is_dir() else ()):  # noqa: PTH208 - cheaper
        try:
            status = os.fstat(number)
            if stat.S_ISSOCK(status.st_mode) and _takes_connections(number):
                yield number, status.st_ino
        except OSError:  # it was closed meanwhile, as the listing itself is
            continue


def _takes_connections(number: int) -> bool:
    borrowed = socket.socket(fileno=number)
    try:
        return bool(borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    finally:
        borrowed.detach()


def _children() -> Iterator[int]:
    """Processes that this one started and has not waited for."""
    for task in os.listdir(_TASKS) if _TASKS.is_dir() else ():  # noqa: PTH208 - cheaper
        try:
            yield from map(int, (_TASKS / task / "children").read_text().split())
        except OSError:  # the thread ended meanwhile
            continue


def changed(before: State, after: State) -> State:
    """What is different ``after``, but for things that ended and for loggers that are new."""
    found: State = {}
    for name in before.keys() | after.keys():
        was, now = before.get(name, ABSENT), after.get(name, ABSENT)
        ended = now is ABSENT and name[0] in _THINGS
        fresh = was is ABSENT and name[0] == "logger"  # as the library wants it that made it
        if was != now and not ended and not fresh:
            found[name] = now
    return found


class Guard:
    """Knows what the fixtures that outlive a test opened, and judges what ends."""

    def __init__(self) -> None:
        self._lent: dict[object, State] = {}
        """By fixture, what it changed and has still to set back."""
        self._parents: WeakKeyDictionary[threading.Thread, threading.Thread] = WeakKeyDictionary()

    def know_parents(self) -> None:
        """Notice from now on who starts a thread: those that a server starts are the server's."""
        start, parents = threading.Thread.start, self._parents

        def started(thread: threading.Thread) -> None:
            parents[thread] = threading.current_thread()
            start(thread)

        threading.Thread.start = started  # type: ignore[method-assign,assignment]

    def lend(self, fixture: object, before: State) -> None:
        """A fixture that outlives the test was made."""
        self._lent[fixture] = changed(before, look())

    def take_back(self, fixture: object, before: State) -> None:
        """That fixture ended; it fails when something of it is left."""
        lent = self._lent.pop(fixture, {})
        self._judge(before, lambda name: self._of(name, lent))

    def judge(self, before: State) -> None:
        """A test ended; it fails when it left something."""
        self._adopt(before, look())
        self._judge(before, lambda name: not any(self._of(name, it) for it in self._lent.values()))

    def _adopt(self, before: State, now: State) -> None:
        """A process in the place of a fixture's that a test ended is the fixture's; so is a thread."""
        new = [name for name in now if name[0] in _REPLACED and name not in before]
        for lent in self._lent.values():
            for ended in [name for name in lent if name[0] in _REPLACED and name not in now]:
                for name in [each for each in new if _alike(each, ended)][:1]:
                    new.remove(name)
                    lent[name] = lent.pop(ended)

    def _of(self, name: Name, lent: State) -> bool:
        """Whether it is what was lent, or a thread that such a thread started."""
        kind, which = name
        while name not in lent and kind == "thread" and which in self._parents:
            which = self._parents[which]
            name = (kind, which)
        return name in lent

    def _judge(self, before: State, ours: Callable[[Name], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while left := {n: now for n, now in changed(before, look()).items() if ours(n)}:
            if time.monotonic() > deadline or not any(kind in _THINGS for kind, _ in left):
                told = sorted(describe(name, before.get(name, ABSENT), left[name]) for name in left)
                pytest.fail("left behind:\n  " + "\n  ".join(told), pytrace=False)
            gc.collect()
            time.sleep(_PAUSE)


def _alike(one: Name, other: Name) -> bool:
    """Whether one may stand in the place of the other: two processes, two threads of one name."""
    (kind, which), (other_kind, ended) = one, other
    return kind == other_kind and (kind != "thread" or which.name == ended.name)


def describe(name: Name, was: object, now: object) -> str:
    """One line for one thing that was left."""
    match name:
        case "thread", threading.Thread() as thread:
            work = getattr(thread, "_target", None) or type(thread)
            return f"thread {thread.name}{' (daemon)' * thread.daemon}: {work!r}"
        case "listening socket", (number, _):
            try:
                with socket.socket(fileno=os.dup(number)) as copy:
                    return f"listening socket: {copy.getsockname()}"
            except OSError:
                return "listening socket: closed at last"
        case "child process", pid:
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                words = []
            command = b" ".join(words).decode(errors="replace").strip()
            return f"child process {pid}: {command or 'ended, and nobody waited for it'}"
    kind, which = name
    if isinstance(was, tuple) and isinstance(now, tuple):
        came, went = [x for x in now if x not in was], [x for x in was if x not in now]
        return f"{kind} {which}: more {came}, less {went}"
    return f"{kind} {which}: {now!r}, was {was!r}"


_GUARD: Final = Guard()


def pytest_configure() -> None:
    """Before anything of ours runs."""
    _GUARD.know_parents()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Note what a fixture that outlives the test opens, and ask for it when the fixture ends."""
    if request.scope == "function":
        return (yield)
    before = look()
    fixturedef.addfinalizer(partial(_GUARD.take_back, fixturedef, before))  # it runs last
    try:
        return (yield)
    finally:
        _GUARD.lend(fixturedef, before)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves the process changed."""
    before = look()
    yield
    _let_go(request.node)
    _GUARD.judge(before)


def _let_go(item: pytest.Item) -> None:
    """Errors that were logged, and are text by now, hold frames, and these event loops and threads."""
    for records in item.stash.get(caplog_records_key, {}).values():
        for record in records:
            record.msg, record.args, record.exc_info = record.getMessage(), None, None
