"""Owns triggers: why a run is wanted and what it should look at. Two of them merge into one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.model.resource_id import ResourceId

_MOST_EVENTS = 50
_MOST_RESOURCES = 200
"""Beyond this, looking at everything is cheaper than carrying the list through the engine."""
_MOST_REQUESTS = 100
_MOST_OF_EVENTS = 50
"""Nobody asks what became of an event: they leave room for requests that somebody asks after."""
_LONGEST_NOTE = 1000


class Cause(StrEnum):
    """Who asked for a look."""

    EVENT = "event"
    SWEEP = "sweep"
    MANUAL = "manual"
    APPROVAL = "approval"
    WAKE = "wake"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Notice:
    """An event as a record keeps it: which one, what happened to what, when, by whom."""

    event: str
    operation: str
    resource: ResourceId
    at: datetime
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A wish for a run in one environment.

    ``id`` becomes the run's id if this is the first wish of that run; ``requests`` holds the ids
    of the wishes merged into it, as far as they are kept, and ``more`` counts the others.
    ``resources`` of ``None`` and ``remediators`` of ``()`` mean all.
    ``urgent`` does not wait for a burst to settle (closing public access). ``beside`` says that the
    run goes on beside the environment's main one, for what is urgent alone.
    """

    id: str
    environment: str
    cause: Cause
    at: datetime
    resources: tuple[ResourceId, ...] | None = None
    remediators: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    requests: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    urgent: bool = False
    dry_run: bool = False
    by: str = ""
    note: str = ""
    more: int = 0
    beside: bool = False


def merged(first: Trigger, second: Trigger) -> Trigger:
    """Both wishes as one: the union of what they look at, the id of the first."""
    resources: tuple[ResourceId, ...] | None = None
    if first.resources is not None and second.resources is not None:
        resources = tuple(dict.fromkeys((*first.resources, *second.resources)))
        resources = resources if len(resources) <= _MOST_RESOURCES else None
    remediators: tuple[str, ...] = ()
    if first.remediators and second.remediators:
        remediators = tuple(dict.fromkeys((*first.remediators, *second.remediators)))
    requests = tuple(dict.fromkeys((*_requests(first), *_requests(second))))
    most = _MOST_OF_EVENTS if second.cause is Cause.EVENT else _MOST_REQUESTS
    kept = requests[: max(most, len(_requests(first)))]
    return replace(
        first,
        resources=resources,
        remediators=remediators,
        causes=tuple(dict.fromkeys((*_causes(first), *_causes(second)))),
        requests=kept,
        more=first.more + second.more + len(requests) - len(kept),
        notices=(*first.notices, *second.notices)[-_MOST_EVENTS:],
        urgent=first.urgent or second.urgent,
        by=first.by or second.by,
        note=_both_notes(first.note, second.note),
    )


def covers(wide: Trigger, wish: Trigger) -> bool:
    """Whether the run that ``wide`` leads to does all that ``wish`` wants, were it merged or not."""
    resources = wide.resources is None or (
        wish.resources is not None and set(wish.resources) <= set(wide.resources)
    )
    remediators = not wide.remediators or (
        bool(wish.remediators) and set(wish.remediators) <= set(wide.remediators)
    )
    causes = set(_causes(wish)) <= set(_causes(wide))
    return resources and remediators and causes and (wide.urgent or not wish.urgent)


def _both_notes(first: str, second: str) -> str:
    """The second is left out where the first says it already, or no room is left."""
    if second in first.split("; "):
        return first
    joined = f"{first}; {second}" if first else second
    return joined if len(joined) <= _LONGEST_NOTE else first or second[:_LONGEST_NOTE]


def _causes(trigger: Trigger) -> tuple[Cause, ...]:
    return trigger.causes or (trigger.cause,)


def _requests(trigger: Trigger) -> tuple[str, ...]:
    return trigger.requests or (trigger.id,)


def complete(trigger: Trigger) -> Trigger:
    """``trigger`` with its own cause and id written into the merged lists, and a bounded note."""
    note = trigger.note[:_LONGEST_NOTE]
    return replace(trigger, causes=_causes(trigger), requests=_requests(trigger), note=note)
