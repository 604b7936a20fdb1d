"""Owns the names of what Relink tells Azure Monitor, and what each of them says.

docs/telemetry.md is written from here; alerts and workbook may use no name that is not here. Nothing
that is told holds a body of a resource, so nothing secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Where a signal lands in a Log Analytics workspace."""

    EVENT = "AppEvents"
    METRIC = "AppMetrics"
    REQUEST = "AppRequests"
    DEPENDENCY = "AppDependencies"


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that is told. ``properties`` maps each property to what it says."""

    name: str
    kind: Kind
    about: str
    properties: Mapping[str, str]
    unit: str = ""


_RUN: Final = {
    "run": "id of the run and of its record",
    "environment": "name in the manifest",
}

FINDING: Final = Signal(
    "relink.finding",
    Kind.EVENT,
    "One for each finding of a run that ended.",
    {
        **_RUN,
        "reason": "what differs (docs/reasons.md)",
        "resource": "ARM id",
        "outcome": "what became of it (docs/operating.md)",
        "why": "reason of the outcome, empty where it needs none",
    },
)
RUN_ENDED: Final = Signal(
    "relink.run.ended",
    Kind.EVENT,
    "One for each run.",
    {
        **_RUN,
        "outcome": "the worst of its findings",
        "cause": "what asked for it: event, sweep, manual, approval, wake or resume",
        "mode": "the ceiling it ran under",
        "manifestVersion": "version of the manifest in force",
        "units": "how many units were begun",
        "seconds": "from the wish to the verified end",
        "azureSeconds": "of these, the seconds in which at least one of Azure's operations ran",
        "problem": "what broke it off, empty where nothing did",
    },
)
SWEEP: Final = Signal(
    "relink.sweep",
    Kind.EVENT,
    "One for each sweep, and so the heartbeat.",
    {
        "environments": "how many manifests are in force",
        "failed": "how many of them could not be swept",
        "deadLetters": "how many dead letters stayed",
        "pastDue": "true when the timer came late",
        "age": "seconds since the sweep before it, empty where there was none",
    },
)
RUNS: Final = Signal(
    "relink.runs",
    Kind.METRIC,
    "Counter of ended runs.",
    {"environment": "name in the manifest", "outcome": "the worst of its findings"},
)
FINDINGS: Final = Signal(
    "relink.findings",
    Kind.METRIC,
    "Counter of findings: drift by reason, repairs by outcome.",
    {"reason": "what differs", "outcome": "what became of it"},
)
RUN_SECONDS: Final = Signal(
    "relink.run.seconds",
    Kind.METRIC,
    "Histogram: from the wish to the verified end of a run.",
    {"environment": "name in the manifest", "outcome": "the worst of its findings"},
    unit="s",
)
EVENT_SECONDS: Final = Signal(
    "relink.event.seconds",
    Kind.METRIC,
    "Histogram: from the time of the first event behind a repair to its verified end.",
    {"environment": "name in the manifest"},
    unit="s",
)
AZURE_SECONDS: Final = Signal(
    "relink.azure.seconds",
    Kind.METRIC,
    "Histogram: how long Azure's own operations of a run took; parallel ones count once.",
    {"environment": "name in the manifest"},
    unit="s",
)
DRIFT_OPEN: Final = Signal(
    "relink.drift.open",
    Kind.METRIC,
    "Gauge, as a run ends: how much differs in the environment. Above 0, it is in drift.",
    {"environment": "name in the manifest"},
)
IN_DRIFT: Final = Signal(
    "relink.environments.in_drift",
    Kind.METRIC,
    "Gauge, with each sweep: in how many environments something differs.",
    {},
)
QUEUE_DEPTH: Final = Signal(
    "relink.queue.depth",
    Kind.METRIC,
    "Histogram: wishes that wait for a run, each time that an environment's queue changed or was swept.",
    {"environment": "name in the manifest"},
)
SWEEP_AGE: Final = Signal(
    "relink.sweep.age",
    Kind.METRIC,
    "Histogram: time since the last sweep, measured by each sweep as it begins and by each run as it ends.",
    {"by": "sweep or run"},
    unit="s",
)
ARM_CALLS: Final = Signal(
    "relink.arm.calls",
    Kind.METRIC,
    "Counter of calls of ARM; status 429 is throttling, 0 no answer.",
    {"method": "HTTP method", "status": "HTTP status"},
)
RUN_SPAN: Final = Signal(
    "relink.run",
    Kind.REQUEST,
    "The root of a run's trace, from the first event (or the wish) to the verified end.",
    {**_RUN, "outcome": "the worst of its findings"},
)
WAIT_SPAN: Final = Signal(
    "relink.wait",
    Kind.DEPENDENCY,
    "Event to first look: delivery, the settling of a burst, the queue.",
    {"environment": "name in the manifest"},
)
STEP_SPAN: Final = Signal(
    "relink.step",
    Kind.DEPENDENCY,
    "One step, Azure's operation and the waiting for it included.",
    {"unit": "the unit it belongs to", "step": "its place there", "kind": "how it ended"},
)
ACTIVITY_SPAN: Final = Signal(
    "relink.activity",
    Kind.DEPENDENCY,
    "One activity at work, under its step or, where it serves the run as a whole, under its root.",
    {
        "run": "id of the run",
        "activity": "assess, start_step, look_step or conclude_run",
        "unit": "the unit that it worked for, where it did",
    },
)
ARM_SPAN: Final = Signal(
    "relink.arm",
    Kind.DEPENDENCY,
    "One call of ARM, under its activity. Its name in the workspace is its method and path.",
    {
        "http.request.method": "HTTP method",
        "url.full": "address, without a query",
        "http.response.status_code": "HTTP status",
        "az.service_request_id": "x-ms-request-id, which Azure's support asks for",
        "az.correlation_request_id": "x-ms-correlation-request-id, by which the activity log finds it",
    },
)

SIGNALS: Final = (
    RUN_ENDED, FINDING, SWEEP,
    RUNS, FINDINGS, RUN_SECONDS, EVENT_SECONDS, AZURE_SECONDS, ARM_CALLS,
    DRIFT_OPEN, IN_DRIFT, QUEUE_DEPTH, SWEEP_AGE,
    RUN_SPAN, WAIT_SPAN, STEP_SPAN, ACTIVITY_SPAN, ARM_SPAN,
)  # fmt: skip
"""All of them, in the order of docs/telemetry.md."""
