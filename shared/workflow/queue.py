"""Owns how wishes for runs queue up in one environment: merged, one run at a time, none lost.

What is urgent does not wait for a long run: it is looked at by a run of its own beside it, and once
more by the next main run.

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
GRACE = timedelta(seconds=30)
"""A run that is younger is waited for, by what is urgent, too."""
_RECENT = 200
_NEWS = frozenset({Cause.EVENT, Cause.MANUAL, Cause.APPROVAL})
"""What gives a reason to look at short intervals again, whatever the runs before came to."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """What is wanted, what runs until when, and which wishes were seen already.

    ``taken`` are the requests that the running run took, its own among them; ``started`` counts
    the runs so far, so that no id that is made here is ever made again. ``mark`` is how the last
    run ended and ``alike_since`` the end of the first one in a row that ended so. ``beside`` is the
    run beside the running one, and ``beside_pending`` what it, or the next, is to look at.
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
    began: datetime | None = None
    beside: str = ""
    beside_until: datetime | None = None
    beside_pending: Trigger | None = None


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
    if state.paused:
        return state, ()
    if state.running:
        return _want_beside(state, wanted)
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
    if run == state.beside != "":
        state, reminders = _remind(replace(state, beside="", beside_until=None), at, at, wake_at)
        state, started = _start_beside(state, at)
        return state, (*reminders, *started)
    if run != state.running:
        return state, ()
    alike = bool(mark) and mark == state.mark
    since = state.alike_since if alike and state.alike_since else at
    state = replace(
        state,
        running="",
        taken=(),
        lease_until=None,
        mark=mark,
        alike_since=since,
        beside_pending=None,  # it is pending as well
    )
    state, reminders = _remind(state, at, since, wake_at)
    state, started = _start(state, at)
    return state, (*reminders, *started)


def _remind(state: QueueState, at: datetime, since: datetime, wake_at: datetime | None) -> Next:
    """Wake up at the earlier of two times, but not at once."""
    wanted = [time for time in (state.wake_at, wake_at) if time is not None]
    if not wanted:
        return state, ()
    soonest = at + min(max(WAKE_FLOOR, (at - since) / WAKE_SHARE), LONGEST_BACK_OFF)
    due = min(max(min(wanted), soonest), at + FARTHEST_WAKE)
    return replace(state, wake_at=due), (Remind("wake", due),)


def beside(state: QueueState, at: datetime) -> Next:
    """The run under way had its time to end: what is urgent goes on beside it."""
    return _start_beside(state, at)


def alive(state: QueueState, run: str, at: datetime) -> Next:
    """A run says that it goes on."""
    if run == state.beside != "":
        return replace(state, beside_until=at + LEASE), ()
    if run != state.running:
        return state, ()
    return replace(state, lease_until=at + LEASE), ()


def freed(state: QueueState, environment: str, run: str, at: datetime) -> Next:
    """The sweep found that the engine no longer runs ``run``: what it took is wanted again.

    Its requests go along, so that whoever asked is led to the run that answers.
    """
    if run == state.beside != "":
        again = _own_wish(state, environment, Cause.SWEEP, at)
        state = replace(state, beside="", beside_until=None, pending=_with(state, again))
        if not state.running:
            return _start(state, at)
        return _start_beside(replace(state, beside_pending=again), at)
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
    state = replace(state, running="", taken=(), lease_until=None, beside_pending=None)
    return _start(replace(state, pending=_with(state, again)), at)


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
    again = _own_wish(state, environment, Cause.RESUME, at)
    state = replace(state, paused=False, pending=_with(state, again))
    return _want_beside(state, again) if state.running else _start(state, at)


def overdue(state: QueueState, at: datetime) -> tuple[str, ...]:
    """The runs that are said to be under way but were not heard of for longer than their lease."""
    runs = ((state.running, state.lease_until), (state.beside, state.beside_until))
    return tuple(run for run, until in runs if run and (until is None or until <= at))


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
        began=at,
        settle_until=None,
        started=state.started + 1,
    )
    return state, (Start(trigger),)


def _want_beside(state: QueueState, trigger: Trigger) -> Next:
    """Whether what came in during a run may have to do with something urgent."""
    if not trigger.urgent and trigger.cause not in {Cause.SWEEP, Cause.MANUAL, Cause.RESUME}:
        return state, ()
    known = state.beside_pending
    state = replace(state, beside_pending=merged(known, trigger) if known else trigger)
    if state.beside or (known and not _grown(state, trigger.at)):
        return state, ()  # its end, or the reminder, is on its way
    if not _grown(state, trigger.at):
        return state, (Remind("beside", (state.began or trigger.at) + GRACE),)
    return _start_beside(state, trigger.at)


def _grown(state: QueueState, at: datetime) -> bool:
    return state.began is None or at >= state.began + GRACE


def _start_beside(state: QueueState, at: datetime) -> Next:
    """Start a run beside the one under way; alone it has nothing to be beside of."""
    wanted = state.beside_pending
    if wanted is None or not state.running or state.beside or state.paused:
        return state, ()
    if not _grown(state, at):
        return state, (Remind("beside", (state.began or at) + GRACE),)
    about = [state.running, wanted.id, at.isoformat(), state.started]
    run = f"{wanted.environment}-{fingerprint(about)}"
    state = replace(
        state,
        beside=run,
        beside_until=at + LEASE,
        beside_pending=None,
        started=state.started + 1,
    )
    return state, (Start(replace(wanted, id=run, requests=(run,), beside=True)),)


def _run_id(state: QueueState, wish: Trigger) -> str:
    """The wish's own id, except for an event: the same event may come again after ``_RECENT`` others.

    A second run under the id of the first would never start, and the queue would wait for it.
    Known as soon as the wish is pending, so that others can be led to the run that it becomes.
    """
    if wish.cause is not Cause.EVENT:
        return wish.id
    return f"{wish.environment}-{fingerprint([wish.id, wish.at.isoformat(), state.started])}"
