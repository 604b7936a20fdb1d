"""Owns what a debt comes to: whether a restart happened, when, and whether its target predates it.

A start event is a suspicion, as starting a running cluster succeeds as well (domain.md 2), and an
event can be forged or late. So a debt is judged by what is read now, and where the activity log
shows the restart, the log's time counts and not the claimed one. A target that was made, written
or verified after the restart is never destroyed for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from shared.model.actual import Actual, Found, Observation, Question, Read
from shared.model.arm import PowerAction
from shared.model.debt import Debt
from shared.model.finding import Disposition, Evidence
from shared.model.resource_id import ResourceId
from shared.remediation import sources
from shared.remediation.differences import Difference, Obstacle, held, unread
from shared.remediator import Reason, Response

NEAR: Final = timedelta(minutes=5)
"""How far the log's time of a start may lie from the claimed one."""
LAG: Final = timedelta(minutes=30)
"""After this a start that the activity log does not show is taken not to have been (domain.md 6:
entries can lag minutes)."""
REACH: Final = timedelta(days=60)
"""How long before a claimed restart its stop is looked for: the log keeps 90 days (domain.md 6)."""
_DOUBLED: Final = timedelta(minutes=1)

RESTART_REASONS: Final = frozenset({"EndpointDisconnected", "EndpointStale", "LinkRenewed"})
"""Reasons of a cluster endpoint that prove a restart of its cluster. Any other repair, such as
that of a record or a role, proves nothing about a restart."""

REASONS: Final = {
    "RestartSuspected": Reason(
        "A restart of its cluster was told of; whether it concerns it is judged.",
        f"{sources.SECURE_INFERENCE}: note on stopped and restarted clusters",
        Response.STATE,
    ),
}


@dataclass(frozen=True, slots=True)
class Proven:
    """The restart happened at ``at``, and the target predates it."""

    at: datetime
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Refuted:
    """The suspicion does not hold for this target."""

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing can be concluded yet."""

    obstacle: Obstacle


type Verdict = Proven | Refuted | Undecided


class LogSays(StrEnum):
    """What the power log shows of a claimed restart."""

    RESTARTED = "restarted"  # the last start had a stop before it
    RAN_ALREADY = "ran-already"  # a start at that time, of a cluster that ran
    SILENT = "silent"  # no such start, and the log is old enough to show it
    LAGS = "lags"  # no such start yet
    UNREAD = "unread"  # no answer


@dataclass(frozen=True, slots=True)
class PowerLog:
    """The log's word on one debt. ``at`` is the start it shows; ``near`` that it is the claimed one.

    ``late`` says that the log was read too soon to show every start that was claimed; ``restarts``
    are all starts that it shows with a stop before them, oldest first.
    """

    says: LogSays
    evidence: Evidence
    at: datetime | None = None
    near: bool = False
    late: bool = False
    answer: Observation | None = None
    restarts: tuple[datetime, ...] = ()


def power_read(debt: Debt) -> Read:
    """The question for the starts and stops that decide over ``debt``."""
    since = debt.restart_at - REACH
    return Read(Question.POWER_LOG, debt.cluster, since.isoformat())


def power_log(debt: Debt, actual: Actual) -> PowerLog:
    """What the activity log says of the claimed restart.

    Looked at is the last start not later than the claimed one (and ``NEAR``): it restarted the
    cluster if the action before it was a stop, and changed nothing if that was a start.
    """
    read = power_read(debt)
    answer = actual.answer(read.resource, read.question, read.detail)
    events = actual.items(read.resource, read.question, read.detail)
    if not isinstance(answer, Found) or events is None:
        seen = unread(f"activity log of {debt.cluster}", answer).evidence[0]
        return PowerLog(LogSays.UNREAD, seen, answer=answer)
    late = answer.at < debt.restart_at + LAG
    actions = [a for a in _distinct(PowerAction.all_of(events)) if a.at <= debt.restart_at + NEAR]
    pairs = pairwise(actions)
    restarts = tuple(b.at for a, b in pairs if (a.name, b.name) == ("stop", "start"))
    return replace(_last_start(debt, actions, late=late), restarts=restarts)


def _last_start(debt: Debt, actions: Sequence[PowerAction], *, late: bool) -> PowerLog:
    last = next((n for n in reversed(range(len(actions))) if actions[n].name == "start"), None)
    if last is None:
        return _no_start(debt, late=late)
    start, before = actions[last], actions[last - 1] if last else None
    near = start.at >= debt.restart_at - NEAR
    if before is not None and before.name == "stop":
        text = f"a stop at {_time(before.at)} and a start at {_time(start.at)}"
        seen = Evidence("activity log", text)
        return PowerLog(LogSays.RESTARTED, seen, start.at, near, late)
    if not near:
        return _no_start(debt, late=late)
    text = f"a start at {_time(start.at)} with no stop before it"
    seen = Evidence("activity log", text, "a stop before that start")
    return PowerLog(LogSays.RAN_ALREADY, seen, start.at, near, late)


def _no_start(debt: Debt, *, late: bool) -> PowerLog:
    seen = Evidence("activity log", "no such start", f"a start about {_time(debt.restart_at)}")
    return PowerLog(LogSays.LAGS if late else LogSays.SILENT, seen, late=late)


def _distinct(actions: Iterable[PowerAction]) -> list[PowerAction]:
    """The log may tell of one action twice; the same again within a minute is the same."""
    kept: list[PowerAction] = []
    for action in actions:
        same = kept and kept[-1].name == action.name
        if not (same and action.at - kept[-1].at <= _DOUBLED):
            kept.append(action)
    return kept


def from_the_future(debt: Debt, seen_at: datetime) -> Refuted | None:
    """A restart that is claimed for later than the look itself is none."""
    if debt.restart_at <= seen_at + NEAR:
        return None
    claimed = Evidence("claimed restart", _time(debt.restart_at), f"before {_time(seen_at)}")
    return Refuted((claimed,))


def undecided(log: PowerLog) -> Undecided:
    """Why the log does not settle it: it could not be read, or it lags."""
    if log.says is LogSays.UNREAD:
        return Undecided(replace(unread("activity log", log.answer), evidence=(log.evidence,)))
    return Undecided(Obstacle(Disposition.DEFER, "ActivityLogLag", (log.evidence,)))


def debts_on(target: ResourceId, actual: Actual) -> tuple[Debt, ...]:
    """Every open debt of ``target``, oldest first: none hides another."""
    owed = [debt for debt in actual.memory.debts if debt.target == target]
    return tuple(sorted(owed, key=lambda debt: debt.restart_at))


def settle(verdicts: Iterable[Verdict], reason: str, repair: str) -> Difference | None:
    """One difference for all debts of a target: the proven, else the undecided, else the refuted."""
    listed = tuple(verdicts)
    proven = [verdict for verdict in listed if isinstance(verdict, Proven)]
    if proven:
        last = max(proven, key=lambda verdict: verdict.at)
        return Difference(reason, last.evidence, repair)
    doubts = [verdict.obstacle for verdict in listed if isinstance(verdict, Undecided)]
    if doubts:
        return held(Difference("RestartSuspected", ()), doubts[0])
    evidence = [e for v in listed if isinstance(v, Refuted) for e in v.evidence]
    if not evidence:
        return None
    distinct = tuple(dict.fromkeys(evidence))
    not_needed = Disposition.NOT_NEEDED
    return Difference("RestartSuspected", distinct, "", not_needed, "RestartSuspected")


def claimed(debt: Debt) -> Evidence:
    """The debt itself, as evidence of what was suspected."""
    proof = f", proved before: {debt.proof}" if debt.proof else ""
    return Evidence("restart told of", f"{_time(debt.restart_at)} by {debt.source}{proof}"[:600])


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
