"""Where spans lie: what is told while a run goes on fits under what is told when it has ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from shared import tracing

RUN = "4c3295db-32d5-4ee6-8fdc-345e1cc59232"
AT = [f"2026-11-02T09:00:{second:02}+00:00" for second in range(10)]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(id_generator=tracing.RunIds())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def record(run: str = RUN, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    timings = [
        {"step": n, "kind": "Done", "startedAt": AT[n], "endedAt": AT[n + 1]} for n in (1, 2)
    ]
    return {
        "id": run,
        "environment": "prod",
        "outcome": "Repaired",
        "problem": "",
        "trigger": {"notices": []},
        "startedAt": AT[0],
        "finishedAt": AT[4],
        "rounds": [{"at": AT[1]}],
        "units": [{"unit": "mend", "round": 1, "timings": timings}],
        **more,
    }


def errand(step: int, run: str = RUN) -> dict[str, Any]:
    return {"run": run, "environment": "prod", "round": 1, "unit": "mend", "step": step}


def named(told: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in told.get_finished_spans() if span.name == name]


def ids(span: ReadableSpan) -> tuple[int, int | None]:
    """The span's id and its parent's."""
    assert span.context is not None
    return span.context.span_id, span.parent.span_id if span.parent else None


def test_the_trace_has_the_id_of_the_run_and_one_root(told: InMemorySpanExporter) -> None:
    with tracing.run_trace(record()):
        pass
    spans = told.get_finished_spans()
    assert {span.context.trace_id for span in spans if span.context} == {UUID(RUN).int}
    assert [span.name for span in spans if span.parent is None] == ["relink.run"]


def test_a_run_with_another_id_has_a_trace_all_the_same(told: InMemorySpanExporter) -> None:
    with tracing.activity_trace("assess", {"trigger": {"id": "prod-1"}, "round": 1}):
        pass
    with tracing.run_trace(record("prod-1")):
        pass
    traces = {span.context.trace_id for span in told.get_finished_spans() if span.context}
    assert len(traces) == 1
    assert 0 not in traces


def test_an_activity_lies_under_its_step_or_its_run_before_these_are_told(
    told: InMemorySpanExporter,
) -> None:
    with tracing.activity_trace("assess", {"trigger": {"id": RUN}, "round": 1}):
        pass
    with tracing.activity_trace("start_step", errand(1)):
        pass
    with tracing.activity_trace("look_step", {"errand": errand(2), "token": {}}):
        pass
    with tracing.run_trace(record()):
        pass
    assess, start, look = named(told, "relink.activity")
    (root,) = named(told, "relink.run")
    first, second = named(told, "relink.step")
    assert ids(assess)[1] == ids(root)[0]
    assert ids(start)[1] == ids(first)[0]
    assert ids(look)[1] == ids(second)[0]


def test_an_activity_delivered_twice_is_two_spans_under_one_step(
    told: InMemorySpanExporter,
) -> None:
    for _ in range(2):
        with tracing.activity_trace("start_step", errand(1)):
            pass
    first, again = named(told, "relink.activity")
    assert ids(first)[1] == ids(again)[1]
    assert ids(first)[0] != ids(again)[0]


def test_a_conclusion_made_again_gives_the_same_ids(told: InMemorySpanExporter) -> None:
    for _ in range(2):
        with tracing.run_trace(record()):
            pass
    assert len({ids(span)[0] for span in named(told, "relink.run")}) == 1
    assert len({ids(span)[0] for span in named(told, "relink.step")}) == 2


def test_the_same_unit_in_another_round_is_another_step(told: InMemorySpanExporter) -> None:
    units = [{**record()["units"][0], "round": number} for number in (1, 2)]
    with tracing.run_trace(record(units=units)):
        pass
    assert len({ids(span)[0] for span in named(told, "relink.step")}) == 4


def test_an_activity_that_raises_is_an_error_and_goes_on_raising(
    told: InMemorySpanExporter,
) -> None:
    with (
        pytest.raises(RuntimeError, match="lost storage"),
        tracing.activity_trace("start_step", errand(1)),
    ):
        raise RuntimeError("lost storage")
    (span,) = named(told, "relink.activity")
    assert span.status.status_code is StatusCode.ERROR


def test_a_run_that_failed_is_an_error_with_its_problem(told: InMemorySpanExporter) -> None:
    with tracing.run_trace(record(outcome="Failed", problem="the engine died")):
        pass
    (root,) = named(told, "relink.run")
    assert (root.status.status_code, root.status.description) == (
        StatusCode.ERROR,
        "the engine died",
    )
