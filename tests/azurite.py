"""Owns a real Azurite for tests: installed once for the machine, one process a test session.

It comes from npm into a cache folder (`scripts/node_packages.py`). Where it cannot be had, whoever asks for the fixture
fails or skips as `tests/judges.py` says. Use it by importing the fixture where it is needed:
``from tests.azurite import azurite``.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from scripts import judges
from scripts.node_packages import NodeMissingError, cache_folder, provide
from tests.judges import missing

VERSION = "3.35.0"
_ACCOUNT = "devstoreaccount1"
# Azurite's published key of its only account: no secret.
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
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
    folder = cache_folder(f"azurite-{VERSION}")
    try:
        node = provide(folder, [], [f"azurite@{VERSION}"])
    except NodeMissingError as why:
        missing("azurite", str(why))
    judges.ran("azurite", f"{VERSION} on {node}")
    return node.program, str(folder / "node_modules/azurite/dist/src/azurite.js")


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
