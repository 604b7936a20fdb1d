"""Owns the list of benchmarks."""

from __future__ import annotations

from typing import Final

from benchmarks.bypass import BYPASS
from benchmarks.indexing import IMPORTS, INDEXING
from benchmarks.measure import Benchmark
from benchmarks.restart import RESTART

BENCHMARKS: Final[tuple[Benchmark, ...]] = (INDEXING, IMPORTS, BYPASS, RESTART)
