"""Owns which manifests are in force: reads a folder or container of them and never writes there.

One bad file never stops the others. A file that was good and is bad now stays in force as it last
was good, marked ``stale``, until it is mended or removed. What was last good is checked against
today's scopes as well, so that narrowing them takes power away at once.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from shared.manifests.checks import name_problems, power_problems, settle_owners
from shared.manifests.document import MAX_BYTES
from shared.manifests.parsing import Parsed, parse, version_of
from shared.manifests.problem import ManifestError, Problem
from shared.model.environment import Environment
from shared.model.json import fingerprint
from shared.records import Good, Mark, Store, StoreError, StoreUnavailableError
from shared.records.deadline import left, within
from shared.settings import Settings

_SUFFIXES: Final = (".yaml", ".yml")
_SECONDS: Final = 10.0
"""For a look at all of them; also for who waits while another looks."""
_LOG: Final = logging.getLogger("relink.manifests")


class Memory(Protocol):
    """The part of ``Records`` that remembers valid manifests."""

    def last_good(self, name: str) -> Good | None:
        """The last valid text of a file."""

    def keep_good(self, name: str, version: str, text: str) -> None:
        """Remember a valid text."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared environment in force: which version of which file.

    ``stale``: a later edit of the file is not valid.
    """

    environment: Environment
    version: str
    source: str
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Manifests:
    """Everything that is in force, by environment name, and everything that is wrong."""

    environments: dict[str, Declared] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    listed: bool = True
    """Whether they could be looked at just now; if not, they are those of the last time."""

    @property
    def version(self) -> str:
        """One name for exactly these versions: what to keep an index by."""
        return fingerprint(
            [[name, each.version] for name, each in sorted(self.environments.items())]
        )

    def environment(self, name: str) -> Environment | None:
        """The environment in force under this name."""
        declared = self.environments.get(name)
        return declared.environment if declared else None


class _UnreadError(ManifestError):
    """The file could not be read this time; what it says is not known."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What became of one file: what is in force of it, and what is wrong with it."""

    parsed: Parsed | None
    stale: bool
    problems: tuple[Problem, ...]


def read_manifests(store: Store, records: Memory | None, settings: Settings) -> Manifests:
    """Read every ``*.yaml`` and ``*.yml`` of ``store``.

    Raises:
        StoreError: when the store cannot be listed. A file that cannot be read is a problem.
    """
    return _Reader(store, records, settings).read(store.marks())


class ManifestSource:
    """The manifests in force, read again only when a listing shows a change.

    Safe to use from several threads. When the store cannot be listed, what was in force stays
    in force, with a problem that says so; nobody waits for it longer than ``_SECONDS``.
    """

    def __init__(self, store: Store, records: Memory | None, settings: Settings) -> None:
        self._store = store
        self._reader = _Reader(store, records, settings)
        self._lock = threading.Lock()
        self._marks: Mapping[str, Mark] | None = None
        self._manifests = Manifests()

    def current(self) -> Manifests:
        """What is in force now; the same object as before when nothing has changed.

        Raises:
            StoreError: when the store cannot be listed (there is none, it does not answer) and
                never could. That is not the same as a store without manifests.
        """
        with within(_SECONDS):
            if not self._lock.acquire(timeout=left(_SECONDS / 2)):
                return self._last(StoreUnavailableError("somebody else waits for them already"))
            try:
                return self._looked_at()
            except StoreError as error:
                return self._last(error)
            finally:
                self._lock.release()

    def _looked_at(self) -> Manifests:
        marks = self._store.marks()
        if marks != self._marks:
            self._manifests = self._reader.read(marks)
            # A file that could not be read is tried again, though its mark stays the same.
            self._marks = marks if self._reader.complete else {}
        return self._manifests

    def _last(self, error: StoreError) -> Manifests:
        if self._marks is None:
            _LOG.error("The manifests cannot be listed, and never could be: %s", error)
            raise error
        _LOG.warning("The manifests cannot be listed; the last ones stay: %s", error)
        return _with_problem(self._manifests, str(error))


class _Reader:
    """Reads files, keeping what each parsed to for as long as its mark stays the same."""

    def __init__(self, store: Store, records: Memory | None, settings: Settings) -> None:
        self._store = store
        self._records = records
        self._scopes = settings.scopes
        self._known: dict[str, tuple[Mark, _Read]] = {}
        self._kept: dict[str, str] = {}
        self.complete = True

    def read(self, marks: Mapping[str, Mark]) -> Manifests:
        self.complete = True
        files = {file: mark for file, mark in marks.items() if file.endswith(_SUFFIXES)}
        self._known = {file: self._file(file, mark) for file, mark in files.items()}
        reads = {file: read for file, (_, read) in self._known.items()}
        doubles = self._doubles(reads)
        for file, problem in doubles.items():
            reads[file] = self._renamed_back(file, reads, problem)
        in_force = [read.parsed for read in reads.values() if read.parsed is not None]
        settled, overlaps = settle_owners(in_force)
        declared = {
            parsed.environment.name: Declared(
                settled[parsed.file], parsed.version, parsed.file, reads[parsed.file].stale
            )
            for parsed in in_force
        }
        for parsed in in_force:
            self._keep(parsed)
        problems = [problem for read in reads.values() for problem in read.problems]
        nothing = () if files else (_whole("", "no file", "at least one *.yaml", "no manifest"),)
        return Manifests(declared, (*problems, *overlaps, *nothing))

    def _doubles(self, reads: Mapping[str, _Read]) -> dict[str, Problem]:
        """By file: names that are taken. Who had a name before keeps it."""
        valid = [read.parsed for read in reads.values() if read.parsed is not None]
        names = Counter(parsed.environment.name for parsed in valid)
        shared = [parsed for parsed in valid if names[parsed.environment.name] > 1]
        had = frozenset(
            parsed.file
            for parsed in shared
            if (before := self._before(parsed.file)) is not None
            and before.environment.name == parsed.environment.name
        )
        return name_problems(shared, had)

    def _renamed_back(self, file: str, reads: Mapping[str, _Read], problem: Problem) -> _Read:
        """A file that took another's name falls back to the name it had, if it had one."""
        before = self._before(file)
        taken = {read.parsed.environment.name for read in reads.values() if read.parsed is not None}
        if before is None or before.environment.name in taken:
            return _Read(None, stale=False, problems=(problem,))
        return _Read(before, stale=True, problems=(problem, _stays(before)))

    def _file(self, file: str, mark: Mark) -> tuple[Mark, _Read]:
        known = self._known.get(file)
        if known is not None and known[0] == mark:
            return known
        try:
            parsed = self._valid(self._text(file, mark), file)
        except _UnreadError as error:
            return Mark("", -1), self._fall_back(file, error)
        except ManifestError as error:
            return mark, self._fall_back(file, error)
        return mark, _Read(parsed, stale=False, problems=())

    def _text(self, file: str, mark: Mark) -> str:
        if mark.size > MAX_BYTES:
            raise ManifestError([_whole(file, f"{mark.size} bytes", f"{MAX_BYTES}", "too large")])
        try:
            stored = self._store.read(file)
        except StoreError as error:
            self.complete = False
            raise _UnreadError([_whole(file, "", "", f"cannot be read: {error}")]) from error
        if stored is None:
            raise ManifestError([_whole(file, "", "", "is gone")])
        try:
            return stored.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            found = f"byte {error.start} is {error.object[error.start]:#04x}"
            raise ManifestError([_whole(file, found, "UTF-8", "is not text")]) from error

    def _valid(self, text: str, file: str) -> Parsed:
        parsed = parse(text, file)
        problems = list(power_problems(parsed, self._scopes))
        if problems:
            raise ManifestError(problems)
        return parsed

    def _fall_back(self, file: str, error: ManifestError) -> _Read:
        before = self._before(file)
        if before is None:
            return _Read(None, stale=False, problems=error.problems)
        return _Read(before, stale=True, problems=(*error.problems, _stays(before)))

    def _before(self, file: str) -> Parsed | None:
        """What was last good of the file, if it still is by today's rules."""
        good = self._last_good(file)
        try:
            return self._valid(good.text, file) if good is not None else None
        except ManifestError:
            _LOG.warning("What was last good of %s is not valid any more", file)
            return None

    def _last_good(self, file: str) -> Good | None:
        try:
            good = self._records.last_good(file) if self._records is not None else None
        except StoreError as error:
            _LOG.warning("What was last good of %s is not known: %s", file, error)
            return None
        return good if good is not None and version_of(good.text) == good.version else None

    def _keep(self, parsed: Parsed) -> None:
        if self._records is None or self._kept.get(parsed.file) == parsed.version:
            return
        good = self._last_good(parsed.file)
        if good is not None and good.version == parsed.version:
            self._kept[parsed.file] = parsed.version
            return
        try:
            self._records.keep_good(parsed.file, parsed.version, parsed.text)
        except StoreError as error:
            _LOG.warning("The valid text of %s was not kept: %s", parsed.file, error)
        else:
            self._kept[parsed.file] = parsed.version


def _whole(file: str, found: str, allowed: str, message: str) -> Problem:
    return Problem(file, 0, 0, "", found, allowed, message)


def _stays(parsed: Parsed) -> Problem:
    return _whole(parsed.file, "", "", f"version {parsed.version} of it stays in force")


def _with_problem(manifests: Manifests, error: str) -> Manifests:
    problem = _whole("", "", "", f"the manifests cannot be listed, the last ones stay: {error}")
    return replace(manifests, problems=(*manifests.problems, problem), listed=False)
