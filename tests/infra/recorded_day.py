"""One day of an environment in which much happens, and what the workbook shows of it.

    python -m tests.infra.recorded_day FILE

Runs of the product on real clients over simulated Azure, in virtual time; the real exporter sends to a
sink, and a KQL engine asks the workbook's own queries of what arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb_kql

from shared import telemetry
from shared.model.trigger import Trigger
from shared.signals import QUEUE_DEPTH
from shared.triggers.intake import Intake
from shared.triggers.sweep import sweep_all
from shared.workflow import queue
from shared.workflow.queue import QueueState
from shared.workflow.watch import depth
from simulator.faults import Fault, Mischief
from tests.e2e import drifts
from tests.e2e.stage import Stage, build
from tests.infra.telling import Row, drained, rows, start
from tests.triggers.client import FakeClient

HALF_HOURS = 48


def lock_registry(stage: Stage) -> None:
    """Somebody locks the registry, and opens it."""
    drifts.open_registry(stage)
    stage.human("PUT", _lock(stage), {"properties": {"level": "ReadOnly"}})


def unlock_registry(stage: Stage) -> None:
    """The lock goes."""
    stage.human("DELETE", _lock(stage))


def fail_a_put(stage: Stage) -> None:
    """An endpoint goes, and Azure fails to make it again, for an hour."""
    drifts.delete_blob_endpoint(stage)
    fault = Fault(Mischief.FAIL_OPERATION, method="PUT", path="prod-blob-pe$", code="InternalError")
    stage.cloud.add_fault(replace(fault, times=None))


def throttle(stage: Stage) -> None:
    """ARM refuses calls for their number."""
    stage.cloud.add_fault(
        Fault(Mischief.THROTTLE, path="privateEndpoints", retry_after=20, times=9)
    )


def _lock(stage: Stage) -> str:
    return f"{stage.ids.registry}/providers/Microsoft.Authorization/locks/audit"


HAPPENINGS: dict[int, Callable[[Stage], None]] = {
    3: drifts.delete_blob_endpoint,
    8: drifts.open_storage,
    9: drifts.drop_vault_bypass,
    16: drifts.restart,
    22: lock_registry,
    28: unlock_registry,
    31: throttle,
    35: fail_a_put,
    37: lambda stage: stage.cloud.clear_faults(),
    41: drifts.delete_zone_group,
    44: drifts.open_storage,
}


def day(folder: Path) -> list[Row]:
    """The rows of the day, with the times of its own clock."""
    stage = build(folder, environ={"RELINK_MODE": "remediate"})
    stage.azure.calls._told = telemetry.arm_call
    stage.services = replace(
        stage.services,
        report=telemetry.report,
        swept=telemetry.swept,
        measure=telemetry.measure,
    )
    told: list[Row] = []
    begin = stage.clock.now()
    for half in range(HALF_HOURS):
        seen = len(stage.cloud.events)
        if half in HAPPENINGS:
            HAPPENINGS[half](stage)
        taken_in(stage, stage.deliver(stage.events_since(seen)))
        asyncio.run(sweep_all(Intake(stage.services), FakeClient()))  # type: ignore[arg-type]
        stage.run()
        told += rows(drained(), stage.clock.now())
        following = begin + timedelta(minutes=30 * (half + 1))
        stage.advance(max((following - stage.clock.now()).total_seconds(), 1.0))
    return told


def taken_in(stage: Stage, wishes: list[Trigger]) -> None:
    """What events want, through the queue as its entity does it: merged, one run."""
    state, begin = QueueState(), tuple[queue.Action, ...]()
    for wish in wishes:
        state, _ = _measured(queue.changed(state, wish, 20.0))
    if wishes:
        state, begin = _measured(queue.settled(state, stage.clock.now()))
    for each in begin:
        if isinstance(each, queue.Start):
            stage.run(each.trigger)
            _measured(queue.finished(state, each.trigger.id, stage.clock.now(), None))


def _measured(following: queue.Next) -> queue.Next:
    telemetry.measure(QUEUE_DEPTH, depth(following[0]), {"environment": "prod"})
    return following


def shown(told: list[Row]) -> dict[str, Any]:
    """Each panel's query and its answer."""
    from tests.infra.test_alerts import PANELS, ask, loaded  # noqa: PLC0415 - needs the engine

    times = [datetime.fromisoformat(row["TimeGenerated"]) for row in told]
    begin, end = min(times) - timedelta(seconds=1), max(times)
    con = loaded(told)
    panels = {}
    for name, query in PANELS.items():
        rows = [[_plain(cell) for cell in row] for row in ask(con, query, begin, end)]
        columns = duckdb_kql.kql(con, query).columns
        panels[name] = {"query": query, "columns": columns, "rows": rows}
    return {"begin": begin.astimezone(UTC).isoformat(), "rows": len(told), "panels": panels}


def _plain(cell: object) -> object:
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat()
    return cell if isinstance(cell, str | int | float) or cell is None else str(cell)


def main() -> None:
    """Record into a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    logging.getLogger("relink").propagate = False
    start()
    with tempfile.TemporaryDirectory() as directory:
        answer = shown(day(Path(directory)))
    lines = partial(json.dumps, ensure_ascii=False)
    parts = []
    for name, panel in answer.pop("panels").items():
        cells = ",\n    ".join(lines(row) for row in panel["rows"])
        told = f'"query": {lines(panel["query"])},\n   "columns": {lines(panel["columns"])}'
        parts.append(f'  {lines(name)}: {{\n   {told},\n   "rows": [\n    {cells}\n   ]\n  }}')
    head = json.dumps(answer, indent=1).removesuffix("\n}")
    body = ",\n".join(parts)
    file.write_text(f'{head},\n "panels": {{\n{body}\n }}\n}}\n', encoding="utf-8")
    os._exit(0)  # the exporter's threads would wait for their next turn


if __name__ == "__main__":
    main()
