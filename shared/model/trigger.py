"""Owns triggers: why a run is wanted and what it should look at. Two of them merge into one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.model.resource_id import ResourceId

_MOST_EVENTS = 50
_MOST_RESOURCES = 200
"""Beyond this, looking at everything is cheaper than carrying the list through the engine."""


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
    of every wish merged into it. ``resources`` of ``None`` and ``remediators`` of ``()`` mean all.
    ``urgent`` does not wait for a burst to settle (closing public access).
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


def merged(first: Trigger, second: Trigger) -> Trigger:
    """Both wishes as one: the union of what they look at, the id of the first."""
    resources: tuple[ResourceId, ...] | None = None
    if first.resources is not None and second.resources is not None:
        resources = tuple(dict.fromkeys((*first.resources, *second.resources)))
        resources = resources if len(resources) <= _MOST_RESOURCES else None
    remediators: tuple[str, ...] = ()
    if first.remediators and second.remediators:
        remediators = tuple(dict.fromkeys((*first.remediators, *second.remediators)))
    return replace(
        first,
        resources=resources,
        remediators=remediators,
        causes=tuple(dict.fromkeys((*_causes(first), *_causes(second)))),
        requests=tuple(dict.fromkeys((*_requests(first), *_requests(second)))),
        notices=(*first.notices, *second.notices)[-_MOST_EVENTS:],
        urgent=first.urgent or second.urgent,
        by=first.by or second.by,
        note="; ".join(dict.fromkeys(note for note in (first.note, second.note) if note)),
    )


def _causes(trigger: Trigger) -> tuple[Cause, ...]:
    return trigger.causes or (trigger.cause,)


def _requests(trigger: Trigger) -> tuple[str, ...]:
    return trigger.requests or (trigger.id,)


def complete(trigger: Trigger) -> Trigger:
    """``trigger`` with its own cause and id written into the merged lists."""
    return replace(trigger, causes=_causes(trigger), requests=_requests(trigger))
