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
from typing import Any

from cli.shell import CommandError
from remediators import REMEDIATORS
from shared.azure.config import ArmConfig
from shared.azure.credentials import credential
from shared.azure.errors import Transient
from shared.azure.gateway import Azure
from shared.composition import compose, system_clock
from shared.manifests import Declared, Manifests, Problem, read_manifests
from shared.records import Mark, Stored, StoreError
from shared.settings import Settings
from shared.workflow.services import Services

MOST_WAITS = 20
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
        return {key: Mark("", Path(key).stat().st_size) for key in self.keys(prefix)}


@dataclass(frozen=True, slots=True)
class Fixed:
    """Manifests in force that do not change while a command runs."""

    manifests: Manifests

    def current(self) -> Manifests:
        """What was read when the command began."""
        return self.manifests


def read_files(files: Sequence[Path], scopes: str | None = None) -> Manifests:
    """Read and check manifests, those across files included.

    Raises:
        CommandError: for what is no readable file of the right name.
    """
    for file in files:
        if not file.is_file():
            raise CommandError(f"{file}: no such file")
        if file.suffix not in {".yaml", ".yml"}:
            raise CommandError(f"{file}: the name of a manifest ends with .yaml or .yml")
    own = os.environ.get("RELINK_SCOPES", "") if scopes is None else scopes
    settings = Settings.read({"RELINK_ENVIRONMENTS": "file:///", "RELINK_SCOPES": own})
    return read_manifests(ManifestFiles(tuple(files)), None, settings)


def read_file(file: Path) -> Declared:
    """The one environment that a file declares.

    Raises:
        CommandError: with every problem of the file.
    """
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
    # What the app logs for its operators, the commands say themselves.
    logging.getLogger("relink").addHandler(logging.NullHandler())
    environ = {**os.environ, "RELINK_RECORDS": records}
    environ["RELINK_ENVIRONMENTS"] = "file:///"
    environ["RELINK_APPROVE_MANIFEST_CHANGES"] = "false"
    if not environ.get("RELINK_MODE", "").strip():
        environ["RELINK_MODE"] = "remediate"
    with ExitStack() as connections:
        door = _Door(Settings.read(environ), connections)
        services = compose(environ, REMEDIATORS, azure=door)
        yield replace(services, manifests=Fixed(manifests or Manifests()))


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
        config = arm_of(self.settings)
        identity: Any = credential(config)
        self.connections.callback(identity.close)
        azure = Azure(config, identity, system_clock)
        self.connections.callback(azure.close)
        return azure


def records_address(chosen: Path | None, fallback: Path) -> str:
    """Where records go: ``--records``, else ``RELINK_RECORDS``, else a folder of our choice."""
    if chosen is not None:
        return chosen.absolute().as_uri()
    return os.environ.get("RELINK_RECORDS", "").strip() or fallback.absolute().as_uri()


def patiently[T](look: Callable[[], T], note: Callable[[str], None]) -> T:
    """``look`` again as long as Azure asks to come back later, honouring its Retry-After.

    Raises:
        Transient: when Azure still asks after ``MOST_WAITS`` times.
    """
    for left in reversed(range(MOST_WAITS)):
        try:
            return look()
        except Transient as busy:
            if not left or busy.retry_after > LONGEST_WAIT:
                raise
            note(f"Azure asks to wait {busy.retry_after:.0f} s: {busy.message}")
            sleep(busy.retry_after)
    raise AssertionError("the last look returns or raises")
