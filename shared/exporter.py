"""Owns the connection to Application Insights, so that it holds up nothing: no run, no end of the process.

Microsoft's exporter (azure-monitor-opentelemetry 1.8.11) sends from threads of its own, but waits
300 s for an answer and for ever for one that drips; as a process ends, OpenTelemetry waits 30 s for each
kind of telemetry. Its reports to Microsoft about itself, and the settings that it fetches for itself,
go to hosts that a private network does not reach; they are left out.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from azure.monitor.opentelemetry import configure_azure_monitor
from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider

from shared.azure.transport import BoundedTransport

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

SEND_SECONDS: Final = 10.0
"""One request and the whole of its answer; what was not taken is kept on disk and sent again."""
END_SECONDS: Final = 5.0
"""What the end of the process waits for what is still to be sent."""
OFF: Final = (
    *("azure_sdk", "django", "fastapi", "flask", "httpx", "httpx2", "psycopg2"),
    *("requests", "urllib", "urllib3"),
)
"""All that it would trace by itself, addresses and all; one of those is the webhook's, a secret."""
_ALONE: Final = (
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",
)


def connect(connection_string: str, credential: TokenCredential | None, logger: str) -> None:
    """Export the spans, metrics and the logs below ``logger`` of this process, from now on."""
    for name in _ALONE:
        os.environ.setdefault(name, "true")
    options: dict[str, Any] = {
        "connection_string": connection_string,
        "logger_name": logger,
        "sampling_ratio": 1.0,
        "enable_live_metrics": False,
        "enable_performance_counters": False,
        "instrumentation_options": {name: {"enabled": False} for name in OFF},
        "transport": BoundedTransport(seconds=SEND_SECONDS),
    }
    if credential is not None:
        options["credential"] = credential
    configure_azure_monitor(**options)
    atexit.register(_end)  # runs before what was registered by then


def _end() -> None:
    """Send what is left, all kinds at once, and wait no longer than ``END_SECONDS``."""
    providers = trace.get_tracer_provider(), metrics.get_meter_provider(), get_logger_provider()
    until = time.monotonic() + END_SECONDS
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    ending = []
    for provider in providers:
        shutdown: Any = provider.shutdown  # type: ignore[union-attr]  # the SDK's has it
        atexit.unregister(shutdown)  # it would wait again
        ending.append(threading.Thread(target=shutdown, daemon=True))
        ending[-1].start()
    for thread in ending:
        thread.join(max(until - time.monotonic(), 0.0))
