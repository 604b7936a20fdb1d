"""Owns what is allowed to happen: each unit's verdict, with its reason, before anything is touched.

Pure: mode, locks, opt-out, window, limit, hold-off and "cannot be made again" are judged from what
was read and remembered. A guard stops a whole unit, never a part of it, and what a stopped unit
leads to is stopped with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.model.actual import Actual, Read
from shared.model.attempt import Attempt
from shared.model.codec import dump
from shared.model.environment import Environment, Mode
from shared.model.json import JsonObject, dig, fingerprint
from shared.model.outcome import OutcomeKind
from shared.model.plan import Plan, Unit
from shared.model.resource_id import ResourceId
from shared.reconcile import clash, conflicts
from shared.remaking import (
    Objection,
    lock_objection,
    lock_reads,
    requirement_objection,
    requirement_reads,
)
from shared.window import next_opening

OPT_OUT_TAG = "relink:ignore"
_ORDER = (Mode.OFF, Mode.OBSERVE, Mode.APPROVE, Mode.REMEDIATE)

FREE_REPAIRS = 5
"""Repairs of one resource within ``FLAPPING`` that need no pause between them."""
FLAPPING = timedelta(hours=1)
FIRST_HOLD_OFF = timedelta(minutes=1)
LONGEST_HOLD_OFF = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a judgement depends on besides what was read.

    ``approved`` is the plan hash a person approved, ``approved_units`` that plan's units as its
    record keeps them, by id; ``own`` are the resources whose units this run
    has begun (a later round may only finish those; ``None`` in the first round); ``released`` says
    that a person asked for this run, which releases hold-offs. ``beside`` says that the run goes on
    beside the environment's main one, ``occupied`` are the units that the other of the two is at.
    """

    now: datetime
    ceiling: Mode
    paused: bool = False
    dry_run: bool = False
    released: bool = False
    approved: str = ""
    approved_units: Mapping[str, JsonObject] = field(default_factory=dict)
    rejected: str = ""
    manifest_changed: bool = False
    own: frozenset[ResourceId] | None = None
    attempts: Mapping[ResourceId, tuple[Attempt, ...]] = field(default_factory=dict)
    beside: bool = False
    occupied: tuple[Unit, ...] = ()

    def begun(self, unit: Unit) -> bool:
        """Whether an earlier round of this run was allowed to act on the unit's resource."""
        return self.own is not None and unit.resource in self.own


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a unit may go ahead. ``kind`` is empty when it may; otherwise its outcome.

    ``would_block`` is the reason that would block a unit that is only planned.
    """

    unit: str
    kind: OutcomeKind | None = None
    why: str = ""
    message: str = ""
    until: datetime | None = None
    would_block: str = ""

    @property
    def allowed(self) -> bool:
        """Whether nothing stands in the way."""
        return self.kind is None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict per unit, and the hash of the part of the plan that waits for a person."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    approval_hash: str = ""


def mode_of(remediator: str, environment: Environment, ceiling: Mode) -> Mode:
    """The strictest of the ceiling, the environment's mode and the remediator's own."""
    own = environment.modes.get(remediator, Mode.REMEDIATE)
    return min((ceiling, environment.mode, own), key=_ORDER.index)


def needed(plan: Plan, actual: Actual) -> frozenset[Read]:
    """What the guards still want to read before they judge ``plan``. Empty: all is read."""
    wanted = {read for unit in plan.units for read in _reads(unit, actual)}
    return frozenset(read for read in wanted if read not in actual)


def _reads(unit: Unit, actual: Actual) -> Iterator[Read]:
    for resource in unit.writes:
        yield from lock_reads(resource, actual)
    if unit.destructive:
        for requirement in unit.requires:
            yield from requirement_reads(requirement)


def judge(
    plan: Plan, environment: Environment, actual: Actual, circumstances: Circumstances
) -> Judgement:
    """A verdict for every unit of ``plan``, in the order of design's guards."""
    clashes = conflicts(plan)
    verdicts: dict[str, Verdict] = {}
    for unit in plan.units:
        if unit.id in clashes:
            verdict = Verdict(unit.id, OutcomeKind.FAILED, "PlanningConflict", clashes[unit.id])
        else:
            verdict = _first_objection(unit, environment, actual, circumstances)
        verdicts[unit.id] = verdict
    if circumstances.own is None:  # a later round begins nothing that could be over the limit
        _limit(plan, environment, verdicts)
    approval_hash = _approval(plan, environment, circumstances, verdicts)
    _hold_followers(plan, verdicts)
    _leave_to_the_next_run(plan, circumstances, verdicts)
    _hold_followers(plan, verdicts)
    return Judgement(verdicts, approval_hash)


def _first_objection(
    unit: Unit, environment: Environment, actual: Actual, circumstances: Circumstances
) -> Verdict:
    """The first guard that stops this unit by itself; an allowing verdict when none does.

    Opting out is reported always. Otherwise what is only planned stays planned whatever stands in
    its way, and says what does: an app that observes has no permission to write.
    """
    opted_out = _opted_out(unit, actual)
    standing = (
        _blocked(unit, lock_objection(unit, actual)),
        _blocked(unit, requirement_objection(unit, actual)),
    )
    found = [verdict for verdict in standing if verdict]
    objection = min(found, key=lambda each: each.kind is OutcomeKind.DEFERRED, default=None)
    planned = _observed(unit, environment, circumstances)
    if planned is not None and objection is not None and opted_out is None:
        text = f"{planned.message}. It would be blocked ({objection.why}): {objection.message}"
        return replace(planned, message=text, would_block=objection.why)
    passing = (
        _paused(unit, circumstances),
        _left_to_the_other(unit, circumstances),
        _held_off(unit, circumstances),
        _outside_window(unit, environment, circumstances),
    )
    objections = (opted_out, planned, objection, *passing)
    return next((each for each in objections if each), Verdict(unit.id))


def _blocked(unit: Unit, objection: Objection | None) -> Verdict | None:
    if objection is None:
        return None
    kind = OutcomeKind.DEFERRED if objection.passes else OutcomeKind.BLOCKED
    return Verdict(unit.id, kind, objection.why, objection.message)


def _opted_out(unit: Unit, actual: Actual) -> Verdict | None:
    for resource in sorted({unit.resource, *unit.writes}):
        tags = dig(actual.body(resource), "tags") or {}
        value = next((v for k, v in tags.items() if k.lower() == OPT_OUT_TAG), None)
        if value is not None and str(value).lower() != "false":
            message = (
                f"{unit.title}: {resource} carries the tag '{OPT_OUT_TAG}' = '{value}'; it is left"
                " alone. Remove the tag to have it repaired."
            )
            return Verdict(unit.id, OutcomeKind.BLOCKED, "OptedOut", message)
    return None


def _observed(unit: Unit, environment: Environment, circumstances: Circumstances) -> Verdict | None:
    mode = mode_of(unit.remediator, environment, circumstances.ceiling)
    if circumstances.dry_run:
        return Verdict(unit.id, OutcomeKind.PLANNED, "DryRun", f"{unit.title}: planned only")
    if mode in {Mode.OBSERVE, Mode.OFF}:
        text = f"{unit.title}: planned only, as {unit.remediator} is in mode '{mode}'"
        return Verdict(unit.id, OutcomeKind.PLANNED, "ObserveMode", text)
    return None


def _paused(unit: Unit, circumstances: Circumstances) -> Verdict | None:
    if not circumstances.paused:
        return None
    text = f"{unit.title}: the environment is paused; resume it to have this done"
    return Verdict(unit.id, OutcomeKind.DEFERRED, "Paused", text)


def _left_to_the_other(unit: Unit, circumstances: Circumstances) -> Verdict | None:
    """What the other run of the environment is at, and what a run beside it may not begin."""
    other = next((each for each in circumstances.occupied if clash(unit, each)), None)
    if other is not None:
        return _other_run(unit, circumstances, f"another run is at it: {other.title}")
    if circumstances.beside and unit.destructive:
        return _other_run(unit, circumstances, "it disrupts; the next main run takes it up")
    return None


def _other_run(unit: Unit, circumstances: Circumstances, why: str) -> Verdict:
    text = f"{unit.title}: {why}"
    return Verdict(unit.id, OutcomeKind.DEFERRED, "OtherRun", text, circumstances.now)


def _held_off(unit: Unit, circumstances: Circumstances) -> Verdict | None:
    """Repeated attempts on one resource wait longer and longer; a person's run releases them."""
    if circumstances.released or circumstances.begun(unit):
        return None
    until = held_off_until(circumstances.attempts.get(unit.resource, ()), circumstances.now)
    if until is None or until <= circumstances.now:
        return None
    text = (
        f"{unit.title}: it was attempted repeatedly of late; the next attempt is at"
        f" {until.isoformat(timespec='seconds')}, or now if a person asks for it"
    )
    return Verdict(unit.id, OutcomeKind.DEFERRED, "HoldOff", text, until)


def held_off_until(attempts: tuple[Attempt, ...], now: datetime) -> datetime | None:
    """When the next attempt may begin: at once, or after a doubling pause.

    Failures count from the first; repairs that held only count when there were more than
    ``FREE_REPAIRS`` of them within ``FLAPPING`` (somebody keeps undoing them).
    """
    recent = sorted((a for a in attempts if now - a.at <= FLAPPING), key=lambda a: a.at)
    failures = 0
    for attempt in sorted(attempts, key=lambda a: a.at, reverse=True):
        if attempt.ok:
            break
        failures += 1
    strikes = max(failures, len(recent) - FREE_REPAIRS + 1 if len(recent) >= FREE_REPAIRS else 0)
    if strikes <= 0:
        return None
    doubled: timedelta = FIRST_HOLD_OFF * (1 << min(strikes - 1, 16))
    pause = min(doubled, LONGEST_HOLD_OFF)
    return max(a.at for a in attempts) + pause


def _outside_window(
    unit: Unit, environment: Environment, circumstances: Circumstances
) -> Verdict | None:
    if environment.window is None or not unit.destructive or circumstances.begun(unit):
        return None
    opening = next_opening(environment.window, circumstances.now)
    if opening <= circumstances.now:
        return None
    text = f"{unit.title}: it disrupts, and the maintenance window opens at {opening.isoformat()}"
    return Verdict(unit.id, OutcomeKind.DEFERRED, "OutsideWindow", text, opening)


def _limit(plan: Plan, environment: Environment, verdicts: dict[str, Verdict]) -> None:
    """More destructive units than the limit block the whole plan; it is never cut (design)."""
    counted = {
        unit.counts_as or unit.id
        for unit in plan.units
        if unit.destructive and verdicts[unit.id].allowed
    }
    allowed = environment.max_destructive_units
    if len(counted) <= allowed:
        return
    text = (
        f"the plan would delete, detach or overwrite {len(counted)} things at once, allowed are {allowed}"
        " (maxDestructiveUnits). Look at what happened; then raise the limit or repair by hand."
    )
    for unit in plan.units:
        if verdicts[unit.id].allowed:
            verdicts[unit.id] = Verdict(unit.id, OutcomeKind.BLOCKED, "DestructiveLimit", text)


def _approval(
    plan: Plan,
    environment: Environment,
    circumstances: Circumstances,
    verdicts: dict[str, Verdict],
) -> str:
    """Let units wait for a person where they must; the hash that an approval has to name.

    What this run has begun was allowed to, and is finished.
    """
    waiting = [
        unit
        for unit in plan.units
        if verdicts[unit.id].allowed
        and not circumstances.begun(unit)
        and _wants_approval(unit, environment, circumstances)
    ]
    if circumstances.beside:  # one question at a time, and the main run asks it
        for unit in waiting:
            why = "it waits for a person; the next main run asks"
            verdicts[unit.id] = _other_run(unit, circumstances, why)
    if not waiting or circumstances.beside:
        return ""
    names = {unit.id for unit in waiting}
    part = Plan(tuple(waiting), {name: _within(plan.after[name], names) for name in sorted(names)})
    if circumstances.approved == part.hash:
        return part.hash
    refused = circumstances.rejected == part.hash
    news = _changed_since(circumstances.approved_units, waiting)
    for unit in waiting:
        cause = "the manifest changed" if circumstances.manifest_changed else "mode is 'approve'"
        text = f"{unit.title}: waits for approval of plan {part.hash} ({cause}){news}"
        verdicts[unit.id] = Verdict(unit.id, OutcomeKind.AWAITING_APPROVAL, "Approval", text)
        if refused:
            text = f"{unit.title}: a person rejected plan {part.hash}; it is not asked again today"
            verdicts[unit.id] = Verdict(unit.id, OutcomeKind.BLOCKED, "Rejected", text)
    return part.hash


def _changed_since(approved: Mapping[str, JsonObject], waiting: Sequence[Unit]) -> str:
    """What is different from the plan that a person approved, as the end of a sentence."""
    if not approved:
        return ""
    told = {unit.id: unit.title for unit in waiting}
    new = [title for name, title in told.items() if name not in approved]
    gone = [str(unit["title"]) for name, unit in approved.items() if name not in told]
    other = [
        unit.title
        for unit in waiting
        if unit.id in approved and fingerprint(dump(unit)) != fingerprint(approved[unit.id])
    ]
    parts = (("new", new), ("no longer needed", gone), ("different", other))
    listed = "; ".join(f"{word}: {', '.join(titles)}" for word, titles in parts if titles)
    return f"; the plan is another since it was approved ({listed or 'in another order'})"


def _leave_to_the_next_run(
    plan: Plan, circumstances: Circumstances, verdicts: dict[str, Verdict]
) -> None:
    """A later round of a run only finishes what the run began (design, 7)."""
    if circumstances.own is None:
        return
    for unit in plan.units:
        if verdicts[unit.id].allowed and not circumstances.begun(unit):
            text = f"{unit.title}: seen while other repairs went on; the next run takes it up"
            verdicts[unit.id] = Verdict(
                unit.id, OutcomeKind.DEFERRED, "NextRun", text, circumstances.now
            )


def _wants_approval(unit: Unit, environment: Environment, circumstances: Circumstances) -> bool:
    mode = mode_of(unit.remediator, environment, circumstances.ceiling)
    return mode is Mode.APPROVE or (circumstances.manifest_changed and unit.destructive)


def _within(names: tuple[str, ...], kept: set[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in kept)


def _hold_followers(plan: Plan, verdicts: dict[str, Verdict]) -> None:
    """What comes after a stopped unit is stopped as well (units are in order)."""
    for unit in plan.units:
        if not verdicts[unit.id].allowed:
            continue
        held = [name for name in plan.after.get(unit.id, ()) if not verdicts[name].allowed]
        if held:
            first = verdicts[held[0]]
            alike = first.kind in {OutcomeKind.AWAITING_APPROVAL, OutcomeKind.PLANNED}
            kind = first.kind if alike else OutcomeKind.DEFERRED
            text = (
                f"{unit.title}: comes after '{plan.unit(held[0]).title}', which does not go ahead"
            )
            verdicts[unit.id] = Verdict(unit.id, kind, "FollowsStopped", text, first.until)
