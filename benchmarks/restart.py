"""Owns the central case: a cluster was stopped and started, and all that hangs on it is made again.

Three endpoints in three networks, four computes; the real host; a simulated Azure whose operations
take a sixth of what they take in Azure, so that a run lasts two minutes.
"""

from __future__ import annotations

import time
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
        arrived = time.time()
        record, seconds = world.told(event)
        assert record["outcome"] == "Repaired", (record["problem"], record["outcomes"])
        took = operations(world.cloud.context, arrived)
        answers = world.answers_since(arrived)
    azure = critical_path(record["rounds"][0]["plan"], took)
    waited = _waited_for_principal(record)
    yield from _ratios(seconds - SETTLE, azure, waited)
    told = f"from the event to the first question; the burst settles for {SETTLE:.0f} s of it"
    yield Measure("restart-settling", answers[0].began - arrived, "s", told)
    first = next(answer.began for answer in answers if answer.method != "GET")
    judged = "from the first question to the first write: evidence, plan, guards, azure-ai-ml"
    yield Measure("restart-judging", first - answers[0].began, "s", judged)
    verified = arrived + seconds - max(_ends(record))
    yield Measure("restart-verifying", verified, "s", "from the last unit's end to the record")


def _ratios(seconds: float, azure: float, waited: float) -> Iterator[Measure]:
    grid = "Azure's operations on the critical path, each rounded up to its Retry-After grid"
    how = f"{_HOW}, less settling"
    yield Measure("restart-overhead", seconds / azure, "times", f"{how}, over {grid}", 1.05)
    known = "the same with the directory's time to know a new principal counted as Azure's"
    yield Measure("restart-overhead-replicated", seconds / (azure + waited), "times", known)
    yield Measure("restart-time", seconds, "s", how)
    yield Measure("restart-azure-time", azure, "s", grid)
    directory = "until a reattached compute's new principal could be given its first role"
    yield Measure("restart-principal-wait", waited, "s", directory)


def _ends(record: Mapping[str, Any]) -> list[float]:
    """When the units ended."""
    last = [unit["timings"][-1]["endedAt"] for unit in record["units"]]
    return [datetime.fromisoformat(end).timestamp() for end in last]


def _waited_for_principal(record: Mapping[str, Any]) -> float:
    """The longest that a role's assignment took: PrincipalNotFound until replication is over."""
    steps = {u["id"]: u["steps"] for seen in record["rounds"] for u in seen["plan"]["units"]}
    took = [
        timing["seconds"]
        for unit in record["units"]
        for timing in unit["timings"]
        if "/roleassignments/" in steps[unit["unit"]][timing["step"]]["resource"].lower()
    ]
    return max(took, default=0.0)


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
    (
        *("restart-overhead", "restart-overhead-replicated", "restart-time", "restart-azure-time"),
        *("restart-principal-wait", "restart-settling", "restart-judging", "restart-verifying"),
    ),
    _measure,
)
