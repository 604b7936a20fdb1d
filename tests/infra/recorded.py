"""The restart repair on the real worker and task hub, and the trace that the real exporter sent of it.

    python -m tests.infra.recorded FILE [--speed N] [--endpoints N] [--computes N]

The host is a process of its own; Azure is simulated, its operations ``speed`` times as fast as Azure's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks import restart
from benchmarks.world import opened, wait_for
from tests.infra.telling import Row, Sink, milliseconds

_SPANS = {"RequestData", "RemoteDependencyData"}
_FLUSHED = 30.0


@contextmanager
def listening() -> Iterator[Mapping[str, str]]:
    """The settings with which a process's exporter sends to the sink."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    key = "00000000-0000-0000-0000-000000000000"
    exporting = {
        "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={key};IngestionEndpoint={address};LiveEndpoint={address}",
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    }
    try:
        yield exporting
    finally:
        server.shutdown()
        server.server_close()


def record(directory: Path, *, speed: float, endpoints: int, computes: int) -> dict[str, Any]:
    """The spans of one restart repair, in the order in which they began; times in ms from its start."""
    restart.SPEED = speed
    with (
        listening() as exporting,
        opened(
            directory,
            speed=speed,
            settle=1.0,
            endpoints=endpoints,
            computes=computes,
            settings=exporting,
        ) as world,
    ):
        world.look()
        event = restart._restarted(world)
        run, _ = world.told(event)
        wait_for(lambda: bool(_spans(run["id"])[1]), _FLUSHED, "the run's root span")
        wait_for(lambda: "relink.drift.open" in _metrics(), _FLUSHED, "the run's metrics")
    spans, (root,) = _spans(run["id"])
    began = datetime.fromisoformat(root["time"])
    told = [_told(span, began) for span in spans]
    return {
        "speed": speed,
        "endpoints": endpoints,
        "computes": computes,
        "outcome": run["outcome"],
        "metrics": _metrics(),
        "steps": _labels(run),
        "spans": sorted(told, key=lambda span: (span["at"], span["ms"], span["id"])),
    }


def _spans(run: str) -> tuple[list[Row], list[Row]]:
    """The spans that arrived of the run's trace, and those of them that are its root."""
    found = [item for item in list(Sink.got) if item["data"]["baseType"] in _SPANS]
    roots = [
        item
        for item in found
        if item["data"]["baseType"] == "RequestData"
        and (item["data"]["baseData"].get("properties") or {}).get("run") == run
    ]
    traces = {item["tags"]["ai.operation.id"] for item in roots}
    return [item for item in found if item["tags"]["ai.operation.id"] in traces], roots


def _metrics() -> dict[str, float]:
    """The highest value that arrived of each of Relink's metrics."""
    found: dict[str, float] = {}
    for item in list(Sink.got):
        for point in item["data"]["baseData"].get("metrics") or ():
            if point["name"].startswith("relink."):
                value = point["value"] if point.get("max") is None else point["max"]
                found[point["name"]] = max(value, found.get(point["name"], value))
    return dict(sorted(found.items()))


def _told(item: Row, began: datetime) -> dict[str, Any]:
    base = item["data"]["baseData"]
    properties = base.get("properties") or {}
    wanted = ("step", "kind", "activity")
    at = datetime.fromisoformat(item["time"]) - began
    return {
        "name": _short(base["name"]) if "az.service_request_id" in properties else base["name"],
        "id": base["id"],
        "parent": item["tags"].get("ai.operation.parentId", ""),
        "at": round(at.total_seconds() * 1000),
        "ms": round(milliseconds(base["duration"])),
        **{name: properties[name] for name in wanted if name in properties},
        **({"unit": _short(properties["unit"])} if "unit" in properties else {}),
        **({"arm": True} if "az.service_request_id" in properties else {}),
    }


def _short(path: str) -> str:
    """What a path ends with; with the method in front where it has one."""
    method, _, rest = path.rpartition(" ")
    last = "/".join(rest.rsplit("/", 2)[-2:]) if method else rest.rpartition("/")[2]
    return f"{method} {last}".strip()


def _labels(run: Mapping[str, Any]) -> dict[str, list[str]]:
    """What each step of each unit that was begun is, for people."""
    units = {u["id"]: u["steps"] for seen in run["rounds"] for u in seen["plan"]["units"]}
    return {
        _short(unit["unit"]): [
            f"{step['kind']} {step['resource'].rpartition('/')[2]}" for step in units[unit["unit"]]
        ]
        for unit in run["units"]
    }


def main() -> None:
    """Record into a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--speed", type=float, default=restart.SPEED)
    parser.add_argument("--endpoints", type=int, default=3)
    parser.add_argument("--computes", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        told = record(
            Path(directory), speed=given.speed, endpoints=given.endpoints, computes=given.computes
        )
    spans = ",\n  ".join(json.dumps(span) for span in told.pop("spans"))
    head = json.dumps(told, indent=1).removesuffix("\n}")
    given.file.write_text(f'{head},\n "spans": [\n  {spans}\n ]\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
