"""Owns a run's trace: one, made once from the run's record, so no replay doubles a span.

The trace's id is the run's id where that is a uuid, else a digest of it: whoever has a record finds
its trace. Imports OpenTelemetry, so it is imported only where telemetry is exported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from shared.model.json import JsonObject
from shared.model.outcome import OutcomeKind
from shared.signals import RUN_SPAN, STEP_SPAN, WAIT_SPAN

_NANOSECONDS = 1_000_000_000


@contextmanager
def run_trace(record: JsonObject) -> Iterator[None]:
    """The spans of a run that ended; what is logged meanwhile belongs to its trace."""
    tracer = trace.get_tracer("relink")
    root = tracer.start_span(
        RUN_SPAN.name,
        _beyond(record["id"]),
        SpanKind.CONSUMER,
        {
            "run": record["id"],
            "environment": record["environment"],
            "outcome": record["outcome"],
        },
        start_time=_at(began(record)),
    )
    if record["outcome"] == OutcomeKind.FAILED.value:
        root.set_status(trace.StatusCode.ERROR, record["problem"] or "a finding is not repaired")
    with trace.use_span(root, end_on_exit=False):
        _children(tracer, record)
        yield
    root.end(_at(record["finishedAt"]))


def began(record: JsonObject) -> str:
    """When the first event behind a run happened; the wish itself where none did."""
    times = [notice["at"] for notice in record["trigger"].get("notices") or ()]
    return str(min((*times, record["startedAt"]), key=datetime.fromisoformat))


def _children(tracer: trace.Tracer, record: JsonObject) -> None:
    if record["rounds"]:
        told = {"environment": record["environment"]}
        waited = tracer.start_span(WAIT_SPAN.name, attributes=told, start_time=_at(began(record)))
        waited.end(_at(record["rounds"][0]["at"]))
    for unit in record["units"]:
        for timing in unit.get("timings") or ():
            told = {"unit": unit["unit"], "step": timing["step"], "kind": timing["kind"]}
            step = tracer.start_span(
                STEP_SPAN.name, attributes=told, start_time=_at(timing["startedAt"])
            )
            step.end(_at(timing["endedAt"]))


def _beyond(run: str) -> Context:
    """A parent outside of what is recorded, which gives the trace its id."""
    digest = hashlib.sha256(run.encode()).digest()
    parent = SpanContext(
        trace_id=_trace_id(run) or int.from_bytes(digest[:16]) or 1,
        span_id=int.from_bytes(digest[16:24]) or 1,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _trace_id(run: str) -> int:
    try:
        return UUID(run).int
    except ValueError:
        return 0


def _at(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * _NANOSECONDS)
