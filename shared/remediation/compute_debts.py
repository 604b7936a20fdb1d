"""Owns what a debt of a compute comes to: was it attached before a restart that really happened?

ARM shows nothing of it at the compute itself (domain.md 3.1). So the restart has to be shown by the
activity log, by a proof kept from before its endpoints were repaired, or by those endpoints.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from shared.model.actual import Actual
from shared.model.arm import ComputeView
from shared.model.debt import Debt
from shared.model.environment import Compute, Environment
from shared.model.finding import Disposition, Evidence
from shared.remediation.cluster_endpoints import judge as judge_endpoint
from shared.remediation.differences import UNREADABLE, Difference, Obstacle
from shared.remediation.restarting import (
    RESTART_REASONS,
    LogSays,
    PowerLog,
    Proven,
    Refuted,
    Undecided,
    Verdict,
    claimed,
    from_the_future,
    power_log,
    undecided,
)

_NO_RESTART: Final = frozenset({LogSays.RAN_ALREADY, LogSays.SILENT})


def restart_shown(
    environment: Environment, compute: Compute, actual: Actual
) -> tuple[Difference, ...]:
    """What the endpoints of its cluster show of a restart, or could not be read to show."""
    return tuple(
        item
        for endpoint in environment.cluster_endpoints(compute.cluster)
        for item in judge_endpoint(environment, endpoint, actual)
        if item.reason in RESTART_REASONS or item.why == UNREADABLE
    )


def compute_verdict(
    debt: Debt,
    view: ComputeView,
    seen_at: datetime,
    shown: tuple[Difference, ...],
    actual: Actual,
) -> Verdict:
    """One debt of a compute: did the restart happen, when, and was the compute there before?

    A log that shows no restart does not refute one that an endpoint could show which was not read.
    """
    if view.created_on is None:
        unknown = Evidence("createdOn", view.incarnation or "nothing", "a time")
        return Undecided(Obstacle(Disposition.BLOCK, "IncarnationUnknown", (unknown,)))
    refuted = from_the_future(debt, seen_at)
    if refuted is not None:
        return refuted
    decided = without_log(debt, view)
    if decided is not None:
        return decided
    log = power_log(debt, actual)
    if debt.seen:
        return _of_seen(debt, log, view)
    seen = tuple(item for item in shown if item.reason in RESTART_REASONS)
    verdict = _of_log(debt, log, view, seen)
    unread = [item for item in shown if item.why == UNREADABLE]
    if isinstance(verdict, Refuted) and unread and log.says in _NO_RESTART and not debt.proof:
        return Undecided(Obstacle(unread[0].disposition, UNREADABLE, unread[0].evidence))
    return verdict


def without_log(debt: Debt, view: ComputeView) -> Verdict | None:
    """What needs no log: attached before a link was verified that is gone, or after it was seen so."""
    created = view.created_on
    if created is None:
        return None
    if debt.after is not None and created < debt.after:
        verified = debt.after.isoformat(timespec="seconds")
        when = Evidence("createdOn", view.incarnation, f"after a restart later than {verified}")
        return Proven(debt.restart_at, (when, claimed(debt)))
    if debt.seen and created > debt.restart_at:
        return Refuted((Evidence("createdOn", f"{view.incarnation}, after that"), claimed(debt)))
    return None


def _of_seen(debt: Debt, log: PowerLog, view: ComputeView) -> Verdict:
    """A restart that an endpoint showed, and the log has to date: the last one since ``after``."""
    if log.says is LogSays.UNREAD:
        return undecided(log)
    restarts = [at for at in log.restarts if debt.after is None or at > debt.after]
    verdict = _compare(restarts[-1], view, log.evidence) if restarts else None
    if isinstance(verdict, Proven):
        return verdict
    if log.late:
        return undecided(log)
    if verdict is None and debt.after is not None:
        undated = Evidence("activity log", "no restart", "the one that renewed the link")
        return Undecided(Obstacle(Disposition.BLOCK, "IncarnationUnknown", (undated,)))
    return verdict or Refuted((log.evidence,))


def _of_log(debt: Debt, log: PowerLog, view: ComputeView, seen: tuple[Difference, ...]) -> Verdict:
    """What the log shows counts, with its time; then a proof kept from before; then the endpoints.

    A log that shows a start of a running cluster refutes, and one that could not be read settles
    nothing, unless the cluster's link is new.
    """
    renewed = any(item.reason == "LinkRenewed" for item in seen)
    if log.says is LogSays.RAN_ALREADY and not renewed:
        return Refuted((log.evidence,))
    if log.says is LogSays.UNREAD and not renewed:
        told = _compare(debt.restart_at, view, claimed(debt))
        return told if isinstance(told, Refuted) else undecided(log)
    if log.at and log.says is LogSays.RESTARTED and (log.near or not log.late):
        return _compare(log.at, view, log.evidence)
    if debt.proof:
        return _compare(debt.restart_at, view, claimed(debt))
    if seen:
        return _compare(debt.restart_at, view, claimed(debt), *seen[0].evidence)
    return _by_log_alone(log, view)


def _by_log_alone(log: PowerLog, view: ComputeView) -> Verdict:
    if log.at and log.says is LogSays.RESTARTED:
        verdict = _compare(log.at, view, log.evidence)
        return verdict if isinstance(verdict, Proven) else undecided(log)
    if log.says is LogSays.LAGS:
        return undecided(log)
    return Refuted((log.evidence,))


def _compare(restart: datetime, view: ComputeView, *shown: Evidence) -> Verdict:
    """A compute created before the restart is stale; one created after it has nothing to do with it."""
    when = restart.isoformat(timespec="seconds")
    if view.created_on is not None and view.created_on < restart:
        created = Evidence("createdOn", view.incarnation, f"after the restart at {when}")
        return Proven(restart, (created, *shown))
    return Refuted((Evidence("createdOn", f"{view.incarnation}, after {when}"), *shown))
