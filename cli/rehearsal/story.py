"""Owns what a rehearsal came to, as values: incident by incident, what broke and when it was back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.model.json import JsonObject
from shared.model.resource_id import ResourceId


@dataclass(frozen=True, slots=True)
class Hurt:
    """A resource that was found broken. Seconds count from the incident's first move."""

    resource: ResourceId
    reasons: tuple[str, ...]
    found_after: float
    back_after: float | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Played:
    """One incident and how it ended; no ``problems``: as it should. ``skipped`` says why it was not."""

    name: str
    title: str
    wanted: str
    outcome: str = ""
    writes: int = 0
    seconds: float = 0.0
    hurt: tuple[Hurt, ...] = ()
    problems: tuple[str, ...] = ()
    timeline: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def good(self) -> bool:
        """Whether it ended as it should."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Story:
    """A whole rehearsal. ``notes`` say where the copy is not what the manifest says."""

    environment: str
    version: str
    speed: float
    played: tuple[Played, ...]
    notes: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether every incident ended as it should, and at least one was played."""
        return all(each.good for each in self.played) and any(not p.skipped for p in self.played)


def hurts(records: Iterable[JsonObject], began: datetime) -> tuple[Hurt, ...]:
    """What the records of an incident tell of each resource, the first found first."""
    found: dict[str, Hurt] = {}
    for record in records:
        for told in _told(record, began):
            before = found.get(told.resource.key)
            found[told.resource.key] = told if before is None else _joined(before, told)
    return tuple(sorted(found.values(), key=lambda each: (each.found_after, each.resource)))


def _joined(before: Hurt, later: Hurt) -> Hurt:
    """A resource that more than one finding or run tells of: found by the first, ended by the last."""
    reasons = tuple(dict.fromkeys((*before.reasons, *later.reasons)))
    backs = [each for each in (before.back_after, later.back_after) if each is not None]
    back = max(backs, default=None)
    return Hurt(before.resource, reasons, before.found_after, back, later.outcome)


def _told(record: JsonObject, began: datetime) -> Iterator[Hurt]:
    first = datetime.fromisoformat(record["rounds"][0]["at"]) if record["rounds"] else began
    ended = _ends(record)
    for told in record["outcomes"]:
        finding, outcome = told["finding"], told["kind"]
        if outcome in {"NotNeeded", "InSync"}:
            continue
        end = ended.get(finding["key"]) if outcome == "Repaired" else None
        yield Hurt(
            ResourceId.parse(finding["resource"]),
            (finding["reason"],),
            (first - began).total_seconds(),
            (end - began).total_seconds() if end else None,
            outcome,
        )


def _ends(record: JsonObject) -> dict[str, datetime]:
    """Finding → when the last step of a unit that answers it was done."""
    answered: dict[str, list[str]] = {}
    for seen in record["rounds"]:
        for unit in seen["plan"]["units"]:
            answered.setdefault(unit["id"], []).extend(unit["findings"])
    found: dict[str, datetime] = {}
    for unit in record["units"]:
        timings = unit.get("timings") or ()
        if timings:
            end = datetime.fromisoformat(timings[-1]["endedAt"])
            for key in answered.get(unit["unit"], ()):
                found[key] = max(end, found.get(key, end))
    return found
