"""Runs the benchmarks: ``python -m benchmarks [--only NAME] [--out FILE]``.

A goal that is missed is shown and written down and fails nothing; a benchmark that breaks does.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.catalogue import BENCHMARKS
from benchmarks.measure import Benchmark, Measure, keep

RESULTS = Path(__file__).with_name("results.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 when a benchmark broke."""
    names = sorted({name for benchmark in BENCHMARKS for name in benchmark.names})
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--out", type=Path, default=RESULTS, help="the results file")
    asked = parser.parse_args(arguments)
    logging.disable(logging.WARNING)  # of libraries; what breaks is raised
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the host ends as well
    console = Console(width=None if sys.stdout.isatty() else 160)
    measures, broken = _run(chosen(BENCHMARKS, asked.only), console)
    keep(asked.out, measures)
    console.print(_table(measures))
    for name in broken:
        console.print(f"broken: {name}", style="red")
    return 1 if broken else 0


def chosen(benchmarks: Sequence[Benchmark], only: str | None) -> tuple[Benchmark, ...]:
    """All that no larger one repeats; for one name, the smallest that gives it."""
    if only is not None:
        giving = [benchmark for benchmark in benchmarks if only in benchmark.names]
        return (min(giving, key=lambda benchmark: len(benchmark.names)),)
    return tuple(
        benchmark
        for benchmark in benchmarks
        if not any(set(benchmark.names) < set(other.names) for other in benchmarks)
    )


def _run(benchmarks: Iterable[Benchmark], console: Console) -> tuple[list[Measure], list[str]]:
    measures: list[Measure] = []
    broken: list[str] = []
    for benchmark in benchmarks:
        console.print(f"measuring {', '.join(benchmark.names)} …", style="dim")
        with tempfile.TemporaryDirectory(prefix="relink-bench-") as folder:
            try:
                measures += benchmark.run(Path(folder))
            except Exception:  # noqa: BLE001 - the others are still measured
                console.print(traceback.format_exc(), markup=False)
                broken.append(benchmark.names[0])
    return measures, broken


def _table(measures: Iterable[Measure]) -> Table:
    table = Table("", "benchmark", "value", "goal", "method", title="Relink's benchmarks")
    marks = {True: "[green]✔[/]", False: "[red]✘[/]", None: ""}
    for measure in measures:
        value = f"{measure.value:.4g} {measure.unit}"
        goal = "" if measure.goal is None else f"≤ {measure.goal:g}"
        table.add_row(marks[measure.met], measure.name, value, goal, measure.method)
    return table


if __name__ == "__main__":
    sys.exit(main())
