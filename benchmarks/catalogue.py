"""Owns the list of benchmarks."""

from __future__ import annotations

from typing import Final

from benchmarks.indexing import IMPORTS, INDEXING
from benchmarks.measure import Benchmark

BENCHMARKS: Final[tuple[Benchmark, ...]] = (INDEXING, IMPORTS)
