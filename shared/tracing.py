"""Owns a run's trace: which spans there are, what they are called by, and under which they lie.

Ids of the trace, of its root and of its steps are made of the run. So an activity can put its own
span, and the calls of ARM below it, under a step that is told of only when the run has ended, from its
record, once: no replay of an orchestrator doubles a span. An activity that is delivered twice has two
spans, because it did work twice.

Imports OpenTelemetry, so it is imported only where telemetry is exported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, Tracer

from shared.model.json import JsonObject
from shared.model.outcome import OutcomeKind
from shared.signals import ACTIVITY_SPAN, RUN_SPAN, STEP_SPAN, WAIT_SPAN

_NANOSECONDS = 1_000_000_000
_wanted: ContextVar[tuple[int, int] | None] = ContextVar("relink_span", default=None)


class RunIds(RandomIdGenerator):
    """Random ids, but for the spans whose ids a run decides."""

    def generate_trace_id(self) -> int:
        """The trace of a root that is being started."""
        wanted = _wanted.get()
        return wanted[0] if wanted else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """The id of the span that is being started."""
        wanted = _wanted.get()
        return wanted[1] if wanted else super().generate_span_id()


def adopt_ids() -> None:
    """Let the runs decide ids, in the tracer provider that the exporter has set."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.id_generator = RunIds()


@contextmanager
def run_trace(record: JsonObject) -> Iterator[None]:
    """The spans of a run that ended; what is logged meanwhile belongs to its trace."""
    tracer, run = trace.get_tracer("relink"), record["id"]
    told = {"run": run, "environment": record["environment"], "outcome": record["outcome"]}
    root = _start(
        tracer, RUN_SPAN.name, run, (), began(record), kind=SpanKind.CONSUMER, told=told, root=True
    )
    if record["outcome"] == OutcomeKind.FAILED.value:
        root.set_status(trace.StatusCode.ERROR, record["problem"] or "a finding is not repaired")
    with trace.use_span(root, end_on_exit=False):
        _children(tracer, record)
        yield
    root.end(_at(record["finishedAt"]))


@contextmanager
def activity_trace(name: str, message: Mapping[str, Any]) -> Iterator[None]:
    """The span of an activity while it works, under its step or its run; ARM's calls lie below it."""
    errand = message.get("errand", message)
    run = message["trigger"]["id"] if "trigger" in message else errand["run"]
    place = _place(errand) if "unit" in errand else ()
    told = {"run": run, "activity": name, **({"unit": errand["unit"]} if place else {})}
    with _activity(run, place, told):
        yield


def _activity(
    run: str, place: tuple[object, ...], told: Mapping[str, str]
) -> AbstractContextManager[Span]:
    return trace.get_tracer("relink").start_as_current_span(
        ACTIVITY_SPAN.name, _below(run, place), attributes=dict(told)
    )


def began(record: JsonObject) -> str:
    """When the first event behind a run happened; the wish itself where none did."""
    times = [notice["at"] for notice in record["trigger"].get("notices") or ()]
    return str(min((*times, record["startedAt"]), key=datetime.fromisoformat))


def _children(tracer: Tracer, record: JsonObject) -> None:
    if record["rounds"]:
        told = {"environment": record["environment"]}
        waited = tracer.start_span(WAIT_SPAN.name, attributes=told, start_time=_at(began(record)))
        waited.end(_at(record["rounds"][0]["at"]))
    for unit in record["units"]:
        for timing in unit.get("timings") or ():
            place = _place({**unit, "step": timing["step"]})
            told = {"unit": unit["unit"], "step": timing["step"], "kind": timing["kind"]}
            step = _start(
                tracer, STEP_SPAN.name, record["id"], place, timing["startedAt"], told=told
            )
            step.end(_at(timing["endedAt"]))


def _start(
    tracer: Tracer,
    name: str,
    run: str,
    place: tuple[object, ...],
    at: str,
    *,
    told: Mapping[str, Any],
    kind: SpanKind = SpanKind.INTERNAL,
    root: bool = False,
) -> Span:
    """Start a span under the id that its place in the run gives."""
    mark = _wanted.set((_trace_id(run), _span_id(run, place)))
    try:
        context = Context() if root else None
        return tracer.start_span(name, context, kind, dict(told), start_time=_at(at))
    finally:
        _wanted.reset(mark)


def _place(errand: Mapping[str, Any]) -> tuple[object, ...]:
    """A step's place in its run."""
    return int(errand.get("round", 1)), errand["unit"], errand["step"]


def _below(run: str, place: tuple[object, ...]) -> Context:
    """Under the root, or under a step, that will be told of when the run has ended."""
    parent = SpanContext(
        trace_id=_trace_id(run),
        span_id=_span_id(run, place),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _span_id(run: str, place: tuple[object, ...]) -> int:
    digest = hashlib.sha256(repr((run, *place)).encode()).digest()
    return int.from_bytes(digest[:8]) or 1


def _trace_id(run: str) -> int:
    """The run's id where that is a uuid, else a digest of it: who has a record finds its trace."""
    try:
        return UUID(run).int or 1
    except ValueError:
        return int.from_bytes(hashlib.sha256(run.encode()).digest()[:16]) or 1


def _at(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * _NANOSECONDS)
