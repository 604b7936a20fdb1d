"""Owns what a run comes to: an outcome per finding, from what was seen before and after. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.guards import Judgement
from shared.model.finding import Disposition, Finding
from shared.model.outcome import Outcome, OutcomeKind
from shared.model.plan import Plan

_SOON = {
    "InProgress": timedelta(seconds=15),
    "ClusterUpdating": timedelta(seconds=30),
    "ActivityLogLag": timedelta(seconds=60),
    "EndpointNotReady": timedelta(seconds=60),
    "NextRun": timedelta(seconds=0),
}
"""When to look again by itself. Anything else waits for an event, a person or the sweep."""


@dataclass(frozen=True, slots=True)
class Round:
    """One assessment of a run: what was found, planned and allowed."""

    findings: tuple[Finding, ...]
    plan: Plan
    judgement: Judgement


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


def outcomes(
    rounds: Sequence[Round], results: Mapping[str, UnitResult], now: datetime
) -> tuple[Outcome, ...]:
    """An outcome for each finding of any round, judged by the last one.

    ``results`` are by unit id, the latest where a unit was carried out twice.
    """
    last = rounds[-1]
    units = {key: unit.id for seen in rounds for unit in seen.plan.units for key in unit.findings}
    final = {finding.key: finding for finding in last.findings}
    repaired = [
        finding
        for seen in rounds[:-1]
        for finding in seen.findings
        if finding.key not in final and _done(units.get(finding.key), results)
    ]
    mended = {finding.resource for finding in repaired}
    found: dict[str, Outcome] = {}
    for seen in rounds:
        for finding in seen.findings:
            if finding.key in final:
                continue
            kind = OutcomeKind.REPAIRED if finding in repaired else OutcomeKind.IN_SYNC
            note = "" if kind is OutcomeKind.REPAIRED else "no longer found, without our doing"
            found.setdefault(finding.key, Outcome(finding, kind, message=note or finding.message))
    for finding in last.findings:
        if finding.disposition is Disposition.NOT_NEEDED and finding.resource in mended:
            continue
        found[finding.key] = _standing(finding, last, units.get(finding.key), results, now)
    return tuple(found.values())


def _done(unit: str | None, results: Mapping[str, UnitResult]) -> bool:
    return unit is not None and unit in results and results[unit].ok


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
    result = results.get(unit) if unit else None
    if result is not None and not result.ok:
        kind = _refusal(result)
        until = now if result.why == "Interrupted" else None
        return Outcome(finding, kind, result.why, result.message, until)
    if result is not None:
        text = f"{finding.message} Every step was carried out, and it is found again."
        return Outcome(finding, OutcomeKind.FAILED, "NotRepaired", text)
    verdict = last.judgement.verdicts.get(unit) if unit else None
    if verdict is not None and verdict.kind is not None:
        until = verdict.until
        if verdict.why in _SOON and until is not None:
            until = max(until, now + _SOON[verdict.why])
        return Outcome(finding, verdict.kind, verdict.why, verdict.message, until)
    text = f"{finding.message} Its repair was not begun, as an earlier one did not succeed."
    return Outcome(finding, OutcomeKind.DEFERRED, "FollowsStopped", text)


_HELD = frozenset({"Paused", "LeaseLost", "Interrupted"})


def _refusal(result: UnitResult) -> OutcomeKind:
    if result.why in _HELD:
        return OutcomeKind.DEFERRED
    return OutcomeKind.BLOCKED if result.blocked else OutcomeKind.FAILED


def wake_at(found: Sequence[Outcome], now: datetime) -> datetime | None:
    """When the environment should be looked at again by itself, if any outcome says so."""
    times = [outcome.until for outcome in found if outcome.until is not None]
    return max(min(times), now) if times else None
