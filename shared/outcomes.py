"""Owns what a run comes to: an outcome per finding, from what was seen before and after. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.guards import Judgement, held_off_until
from shared.model.attempt import Attempt
from shared.model.finding import Disposition, Finding
from shared.model.outcome import Outcome, OutcomeKind
from shared.model.plan import Plan, Unit
from shared.model.resource_id import ResourceId
from shared.remediation.differences import UNREADABLE

NOT_VERIFIED = "NotVerified"
_SOON = {
    "InProgress": timedelta(seconds=15),
    "ClusterUpdating": timedelta(seconds=30),
    "ActivityLogLag": timedelta(seconds=60),
    "EndpointNotReady": timedelta(seconds=60),
    "NextRun": timedelta(seconds=0),
    "OtherRun": timedelta(seconds=15),
    NOT_VERIFIED: timedelta(seconds=60),
}
"""When to look again by itself. Anything else waits for an event, a person or the sweep."""
_UNREAD = frozenset(
    {
        UNREADABLE,
        "LocksUnreadable",
        "PermissionsUnreadable",
        "TargetUnreadable",
        "ExtensionUnreadable",
        "ExtensionResourcesUnreadable",
        "ComputeUseUnknown",
    }
)
_SOON |= dict.fromkeys(_UNREAD, timedelta(seconds=60))
_LONGEST = timedelta(hours=1)
"""What stays deferred is looked at again later and later, but not later than this."""


@dataclass(frozen=True, slots=True)
class Round:
    """One assessment of a run: what was found, planned and allowed.

    ``blind`` are the remediators that lacked an answer, each with the resource it was about.
    """

    findings: tuple[Finding, ...]
    plan: Plan
    judgement: Judgement
    blind: tuple[tuple[str, ResourceId], ...] = ()


@dataclass(frozen=True, slots=True)
class UnitResult:
    """What carrying out a unit came to. ``why`` is empty when all its steps were done."""

    unit: str
    why: str = ""
    message: str = ""
    blocked: bool = False

    @property
    def ok(self) -> bool:
        """Whether every step was done. Whether it helped is the next assessment's to say."""
        return not self.why

    @property
    def begun(self) -> bool:
        """Whether anything of it was started."""
        return self.why not in _HELD


def outcomes(
    rounds: Sequence[Round],
    results: Mapping[str, UnitResult],
    now: datetime,
    *,
    verified: bool = True,
) -> tuple[Outcome, ...]:
    """An outcome for each finding of any round, judged by the last one.

    ``results`` are by unit id, the latest where a unit was carried out twice. ``verified`` is false
    when units were carried out after the last look: of those nothing is known.
    """
    last = rounds[-1]
    units = {key: unit for seen in rounds for unit in seen.plan.units for key in unit.findings}
    final = {finding.key: finding for finding in last.findings}
    acted = _acted_on(rounds[:-1] if verified else rounds, results)
    found: dict[str, Outcome] = {}
    for finding in (finding for seen in rounds for finding in seen.findings):
        if finding.key not in final and finding.key not in found:
            unit = units.get(finding.key)
            result = results.get(unit.id) if unit is not None else None
            found[finding.key] = _vanished(finding, last, unit, result, now, acted)
    mended = {o.finding.resource for o in found.values() if o.kind is OutcomeKind.REPAIRED}
    for finding in last.findings:
        if finding.disposition is Disposition.NOT_NEEDED and finding.resource in mended:
            continue
        unit = units.get(finding.key)
        standing = _standing(finding, last, unit.id if unit else None, results, now)
        if standing.why == _AGAIN and finding.key not in acted:
            standing = _new(finding, now)
        elif standing.why == _AGAIN and not verified:
            standing = _unverified(finding, now)
        found[finding.key] = standing
    return tuple(found.values())


_AGAIN = "NotRepaired"


def _acted_on(rounds: Sequence[Round], results: Mapping[str, UnitResult]) -> frozenset[str]:
    """The keys of the findings that units were carried out for.

    A unit's id stays the same when another drift of its resource turns up meanwhile.
    """
    carried = (unit for seen in rounds for unit in seen.plan.units if unit.id in results)
    return frozenset(key for unit in carried for key in unit.findings)


def _new(finding: Finding, now: datetime) -> Outcome:
    text = f"{finding.message} It came up while another drift of it was repaired."
    return Outcome(finding, OutcomeKind.DEFERRED, "NextRun", text, now + _SOON["NextRun"])


def _vanished(  # noqa: PLR0917 - what a judgement rests on
    finding: Finding,
    last: Round,
    unit: Unit | None,
    result: UnitResult | None,
    now: datetime,
    acted: Collection[str],
) -> Outcome:
    """The outcome of a finding that the last assessment does not show any more.

    It is repaired if we acted on it and the last look saw its resource in order, in all that its
    unit, and any other of this run (``acted``: finding keys), was about. What that look says instead of it (unreadable, still being made, waiting for an
    approval) or could not see is no such sight.
    """
    begun = result is not None and result.begun
    instead = [
        other
        for other in last.findings
        if (other.resource, other.remediator) == (finding.resource, finding.remediator)
        and other.disposition in {Disposition.DEFER, Disposition.BLOCK, Disposition.REPAIR}
    ]
    unseen = [each for each in instead if each.disposition is not Disposition.REPAIR]
    replaced = unit is not None and unit.destructive and bool(instead)
    doubtful = bool(unseen) or replaced or _is_blind(finding, unit, last)
    if result is None or unit is None or not begun:
        if unseen or _is_blind(finding, unit, last):
            return _unseen(finding, now)
        return Outcome(finding, OutcomeKind.IN_SYNC, message="no longer found, without our doing")
    wrong = [
        other
        for other in instead
        if other not in unseen and (not result.ok or other.key in {*unit.findings, *acted})
    ]
    if not doubtful and not wrong:
        note = f" Its unit broke off ({result.why}); it is in order now." if result.why else ""
        return Outcome(finding, OutcomeKind.REPAIRED, message=finding.message + note)
    if not result.ok:
        return Outcome(finding, _refusal(result), result.why, result.message)
    if wrong:
        text = f"{finding.message} Every step was carried out, and {wrong[0].reason} is found."
        return Outcome(finding, OutcomeKind.FAILED, _AGAIN, text)
    return _unverified(finding, now)


def _is_blind(finding: Finding, unit: Unit | None, last: Round) -> bool:
    """Whether the last look lacked an answer about the finding's resource, or what its unit wrote."""
    about = {finding.resource, *(unit.writes if unit is not None else ())}
    return any(
        name == finding.remediator and any(read.within(a) or a.within(read) for a in about)
        for name, read in last.blind
    )


def _unverified(finding: Finding, now: datetime) -> Outcome:
    text = f"{finding.message} Every step was carried out; that it helped was not seen yet."
    return Outcome(finding, OutcomeKind.DEFERRED, NOT_VERIFIED, text, now + _SOON[NOT_VERIFIED])


def _unseen(finding: Finding, now: datetime) -> Outcome:
    text = (
        f"{finding.message} Nothing was done, and the last look did not show whether it still is."
    )
    return Outcome(finding, OutcomeKind.DEFERRED, NOT_VERIFIED, text, now + _SOON[NOT_VERIFIED])


def _standing(
    finding: Finding,
    last: Round,
    unit: str | None,
    results: Mapping[str, UnitResult],
    now: datetime,
) -> Outcome:
    """The outcome of a finding that the last assessment still shows."""
    match finding.disposition:
        case Disposition.NOT_NEEDED:
            return Outcome(finding, OutcomeKind.NOT_NEEDED, finding.why, finding.message)
        case Disposition.DEFER:
            until = now + _SOON[finding.why] if finding.why in _SOON else None
            return Outcome(finding, OutcomeKind.DEFERRED, finding.why, finding.message, until)
        case Disposition.BLOCK | Disposition.REPORT:
            why = finding.why or "ReportOnly"
            return Outcome(finding, OutcomeKind.BLOCKED, why, finding.message)
        case Disposition.REPAIR:
            return _unrepaired(finding, last, unit, results, now)


def _unrepaired(
    finding: Finding,
    last: Round,
    unit: str | None,
    results: Mapping[str, UnitResult],
    now: datetime,
) -> Outcome:
    if unit is None:
        text = f"{finding.message} No step was planned for it; a person has to look at it."
        return Outcome(finding, OutcomeKind.BLOCKED, "NothingPlanned", text)
    result = results.get(unit)
    if result is not None and not result.ok:
        kind = _refusal(result)
        until = now if result.why in {"Interrupted", "OtherRun"} else None
        return Outcome(finding, kind, result.why, result.message, until)
    if result is not None:
        text = f"{finding.message} Every step was carried out, and it is found again."
        return Outcome(finding, OutcomeKind.FAILED, _AGAIN, text)
    verdict = last.judgement.verdicts.get(unit)
    if verdict is not None and verdict.kind is not None:
        until = verdict.until
        if verdict.why in _SOON and verdict.kind is OutcomeKind.DEFERRED:
            until = max(until or now, now + _SOON[verdict.why])
        return Outcome(finding, verdict.kind, verdict.why, verdict.message, until)
    text = f"{finding.message} Its repair was not begun, as an earlier one did not succeed."
    return Outcome(finding, OutcomeKind.DEFERRED, "FollowsStopped", text)


def backed_off(
    found: Sequence[Outcome], attempts: Mapping[ResourceId, tuple[Attempt, ...]], now: datetime
) -> tuple[Outcome, ...]:
    """``found`` with the time at which a failed repair may be tried again: that is when to wake."""
    return tuple(
        replace(each, until=held_off_until(attempts.get(each.finding.resource, ()), now))
        if each.kind is OutcomeKind.FAILED and each.until is None
        else each
        for each in found
    )


def spaced(
    found: Sequence[Outcome],
    since: Mapping[str, datetime],
    now: datetime,
    again_after: float = 0.0,
) -> tuple[Outcome, ...]:
    """``found`` with what stays deferred looked at again later and later.

    ``since`` says by ``wait_key`` when each began to be deferred for its reason. What could not be
    read is not asked for again before ``again_after`` seconds, as Azure wished.
    """
    return tuple(_spaced(each, since.get(wait_key(each), now), now, again_after) for each in found)


def wait_key(outcome: Outcome) -> str:
    """What stays the same while a finding is deferred for one reason."""
    return f"{outcome.finding.key} {outcome.why}"


def _spaced(outcome: Outcome, since: datetime, now: datetime, again_after: float) -> Outcome:
    if outcome.kind is not OutcomeKind.DEFERRED or outcome.why not in _SOON or not outcome.until:
        return outcome
    asked = timedelta(seconds=again_after if outcome.why in _UNREAD else 0)
    until = max(outcome.until, now + min((now - since) / 2, _LONGEST), now + asked)
    return replace(outcome, until=until)


_HELD = frozenset({"Paused", "LeaseLost", "Interrupted", "OtherRun"})
"""Why a unit was stopped before its first step: nothing of it was begun."""


def _refusal(result: UnitResult) -> OutcomeKind:
    if not result.begun:
        return OutcomeKind.DEFERRED
    return OutcomeKind.BLOCKED if result.blocked else OutcomeKind.FAILED


def wake_at(found: Sequence[Outcome], now: datetime) -> datetime | None:
    """When the environment should be looked at again by itself, if any outcome says so."""
    times = [outcome.until for outcome in found if outcome.until is not None]
    return max(min(times), now) if times else None
