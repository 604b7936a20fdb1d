"""A worker on a real task hub, in this process: histories of runs, and their replay.

Activities are scripted; orchestrators are the product's, executed by durabletask as a worker does.
The executor has a private name: pinned with its package, and this file is where it would show.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.internal import helpers
from durabletask.serialization import JsonDataConverter
from durabletask.worker import _OrchestrationExecutor, _Registry
from google.protobuf import json_format

from devhost.hub.backend import TaskHub
from devhost.hub.store import Store
from shared.workflow.orchestrators import ORCHESTRATORS

type Events = list[pb.HistoryEvent]
type Call = Callable[[str, dict[str, Any]], dict[str, Any]]

_LOG = logging.getLogger("tests.hub")
_LOG.setLevel(logging.CRITICAL)


def execute(instance: str, old: Sequence[pb.HistoryEvent], new: Sequence[pb.HistoryEvent]) -> Any:  # noqa: ANN401 - generated, untyped
    """What the present orchestrators decide after ``new``, having replayed ``old``."""
    registry: Any = _Registry()  # type: ignore[no-untyped-call] # the package does not type it
    for name, orchestrator in ORCHESTRATORS.items():
        registry.add_named_orchestrator(name, orchestrator)
    return _OrchestrationExecutor(registry, _LOG, JsonDataConverter()).execute(instance, old, new)


def run_on_hub(
    folder: Path, call: Call, trigger: Mapping[str, Any], seconds: float = 120
) -> dict[str, Events]:
    """Run ``reconcile`` to its end; the history of it and of each child, by instance id."""
    with closing(TaskHub(Store(folder / "hub.db"), lambda: datetime.now(UTC), lambda: None)) as hub:
        return _run(hub, call, trigger, time.monotonic() + seconds)


def _run(
    hub: TaskHub, call: Call, trigger: Mapping[str, Any], deadline: float
) -> dict[str, Events]:
    name = str(trigger["id"])
    request = pb.CreateInstanceRequest(
        instanceId=name, name="reconcile", input=helpers.get_string_value(json.dumps(dict(trigger)))
    )
    hub.call("StartInstance", request)
    seen = {name}
    while _status(hub, name) not in _ENDED:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} has not ended in time")
        if not _work(hub, call, seen):
            time.sleep(0.02)  # a timer is on its way: bounded by the deadline
    return {each: list(hub.history(each)) for each in sorted(seen)}


_ENDED = (pb.ORCHESTRATION_STATUS_COMPLETED, pb.ORCHESTRATION_STATUS_FAILED)


def _status(hub: TaskHub, name: str) -> int:
    found = hub.call("GetInstance", pb.GetInstanceRequest(instanceId=name))
    return int(found.orchestrationState.orchestrationStatus)


def _work(hub: TaskHub, call: Call, seen: set[str]) -> bool:
    """Do whatever can be done now; signals to the queue are taken and left."""
    moved = False
    while (orchestration := hub.take_orchestration()) is not None:
        asked = orchestration.request
        seen.add(asked.instanceId)
        result = execute(asked.instanceId, asked.pastEvents, asked.newEvents)
        answer = pb.OrchestratorResponse(instanceId=asked.instanceId, actions=result.actions)
        if result.encoded_custom_status:
            answer.customStatus.CopyFrom(helpers.get_string_value(result.encoded_custom_status))
        hub.complete_orchestration(orchestration, answer)
        moved = True
    while (activity := hub.take_activity()) is not None:
        told = json.loads(activity.input or "null")
        try:
            output, failure = json.dumps(call(activity.name, told)), None
        except Exception as error:  # noqa: BLE001 - as a worker reports any failure
            output, failure = None, helpers.new_failure_details(error)
        hub.complete_activity(activity, output, failure)
        moved = True
    while hub.take_entity() is not None:
        moved = True
    return moved


def written(events: Sequence[pb.HistoryEvent]) -> list[Any]:
    """A history as JSON values."""
    return [json_format.MessageToDict(event) for event in events]


def read(events: Sequence[Any]) -> Events:
    """A history from JSON values."""
    return [json_format.ParseDict(event, pb.HistoryEvent()) for event in events]


def batches(events: Sequence[pb.HistoryEvent]) -> list[Events]:
    """The events as they came: each batch begins when the orchestrator was called."""
    found: list[Events] = []
    for event in events:
        if event.HasField("orchestratorStarted") or not found:
            found.append([])
        if not event.HasField("executionCompleted"):
            found[-1].append(event)
    return found


def completed(events: Sequence[pb.HistoryEvent]) -> Any:  # noqa: ANN401 - generated, untyped
    """How the recorded orchestration ended."""
    return next(e.executionCompleted for e in events if e.HasField("executionCompleted"))
