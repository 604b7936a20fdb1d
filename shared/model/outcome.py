"""Owns outcomes: what became of a finding, and which of them a run is named after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.model.finding import Finding


class OutcomeKind(StrEnum):
    """From best to worst: a run's outcome is the worst of its findings' (design)."""

    REPAIRED = "Repaired"
    IN_SYNC = "InSync"
    NOT_NEEDED = "NotNeeded"
    PLANNED = "Planned"
    AWAITING_APPROVAL = "AwaitingApproval"
    DEFERRED = "Deferred"
    BLOCKED = "Blocked"
    FAILED = "Failed"


_WORSE = {kind: place for place, kind in enumerate(OutcomeKind)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one finding. ``why`` is a CamelCase reason, ``message`` is for a person."""

    finding: Finding
    kind: OutcomeKind
    why: str = ""
    message: str = ""
    until: datetime | None = None


def worst(kinds: Iterable[OutcomeKind]) -> OutcomeKind:
    """The outcome that names a run; in sync when nothing was found."""
    return max(kinds, key=_WORSE.__getitem__, default=OutcomeKind.IN_SYNC)
