"""Owns the processes of the demo: simulator, capture, embedded host; all of them end with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from cli.demo.azure import DemoError, Person
from shared.manifests import parse_manifest
from shared.model.environment import Environment
from shared.records import FolderStore, Records
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan

SPEED = 60.0
SETTLE_SECONDS = 0.5
_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
PLACES = {"production": "prod", "watched": "lab"}
"""Environment name → the prefix of its resources."""


@dataclass(slots=True)
class Stage:
    """What the scenes play on."""

    directory: Path
    person: Person
    app: httpx.Client
    records: Records
    environments: dict[str, Environment]
    principal: str = ""
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def close(self) -> None:
        """End the processes, the last started first."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def set_up(directory: Path, clock: Callable[[], Any], say: Callable[[str], None]) -> Stage:
    """Start everything in ``directory`` (logs included) and return when it answers.

    Raises:
        DemoError: with the end of the log of what did not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        say(f"starting the simulated Azure ({SPEED:.0f} times as fast as Azure)")
        exports = _start_simulator(directory, processes)
        environ = {**os.environ, **exports}
        say("capturing manifests of two environments with `relink capture`")
        environments = _capture(directory, environ)
        say("starting the Functions host with function_app.py")
        app = _start_host(directory, environ, processes)
    except BaseException:
        Stage(directory, None, None, None, {}, "", processes).close()  # type: ignore[arg-type] # only processes matter
        raise
    person = Person(exports["SIMULATOR_CONTROL"])
    records = Records(FolderStore(directory / "records"), clock)
    _subscribe(person, app)
    principal = exports["RELINK_PRINCIPAL_ID"]
    return Stage(directory, person, app, records, environments, principal, processes)


def _start_simulator(directory: Path, processes: list[subprocess.Popen[bytes]]) -> dict[str, str]:
    world = [part for prefix in PLACES.values() for part in private_inference(prefix=prefix)]
    file = directory / "world.json"
    file.write_text(json.dumps(world))
    exports = directory / "azure.env"
    command = [sys.executable, "-m", "simulator", "--world", str(file), "--speed", str(SPEED)]
    command += ["--state-dir", str(directory / "azure"), "--exports-file", str(exports)]
    record = os.environ.get("SIMULATOR_RECORD")
    if record:
        command += ["--record", record]
    log = directory / "simulator.log"
    processes.append(_spawn(command, dict(os.environ), log))
    _wait(
        lambda: exports.exists() and "SIMULATOR_CONTROL" in exports.read_text(), processes[-1], log
    )
    lines = re.findall(r"^(?:export )?(\w+)=(.*)$", exports.read_text(), re.MULTILINE)
    return {name: value.strip("'\"") for name, value in lines}


def _capture(directory: Path, environ: Mapping[str, str]) -> dict[str, Environment]:
    """The manifests, captured side by side."""
    manifests = directory / "manifests"
    manifests.mkdir(exist_ok=True)
    with ThreadPoolExecutor(len(PLACES)) as pool:
        captured = {
            name: pool.submit(
                _capture_one, manifests / f"{name}.yaml", Plan(prefix).workspace, environ
            )
            for name, prefix in PLACES.items()
        }
    return {name: each.result() for name, each in captured.items()}


def _capture_one(file: Path, workspace: str, environ: Mapping[str, str]) -> Environment:
    command = [sys.executable, "-m", "cli", "capture", "--workspace", workspace]
    command += ["--name", file.stem, "--out", str(file)]
    ended = subprocess.run(  # noqa: S603 - our own command line
        command, cwd=_ROOT, env=dict(environ), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise DemoError(f"`relink capture` of {workspace} failed:\n{ended.stderr}")
    if file.stem == "watched":
        file.write_text(_observed(file.read_text()))
    return parse_manifest(file.read_text(), file.name)


def _observed(text: str) -> str:
    """The manifest with ``mode: observe``, as a person would edit it."""
    if re.search(r"^mode:.*$", text, re.MULTILINE):
        return re.sub(r"^mode:.*$", "mode: observe", text, count=1, flags=re.MULTILINE)
    return re.sub(r"^(name:.*)$", r"\1\nmode: observe", text, count=1, flags=re.MULTILINE)


def _start_host(
    directory: Path, environ: dict[str, str], processes: list[subprocess.Popen[bytes]]
) -> httpx.Client:
    state = directory / "host"
    key = "demo-" + os.urandom(12).hex()
    environ = {
        **environ,
        "RELINK_ENVIRONMENTS": (directory / "manifests").as_uri(),
        "RELINK_RECORDS": (directory / "records").as_uri(),
        "RELINK_MODE": "remediate",
        "RELINK_SETTLE_SECONDS": str(SETTLE_SECONDS),
        "RELINK_HOST_KEY": key,
    }
    command = [sys.executable, "-m", "cli", "host", "--port", "0", "--state", str(state)]
    log = directory / "host.log"
    processes.append(_spawn(command, environ, log))
    ready = state / "host.json"
    _wait(lambda: ready.exists() and _answers(ready), processes[-1], log)
    url = json.loads(ready.read_text())["url"]
    return httpx.Client(
        base_url=url, headers={"x-functions-key": key}, timeout=30.0, trust_env=False
    )


def _answers(ready: Path) -> bool:
    try:
        url = json.loads(ready.read_text())["url"]
        return httpx.get(f"{url}/api/health", timeout=5, trust_env=False).status_code == 200  # noqa: PLR2004 - HTTP
    except (httpx.HTTPError, ValueError, KeyError):
        return False


def _subscribe(person: Person, app: httpx.Client) -> None:
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


def _spawn(command: list[str], environ: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as stream:
        return subprocess.Popen(  # noqa: S603 - our own processes
            command, cwd=_ROOT, env=environ, stdout=stream, stderr=stream
        )


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise DemoError(f"{' '.join(map(str, process.args))} did not start:\n{tail}")  # type: ignore[arg-type] # a list of texts
        time.sleep(0.05)
