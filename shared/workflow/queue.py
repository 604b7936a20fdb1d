"""Owns how wishes for runs queue up in one environment: merged, one run at a time, none lost.

A pure state machine. Every operation takes the state and the time and returns the next state with
what is to be done about it; ``shared.workflow.entity`` carries that out. It reads no clock: times
come with the operations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.model.json import fingerprint
from shared.model.trigger import Cause, Trigger, complete, merged

LEASE = timedelta(minutes=30)
"""After this without a word the sweep asks the engine whether the run still lives."""
WAKE_FLOOR = timedelta(seconds=15)
"""No run wakes the queue sooner after its end than this, whatever time it names."""
WAKE_SHARE = 4
"""Runs that end alike wait a quarter of the time for which they have: 24 looks in three hours."""
LONGEST_BACK_OFF = timedelta(minutes=30)
"""The interval of the sweep, which looks at everything anyway."""
FARTHEST_WAKE = timedelta(days=7)
_RECENT = 200
_NEWS = frozenset({Cause.EVENT, Cause.MANUAL, Cause.APPROVAL})
"""What gives a reason to look at short intervals again, whatever the runs before came to."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """What is wanted, what runs until when, and which wishes were seen already.

    ``taken`` are the requests that the running run took, its own among them; ``started`` counts
    the runs so far, so that no id that is made here is ever made again. ``mark`` is how the last
    run ended and ``alike_since`` the end of the first one in a row that ended so.
    """

    pending: Trigger | None = None
    running: str = ""
    taken: tuple[str, ...] = ()
    lease_until: datetime | None = None
    settle_until: datetime | None = None
    wake_at: datetime | None = None
    paused: bool = False
    recent: tuple[str, ...] = ()
    started: int = 0
    mark: str = ""
    alike_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start this run."""

    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Remind:
    """Send this operation to ourselves at that time."""

    operation: str
    at: datetime


type Action = Start | Remind
type Next = tuple[QueueState, tuple[Action, ...]]


def changed(state: QueueState, trigger: Trigger, settle_seconds: float) -> Next:
    """A wish came in. The same wish (an event delivered twice) is taken once."""
    if trigger.id in state.recent:
        return state, ()
    wanted = replace(complete(trigger), id=_run_id(state, trigger))
    pending = merged(state.pending, wanted) if state.pending else wanted
    recent = (*state.recent, trigger.id)[-_RECENT:]
    state = replace(state, pending=pending, recent=recent)
    if trigger.cause in _NEWS:
        state = replace(state, mark="", alike_since=None)
    if state.running or state.paused:
        return state, ()
    patient = trigger.cause is Cause.EVENT and not trigger.urgent and settle_seconds > 0
    if not patient:
        return _start(state, trigger.at)
    if state.settle_until and state.settle_until > trigger.at:
        return state, ()
    until = trigger.at + timedelta(seconds=settle_seconds)
    return replace(state, settle_until=until), (Remind("settled", until),)


def settled(state: QueueState, at: datetime) -> Next:
    """The burst had its time to settle."""
    return _start(state, at)


def finished(
    state: QueueState, run: str, at: datetime, wake_at: datetime | None, mark: str = ""
) -> Next:
    """A run ended. A late or doubled word of an older run changes nothing.

    ``mark`` is equal for runs that came to the same. The earlier of two wake-ups counts, as it looks
    at everything and finds the later again. It never comes at once: whoever named the time may
    have another clock, or be wrong again and again.
    """
    if run != state.running:
        return state, ()
    alike = bool(mark) and mark == state.mark
    since = state.alike_since if alike and state.alike_since else at
    state = replace(state, running="", taken=(), lease_until=None, mark=mark, alike_since=since)
    reminders: tuple[Action, ...] = ()
    wanted = [time for time in (state.wake_at, wake_at) if time is not None]
    if wanted:
        soonest = at + min(max(WAKE_FLOOR, (at - since) / WAKE_SHARE), LONGEST_BACK_OFF)
        due = min(max(min(wanted), soonest), at + FARTHEST_WAKE)
        state = replace(state, wake_at=due)
        reminders = (Remind("wake", due),)
    state, started = _start(state, at)
    return state, (*reminders, *started)


def alive(state: QueueState, run: str, at: datetime) -> Next:
    """A run says that it goes on."""
    if run != state.running:
        return state, ()
    return replace(state, lease_until=at + LEASE), ()


def freed(state: QueueState, environment: str, run: str, at: datetime) -> Next:
    """The sweep found that the engine no longer runs ``run``: what it took is wanted again.

    Its requests go along, so that whoever asked is led to the run that answers.
    """
    if run != state.running:
        return state, ()
    again = Trigger(
        id=f"freed-{fingerprint(run)}",
        environment=environment,
        cause=Cause.SWEEP,
        at=at,
        requests=state.taken,
        note=f"run {run} died",
    )
    pending = _with(state, again)
    return _start(replace(state, running="", taken=(), lease_until=None, pending=pending), at)


def wake(state: QueueState, environment: str, at: datetime) -> Next:
    """A deferred finding's time has come: look at everything again.

    During a run nothing happens: its end reminds again, at its distance.
    """
    if state.running or state.wake_at is None or at < state.wake_at:
        return state, ()
    pending = _with(state, _own_wish(state, environment, Cause.WAKE, at))
    return _start(replace(state, wake_at=None, pending=pending), at)


def paused(state: QueueState) -> Next:
    """Start nothing until resumed; wishes go on being taken."""
    return replace(state, paused=True), ()


def resumed(state: QueueState, environment: str, at: datetime) -> Next:
    """Go on with what was wanted in the meantime, and with what the pause kept from being done."""
    if not state.paused:
        return _start(state, at)
    pending = _with(state, _own_wish(state, environment, Cause.RESUME, at))
    return _start(replace(state, paused=False, pending=pending), at)


def overdue(state: QueueState, at: datetime) -> bool:
    """Whether a run is said to be under way but was not heard of for longer than its lease."""
    return bool(state.running) and (state.lease_until is None or state.lease_until <= at)


def _own_wish(state: QueueState, environment: str, cause: Cause, at: datetime) -> Trigger:
    """A look at everything that the queue itself wants, under an id that is new."""
    moment = int(at.timestamp() * 1000)
    return Trigger(f"{cause}-{environment}-{moment}-{state.started}", environment, cause, at)


def _with(state: QueueState, trigger: Trigger) -> Trigger:
    wanted = complete(trigger)
    return merged(state.pending, wanted) if state.pending else wanted


def _start(state: QueueState, at: datetime) -> Next:
    if state.pending is None or state.running or state.paused:
        return state, ()
    trigger = state.pending
    if trigger.id in trigger.requests:  # pending since before run ids were given at once
        trigger = replace(trigger, id=_run_id(state, trigger))
    state = replace(
        state,
        pending=None,
        running=trigger.id,
        taken=trigger.requests,
        lease_until=at + LEASE,
        settle_until=None,
        started=state.started + 1,
    )
    return state, (Start(trigger),)


def _run_id(state: QueueState, wish: Trigger) -> str:
    """The wish's own id, except for an event: the same event may come again after ``_RECENT`` others.

    A second run under the id of the first would never start, and the queue would wait for it.
    Known as soon as the wish is pending, so that others can be led to the run that it becomes.
    """
    if wish.cause is not Cause.EVENT:
        return wish.id
    return f"{wish.environment}-{fingerprint([wish.id, wish.at.isoformat(), state.started])}"
