"""Owns how much the embedded host's task hub gets done: orchestrations of three activities."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from durabletask.client import OrchestrationStatus, TaskHubGrpcClient

from benchmarks.measure import Benchmark, Measure
from benchmarks.world import KEY
from devhost.child import HostProcess

COUNT = 100
_APP = Path(__file__).with_name("apps") / "hub"


def _measure(directory: Path) -> Iterator[Measure]:
    with HostProcess(_APP, directory / "host", key=KEY) as host:
        _run(host.hub, 5)
        seconds = _run(host.hub, COUNT)
    how = (
        f"{COUNT} orchestrations of three activities that do nothing, started at once through the "
        "durable client, in the worker library on the durable (SQLite) hub, one process"
    )
    yield Measure("hub-throughput", COUNT / seconds, "orchestrations/s", how)


def _run(hub: TaskHubGrpcClient, count: int) -> float:
    """The seconds that ``count`` orchestrations take together."""
    began = time.perf_counter()
    started = [hub.schedule_new_orchestration("three", input=1) for _ in range(count)]
    for instance in started:
        state = hub.wait_for_orchestration_completion(instance, timeout=120)
        assert state is not None
        assert state.runtime_status is OrchestrationStatus.COMPLETED, state
    return time.perf_counter() - began


HUB = Benchmark(("hub-throughput",), _measure)
