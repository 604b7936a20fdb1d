"""Telemetry that cannot be sent: nobody who tells hears of it, and no key is in the log."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from remediators import REMEDIATORS
from shared import telemetry
from shared.composition import compose

KEY = "0f0e0d0c-5ec7-37ff"


@pytest.mark.parametrize(
    "connection",
    [KEY, f"InstrumentationKey={KEY}", f"InstrumentationKey={KEY};IngestionEndpoint=:"],
)
def test_a_connection_string_of_nonsense_stops_no_app(
    connection: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It raised in whichever function came first: an event, a sweep, a run."""
    before = dict(os.environ)
    begun, configured = threading.Event(), threading.Event()
    monkeypatch.setattr(telemetry, "_begun", begun)
    monkeypatch.setattr(telemetry, "_configured", configured)
    place = tmp_path.as_uri()
    environ = {
        "RELINK_ENVIRONMENTS": place,
        "RELINK_RECORDS": place,
        "APPLICATIONINSIGHTS_CONNECTION_STRING": connection,
    }
    for _ in range(2):
        compose(environ, REMEDIATORS).swept({"environments": 1})
    for name in os.environ.keys() - before.keys():  # what the exporter sets for its whole process
        del os.environ[name]
    assert not configured.is_set()
    assert "'configure' failed" in caplog.text
    assert KEY not in caplog.text
