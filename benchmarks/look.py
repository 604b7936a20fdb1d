"""Owns the price of peace: a full look at a healthy environment, and the way in for an event."""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Benchmark, Measure, middle
from benchmarks.world import World, busy, opened

LOOKS = 5
EVENTS = 50
_WORLD = "embedded host (own process), simulated Azure over https"


def _look(directory: Path) -> Iterator[Measure]:
    with opened(directory, speed=100) as world:
        world.look()
        seen = [_one_look(world) for _ in range(LOOKS)]
        parts = len(list(world.environment.parts()))
    how = f"a full run asked for by HTTP, {parts} declared parts, {_WORLD}; median of {LOOKS}"
    yield middle("healthy-look-calls", [float(calls) for calls, _, _ in seen], "calls", how)
    times = [seconds * 1000 for _, seconds, _ in seen]
    yield middle("healthy-look-time", times, "ms", f"{how}; from the request to the record")
    own = [own * 1000 for _, _, own in seen]
    yield middle("healthy-look-own-time", own, "ms", f"{how}; less Azure's answers")


def _one_look(world: World) -> tuple[int, float, float]:
    """Calls, seconds, and seconds less those of the simulated Azure."""
    began, asked = time.time(), len(world.cloud.answers)
    record = world.look()
    seconds = time.time() - began
    assert record["outcome"] == "InSync", record["outcomes"]
    answers = world.cloud.answers[asked:]
    return len(answers), seconds, seconds - busy(answers)


def _intake(directory: Path) -> Iterator[Measure]:
    with opened(directory, speed=100) as world:
        world.person("PATCH", world.ids.storage, {"tags": {"seen": "yes"}})
        event = world.cloud.events[-1]
        first = world.deliver(_again(event))
        seen = [world.deliver(_again(event)) for _ in range(EVENTS)]
    how = (
        f"a relevant event POSTed to the webhook until its 200, {_WORLD}; one after the other, "
        f"while the runs that they ask for go on"
    )
    yield middle("event-intake", seen, "s", f"{how}; median of {EVENTS}", 1)
    late = sorted(seen)[round(EVENTS * 0.95) - 1]
    yield Measure("event-intake-p95", late, "s", f"{how}; 95th percentile of {EVENTS}", 1)
    yield Measure("event-intake-first", first, "s", f"{how}; the first of the process", 1)


def _again(event: dict[str, object]) -> dict[str, object]:
    """The same happening under an id that was not seen yet."""
    return {**copy.deepcopy(event), "id": str(uuid.uuid4())}


LOOK = Benchmark(("healthy-look-calls", "healthy-look-time", "healthy-look-own-time"), _look)
INTAKE = Benchmark(("event-intake", "event-intake-p95", "event-intake-first"), _intake)
