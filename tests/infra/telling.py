"""What Relink really tells: runs of the product, Microsoft's exporter, and a sink on this machine.

    python -m tests.infra.telling    prints a JSON object: scenario to rows by table

A process of its own, as OpenTelemetry's providers are set once in a process. Runs have a virtual
clock: rows get its time; all else in them is as it was exported.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from shared import telemetry
from shared.model.actual import Question, Read
from shared.model.progress import Refused
from shared.model.trigger import Cause, Notice
from shared.records import FolderStore
from shared.triggers.intake import Intake
from shared.triggers.sweep import sweep_all
from tests.azure.wires import Canned, over_canned
from tests.core.builders import ENDPOINT, NOW, delete, destroying, rid, tiny
from tests.e2e.stage import build
from tests.triggers.client import FakeClient
from tests.workflow.stages import BROKEN, broken
from tests.workflow.world import World, wish, world

TABLES = {
    "EventData": "AppEvents",
    "MetricData": "AppMetrics",
    "RequestData": "AppRequests",
    "RemoteDependencyData": "AppDependencies",
    "MessageData": "AppTraces",
    "ExceptionData": "AppExceptions",
}
type Row = dict[str, Any]


class Sink(BaseHTTPRequestHandler):
    """Application Insights' ingestion endpoint, as far as the exporter knows it."""

    got: list[Row] = []  # noqa: RUF012 - one sink a process

    def do_POST(self) -> None:
        """Take what is sent."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        items = json.loads(raw)
        self.got.extend(items)
        body = json.dumps(
            {"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


def start() -> None:
    """The real exporter, sending to the sink."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    os.environ["APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL"] = "true"
    os.environ["OTEL_METRIC_EXPORT_INTERVAL"] = "3600000"
    key = "00000000-0000-0000-0000-000000000000"
    telemetry.configure(
        f"InstrumentationKey={key};IngestionEndpoint={address};LiveEndpoint={address}"
    )


def drained() -> list[Row]:
    """What was told since the last time."""
    from opentelemetry import metrics, trace  # noqa: PLC0415 - after the exporter
    from opentelemetry._logs import get_logger_provider  # noqa: PLC0415 - the same

    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        provider.force_flush()  # type: ignore[union-attr]
    get_logger_provider().force_flush()  # type: ignore[attr-defined]
    found = [item for item in Sink.got if item["data"]["baseType"] in TABLES]
    Sink.got.clear()
    return found


def rows(items: list[Row], at: datetime) -> list[Row]:
    """Envelopes as rows of a workspace's tables (its table reference, 2026)."""
    found = []
    for item in items:
        table, base = TABLES[item["data"]["baseType"]], item["data"]["baseData"]
        row: Row = {
            "Table": table,
            "TimeGenerated": at.isoformat(),
            "OperationId": item["tags"].get("ai.operation.id", ""),
            "ParentId": item["tags"].get("ai.operation.parentId", ""),
            "Id": base.get("id", ""),
            "Name": base.get("name", ""),
            "Properties": base.get("properties") or {},
        }
        if table == "AppMetrics":
            (point,) = base["metrics"]
            row |= {"Name": point["name"], "Sum": point["value"], "ItemCount": point.get("count")}
            row |= {"Min": point.get("min"), "Max": point.get("max")}
        if "duration" in base:
            row["DurationMs"] = milliseconds(base["duration"])
        found.append(row)
    return found


def milliseconds(duration: str) -> float:
    """Of ``d.hh:mm:ss.fff``, as the exporter writes spans."""
    days, _, clock = duration.partition(".") if duration.count(":") == 2 else ("0", "", duration)
    hours, minutes, seconds = clock.split(":")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60_000 + float(seconds) * 1000


class Told:
    """One scenario: a world that reports through the real telemetry, and the rows that came of it."""

    def __init__(self, make: Callable[[Path], World]) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.here = make(self.folder)
        self.here.services = replace(
            self.here.services,
            report=telemetry.report,
            swept=telemetry.swept,
            measure=telemetry.measure,
        )
        self.rows: list[Row] = []
        self._runs = 0

    def run(self, *, wished: float = 0.0, **more: Any) -> None:  # noqa: ANN401 - of a trigger
        """One whole run, now; it was ``wished`` for so many hours ago."""
        self._runs += 1
        trigger = wish(f"00000000-0000-4000-8000-{self._runs:012d}", **more)
        self.here.run(replace(trigger, at=self.here.clock() - timedelta(hours=wished)))
        self._take()

    def sweep(self, **more: bool) -> None:
        """One sweep, now."""
        asyncio.run(sweep_all(Intake(self.here.services), FakeClient(), **more))  # type: ignore[arg-type]
        self._take()

    def pass_hours(self, hours: float) -> None:
        """Let time go by."""
        self.here.clock.at += timedelta(hours=hours)

    def _take(self) -> None:
        self.rows += rows(drained(), self.here.clock())


def healthy_day(told: Told) -> None:
    """48 sweeps, nothing differs but once; that is put right."""
    started = told.here.azure.started
    started.append(delete(ENDPOINT))  # as if it had been put right already
    for half_hour in range(48):
        told.sweep()
        if half_hour == 20:
            started.clear()
            told.run(**by_event(told))
        else:
            told.run()
        told.pass_hours(0.5)


def by_event(told: Told) -> dict[str, Any]:
    """A wish that an event of a minute ago led to."""
    at = told.here.clock() - timedelta(minutes=1)
    operation = "Microsoft.Network/privateEndpoints/delete"
    return {"cause": Cause.EVENT, "notices": (Notice("event-1", operation, rid(ENDPOINT), at),)}


def refusing(folder: Path) -> World:
    """A world whose drift stays, whatever was begun."""
    return world(folder, [tiny([destroying("m", findings=(BROKEN.key,))], findings=[BROKEN])])


def refused(why: str, *, blocked: bool) -> Callable[[Told], None]:
    """A repair that Azure refuses for good."""

    def tell(told: Told) -> None:
        told.here.azure.script[BROKEN.resource] = [Refused(why, "refused", blocked=blocked)]
        told.run()

    return tell


def looked_at(told: Told) -> None:
    """The same drift, looked at every half hour for half a day."""
    for _ in range(24):
        told.run()
        told.pass_hours(0.5)


def flapping(told: Told) -> None:
    """Put right, and undone."""
    for _ in range(3):
        told.run()
        told.here.azure.started.clear()
        told.pass_hours(5)


def late_wish(told: Told) -> None:
    """A wish that lay about for a quarter of an hour."""
    told.run(wished=0.25)


def missed_sweeps(told: Told) -> None:
    """Two sweeps with three hours between them."""
    told.sweep()
    told.pass_hours(3)
    told.sweep()


def restarted(told: Told) -> None:
    """A cluster was restarted behind Relink's back: real clients, simulated Azure, one trace."""
    stage = build(told.folder, environ={"RELINK_MODE": "remediate"})
    stage.human("POST", f"{stage.ids.cluster}/stop")
    stage.advance(1200)
    stage.human("POST", f"{stage.ids.cluster}/start")
    stage.advance(1200)
    stage.azure.calls._told = telemetry.arm_call
    stage.services = replace(stage.services, report=telemetry.report, measure=telemetry.measure)
    stage.run()
    told.rows += rows(drained(), told.here.clock())


class _Stuck(FolderStore):
    def delete(self, key: str, **_: object) -> None:
        raise PermissionError(key)


def stuck_letters(told: Told) -> None:
    """A letter that cannot be removed."""
    letters = _Stuck(told.folder / "letters")
    letters.write("a.json", b"[]")
    told.here.services = replace(told.here.services, dead_letters=letters)
    told.sweep()


def throttled(told: Told) -> None:
    """Real clients, and an ARM that refuses every call."""
    canned = Canned()
    canned.rule("GET", ".*", (429, {"error": {"code": "TooManyRequests"}}, {"Retry-After": "1"}))
    for _ in range(25):
        azure = over_canned(canned)
        azure.calls._told = telemetry.arm_call
        azure.read([Read(Question.GET, rid(ENDPOINT))])
    told._take()


SCENARIOS: dict[str, tuple[Callable[[Path], World], Callable[[Told], None]]] = {
    "healthy": (broken, healthy_day),
    "repair-failed": (refusing, refused("ProvisioningFailed", blocked=False)),
    "run-broken": (world, lambda told: told.run(environment="nowhere")),
    "permission-denied": (refusing, refused("MissingPermission", blocked=True)),
    "blocked": (refusing, refused("ScopeLocked", blocked=True)),
    "heartbeat-silent": (broken, lambda told: told.run()),
    "drift-stays": (lambda folder: broken(folder, RELINK_MODE="observe"), looked_at),
    "approval-waiting": (lambda folder: broken(folder, RELINK_MODE="approve"), looked_at),
    "flapping": (broken, flapping),
    "repair-slow": (broken, late_wish),
    "sweep-late": (broken, lambda told: told.sweep(past_due=True)),
    "sweeps-missed": (broken, missed_sweeps),
    "restarted": (broken, restarted),
    "dead-letters-stay": (broken, stuck_letters),
    "throttled": (broken, throttled),
}


def main() -> None:
    """Play every scenario and print its rows."""
    logging.getLogger("relink").propagate = False
    start()
    told = {}
    for name, (make, play) in SCENARIOS.items():
        scene = Told(make)
        play(scene)
        told[name] = {"rows": scene.rows, "end": scene.here.clock().isoformat()}
    json.dump({"begin": NOW.isoformat(), "scenarios": told}, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # the exporter's threads would wait for their next turn


if __name__ == "__main__":
    main()
