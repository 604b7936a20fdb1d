"""Owns what a debt of a cluster endpoint comes to: is this very endpoint older than a real restart?

In this order: its connection is not Approved (that is a difference of its own); its recorded link
is not the cluster's now (also one); the power log shows a stop before the start, and nothing shows
that the endpoint was made, written or verified since. A stale debt never destroys a fresh endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from shared.model.actual import Actual, Found, Link, Question, Read
from shared.model.arm import APPROVED, ConnectionView, InterfaceView, writes_in
from shared.model.debt import Debt
from shared.model.environment import PrivateEndpoint
from shared.model.finding import Evidence
from shared.model.states import Phase, phase
from shared.remediation.differences import unread
from shared.remediation.endpoints import (
    REPLACING,
    differences,
    interface_of,
    unread_interface,
    view_of,
)
from shared.remediation.restarting import (
    LogSays,
    PowerLog,
    Proven,
    Refuted,
    Undecided,
    Verdict,
    claimed,
    from_the_future,
    power_log,
    power_read,
    undecided,
)
from shared.restarts import link_of

_SETTLED: Final = frozenset({Phase.GOOD, Phase.BAD})


def in_order(endpoint: PrivateEndpoint, actual: Actual) -> bool:
    """Whether the endpoint itself looks right: only then is a restart a question."""
    view = view_of(endpoint, actual)
    if view is None or view.connection != APPROVED or phase(view.state) not in _SETTLED:
        return False
    return not any(item.reason in REPLACING for item in differences(endpoint, actual))


def recorded(endpoint: PrivateEndpoint, interface: InterfaceView, actual: Actual) -> Link | None:
    """The last verified link of this incarnation; that of another says nothing."""
    link = actual.memory.link(endpoint.id)
    return link if link and link.incarnation and link.incarnation == interface.guid else None


def debt_reads(
    endpoint: PrivateEndpoint, interface: InterfaceView, debt: Debt, actual: Actual
) -> Iterator[Read]:
    """The power log, and what the endpoint itself shows, unless its recorded link decides."""
    if _by_link(endpoint, interface, actual) is not None:
        return
    if debt.seen and _made_after(endpoint, interface, debt.restart_at, actual) is not None:
        return
    yield power_read(debt)
    start = _restart_of(debt, power_log(debt, actual))
    if start is not None and _made_after(endpoint, interface, start, actual) is None:
        yield _write_read(endpoint, start)
        yield Read(Question.CONNECTIONS, endpoint.target)


def verdict_on(endpoint: PrivateEndpoint, debt: Debt, actual: Actual) -> Verdict:
    """One debt of an endpoint that is Approved and leads to no other link than recorded."""
    answer, interface = actual.answer(endpoint.id), interface_of(endpoint, actual)
    if not isinstance(answer, Found) or interface is None or not interface.guid:
        return Undecided(unread_interface(endpoint, actual))
    refuted = from_the_future(debt, answer.at) or _by_link(endpoint, interface, actual)
    if refuted is not None:
        return refuted
    log = power_log(debt, actual)
    own = _made_after(endpoint, interface, debt.restart_at, actual)
    if own is not None and (debt.seen or log.says is LogSays.UNREAD):
        return Refuted((own, claimed(debt)))
    return _by_log(endpoint, interface, debt, log, actual)


def _by_log(
    endpoint: PrivateEndpoint, interface: InterfaceView, debt: Debt, log: PowerLog, actual: Actual
) -> Verdict:
    start = _restart_of(debt, log)
    if start is None:
        if log.says in {LogSays.UNREAD, LogSays.LAGS}:
            return undecided(log)
        return Refuted((_approved(), log.evidence))
    verdict = _predates(endpoint, interface, start, actual, log.evidence)
    if isinstance(verdict, Refuted) and log.late and not log.near and not debt.proof:
        return undecided(log)  # an older restart is settled; the claimed one may yet show
    return verdict


def _restart_of(debt: Debt, log: PowerLog) -> datetime | None:
    """When the cluster restarted, by the log if it shows it, else by a debt already proven.

    A log that could not be read settles nothing: what it would have said may refute the proof.
    """
    if log.says is LogSays.RESTARTED and (log.near or not debt.proof):
        return log.at
    if debt.proof and log.says not in {LogSays.RAN_ALREADY, LogSays.UNREAD}:
        return debt.restart_at
    return None


def _by_link(endpoint: PrivateEndpoint, interface: InterfaceView, actual: Actual) -> Refuted | None:
    """The same link as when it was verified, and Approved: conclusive, no log is asked."""
    link, now = recorded(endpoint, interface, actual), link_of(actual, endpoint.target)
    if link is None or not link.link_id or now.lower() != link.link_id.lower():
        return None
    return Refuted((_approved(), Evidence("private link service", f"{now}, as last verified")))


def _approved() -> Evidence:
    return Evidence("connection", APPROVED)


def _made_after(
    endpoint: PrivateEndpoint, interface: InterfaceView, start: datetime, actual: Actual
) -> Evidence | None:
    """What our own records show of this incarnation: verified, or made, after the start."""
    link = recorded(endpoint, interface, actual)
    if link is not None and link.verified_at > start:
        return Evidence("last verified", link.verified_at.isoformat(timespec="seconds"))
    intent = actual.memory.intent(endpoint.id)
    if intent is None or intent.stored_at is None or intent.stored_at < start:
        return None
    if intent.incarnation in {"", interface.guid}:
        return None
    when = intent.stored_at.isoformat(timespec="seconds")
    return Evidence("made again by Relink", f"after {when}")


def _write_read(endpoint: PrivateEndpoint, start: datetime) -> Read:
    return Read(Question.WRITE_LOG, endpoint.id, start.isoformat())


def _predates(
    endpoint: PrivateEndpoint,
    interface: InterfaceView,
    start: datetime,
    actual: Actual,
    shown: Evidence,
) -> Verdict:
    """Whether the endpoint is older than a restart that is certain.

    The log of its writes lags, so silence there is not enough: a connection that the cluster
    itself lists as Approved lies on the new private link service and cannot be older than it.
    """
    own = _made_after(endpoint, interface, start, actual)
    if own is not None:
        return Refuted((own, shown))
    read = _write_read(endpoint, start)
    answer = actual.answer(read.resource, read.question, read.detail)
    events = actual.items(read.resource, read.question, read.detail)
    if events is None:
        return Undecided(unread("activity log of the endpoint", answer))
    written = [at for at in writes_in(events, endpoint.id.type) if at >= start]
    if written:
        when = written[-1].isoformat(timespec="seconds")
        return Refuted((Evidence("last written", when), shown))
    listed = actual.items(endpoint.target, Question.CONNECTIONS)
    if listed is None:
        answer = actual.answer(endpoint.target, Question.CONNECTIONS)
        return Undecided(unread(f"connections of {endpoint.target}", answer))
    if (endpoint.id, APPROVED) in {(v.endpoint, v.status) for v in map(ConnectionView.of, listed)}:
        return Refuted((Evidence("the cluster's own list", "its connection, approved"), shown))
    silent = Evidence("writes of the endpoint since then", "none", "one")
    return Proven(start, (shown, silent))
