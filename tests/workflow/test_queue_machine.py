"""Any order of wishes, ends, deaths and reminders: one run at a time, and nothing is ever lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.model.resource_id import ResourceId
from shared.model.trigger import Cause, Trigger
from shared.workflow import queue
from shared.workflow.queue import Next, QueueState, Remind, Start

SETTLE = 20.0
NAMES = st.integers(0, 8).map(lambda number: f"e{number}")


def _resource(name: str) -> ResourceId:
    return ResourceId.parse(
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/ml"
        f"/providers/Microsoft.Network/privateEndpoints/{name}"
    )


def _covers(run: Trigger, wish: Trigger) -> bool:
    resources = run.resources is None or (
        wish.resources is not None and set(wish.resources) <= set(run.resources)
    )
    remediators = not run.remediators or (
        bool(wish.remediators) and set(wish.remediators) <= set(run.remediators)
    )
    return resources and remediators


class QueueMachine(RuleBasedStateMachine):
    """The queue with a world around it: an engine, a clock and reminders that may be late."""

    def __init__(self) -> None:
        super().__init__()
        self.state = QueueState()
        self.now = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
        self.reminders: list[Remind] = []
        self.alive: Trigger | None = None
        self.dead: Trigger | None = None
        self.beside: Trigger | None = None
        self.beside_dead = False
        self.ids: set[str] = set()
        self.uncovered: dict[str, Trigger] = {}
        self.in_flight: dict[str, Trigger] = {}
        self.promised = False
        self.ended: list[str] = []
        self.fresh = 0

    def _go(self, following: Next) -> None:
        self.state, actions = following
        for action in actions:
            match action:
                case Remind():
                    self.reminders.append(action)
                case Start(trigger=trigger):
                    self._start(trigger)

    def _start(self, trigger: Trigger) -> None:
        if trigger.beside:
            self._start_beside(trigger)
            return
        assert self.alive is None, "two runs at once"
        assert self.dead is None, "a run began before the dead one was freed"
        assert trigger.id not in self.ids, "the engine refuses a second run under an id"
        assert not self.state.paused
        self.ids.add(trigger.id)
        self.alive = trigger
        self.in_flight = {k: w for k, w in self.uncovered.items() if _covers(trigger, w)}
        for name in self.in_flight:
            del self.uncovered[name]
        if trigger.resources is None and not trigger.remediators:
            self.promised = False

    def _start_beside(self, trigger: Trigger) -> None:
        assert self.beside is None, "two runs beside the main one"
        assert self.alive or self.dead, "a run beside no other"
        assert trigger.id not in self.ids, "the engine refuses a second run under an id"
        assert not self.state.paused
        self.ids.add(trigger.id)
        self.beside, self.beside_dead = trigger, False

    @rule(name=NAMES, urgent=st.booleans())
    def an_event_comes(self, name: str, *, urgent: bool) -> None:
        known = name in self.state.recent
        wish = Trigger(name, "prod", Cause.EVENT, self.now, (_resource(name),), urgent=urgent)
        if not known:
            self.uncovered[name] = wish
        self._go(queue.changed(self.state, wish, SETTLE))

    @rule(cause=st.sampled_from([Cause.MANUAL, Cause.SWEEP]), some=st.booleans())
    def somebody_asks(self, cause: Cause, *, some: bool) -> None:
        self.fresh += 1
        wish = Trigger(f"ask-{self.fresh}", "prod", cause, self.now)
        wish = replace(wish, remediators=("private_endpoint",)) if some else wish
        self.uncovered[wish.id] = wish
        self._go(queue.changed(self.state, wish, SETTLE))

    @rule(seconds=st.sampled_from([0.0, 1.0, 30.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: any(r.at <= self.now for r in self.reminders))
    @rule(late=st.booleans())
    def a_due_reminder_arrives(self, *, late: bool) -> None:
        due = [each for each in self.reminders if each.at <= self.now]
        reminder = due[-1] if late else due[0]
        self.reminders.remove(reminder)
        self._remind(reminder)

    def _remind(self, reminder: Remind) -> None:
        if reminder.operation == "settled":
            self._go(queue.settled(self.state, reminder.at))
        elif reminder.operation == "beside":
            self._go(queue.beside(self.state, reminder.at))
        else:
            self._go(queue.wake(self.state, "prod", reminder.at))

    @precondition(lambda self: self.alive is not None)
    @rule(wake=st.sampled_from([None, 0.0, 5.0, 300.0]))
    def the_run_ends(self, wake: float | None) -> None:
        assert self.alive is not None
        run, self.alive, self.in_flight = self.alive.id, None, {}
        self.ended.append(run)
        wake_at = None if wake is None else self.now + timedelta(seconds=wake)
        self.promised = self.promised or wake_at is not None
        self._go(queue.finished(self.state, run, self.now, wake_at))

    @precondition(lambda self: bool(self.ended))
    @rule()
    def the_end_of_an_older_run_is_told_again(self) -> None:
        self._go(queue.finished(self.state, self.ended[0], self.now, None))

    @precondition(lambda self: self.alive is not None)
    @rule()
    def the_run_says_that_it_lives(self) -> None:
        assert self.alive is not None
        self._go(queue.alive(self.state, self.alive.id, self.now))

    @precondition(lambda self: self.alive is not None)
    @rule()
    def the_run_dies(self) -> None:
        self.dead, self.alive = self.alive, None
        self.uncovered |= self.in_flight
        self.promised = self.promised or bool(self.dead and self.dead.cause is Cause.WAKE)

    @precondition(lambda self: self.beside is not None and not self.beside_dead)
    @rule(wake=st.sampled_from([None, 0.0, 300.0]), dies=st.booleans())
    def the_run_beside_ends(self, wake: float | None, *, dies: bool) -> None:
        assert self.beside is not None
        if dies:
            self.beside_dead = True
            return
        run, self.beside = self.beside.id, None
        self.ended.append(run)
        wake_at = None if wake is None else self.now + timedelta(seconds=wake)
        self.promised = self.promised or wake_at is not None
        self._go(queue.finished(self.state, run, self.now, wake_at))

    @precondition(lambda self: self.beside_dead and bool(queue.overdue(self.state, self.now)))
    @rule()
    def the_sweep_frees_the_run_beside(self) -> None:
        if self.beside is not None and self.beside.id in queue.overdue(self.state, self.now):
            run, self.beside, self.beside_dead = self.beside.id, None, False
            self._go(queue.freed(self.state, "prod", run, self.now))

    @precondition(lambda self: self.dead is not None and bool(queue.overdue(self.state, self.now)))
    @rule()
    def the_sweep_frees_it(self) -> None:
        assert self.dead is not None
        if self.dead.id not in queue.overdue(self.state, self.now):
            return
        run, self.dead = self.dead.id, None
        self._go(queue.freed(self.state, "prod", run, self.now))

    @rule()
    def somebody_pauses(self) -> None:
        self._go(queue.paused(self.state))

    @rule()
    def somebody_resumes(self) -> None:
        self._go(queue.resumed(self.state, "prod", self.now))

    @invariant()
    def what_the_queue_says_is_what_runs(self) -> None:
        now = self.alive or self.dead
        assert self.state.running == (now.id if now else "")
        assert self.state.beside == (self.beside.id if self.beside else "")

    @invariant()
    def nothing_waits_without_a_reason(self) -> None:
        """A wish waits for a run's end, a resume, or a reminder that is on its way."""
        if self.uncovered and not self.state.running and not self.state.paused:
            assert any(each.operation == "settled" for each in self.reminders)

    def teardown(self) -> None:
        """Left alone, the queue covers every wish and keeps every promised wake-up."""
        if self.state.paused:
            self.somebody_resumes()
        for _ in range(200):
            self.now += timedelta(hours=1)
            if self.beside_dead:
                self.the_sweep_frees_the_run_beside()
            elif self.beside is not None:
                self.the_run_beside_ends(None, dies=False)
            elif self.dead is not None:
                self.the_sweep_frees_it()
            elif self.alive is not None:
                self.the_run_ends(None)
            elif self.reminders:
                self._remind(self.reminders.pop(0))
            else:
                break
        assert not self.uncovered
        assert not self.promised
        assert self.state.pending is None


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
