"""Owns what the slower benchmarks run on: a simulated Azure that keeps time, and the real host.

The host is ``relink host`` in a process of its own; the simulated Azure is served, over https, by
the benchmark's process, so that its record can be read. Manifests are what ``relink capture`` gives.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from devhost.child import HostProcess
from devhost.environment import child_environment
from shared.manifests import parse_manifest
from shared.model.environment import Environment
from shared.records import FolderStore, Records
from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.server import Server
from simulator.wire import Request, Response
from simulator.worlds import private_inference
from simulator.worlds.plan import SUBSCRIPTION, Plan

ROOT = Path(__file__).resolve().parents[1]
NAME = "prod"
WEBHOOK = "/runtime/webhooks/eventgrid?functionName=resource_changed"
KEY = "benchmark-key-of-this-machine-only"
_NEVER = "0 0 0 29 2 1"  # a schedule of the sweep that no benchmark lives to see
_LOOK_EVERY = 0.01


@dataclass(frozen=True, slots=True)
class Answered:
    """One request of Relink's and when (epoch seconds) the simulated Azure worked on it."""

    method: str
    path: str
    status: int
    began: float
    ended: float


class TimedCloud(Cloud):
    """A simulated Azure that writes down how long each answer to Relink took."""

    def __init__(self, speed: float) -> None:
        super().__init__(SystemClock(), speed=speed)
        self.answers: list[Answered] = []

    def handle(self, request: Request) -> Response:
        """Answer, and note it."""
        began = time.time()
        response = super().handle(request)
        if "relink/" in (request.header("User-Agent") or ""):
            path = request.url.split("?")[0]
            self.answers.append(Answered(request.method, path, response.status, began, time.time()))
        return response


@dataclass(slots=True)
class World:
    """The running pair. Times are epoch seconds."""

    cloud: TimedCloud
    server: Server
    app: httpx.Client
    records: Records
    environment: Environment
    known: set[str] = field(default_factory=set)

    @property
    def ids(self) -> Plan:
        """Where things are."""
        return Plan(NAME, SUBSCRIPTION, "westeurope")

    def person(self, method: str, url: str, body: dict[str, Any] | None = None) -> None:
        """A person's request to Azure, which is accepted."""
        answer = self.cloud.call(method, f"{url}?api-version=2024-01-01", body)
        assert answer.status < 300, (method, url, answer.status, answer.body)

    def deliver(self, event: Mapping[str, Any]) -> float:
        """Hand an event to the host's webhook as Event Grid does; the seconds until its 200."""
        began = time.perf_counter()
        answer = self.app.post(WEBHOOK, json=[event])
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return time.perf_counter() - began

    def told(self, event: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        """Deliver an event; the record of the run that follows, and the seconds until it was there."""
        arrived = time.time()
        self.deliver(event)
        record, ended = self.next_run()
        return record, ended - arrived

    def look(self) -> dict[str, Any]:
        """A full run that a person asks for."""
        body = {"reason": "benchmark"}
        self.app.post(f"/api/environments/{NAME}/reconcile", json=body).raise_for_status()
        return self.next_run()[0]

    def next_run(self, seconds: float = 300) -> tuple[dict[str, Any], float]:
        """The record of the next run to end, and when it was there."""
        found: list[dict[str, Any]] = []

        def ended() -> bool:
            found[:] = [dict(r) for r in self.records.runs(NAME, 3) if r["id"] not in self.known]
            return bool(found)

        wait_for(ended, seconds, "a run to end")
        self.known.update(run["id"] for run in found)
        return found[-1], time.time()

    def answers_since(self, moment: float) -> list[Answered]:
        """What Relink asked of Azure from then on, oldest first."""
        return sorted(
            (answer for answer in list(self.cloud.answers) if answer.began >= moment),
            key=lambda answer: answer.began,
        )


def busy(answers: list[Answered]) -> float:
    """For how many seconds at least one answer was being made."""
    total, until = 0.0, 0.0
    for answer in sorted(answers, key=lambda answer: answer.began):
        total += max(0.0, answer.ended - max(answer.began, until))
        until = max(until, answer.ended)
    return total


def wait_for(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Return when ``ready``.

    Raises:
        TimeoutError: when it is not in time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(_LOOK_EVERY)


@contextmanager
def opened(
    directory: Path,
    *,
    speed: float,
    settle: float = 0.0,
    endpoints: int = 1,
    computes: int = 2,
    settings: Mapping[str, str] | None = None,
) -> Iterator[World]:
    """A healthy environment with Relink beside it, in mode ``remediate``, and nothing under way.

    ``settings`` are the host's beside those that lead it to Azure.
    """
    cloud = TimedCloud(speed)
    cloud.load(
        private_inference(prefix=NAME, cluster_endpoints=endpoints, computes=computes, others=False)
    )
    with ExitStack() as stack:
        server = stack.enter_context(Server(cloud, state_dir=directory / "azure"))
        environment = _capture(directory, child_environment(server.exports))
        given = {**server.exports, **(settings or {})}
        host = stack.enter_context(_host(directory, given, settle))
        app = stack.enter_context(client(host))
        records = Records(FolderStore(directory / "records"), lambda: datetime.now(UTC))
        yield World(cloud, server, app, records, environment)


def client(host: HostProcess) -> httpx.Client:
    """A client of the host that brings its key."""
    headers = {"x-functions-key": host.key}
    return httpx.Client(base_url=host.url, headers=headers, timeout=30, trust_env=False)


def _host(directory: Path, given: Mapping[str, str], settle: float) -> HostProcess:
    """The embedded host, as ``relink host`` runs it, in a process of its own."""
    environ = {
        **given,
        "RELINK_ENVIRONMENTS": (directory / "manifests").as_uri(),
        "RELINK_RECORDS": (directory / "records").as_uri(),
        "RELINK_MODE": "remediate",
        "RELINK_SETTLE_SECONDS": str(settle),
        "RELINK_SWEEP_SCHEDULE": _NEVER,
    }
    return HostProcess(ROOT, directory / "host", key=KEY, environ=environ)


def _capture(directory: Path, environ: Mapping[str, str]) -> Environment:
    """Write the manifest of the healthy world, as a person would."""
    file = directory / "manifests" / f"{NAME}.yaml"
    file.parent.mkdir()
    command = [sys.executable, "-m", "cli", "capture", "--name", NAME, "--out", str(file)]
    command += ["--workspace", Plan(NAME, SUBSCRIPTION, "westeurope").workspace]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"relink capture failed:\n{ended.stderr[-2000:]}")
    return parse_manifest(file.read_text(encoding="utf-8"), file.name)
