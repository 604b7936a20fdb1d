"""Owns what a measurement is and the file that the last ones are kept in. Measures nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """One number. ``goal`` is the most it should be; None where it is for information.

    ``samples`` are what ``value`` is the median of, when there are several.
    """

    name: str
    value: float
    unit: str
    method: str
    goal: float | None = None
    samples: tuple[float, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        return None if self.goal is None else self.value <= self.goal

    def as_json(self) -> dict[str, Any]:
        """The entry in the results file."""
        entry: dict[str, Any] = {
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "goal": self.goal,
            "method": self.method,
        }
        if self.samples:
            entry["samples"] = [rounded(sample) for sample in self.samples]
            entry["min"], entry["max"] = rounded(min(self.samples)), rounded(max(self.samples))
        return entry


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Measurements that one run gives together; ``names`` are all of them."""

    names: tuple[str, ...]
    run: Callable[[Path], Iterable[Measure]]
    """Called with an empty folder of its own."""


def middle(
    name: str, samples: Sequence[float], unit: str, method: str, goal: float | None = None
) -> Measure:
    """The median of ``samples``."""
    return Measure(name, median(samples), unit, method, goal, tuple(samples))


def rounded(number: float) -> float:
    """As much of a number as the measuring can tell."""
    return float(f"{number:.4g}")


def keep(file: Path, measures: Sequence[Measure]) -> None:
    """Write ``measures`` into ``file``, in the place of older ones of the same name."""
    fresh = {measure.name: measure.as_json() for measure in measures}
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    entries = [fresh.pop(entry["name"], entry) for entry in kept]
    file.write_text(json.dumps([*entries, *fresh.values()], indent=1) + "\n", encoding="utf-8")
