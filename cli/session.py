"""Owns how a command gets its services: the app's own composition, over files named by a person.

The person at the command line is the approval that a changed manifest would wait for, and the
ceiling of modes is ``remediate`` unless ``RELINK_MODE`` says less.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import sleep
from typing import Any, Final

from cli.shell import CommandError
from cli.signin import STORAGE, sign_in
from remediators import REMEDIATORS
from shared.azure.config import ArmConfig
from shared.azure.credentials import credential
from shared.azure.errors import Transient
from shared.azure.gateway import Azure
from shared.composition import compose, system_clock
from shared.manifests import Declared, Manifests, Problem, read_manifests
from shared.model.actual import Observation, Read, Unreadable
from shared.records import Mark, Stored, StoreError
from shared.records.opening import Form, read_address
from shared.settings import Settings
from shared.workflow.services import Services

MOST_WAITS = 20
MOST_UNREACHED = 2
UNREACHED = "ConnectionFailed"
"""The code of a call that got no answer (``shared.azure.errors``)."""
CHECK_THE_WAY = "check the network, HTTPS_PROXY, RELINK_ARM_ENDPOINT and RELINK_CA_BUNDLE"
LONGEST_WAIT = 120.0


@dataclass(frozen=True, slots=True)
class ManifestFiles:
    """Manifests at paths that a person named, as a store that cannot be written."""

    files: tuple[Path, ...]

    def read(self, key: str) -> Stored | None:
        """The file's bytes."""
        try:
            return Stored(Path(key).read_bytes(), "")
        except OSError as error:
            raise StoreError(f"{key}: {error.strerror}") from error

    def write(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None = None,  # noqa: ARG002 - the protocol has it
        if_absent: bool = False,  # noqa: ARG002 - the same
    ) -> str:
        """Refused: manifests are the person's."""
        raise StoreError(f"{key}: manifests are never written ({len(data)} bytes)")

    def delete(self, key: str, *, if_match: str | None = None) -> None:  # noqa: ARG002 - the protocol has it
        """Refused: manifests are the person's."""
        raise StoreError(f"{key}: manifests are never deleted")

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The paths as they were given."""
        return iter(sorted(key for key in map(str, self.files) if key.startswith(prefix)))

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        """Path to size; a file is read once a command, so its tag says nothing."""
        return {key: Mark("", _size(Path(key))) for key in self.keys(prefix)}


def _size(file: Path) -> int:
    """Its size in bytes; 0 when it vanished, which reading it says."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class Fixed:
    """Manifests in force that do not change while a command runs."""

    manifests: Manifests

    def current(self) -> Manifests:
        """What was read when the command began."""
        return self.manifests


def read_files(paths: Sequence[Path], scopes: str | None = None) -> Manifests:
    """Read and check manifests, those across files included; of a folder, all that are in it.

    What is no readable file of the right name is a problem of its own and stops no other.
    """
    files: dict[Path, Path] = {}
    problems = []
    for path in paths:
        found, problem = _files_at(path)
        problems += [Problem(str(path), 0, 0, "", "", "", problem)] if problem else []
        files |= {file.resolve(): file for file in reversed(found)}
    if not files:
        return Manifests(problems=tuple(problems))
    own = os.environ.get("RELINK_SCOPES", "") if scopes is None else scopes
    settings = Settings.read({"RELINK_ENVIRONMENTS": "file:///", "RELINK_SCOPES": own})
    read = read_manifests(ManifestFiles(tuple(files.values())), None, settings)
    return replace(read, problems=(*problems, *read.problems))


_SUFFIXES = (".yaml", ".yml")


def _files_at(path: Path) -> tuple[list[Path], str]:
    """The manifests at ``path``, and what is wrong with it."""
    if path.is_dir():
        found = sorted(
            file
            for file in path.rglob("*")
            if file.suffix in _SUFFIXES
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
        return found, "" if found else "this folder holds no *.yaml and no *.yml"
    if not path.exists():
        return [], "no such file"
    if path.suffix not in _SUFFIXES:
        return [], "the name of a manifest ends with .yaml or .yml"
    return ([path], "") if path.is_file() else ([], "this is no regular file")


def read_file(file: Path) -> Declared:
    """The one environment that a file declares.

    Raises:
        CommandError: with every problem of the file.
    """
    if file.is_dir():
        raise CommandError(
            f"{file} is a folder; this command takes one manifest", f"ls '{file}' lists its files"
        )
    manifests = read_files([file])
    if manifests.problems or not manifests.environments:
        raise CommandError(f"{file} cannot be used:", *map(str, manifests.problems))
    return next(iter(manifests.environments.values()))


def fixed(declared: Declared) -> Manifests:
    """Manifests in force that are this one alone."""
    return Manifests({declared.environment.name: declared})


def problem_json(problem: Problem) -> dict[str, object]:
    """A problem for scripts."""
    names = ("file", "line", "column", "field", "found", "allowed", "message")
    return {name: getattr(problem, name) for name in names}


@contextmanager
def open_services(records: str, manifests: Manifests | None = None) -> Iterator[Services]:
    """The app's services, with its catalogue, over ``records`` (a store's address).

    Connections are closed at the end: a command does not live as long as an app.

    Raises:
        SettingsError: naming every variable that is wrong.
    """
    # What the app and the SDKs log for operators, the commands say themselves.
    for name in ("relink", "azure", "msal"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    environ = {**os.environ, "RELINK_RECORDS": records}
    environ["RELINK_ENVIRONMENTS"] = "file:///"
    environ["RELINK_APPROVE_MANIFEST_CHANGES"] = "false"
    if not environ.get("RELINK_MODE", "").strip():
        environ["RELINK_MODE"] = "remediate"
    with ExitStack() as connections:
        settings = Settings.read(environ)
        if read_address(records).form is Form.CONTAINER:
            # The storage SDK would ask for a token again and again, for a minute and a half.
            _signed_in(settings, connections, STORAGE)
        door = _Door(settings, connections)
        services = compose(environ, REMEDIATORS, azure=door)
        yield replace(services, manifests=Fixed(manifests or Manifests()))


def _signed_in(settings: Settings, connections: ExitStack, scope: str = "") -> Any:  # noqa: ANN401 - azure-identity's own
    """Who we are, with a token for ARM or for ``scope``; closed with the command."""
    config = arm_of(settings)
    identity: Any = credential(config)
    connections.callback(identity.close)
    sign_in(identity, config, scope)
    return identity


def arm_of(settings: Settings) -> ArmConfig:
    """The ARM that the settings name."""
    bundle = settings.ca_bundle
    return ArmConfig.of(
        settings.cloud.value, settings.arm_endpoint, str(bundle) if bundle else None
    )


@dataclass(slots=True)
class _Door:
    """The door to Azure, made when first used and closed with the command."""

    settings: Settings
    connections: ExitStack
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _made: Azure | None = None

    def __call__(self) -> Azure:
        """The one door of this command."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> Azure:
        identity = _signed_in(self.settings, self.connections)
        azure = Azure(arm_of(self.settings), identity, system_clock)
        self.connections.callback(azure.close)
        return azure


RECORDS: Final = Path(".relink/records")
"""Where records are when nothing says otherwise, in the current folder: for every command the
same, ``relink host`` included."""


def records_address(chosen: Path | None) -> str:
    """Where records are: ``--records``, else ``RELINK_RECORDS``, else ``RECORDS``."""
    if chosen is not None:
        return chosen.absolute().as_uri()
    return os.environ.get("RELINK_RECORDS", "").strip() or RECORDS.absolute().as_uri()


def records_shown(address: str) -> str:
    """The place as people write it, without secrets: below the current folder, relative to it."""
    place = read_address(address)
    if place.folder is None:
        return place.shown
    here = Path.cwd()
    return str(
        place.folder.relative_to(here) if place.folder.is_relative_to(here) else place.folder
    )


def records_there(chosen: Path | None) -> str:
    """Where records are, if there is anything.

    Raises:
        CommandError: when it is a folder that does not exist.
    """
    address = records_address(chosen)
    try:
        folder = read_address(address).folder
    except ValueError:
        return address  # the settings say what is wrong with it
    if folder is not None and not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise CommandError(
            f"no records: the folder {folder} {what}",
            "records are at --records, else at RELINK_RECORDS, else in .relink/records of the"
            " current folder; a run makes them",
        )
    return address


def insist(answers: Mapping[Read, Observation]) -> Mapping[Read, Observation]:
    """``answers``, if none is missing that may come later.

    Raises:
        Transient: for the one that Azure wants to be waited for longest.
    """
    waits = [a for a in answers.values() if isinstance(a, Unreadable) and a.retry_after is not None]
    if waits:
        last = max(waits, key=lambda answer: answer.retry_after or 0)
        raise Transient(last.code, last.message, retry_after=last.retry_after or 0)
    return answers


def patiently[T](look: Callable[[], T], note: Callable[[str], None]) -> T:
    """``look`` again as long as Azure asks to come back later, honouring its Retry-After.

    Raises:
        CommandError: when Azure cannot be reached, tried ``MOST_UNREACHED`` times.
        Transient: when Azure still asks after ``MOST_WAITS`` times.
    """
    for tried in range(1, MOST_WAITS + 1):
        try:
            return look()
        except Transient as busy:
            unreached = busy.code == UNREACHED
            if unreached and tried >= MOST_UNREACHED:
                raise CommandError(
                    f"Azure cannot be reached, tried {tried} times: {busy.message}",
                    CHECK_THE_WAY,
                ) from busy
            if tried == MOST_WAITS or busy.retry_after > LONGEST_WAIT:
                raise
            said = "Azure cannot be reached" if unreached else "Azure asks to wait"
            note(f"{said}; trying again in {busy.retry_after:.0f} s: {busy.message}")
            sleep(busy.retry_after)
    raise AssertionError("the last look returns or raises")
