"""Owns the processes of a rehearsed Azure: simulator and embedded host; all of them end with it.

The demo and ``relink rehearse`` both play on it. What is played, and how it is judged, is theirs.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from cli.demo.azure import DemoError, Person
from devhost.environment import child_environment
from shared.model.environment import Environment
from shared.records import FolderStore, Records

SPEED = 100.0
SETTLE_SECONDS = 0.5
ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 120.0


@dataclass(slots=True)
class LocalAzure:
    """A simulated Azure with Relink's app beside it. ``directory`` holds logs, manifests, records."""

    directory: Path
    person: Person
    app: httpx.Client
    records: Records
    principal: str
    environ: Mapping[str, str]
    processes: list[subprocess.Popen[bytes]]
    environments: dict[str, Environment] = field(default_factory=dict)

    def close(self) -> None:
        """End the processes, the last started first."""
        self.app.close()
        self.person.close()
        end(self.processes)

    def kill_host(self) -> None:
        """Kill the app without a word, as a machine that goes away does."""
        host = self.processes.pop()
        host.send_signal(signal.SIGKILL)
        host.wait(10)

    def start_host_again(self) -> None:
        """Start the killed app where it was: same address, same state."""
        port = self.app.base_url.port or 0
        self.app.close()
        self.app = start_host(self.directory, self.environ, self.processes, port=port)


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes, the last started first; those that do not listen are killed."""
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start_simulator(
    directory: Path, world: Sequence[Mapping[str, Any]], processes: list[subprocess.Popen[bytes]]
) -> dict[str, str]:
    """Start the simulated Azure with ``world`` in it; the variables that lead clients there.

    Raises:
        DemoError: with the end of the log of what did not start.
    """
    file = directory / "world.json"
    file.write_text(json.dumps(list(world)))
    exports = directory / "azure.env"
    command = [sys.executable, "-m", "simulator", "--world", str(file), "--speed", str(SPEED)]
    command += ["--state-dir", str(directory / "azure"), "--exports-file", str(exports)]
    record = os.environ.get("SIMULATOR_RECORD")
    if record:
        command += ["--record", record]
    log = directory / "simulator.log"
    processes.append(_spawn(command, child_environment(), log))
    _wait(
        lambda: exports.exists() and "SIMULATOR_CONTROL" in exports.read_text(), processes[-1], log
    )
    lines = re.findall(r"^(?:export )?(\w+)=(.*)$", exports.read_text(), re.MULTILINE)
    return {name: value.strip("'\"") for name, value in lines}


def start_host(
    directory: Path,
    environ: Mapping[str, str],
    processes: list[subprocess.Popen[bytes]],
    *,
    port: int = 0,
) -> httpx.Client:
    """Start the app on the manifests in ``directory``; a client with its key, once it answers.

    Raises:
        DemoError: with the end of the log of what did not start.
    """
    state = directory / "host"
    key_file = directory / "key"
    if not key_file.exists():
        key_file.write_text("local-" + os.urandom(12).hex())
    key = key_file.read_text()
    settings = {
        **environ,
        "RELINK_ENVIRONMENTS": (directory / "manifests").as_uri(),
        "RELINK_RECORDS": (directory / "records").as_uri(),
        "RELINK_MODE": "remediate",
        "RELINK_SETTLE_SECONDS": str(SETTLE_SECONDS),
        "RELINK_HOST_KEY": key,
    }
    command = [sys.executable, "-m", "cli", "host", "--port", str(port), "--state", str(state)]
    ready = state / "host.json"
    ready.unlink(missing_ok=True)  # that of a host that was killed
    log = directory / "host.log"
    processes.append(_spawn(command, settings, log))
    _wait(lambda: ready.exists() and _answers(ready), processes[-1], log)
    url = json.loads(ready.read_text())["url"]
    return httpx.Client(
        base_url=url, headers={"x-functions-key": key}, timeout=30.0, trust_env=False
    )


def subscribe(person: Person, app: httpx.Client) -> None:
    """Event Grid delivers to the host's webhook, as a deployed event subscription would."""
    person.control(
        "POST",
        "subscriptions",
        {
            "name": "relink",
            "endpoint": str(
                app.base_url.join("/runtime/webhooks/eventgrid?functionName=resource_changed")
            ),
            "schema": "EventGridSchema",
            "headers": {"x-functions-key": app.headers["x-functions-key"]},
        },
    )


def open_records(directory: Path, clock: Callable[[], Any]) -> Records:
    """The records that the host keeps in ``directory``."""
    return Records(FolderStore(directory / "records"), clock)


def _answers(ready: Path) -> bool:
    try:
        url = json.loads(ready.read_text())["url"]
        return httpx.get(f"{url}/api/health", timeout=5, trust_env=False).status_code == 200  # noqa: PLR2004 - HTTP
    except (httpx.HTTPError, ValueError, KeyError):
        return False


def _spawn(command: list[str], environ: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as stream:
        return subprocess.Popen(  # noqa: S603 - our own processes
            command, cwd=ROOT, env=environ, stdout=stream, stderr=stream
        )


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise DemoError(f"{' '.join(map(str, process.args))} did not start:\n{tail}")  # type: ignore[arg-type] # a list of texts
        time.sleep(0.05)
