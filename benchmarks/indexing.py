"""Owns what it costs to index ``function_app.py`` in a fresh worker: time, memory, imports.

Each sample is a process of its own (``benchmarks.indexed``). Bytecode goes to a folder that a first
run, which is not counted, has filled, as a worker finds it that starts a second time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Benchmark, Measure, middle
from devhost.environment import child_environment

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = 7
_FRESH = "fresh process, file cache and bytecode warm"


def _measure(directory: Path) -> Iterator[Measure]:
    _index(directory)
    seen = [_index(directory) for _ in range(SAMPLES)]
    how = f"devhost.worker indexes function_app.py; {_FRESH}; median of {SAMPLES}"
    wall = [sample["seconds"] for sample in seen]
    yield middle("index-time", wall, "s", f"{how}; wall clock", 0.7)
    yield middle("index-cpu-time", [s["cpu"] for s in seen], "s", f"{how}; processor time")
    growth = [sample["grown"] for sample in seen]
    yield middle("index-memory", growth, "MB", f"{how}; growth of the resident set", 110)
    yield middle("index-memory-peak", [s["peak"] for s in seen], "MB", f"{how}; peak of the whole")
    yield _imports(seen[-1])


def _count_imports(directory: Path) -> Iterator[Measure]:
    yield _imports(_index(directory))


def _imports(sample: dict[str, Any]) -> Measure:
    found = sample["sdks"]
    told = f"; found {', '.join(found)}" if found else ""
    how = "modules of azure.mgmt, azure.ai, azure.identity, azure.monitor and msal after indexing"
    return Measure("index-imports", len(found), "modules", how + told, 0)


def _index(directory: Path) -> dict[str, Any]:
    """One sample, as ``benchmarks.indexed`` prints it."""
    environ = child_environment({"PYTHONPYCACHEPREFIX": str(directory / "bytecode")})
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "benchmarks.indexed"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"indexing failed:\n{ended.stderr[-2000:]}")
    sample: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return sample


IMPORTS = Benchmark(("index-imports",), _count_imports)
INDEXING = Benchmark(
    ("index-time", "index-cpu-time", "index-memory", "index-memory-peak", "index-imports"), _measure
)
