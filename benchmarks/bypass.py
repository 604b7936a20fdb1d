"""Owns the price of the commonest repair: storage's trusted-services exception dropped and restored.

From the event at the webhook of the real host to the record of the verified run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Benchmark, Measure, middle
from benchmarks.world import NAME, Answered, World, busy, opened

SAMPLES = 7
_HOW = (
    "one storage write event POSTed to the webhook of the embedded host (own process), simulated Azure "
    f"over https, no settling; from arrival to the run's record; median of {SAMPLES} after a first"
)


@dataclass(frozen=True, slots=True)
class _Repair:
    """One event's run: seconds in all and what was asked of Azure."""

    seconds: float
    answers: Sequence[Answered]

    @property
    def own(self) -> float:
        """Milliseconds that the simulated Azure did not spend on answers."""
        return (self.seconds - busy(list(self.answers))) * 1000


def _measure(directory: Path) -> Iterator[Measure]:
    with opened(directory, speed=100) as world:
        first = _repair(world)
        seen = [_repair(world) for _ in range(SAMPLES)]
    purposes = ", ".join(purpose(seen[-1].answers))
    calls = [float(len(repair.answers)) for repair in seen]
    yield middle("bypass-calls", calls, "calls", f"{_HOW}; {purposes}", 4)
    yield middle("bypass-own-time", [r.own for r in seen], "ms", f"{_HOW}; less Azure's answers")
    yield middle("bypass-time", [r.seconds * 1000 for r in seen], "ms", f"{_HOW}; in all")
    cold = "the first such event of a process: imports, token, connections"
    yield Measure("bypass-first-time", first.seconds * 1000, "ms", cold)


def purpose(answers: Sequence[Answered]) -> list[str]:
    """What each call is for, in order: read, lock, write, read-back."""
    written = next((a.began for a in answers if a.method != "GET"), float("inf"))

    def of(answer: Answered) -> str:
        if answer.method != "GET":
            return "write"
        if answer.path.lower().endswith("/locks"):
            return "lock"
        return "read" if answer.began < written else "read-back"

    return [of(answer) for answer in answers]


def _repair(world: World) -> _Repair:
    """Drop the exception, tell the host, wait for the verified end."""
    acls = {"bypass": "Logging, Metrics", "defaultAction": "Deny"}
    world.person("PATCH", world.ids.storage, {"properties": {"networkAcls": acls}})
    world.records.forget_attempts(NAME)  # or the hold-off would defer so many repairs in a row
    event = world.cloud.events[-1]
    asked = len(world.cloud.answers)
    record, seconds = world.told(event)
    assert record["outcome"] == "Repaired", record["outcomes"]
    return _Repair(seconds, world.cloud.answers[asked:])


BYPASS = Benchmark(
    ("bypass-calls", "bypass-own-time", "bypass-time", "bypass-first-time"), _measure
)
