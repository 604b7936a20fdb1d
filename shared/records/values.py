"""Owns the values of the records that are not findings, debts or intents: who holds, waits, tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypedDict

from pydantic import ConfigDict, with_config

from shared.model.attempt import Attempt
from shared.model.resource_id import ResourceId


@dataclass(frozen=True, slots=True)
class Lease:
    """``holder`` may work on ``environment`` until ``until``, by the clock of who wrote it."""

    environment: str
    holder: str
    until: datetime


@dataclass(frozen=True, slots=True)
class HeldBy:
    """Somebody else holds the lease."""

    holder: str
    until: datetime


class ApprovalState(StrEnum):
    """What became of a question to a person."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Approval:
    """Whether the plan with ``plan_hash``, made by ``run``, may be carried out.

    ``by`` and ``at`` are filled in when a person decides; after ``until`` nothing holds any more.
    """

    plan_hash: str
    run: str
    until: datetime
    state: ApprovalState = ApprovalState.WAITING
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """``by`` stopped Relink from acting on an environment. Ended when ``resumed_at`` is set."""

    by: str
    reason: str
    at: datetime
    resumed_by: str = ""
    resumed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tries:
    """The attempts on one resource, oldest first."""

    resource: ResourceId
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Good:
    """The last valid text of a manifest file, and its version."""

    version: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """One event that could not be read; ``sample`` is the beginning of it."""

    reason: str
    sample: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RejectedEvents:
    """How many events could not be read, by reason, and the newest of them first."""

    counts: dict[str, int] = field(default_factory=dict)
    newest: tuple[RejectedEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Corrupt:
    """A document that could not be read as what it should be."""

    key: str
    why: str


@dataclass(frozen=True, slots=True)
class Paper[T = Any]:
    """A working paper: a value under a name, any JSON value unless said otherwise."""

    value: T | None = None


_WITH_MORE: Final = ConfigDict(extra="allow")


@with_config(_WITH_MORE)
class _Finding(TypedDict):
    key: str
    reason: str
    resource: str
    remediator: str


@with_config(_WITH_MORE)
class _Outcome(TypedDict):
    finding: _Finding
    kind: str
    why: str
    message: str
    until: str | None


@with_config(_WITH_MORE)
class _Verdict(TypedDict):
    unit: str
    why: str


@with_config(_WITH_MORE)
class _Plan(TypedDict):
    units: list[dict[str, Any]]


@with_config(_WITH_MORE)
class _Round(TypedDict):
    at: str
    approvalHash: str
    findings: list[dict[str, Any]]
    plan: _Plan
    verdicts: list[_Verdict]


@with_config(_WITH_MORE)
class RunDocument(TypedDict):
    """What a run's record has at the least: all that anybody takes from it unasked."""

    id: str
    environment: str
    outcome: str
    problem: str
    startedAt: str
    finishedAt: str
    trigger: dict[str, Any]
    outcomes: list[_Outcome]
    units: list[dict[str, Any]]
    rounds: list[_Round]
    remediators: list[str]
    lookedAt: list[str]
    unreadable: list[str]
    approval: dict[str, Any] | None
