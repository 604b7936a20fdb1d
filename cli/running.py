"""Owns one run from a shell: the app's own orchestrators and activities, watched and interruptible.

Ctrl-C acts between units, never inside one: what has begun is finished and recorded, nothing new
begins, and a second run goes on. A second Ctrl-C ends the process where it is; intents in the
records let the next run finish what was begun.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from cli.looking import person, wish
from cli.progress import Progress
from cli.shell import Shell, counted
from cli.showing import step_words
from shared.model.codec import dump
from shared.model.json import JsonObject
from shared.model.progress import Refused
from shared.model.trigger import Cause, Trigger
from shared.records import ApprovalState
from shared.workflow.activities import ACTIVITIES
from shared.workflow.entity import RECONCILE
from shared.workflow.inline import Engine, RealTime
from shared.workflow.outbox import deliver_all
from shared.workflow.papers import Assessment, Papers
from shared.workflow.services import Services


def run(
    shell: Shell,
    services: Services,
    trigger: Trigger,
    confirmed: frozenset[str] | None,
    stop: threading.Event,
) -> JsonObject:
    """Carry the run out and return its record.

    ``confirmed`` are the units that a person agreed to; ``None`` agrees to all. ``stop`` is set by
    Ctrl-C, SIGTERM and SIGHUP (a closed terminal).
    """
    progress = Progress(shell, services.clock)
    watched = _Watched(shell, services, trigger, confirmed, stop, progress)
    with _interruptible(shell, stop), progress.shown():
        Engine(watched, RealTime(services.clock)).run(RECONCILE, dump(trigger), trigger.id)
    for delivery in deliver_all(services, trigger.environment):
        if delivery.problem:
            shell.warn(f"{delivery.problem}; {delivery.left} messages go out with a later run")
    record = services.records.run(trigger.id)
    if record is None:
        raise RuntimeError(f"run {trigger.id} left no record")
    return record


def approved(
    services: Services, record: JsonObject, only: Sequence[str], confirmed: frozenset[str] | None
) -> Trigger | None:
    """Approve the plan that ``record``'s run left waiting, as the person who asked for the run.

    The question about one plan is asked once, by whichever run came first, so it is found by the
    plan and not by the run. A plan with a unit that is not in ``confirmed`` goes on waiting: the
    person has not seen it.

    Returns the wish for the run that carries it out (only if the plan is the same by then), or
    nothing when no plan waits.
    """
    name, waits = record["environment"], _waiting_units(record)
    waiting = services.records.approval(name)
    if waiting is None or waiting.state is not ApprovalState.WAITING or not waits:
        return None
    if waiting.plan_hash != record["rounds"][-1]["approvalHash"]:
        return None
    if confirmed is not None and not waits <= confirmed:
        return None
    services.records.decide_approval(name, waiting.run, approved=True, by=person())
    return wish(services, name, only, dry_run=False, cause=Cause.APPROVAL)


def _waiting_units(record: JsonObject) -> frozenset[str]:
    """The units of the last look that wait for a person."""
    if not record["rounds"]:
        return frozenset()
    verdicts = record["rounds"][-1]["verdicts"]
    return frozenset(v["unit"] for v in verdicts if v["why"] == "Approval")


_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a pipeline that is cancelled, a terminal that is closed."""


@contextmanager
def _interruptible(shell: Shell, stop: threading.Event) -> Iterator[None]:
    """The first signal asks to stop; the next one is the ordinary one again."""
    before = {number: signal.getsignal(number) for number in _STOPPING}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        restore()
        shell.warn("interrupted: what has begun is finished, nothing new begins; again to quit now")

    for number in _STOPPING:
        if before[number] is not signal.SIG_IGN:  # nohup: a closed terminal is meant to matter not
            signal.signal(number, interrupted)
    try:
        yield
    finally:
        restore()


@dataclass(slots=True)
class _Watched:
    """Carries out activities as the app does, holding back what may not begin, and tells of it."""

    shell: Shell
    services: Services
    trigger: Trigger
    confirmed: frozenset[str] | None
    stop: threading.Event
    progress: Progress
    _rounds: dict[int, Assessment] = field(default_factory=dict)

    def __call__(self, name: str, message: dict[str, Any]) -> dict[str, Any]:
        """Carry out one activity: JSON in, JSON out."""
        if name == "start_step":
            self.progress.begins(_key(message), self._words(message))
            refused = self._held(message)
            result = dump(refused) if refused is not None else self._carry_out(name, message)
            self._tell_step(message, result)
            return result
        result = self._carry_out(name, message)
        if name == "look_step":
            self._tell_step(message["errand"], result)
        elif name == "assess":
            self._tell_look(message, result)
        return result

    def _carry_out(self, name: str, message: dict[str, Any]) -> dict[str, Any]:
        return ACTIVITIES[name](self.services, message)

    def _held(self, errand: dict[str, Any]) -> Refused | None:
        """A unit that has not begun yields to Ctrl-C, and to a plan that nobody agreed to."""
        if errand["step"]:
            return None
        if self.stop.is_set():
            text = "the run was interrupted before this began; the next run takes it up"
            return Refused("Interrupted", text, blocked=True)
        unit = self._assessment(errand["round"]).plan.unit(errand["unit"])
        if self.confirmed is not None and unit.destructive and unit.id not in self.confirmed:
            text = f"'{unit.title}' came up after the question was answered; run again to be asked"
            return Refused("NotConfirmed", text, blocked=True)
        return None

    def _assessment(self, number: int) -> Assessment:
        if number not in self._rounds:
            found = Papers(self.services.records, self.trigger.id).get(number)
            if found is None:
                raise LookupError(f"run {self.trigger.id} has no papers for round {number}")
            self._rounds[number] = found
        return self._rounds[number]

    def _tell_look(self, message: dict[str, Any], result: dict[str, Any]) -> None:
        if result["state"] == "later":
            self.shell.note(f"trying again in {result['after']:.0f} s: {result['problem']}")
        elif result["state"] == "assessed":
            what = "looked" if message["round"] == 1 else "looked again"
            self.shell.note(f"{what}: {counted(len(result['units']), 'repair')} can start")

    def _tell_step(self, errand: dict[str, Any], told: dict[str, Any]) -> None:
        key = _key(errand)
        match told["kind"]:
            case "Done":
                self.progress.ends(key, told.get("note", ""), good=True)
            case "Refused":
                self.progress.ends(key, f"{told['why']}: {told['message']}", good=False)
            case "Retry":
                self.progress.waits(key, f"{told['code']}, again in {told['after']:.0f} s")

    def _words(self, errand: dict[str, Any]) -> str:
        unit = self._assessment(errand["round"]).plan.unit(errand["unit"])
        at = errand["step"]
        return f"{unit.title}: {at + 1}/{len(unit.steps)} {step_words(unit.steps[at])}"


def _key(errand: dict[str, Any]) -> str:
    return f"{errand['unit']} {errand['step']}"
