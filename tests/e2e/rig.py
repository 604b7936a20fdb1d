"""Owns the real processes: `relink host` over sockets, against a simulated Azure that tests look into.

The simulator serves ARM over https, the identity endpoint and Event Grid from this process, so that
its store can be compared; the host is a process of its own, in a session of its own, and is killed
with everything it started.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from devhost.child import PATIENCE, wait_until
from devhost.environment import child_environment
from shared.records import FolderStore, Records
from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.server import Server
from simulator.wire import Exchange, Request, Response
from simulator.worlds import private_inference
from simulator.worlds.plan import SUBSCRIPTION, Plan
from tests.e2e.stage import declared

ROOT = Path(__file__).parents[2]
KEY = "a key for tests"
SPEED = 240.0
"""Azure's operations last a second or less; what it asks to wait for is never below a second."""
VERSION = "api-version=2024-01-01"


@dataclass
class Ambush:
    """Kills once, at a call of Relink's: before Azure hears of it, or before Relink hears back."""

    method: str
    path: str
    kill: Callable[[], None]
    heard: bool = True
    struck: threading.Event = field(default_factory=threading.Event)

    def fits(self, request: Request) -> bool:
        """Whether this is the call."""
        path = request.url.split("?")[0]
        return request.method == self.method and bool(re.search(self.path, path, re.IGNORECASE))


class AmbushedCloud(Cloud):
    """A simulated Azure in which a test can lie in wait for one call."""

    ambush: Ambush | None = None

    def handle(self, request: Request) -> Response:
        """Answer as Azure would, if anybody is still there to hear it."""
        ambush = self.ambush
        if ambush is None or not ambush.fits(request):
            return super().handle(request)
        self.ambush = None
        answer = super().handle(request) if ambush.heard else Response(503, {}, b"")
        ambush.kill()
        ambush.struck.set()
        return answer


class Host:
    """`relink host` on a port that stays the same over its lives."""

    def __init__(self, place: Path, environ: Mapping[str, str]) -> None:
        self.place = place
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = child_environment({**environ, "RELINK_HOST_KEY": KEY})
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(
            base_url=self.url, headers={"x-functions-key": KEY}, timeout=60, trust_env=False
        )

    def start(self, seconds: float = PATIENCE) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "cli", "host"]
        command += ["--port", str(self.port), "--state", str(self.place / "host")]
        with (self.place / "host.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environ, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        wait_until(self._healthy, seconds)

    def kill(self) -> None:
        """SIGKILL to the host and to whatever it started."""
        process = self._process
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)

    def log(self) -> str:
        """The end of what it wrote."""
        return (self.place / "host.log").read_text(errors="replace")[-6000:]

    def _healthy(self) -> bool:
        process = self._process
        assert process is not None
        assert process.poll() is None, self.log()
        try:
            return self.http.get("/api/health").status_code == 200
        except httpx.TransportError:
            return False


@dataclass
class Rig:
    """One simulated Azure with one environment, Event Grid, and one host."""

    cloud: AmbushedCloud
    server: Server
    host: Host
    ids: Plan

    def person(
        self,
        method: str,
        url: str,
        body: dict[str, Any] | None = None,
        *,
        patience: float = PATIENCE,
    ) -> dict[str, Any]:
        """A person's request, repeated while the resource is busy."""
        answers: list[Response] = []

        def accepted() -> bool:
            answers.append(self.cloud.call(method, f"{url}?{VERSION}", body))
            return answers[-1].status not in {409, 429}

        wait_until(accepted, patience)
        assert answers[-1].status < 300, answers[-1].body
        return dict(answers[-1].json() or {})

    def restart_cluster(self) -> None:
        """Stop and start it, as a person would."""
        self.person("POST", f"{self.ids.cluster}/stop")
        wait_until(lambda: self._power("Stopped"))
        self.person("POST", f"{self.ids.cluster}/start")
        wait_until(lambda: self._power("Running"))

    def _power(self, wanted: str) -> bool:
        body = self.cloud.get(self.ids.cluster)
        assert body is not None
        live = body["properties"]
        return (live["powerState"]["code"], live["provisioningState"]) == (wanted, "Succeeded")

    def forgive(self) -> None:
        """Forget earlier repairs: a real cluster is not restarted every ten seconds."""
        records = Records(FolderStore(self.host.place / "records"), SystemClock().now)
        records.forget_attempts("prod")

    def environment(self) -> dict[str, Any]:
        """What the host says of the environment."""
        answer = self.host.http.get("/api/environments/prod").raise_for_status()
        return dict(answer.json())

    def calm(self) -> bool:
        """Whether nothing is under way, owed or half done, and every event is delivered."""
        if any(
            view.queue or view.in_flight for view in self.server.event_grid.subscriptions.values()
        ):
            return False
        seen = self.environment()
        queue = seen["queue"]
        return not (queue["running"] or queue["pending"] or seen["debts"] or seen["intents"])

    def until_calm(self, seconds: float = PATIENCE) -> None:
        """Wait for ``calm`` to last.

        Raises:
            TimeoutError: with what the host says and the end of its log.
        """
        seen: list[float] = []

        def settled() -> bool:
            now = datetime.now().timestamp()  # noqa: DTZ005 - a distance only
            seen.append(now) if self.calm() else seen.clear()
            return bool(seen) and now - seen[0] > 0.7

        try:
            wait_until(settled, seconds)
        except TimeoutError as late:
            raise TimeoutError(f"{self.environment()}\n{self.host.log()}") from late

    def reconcile(self, name: str = "prod", **body: object) -> httpx.Response:
        """Ask for a run."""
        return self.host.http.post(f"/api/environments/{name}/reconcile", json=body)

    def finished(self, run: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The record of a run, once there is one."""

        def record() -> dict[str, Any] | None:
            body = self.host.http.get(f"/api/runs/{run}").json()
            if body.get("status") == "merged":
                return self.finished(body["into"], seconds)
            return body.get("record")  # type: ignore[no-any-return] # JSON

        found = wait_until(record, seconds)
        assert found is not None
        return found

    def written(self, since: int) -> list[Exchange]:
        """What Relink wrote after ``since`` (a number of ``cloud.writes()``)."""
        return [e for e in self.cloud.writes()[since:] if e.caller == "relink"]

    def close(self) -> None:
        """End everything."""
        self.host.kill()
        self.host.http.close()
        self.server.stop()


def open_rig(
    place: Path,
    *,
    environ: Mapping[str, str] | None = None,
    names: Sequence[str] = ("prod",),
    **declaration: object,
) -> Rig:
    """Start Azure and the host on healthy environments, events subscribed, "prod" verified once.

    ``environ`` are further settings, ``declaration`` fields of each manifest.
    """
    cloud = AmbushedCloud(SystemClock(), speed=SPEED)
    server = Server(cloud, state_dir=place / "azure")
    server.start()
    manifests = place / "manifests"
    manifests.mkdir(parents=True)
    for name in names:
        world = private_inference(prefix=name)
        cloud.load(world)
        manifest = declared(world, name) | declaration
        (manifests / f"{name}.yaml").write_text(json.dumps(manifest, indent=1))
    settings = {
        **server.exports,
        "RELINK_ENVIRONMENTS": manifests.as_uri(),
        "RELINK_RECORDS": (place / "records").as_uri(),
        "RELINK_MODE": "remediate",
        "RELINK_APPROVE_MANIFEST_CHANGES": "false",
        "RELINK_SETTLE_SECONDS": "0.3",
        **(environ or {}),
    }
    host = Host(place, settings)
    rig = Rig(cloud, server, host, Plan("prod", SUBSCRIPTION, "westeurope"))
    try:
        host.start()
        subscribe(rig, "relink", "EventGridSchema")
        answer = rig.reconcile(reason="a first look").raise_for_status()
        assert rig.finished(answer.json()["id"])["outcome"] == "InSync"
    except BaseException:
        sys.stderr.write(host.log())
        rig.close()
        raise
    return rig


def subscribe(rig: Rig, name: str, schema: str, **more: object) -> None:
    """Shake hands with the host's webhook, as a deployed event subscription does, and deliver."""
    url = f"{rig.host.url}/runtime/webhooks/eventgrid?functionName=resource_changed"
    rig.server.event_grid.subscribe(
        {"name": name, "endpoint": url, "schema": schema,
         "headers": {"x-functions-key": KEY}, **more}
    )  # fmt: skip
