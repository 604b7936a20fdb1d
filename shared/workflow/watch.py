"""Owns what is known of the watching itself: when the last sweep was, and how much waits in a queue."""

from __future__ import annotations

from datetime import datetime

from shared.model.arm import moment
from shared.workflow.queue import QueueState
from shared.workflow.services import Services

_PLACE = ("sweep", "last")


def sweep_age(services: Services) -> float | None:
    """Seconds since the last sweep began; None when there was none yet."""
    kept = services.records.paper(*_PLACE)
    last = moment(kept["at"]) if isinstance(kept, dict) and kept.get("at") else None
    return max((services.clock() - last).total_seconds(), 0.0) if last is not None else None


def note_sweep(services: Services, at: datetime) -> None:
    """Remember that a sweep began."""
    services.records.put_paper(*_PLACE, {"at": at.isoformat()})


def depth(queue: QueueState) -> int:
    """How many wishes wait for a run."""
    pending = queue.pending
    return len(pending.requests) + pending.more if pending is not None else 0
