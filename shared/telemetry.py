"""Owns what Relink tells Azure Monitor: names of events and metrics, and the exporter.

Without a connection string everything goes to the console's log alone. The exporter is Microsoft's
(azure-monitor-opentelemetry); it is imported when the app first works, not when it is indexed.
Nothing that is told holds a body of a resource, so nothing secret.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from shared.model.json import JsonObject

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

RUN_ENDED: Final = "relink.run.ended"
"""Custom event, one a run: run, environment, outcome, seconds."""
FINDING: Final = "relink.finding"
"""Custom event, one a finding of a run: reason, resource, outcome, why."""
METER: Final = "relink"
RUNS: Final = "relink.runs"
"""Counter of ended runs by environment and outcome."""
FINDINGS: Final = "relink.findings"
"""Counter of findings by reason and outcome."""
RUN_SECONDS: Final = "relink.run.seconds"
"""Histogram of the seconds from the wish to the verified end of a run."""

_LOGGER: Final = "relink"
_EVENT_NAME: Final = "microsoft.custom_event.name"
_LOG = logging.getLogger("relink.telemetry")
_configured = threading.Event()

type Report = Callable[[JsonObject], None]


def configure(connection_string: str | None, credential: TokenCredential | None = None) -> None:
    """Send the ``relink`` loggers, metrics and spans to Application Insights; once a process."""
    if not connection_string or _configured.is_set():
        return
    _configured.set()
    from azure.monitor.opentelemetry import configure_azure_monitor  # noqa: PLC0415 - loads late

    off = ("azure_sdk", "django", "fastapi", "flask", "psycopg2", "requests", "urllib", "urllib3")
    options: dict[str, Any] = {
        "connection_string": connection_string,
        "logger_name": _LOGGER,
        "sampling_ratio": 1.0,
        "enable_live_metrics": False,
        "instrumentation_options": {name: {"enabled": False} for name in off},
    }
    if credential is not None:
        options["credential"] = credential
    configure_azure_monitor(**options)
    logging.getLogger(_LOGGER).setLevel(logging.INFO)


def report(record: JsonObject) -> None:
    """Tell of a run that ended: the events and metrics above. Never raises."""
    try:
        _events(record)
        _metrics(record)
    except Exception:  # noqa: BLE001 - what is told must not undo what was done
        _LOG.exception("run %s could not be told to Azure Monitor", record.get("id"))


def _events(record: JsonObject) -> None:
    common = {"run": record["id"], "environment": record["environment"]}
    for outcome in record["outcomes"]:
        finding = outcome["finding"]
        told = {
            **common,
            "reason": finding["reason"],
            "resource": finding["resource"],
            "outcome": outcome["kind"],
            "why": outcome["why"],
        }
        _LOG.info(FINDING, extra={_EVENT_NAME: FINDING, **told})
    told = {**common, "outcome": record["outcome"], "seconds": _seconds(record)}
    _LOG.info(RUN_ENDED, extra={_EVENT_NAME: RUN_ENDED, **told})


def _metrics(record: JsonObject) -> None:
    if not _configured.is_set():
        return
    from opentelemetry import metrics  # noqa: PLC0415 - only where it is exported

    meter = metrics.get_meter(METER)
    of_run = {"environment": record["environment"], "outcome": record["outcome"]}
    meter.create_counter(RUNS).add(1, of_run)
    meter.create_histogram(RUN_SECONDS, unit="s").record(_seconds(record), of_run)
    for outcome in record["outcomes"]:
        of_finding = {"reason": outcome["finding"]["reason"], "outcome": outcome["kind"]}
        meter.create_counter(FINDINGS).add(1, of_finding)


def _seconds(record: JsonObject) -> float:
    started = datetime.fromisoformat(record["startedAt"])
    return (datetime.fromisoformat(record["finishedAt"]) - started).total_seconds()
