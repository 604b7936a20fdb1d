"""Owns the central case: a cluster was stopped and started, and all that hangs on it is made again.

Three endpoints in three networks, four computes; the real host; a simulated Azure whose operations
take a sixth of what they take in Azure, so that a run lasts two minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.critical import critical_path, operations
from benchmarks.measure import Benchmark, Measure
from benchmarks.world import World, opened, wait_for

SPEED = 6.0
SETTLE = 1.0
_HASTE = 500.0
_HOW = (
    "3 endpoints, 4 computes, the embedded host (own process) and simulated Azure over https, Azure's durations / "
    f"{SPEED:.0f}; from the start event at the webhook to the run's record"
)


def _measure(directory: Path) -> Iterator[Measure]:
    with opened(directory, speed=SPEED, settle=SETTLE, endpoints=3, computes=4) as world:
        healthy = world.look()
        assert healthy["outcome"] == "InSync", healthy["outcomes"]
        event = _restarted(world)
        arrived = datetime.now().astimezone()
        record, seconds = world.told(event)
        assert record["outcome"] == "Repaired", (record["problem"], record["outcomes"])
        took = operations(world.cloud.context, arrived.timestamp())
        first = min(a.began for a in world.answers_since(arrived.timestamp()))
    azure = critical_path(record["rounds"][0]["plan"], took)
    settling = first - arrived.timestamp()
    grid = "Azure's operations on the critical path, each rounded up to its Retry-After grid"
    ratio = (seconds - SETTLE) / azure
    yield Measure("restart-overhead", ratio, "times", f"{_HOW}, less settling, over {grid}", 1.05)
    yield Measure("restart-time", seconds - SETTLE, "s", f"{_HOW}, less settling")
    yield Measure("restart-azure-time", azure, "s", f"{_HOW}: {grid}")
    told = (
        f"from the event to the first question to Azure; the burst settles for {SETTLE:.0f} s of it"
    )
    yield Measure("restart-settling", settling, "s", told)


def _restarted(world: World) -> Mapping[str, Any]:
    """Stop and start the cluster, quickly; the event of the start that succeeded."""
    world.cloud.context.speed = _HASTE
    cluster = world.ids.cluster
    for action, state in (("stop", "Stopped"), ("start", "Running")):
        world.person("POST", f"{cluster}/{action}")
        wait_for(lambda: _settled(world, state), 30, f"the cluster to be {state}")  # noqa: B023 - called now
    world.cloud.context.speed = SPEED
    name = "microsoft.containerservice/managedclusters/start/action"
    found = [e for e in world.cloud.events if e["data"]["operationName"].lower() == name]
    return dict(found[-1])


def _settled(world: World, state: str) -> bool:
    properties = (world.cloud.get(world.ids.cluster) or {})["properties"]
    return (properties["powerState"]["code"], properties["provisioningState"]) == (
        state,
        "Succeeded",
    )


RESTART = Benchmark(
    ("restart-overhead", "restart-time", "restart-azure-time", "restart-settling"), _measure
)
