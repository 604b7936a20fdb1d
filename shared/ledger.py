"""Owns what is known to differ in an environment, and which messages about it are still to be delivered.

Pure. A run looks at a part of its environment, so it speaks for that part only: drift that it did not
look at stays known. Each fact becomes one CloudEvent (version 1.0) under an id that is made of the
fact; a run with something new for a person becomes one notice under the run's id. So whoever hears
one twice can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from shared.model.json import JsonObject
from shared.model.outcome import OutcomeKind

MOST_OWED: Final = 500
"""Events that wait for a topic that does not take them; the oldest go first."""
MOST_NOTICES: Final = 50
"""Runs that a webhook is still to be told of; the oldest go first."""
_FACTS: Final = UUID("6f0b8d5e-5a0b-4a39-9d0c-2f5f2a1f7c11")
"""The namespace that ids of events are made in (RFC 9562, version 5). It never changes."""


class Fact(StrEnum):
    """What others are told of, as the type of a CloudEvent."""

    DRIFT_FOUND = "Relink.DriftFound"
    REPAIRED = "Relink.Repaired"
    BLOCKED = "Relink.Blocked"
    AWAITING_APPROVAL = "Relink.AwaitingApproval"
    REPAIR_FAILED = "Relink.RepairFailed"
    DRIFT_GONE = "Relink.DriftGone"


ABOUT: Final[Mapping[Fact, str]] = {
    Fact.DRIFT_FOUND: "Something differs from the manifest that did not before.",
    Fact.REPAIRED: "Relink put it right, read it again and saw it in order.",
    Fact.BLOCKED: "Relink may not or can not put it right; `why` says what stands in the way.",
    Fact.AWAITING_APPROVAL: "A person has to approve the plan, until `until`.",
    Fact.REPAIR_FAILED: "Relink tried, and it did not help.",
    Fact.DRIFT_GONE: "It no longer differs, or is no longer declared, and Relink did not do it.",
}
_NAMED: Final = ("specversion", "id", "source", "type")
"""What every CloudEvent has."""
_SAID: Final = {
    OutcomeKind.REPAIRED: Fact.REPAIRED,
    OutcomeKind.BLOCKED: Fact.BLOCKED,
    OutcomeKind.AWAITING_APPROVAL: Fact.AWAITING_APPROVAL,
    OutcomeKind.FAILED: Fact.REPAIR_FAILED,
}
_GONE: Final = frozenset({OutcomeKind.IN_SYNC, OutcomeKind.NOT_NEEDED})
_FOR_A_PERSON: Final = frozenset(
    {OutcomeKind.BLOCKED, OutcomeKind.FAILED, OutcomeKind.AWAITING_APPROVAL}
)
_NEWS: Final = frozenset(_SAID[kind].value for kind in _FOR_A_PERSON)


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that differs: what was last said of it (``kind``, ``why``, ``plan``)."""

    reason: str
    resource: str
    remediator: str
    kind: str = ""
    why: str = ""
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Drift by the key of its finding, the last run that was entered, and what is not delivered yet.

    ``owed`` are events for a topic and ``notices`` ids of runs for the webhook, each in their order;
    ``dropped`` counts those that nobody will hear of; ``problem`` broke off the last run.
    """

    run: str = ""
    open: Mapping[str, Drift] = field(default_factory=dict)
    problem: str = ""
    owed: tuple[JsonObject, ...] = ()
    notices: tuple[str, ...] = ()
    dropped: int = 0

    def __post_init__(self) -> None:
        """Refuse events that could neither be sent nor be told from others."""
        if not all(isinstance(event.get(name), str) for event in self.owed for name in _NAMED):
            raise ValueError(f"each event that is owed has {', '.join(_NAMED)}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of one finding, by whom and when (ISO 8601)."""

    environment: str
    run: str
    at: str
    key: str
    drift: Drift
    until: str | None = None

    def event(self, fact: Fact) -> JsonObject:
        """The CloudEvent; the same fact gives the same one."""
        told = {
            "environment": self.environment,
            "run": self.run,
            "reason": self.drift.reason,
            "resource": self.drift.resource,
            "outcome": self.drift.kind,
            "why": self.drift.why,
        }
        if fact is Fact.AWAITING_APPROVAL:
            told |= {"planHash": self.drift.plan, "until": self.until or ""}
        name = f"{fact}\n{self.environment}\n{self.run}\n{self.key}"
        return {
            "specversion": "1.0",
            "id": str(uuid5(_FACTS, name)),
            "source": f"/relink/environments/{self.environment}",
            "type": fact.value,
            "subject": self.drift.resource,
            "time": self.at,
            "data": told,
        }


def found(ledger: Ledger, entries: Iterable[Entry]) -> Ledger:
    """The ledger after a look, before anything is done about what it found."""
    new = [_bare(entry) for entry in entries if entry.key not in ledger.open]
    if not new:
        return ledger
    known = {**ledger.open, **{entry.key: entry.drift for entry in new}}
    return _owing(replace(ledger, open=known), [e.event(Fact.DRIFT_FOUND) for e in new])


def ended(ledger: Ledger, record: JsonObject) -> Ledger:
    """The ledger after a run; the same run entered again changes nothing."""
    if ledger.run == record["id"]:
        return ledger
    entries = list(_entries(record))
    kinds = {entry.key: OutcomeKind(entry.drift.kind) for entry in entries}
    suspected = {k for k, kind in kinds.items() if kind in _GONE and k not in ledger.open}
    entries = [entry for entry in entries if entry.key not in suspected]
    seen = found(ledger, (replace(e, at=_first_seen(record, e)) for e in entries))
    open_, events = dict(seen.open), list[JsonObject]()
    for entry in entries:
        events += _said(entry, ledger.open.get(entry.key))
        open_[entry.key] = entry.drift
        if entry.drift.kind in {*_GONE, OutcomeKind.REPAIRED}:
            del open_[entry.key]
    for key, drift in ledger.open.items():
        if key not in kinds and _spoke_for(record, drift):
            events.append(_entry(record, key, drift).event(Fact.DRIFT_GONE))
            del open_[key]
    problem = _problem(record)
    if not events and (open_, problem) == (dict(ledger.open), ledger.problem):
        return ledger
    news = any(event["type"] in _NEWS for event in events)
    news = news or problem not in {"", ledger.problem}
    after = replace(seen, run=record["id"], open=open_, problem=problem)
    return _owing(after, events, (record["id"],) if news else ())


def delivered(ledger: Ledger, ids: Iterable[str], *, refused: int = 0) -> Ledger:
    """The ledger without messages that need no more be sent; ``refused`` of them nobody took."""
    gone = frozenset(ids)
    return replace(
        ledger,
        owed=tuple(event for event in ledger.owed if event["id"] not in gone),
        notices=tuple(run for run in ledger.notices if run not in gone),
        dropped=ledger.dropped + refused,
    )


def notice(record: JsonObject) -> JsonObject:
    """What the webhook is told of a run, from its record. ``run`` is the message's id."""
    telling = [each for each in record["outcomes"] if each["kind"] in _FOR_A_PERSON]
    waits = any(each["kind"] == OutcomeKind.AWAITING_APPROVAL.value for each in telling)
    return {
        "environment": record["environment"],
        "run": record["id"],
        "outcome": record["outcome"],
        "problem": _problem(record),
        "findings": telling,
        "approval": record["approval"] if waits else None,
    }


def _problem(record: JsonObject) -> str:
    """What broke the run off; being held by somebody else is no problem of a person's."""
    return str(record["problem"]) if record["outcome"] == OutcomeKind.FAILED.value else ""


def _bare(entry: Entry) -> Entry:
    """What is known before anything came of it, so that the fact reads the same whoever tells it."""
    return replace(entry, drift=replace(entry.drift, kind="", why="", plan=""))


def _said(entry: Entry, before: Drift | None) -> Iterator[JsonObject]:
    """What is new about a finding: the same block is told once for as long as it is the same."""
    kind = OutcomeKind(entry.drift.kind)
    if kind in _GONE:
        yield entry.event(Fact.DRIFT_GONE)
    elif kind in _SAID and entry.drift != before:
        yield entry.event(_SAID[kind])


def _entries(record: JsonObject) -> Iterator[Entry]:
    plan = record["rounds"][-1]["approvalHash"] if record["rounds"] else ""
    for outcome in record["outcomes"]:
        told = outcome["finding"]
        waits = outcome["kind"] == OutcomeKind.AWAITING_APPROVAL.value
        drift = Drift(
            reason=told["reason"],
            resource=told["resource"],
            remediator=told["remediator"],
            kind=outcome["kind"],
            why=outcome["why"],
            plan=plan if waits else "",
        )
        yield replace(_entry(record, told["key"], drift), until=outcome["until"])


def _entry(record: JsonObject, key: str, drift: Drift) -> Entry:
    return Entry(record["environment"], record["id"], record["finishedAt"], key, drift)


def _first_seen(record: JsonObject, entry: Entry) -> str:
    """When the first round of the run that saw a finding looked."""
    for seen in record["rounds"]:
        for each in seen["findings"]:
            same = (each["reason"], each["remediator"]) == (
                entry.drift.reason,
                entry.drift.remediator,
            )
            if same and each["resource"] == entry.drift.resource:
                return str(seen["at"])
    return entry.at


def _spoke_for(record: JsonObject, drift: Drift) -> bool:
    """Whether the run judged what this is about; a look at everything speaks for what went, too."""
    looked_at = {each.lower() for each in record["lookedAt"]}
    whole = record["trigger"].get("resources") is None
    mine = whole or drift.resource.lower() in looked_at
    unread = any(drift.resource.lower() in each.lower() for each in record["unreadable"])
    return mine and not unread and drift.remediator in record["remediators"]


def _owing(ledger: Ledger, events: list[JsonObject], runs: tuple[str, ...] = ()) -> Ledger:
    """With what waits already left as it is: a run beside another may be entered again."""
    waiting = {event["id"] for event in ledger.owed}
    owed = (*ledger.owed, *(event for event in events if event["id"] not in waiting))
    notices = (*ledger.notices, *(run for run in runs if run not in ledger.notices))
    over = max(len(owed) - MOST_OWED, 0) + max(len(notices) - MOST_NOTICES, 0)
    return replace(
        ledger,
        owed=owed[-MOST_OWED:],
        notices=notices[-MOST_NOTICES:],
        dropped=ledger.dropped + over,
    )
