"""What an orchestration is still waiting for, read from its history.

Pure. Activities, timers and children are never stored on their own: each is scheduled by an event and
closed by another, so that what is open after a start can be derived and cannot disagree.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import durabletask.internal.orchestrator_service_pb2 as pb

_OPENS = {
    "taskScheduled": "task",
    "timerCreated": "timer",
    "subOrchestrationInstanceCreated": "child",
}
_CLOSES = {
    "taskCompleted": ("task", "taskScheduledId"),
    "taskFailed": ("task", "taskScheduledId"),
    "timerFired": ("timer", "timerId"),
    "subOrchestrationInstanceCompleted": ("child", "taskScheduledId"),
    "subOrchestrationInstanceFailed": ("child", "taskScheduledId"),
}


@dataclass(frozen=True, slots=True)
class OpenWork:
    """The scheduling events that nothing has closed, oldest first."""

    tasks: tuple[pb.HistoryEvent, ...]
    timers: tuple[pb.HistoryEvent, ...]
    children: tuple[pb.HistoryEvent, ...]


def open_work(history: Sequence[pb.HistoryEvent], inbox: Iterable[pb.HistoryEvent]) -> OpenWork:
    """Derive the open work of one orchestration.

    A retried activity is scheduled again under the same id, so closings are counted against
    schedulings, and it is the latest ones that are still open.
    """
    closed: Counter[tuple[str, int]] = Counter()
    for event in (*history, *inbox):
        closing = _CLOSES.get(event.WhichOneof("eventType") or "")
        if closing:
            body = getattr(event, event.WhichOneof("eventType"))
            closed[closing[0], getattr(body, closing[1])] += 1
    found: dict[str, list[pb.HistoryEvent]] = {"task": [], "timer": [], "child": []}
    for event in history:
        kind = _OPENS.get(event.WhichOneof("eventType") or "")
        if kind and closed[kind, event.eventId] > 0:
            closed[kind, event.eventId] -= 1
        elif kind:
            found[kind].append(event)
    return OpenWork(tuple(found["task"]), tuple(found["timer"]), tuple(found["child"]))
