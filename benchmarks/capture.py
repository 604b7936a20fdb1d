"""Owns the price of a capture: the command, from nothing to a manifest, of a large environment."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Benchmark, Measure, middle
from benchmarks.world import NAME, ROOT, TimedCloud
from devhost.environment import child_environment
from shared.manifests import parse_manifest
from simulator.server import Server
from simulator.worlds import private_inference
from simulator.worlds.plan import SUBSCRIPTION, Plan

CAPTURES = 3


def _capture(directory: Path) -> Iterator[Measure]:
    cloud = TimedCloud(speed=100)
    cloud.load(private_inference(prefix=NAME, cluster_endpoints=30, computes=16))
    file = directory / "captured.yaml"
    seen: list[tuple[int, float]] = []
    with Server(cloud, state_dir=directory / "azure") as server:
        for _ in range(CAPTURES):
            asked, began = len(cloud.answers), time.perf_counter()
            _run(file, child_environment(server.exports))
            seen.append((len(cloud.answers) - asked, time.perf_counter() - began))
    parts = len(list(parse_manifest(file.read_text(encoding="utf-8"), file.name).parts()))
    how = (
        f"relink capture as a process of its own, {len(cloud.store)} resources in the simulated Azure, "
        f"{parts} declared parts in the manifest; median of {CAPTURES}"
    )
    yield middle("capture-calls", [float(calls) for calls, _ in seen], "calls", how)
    yield middle("capture-time", [seconds for _, seconds in seen], "s", how)


def _run(file: Path, environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "cli", "capture", "--name", NAME, "--out", str(file)]
    command += ["--force", "--workspace", Plan(NAME, SUBSCRIPTION, "westeurope").workspace]
    subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, timeout=300, check=True)


CAPTURE = Benchmark(("capture-calls", "capture-time"), _capture)
