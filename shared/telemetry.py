"""Owns how Relink tells Azure Monitor of its runs, sweeps and calls: the exporter, and the telling.

Nobody depends on it: whatever is wrong with the exporter is logged, and who tells goes on.

What there is to tell, and its names: ``shared.signals``. Without a connection string everything
goes to the console's log alone. The exporter is Microsoft's (azure-monitor-opentelemetry); it is
imported when the app first works, not when it is indexed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from shared.model.json import JsonObject
from shared.model.outcome import OutcomeKind
from shared.signals import (
    ARM_CALLS,
    ARM_SPAN,
    AZURE_SECONDS,
    DRIFT_OPEN,
    EVENT_SECONDS,
    FINDING,
    FINDINGS,
    IN_DRIFT,
    RUN_ENDED,
    RUN_SECONDS,
    RUNS,
    SWEEP,
    Signal,
)

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from shared.azure.calls import Call

METER: Final = "relink"
_LOGGER: Final = "relink"
_EVENT_NAME: Final = "microsoft.custom_event.name"
_LOG = logging.getLogger("relink.telemetry")
_GAUGES: Final = (DRIFT_OPEN, IN_DRIFT)
_begun = threading.Event()
_configured = threading.Event()

type Report = Callable[[JsonObject], None]


def _harmless[**P](tell: Callable[P, None]) -> Callable[P, None]:
    """``tell``, which logs what it raises: what is told must not undo what was done."""

    @wraps(tell)
    def told(*args: P.args, **more: P.kwargs) -> None:
        try:
            tell(*args, **more)
        except Exception as error:  # noqa: BLE001 - whatever the exporter raises, nobody waits for it
            # Without its text: that of a connection string holds a key.
            _LOG.error("telemetry: '%s' failed: %s", tell.__name__, type(error).__name__)

    return told


@_harmless
def configure(connection_string: str | None, credential: TokenCredential | None = None) -> None:
    """Send the ``relink`` loggers, metrics and spans to Application Insights; once a process.

    Where that cannot be begun (no connection string, a library that is missing), nothing is sent.
    """
    if not connection_string or _begun.is_set():
        return
    _begun.set()
    from shared.exporter import connect  # noqa: PLC0415 - the exporter loads late

    connect(connection_string, credential, _LOGGER)
    from shared.tracing import adopt_ids  # noqa: PLC0415 - needs OpenTelemetry

    adopt_ids()
    logging.getLogger(_LOGGER).setLevel(logging.INFO)
    _configured.set()


@_harmless
def report(record: JsonObject) -> None:
    """Tell of a run that ended: its events, metrics and trace."""
    with _trace(record):
        _events(record)
    _metrics(record)


@_harmless
def swept(sweep: JsonObject) -> None:
    """Tell of a sweep: the properties of ``shared.signals.SWEEP``."""
    _tell(SWEEP, **sweep)


@_harmless
def measure(signal: Signal, value: float, where: Mapping[str, str]) -> None:
    """Tell one value of a gauge or histogram; ``where`` are its properties."""
    if not _configured.is_set():
        return
    from opentelemetry import metrics  # noqa: PLC0415 - only where it is exported

    meter = metrics.get_meter(METER)
    if signal in _GAUGES:
        meter.create_gauge(signal.name, unit=signal.unit).set(value, dict(where))
    else:
        meter.create_histogram(signal.name, unit=signal.unit).record(value, dict(where))


@_harmless
def arm_call(call: Call) -> None:
    """Tell of one call of ARM, as it ends. Nothing where nothing is exported."""
    if not _configured.is_set():
        return
    from opentelemetry import metrics, trace  # noqa: PLC0415 - only where it is exported

    counted = {"method": call.method, "status": str(call.status)}
    metrics.get_meter(METER).create_counter(ARM_CALLS.name).add(1, counted)
    told: dict[str, str | int] = {
        "http.request.method": call.method,
        "url.full": f"https://{call.host}{call.path}",
        "http.response.status_code": call.status,
        "az.service_request_id": call.request_id,
        "az.correlation_request_id": call.correlation_id,
    }
    began = time.time_ns() - int(call.seconds * 1e9)
    kind = trace.SpanKind.CLIENT
    span = trace.get_tracer(METER).start_span(
        ARM_SPAN.name, kind=kind, attributes=told, start_time=began
    )
    span.end()


def activity(name: str, message: Mapping[str, Any]) -> AbstractContextManager[object]:
    """The span of an activity, while it works on ``message``. Nothing where nothing is exported."""
    span = ExitStack()
    if _configured.is_set():
        _begin_span(span, name, message)
    return span


@_harmless
def _begin_span(span: ExitStack, name: str, message: Mapping[str, Any]) -> None:
    from shared.tracing import activity_trace  # noqa: PLC0415 - only where it is exported

    span.enter_context(activity_trace(name, message))


def _trace(record: JsonObject) -> AbstractContextManager[None]:
    if not _configured.is_set():
        return nullcontext()
    from shared.tracing import run_trace  # noqa: PLC0415 - only where it is exported

    return run_trace(record)


def _tell(signal: Signal, **properties: object) -> None:
    _LOG.info(signal.name, extra={_EVENT_NAME: signal.name, **properties})


def _events(record: JsonObject) -> None:
    common = {"run": record["id"], "environment": record["environment"]}
    for outcome in record["outcomes"]:
        finding = outcome["finding"]
        _tell(
            FINDING,
            **common,
            reason=finding["reason"],
            resource=finding["resource"],
            outcome=outcome["kind"],
            why=outcome["why"],
        )
    _tell(
        RUN_ENDED,
        **common,
        outcome=record["outcome"],
        cause=record["trigger"]["cause"],
        mode=record["mode"],
        manifestVersion=record["manifestVersion"],
        units=len(record["units"]),
        seconds=_between(record["startedAt"], record["finishedAt"]),
        azureSeconds=azure_seconds(record["units"]),
        problem=record["problem"],
    )


def _metrics(record: JsonObject) -> None:
    if not _configured.is_set():
        return
    from opentelemetry import metrics  # noqa: PLC0415 - only where it is exported

    meter = metrics.get_meter(METER)
    where = {"environment": record["environment"]}
    of_run = {**where, "outcome": record["outcome"]}
    meter.create_counter(RUNS.name).add(1, of_run)
    took = _between(record["startedAt"], record["finishedAt"])
    meter.create_histogram(RUN_SECONDS.name, unit="s").record(took, of_run)
    if record["units"]:
        azure = azure_seconds(record["units"])
        meter.create_histogram(AZURE_SECONDS.name, unit="s").record(azure, where)
    notices = [notice["at"] for notice in record["trigger"].get("notices") or ()]
    if notices and record["outcome"] == OutcomeKind.REPAIRED.value:
        since = _between(min(notices, key=datetime.fromisoformat), record["finishedAt"])
        meter.create_histogram(EVENT_SECONDS.name, unit="s").record(since, where)
    for outcome in record["outcomes"]:
        of_finding = {"reason": outcome["finding"]["reason"], "outcome": outcome["kind"]}
        meter.create_counter(FINDINGS.name).add(1, of_finding)


def azure_seconds(units: Iterable[JsonObject]) -> float:
    """Seconds in which at least one step of a run was under way; parallel ones count once."""
    spans = sorted(
        (datetime.fromisoformat(timing["startedAt"]), datetime.fromisoformat(timing["endedAt"]))
        for unit in units
        for timing in unit.get("timings") or ()
    )
    total, until = 0.0, None
    for began, ended in spans:
        free = began if until is None else max(began, until)
        total += max((ended - free).total_seconds(), 0.0)
        until = ended if until is None else max(until, ended)
    return total


def _between(began: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
