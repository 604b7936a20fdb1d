"""Owns the least time that Azure itself needs for a plan: its operations, on the polling grid.

An operation that takes 61 s and is polled every 10 s, as Azure asks, cannot be known to have ended
before 70 s. Units run in parallel except where the plan says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.context import Context
from simulator.operations import Operation
from simulator.providers import kind_of

_CLOSE = 1e-3  # the simulator reads its clock twice when an operation begins


@dataclass(frozen=True, slots=True)
class Took:
    """One operation of Azure's: seconds from its begin to its end, and the grid it is polled on."""

    resource: str
    what: str
    seconds: float
    grid: float

    @property
    def rounded(self) -> float:
        """Seconds until the first allowed look after its end."""
        return math.ceil(self.seconds / self.grid - _CLOSE) * self.grid


def operations(context: Context, since: float) -> list[Took]:
    """The operations that began after ``since`` (epoch seconds), by the simulator's own record."""
    found: Iterable[Operation] = list(context.state.operations.values())
    return [
        Took(
            operation.resource_id.lower(),
            operation.what,
            (operation.due - operation.started).total_seconds(),
            float(context.retry_after(kind_of(operation.kind).polling.retry_after)),
        )
        for operation in found
        if operation.started.timestamp() >= since
    ]


def critical_path(plan: Mapping[str, Any], took: Sequence[Took]) -> float:
    """The seconds of Azure's own until the last unit of ``plan`` (a recorded one) could end."""
    ends: dict[str, float] = {}
    used: dict[str, float] = {}
    for unit in plan["units"]:
        begin = max(
            [0.0]
            + [ends[name] for name in plan["after"].get(unit["id"], ())]
            + [used.get(thing, 0.0) for thing in unit["exclusive"]]
        )
        ends[unit["id"]] = begin + sum(t.rounded for t in took if t.resource in _writes(unit))
        used.update(dict.fromkeys(unit["exclusive"], ends[unit["id"]]))
    return max(ends.values(), default=0.0)


def _writes(unit: Mapping[str, Any]) -> set[str]:
    """The resources that a unit's steps change, in lower case."""
    return {str(step["resource"]).lower() for step in unit["steps"] if step["kind"] != "AwaitState"}
