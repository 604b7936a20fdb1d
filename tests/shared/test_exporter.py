"""Application Insights that hangs or drips holds up nothing: neither who tells nor the end of the process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from azure.monitor.opentelemetry._constants import _ALL_SUPPORTED_INSTRUMENTED_LIBRARIES

from shared.exporter import END_SECONDS, OFF
from tests.neighbours import neighbour

ROOT = Path(__file__).parents[2]
TELLER = """
import sys, time
from shared import telemetry
from shared.signals import DRIFT_OPEN
telemetry.configure(sys.argv[1])
began = time.monotonic()
for _ in range(3000):
    telemetry.swept({"environments": 1})
    telemetry.measure(DRIFT_OPEN, 1, {"environment": "prod"})
print(time.monotonic() - began, time.monotonic(), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("mood", ["hang", "drip"])
def test_who_tells_waits_for_nothing_and_the_process_ends_in_time(
    mood: str, tmp_path: Path
) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    with neighbour(mood) as insights:
        where = f"InstrumentationKey=0f0e0d0c-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:{insights.port}/"
        done = subprocess.run(
            [sys.executable, "-c", TELLER, where],
            cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        ended = time.monotonic()
    took, at = (float(each) for each in done.stdout.split())
    assert insights.hits, "the exporter has sent something, so there was something to wait for"
    assert took < 10
    assert ended - at < END_SECONDS + 10, "OpenTelemetry alone waits 30 s for each kind"


def test_nothing_is_traced_by_itself() -> None:
    assert set(OFF) == set(_ALL_SUPPORTED_INSTRUMENTED_LIBRARIES)
