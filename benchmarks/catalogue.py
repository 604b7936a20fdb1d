"""Owns the list of benchmarks."""

from __future__ import annotations

from typing import Final

from benchmarks.bypass import BYPASS
from benchmarks.capture import CAPTURE
from benchmarks.hub import HUB
from benchmarks.indexing import IMPORTS, INDEXING
from benchmarks.look import INTAKE, LOOK
from benchmarks.measure import Benchmark
from benchmarks.restart import RESTART

BENCHMARKS: Final[tuple[Benchmark, ...]] = (
    INDEXING,
    IMPORTS,
    BYPASS,
    LOOK,
    INTAKE,
    HUB,
    CAPTURE,
    RESTART,
)
