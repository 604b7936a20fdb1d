"""Owns the end of a run: what it came to, what is remembered of it, and who is told."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from shared.model.arm import moment
from shared.model.codec import dump, load
from shared.model.finding import Disposition
from shared.model.intent import Intent
from shared.model.json import JsonObject, fingerprint
from shared.model.outcome import Outcome, OutcomeKind, worst
from shared.model.resource_id import ResourceId
from shared.model.trigger import Trigger
from shared.outcomes import (
    NOT_VERIFIED,
    UnitResult,
    backed_off,
    outcomes,
    spaced,
    wake_at,
)
from shared.records import Conflict, RunIsImmutableError, StoreUnavailableError, TooLargeError
from shared.signals import DRIFT_OPEN, SWEEP_AGE
from shared.workflow.announcing import announce_ended
from shared.workflow.outbox import waiting
from shared.workflow.papers import Assessment, Papers
from shared.workflow.services import Services
from shared.workflow.waits import deferred_since
from shared.workflow.watch import sweep_age

_LOG = logging.getLogger("relink.workflow")
APPROVAL_TIME = timedelta(hours=24)
_AFTER_LOSS = timedelta(minutes=1)
"""When to look again after a run whose papers were lost."""
RECORD_VERSION = "relink.record/v1"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What the durable side needs to know of a run that ended; ``mark`` is equal for equal ends."""

    outcome: OutcomeKind
    wake_at: datetime | None = None
    mark: str = ""
    undelivered: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """What an orchestration tells of its run: units with their steps, timed by its own clock."""

    rounds: int
    units: tuple[JsonObject, ...] = ()
    problem: str = ""
    held_until: datetime | None = None
    version: str = ""


def conclude(services: Services, trigger: Trigger, account: Account) -> Conclusion:
    """Judge the run, write its immutable record, pay debts, let go of intents and the lease.

    Called again for the same run (a killed worker), it finds its record, judges nothing anew and
    does what may be left of the rest. Whatever became of its papers, a run leaves a record.
    """
    record = services.records.run(trigger.id)
    if record is None:
        record = _recorded(services, trigger, account)
        services.report(record)
        _measure_sweeps(services)
    for request in trigger.requests:
        services.records.point_request(request, trigger.id)
    try:
        undelivered = _announce(services, record)
    finally:  # a ledger that is away does not keep the lease
        _let_go(services, trigger)
    return _conclusion_of(record, undelivered)


def _recorded(services: Services, trigger: Trigger, account: Account) -> JsonObject:
    """The record of the run, stored; the one that another delivery of the end stored before."""
    record: JsonObject
    try:
        record = _judge(services, trigger, account)
        services.records.store_run(trigger.id, record)
    except RunIsImmutableError:
        record = services.records.run(trigger.id) or {}
    except (StoreUnavailableError, Conflict):
        raise
    except Exception as error:  # noqa: BLE001 - a run without a record keeps its lease and is told to nobody
        _LOG.exception("run %s could not be judged", trigger.id)
        record = _unjudged(services, trigger, account, error)
        services.records.store_run(trigger.id, record)
    return record


def _unjudged(
    services: Services, trigger: Trigger, account: Account, error: Exception
) -> dict[str, Any]:
    """What is known of a run whose papers cannot be judged, or whose record would be too large."""
    text = f"what the run came to could not be judged: {type(error).__name__}: {error}"
    problem = "; ".join(part for part in (account.problem, text[:500]) if part)
    units = () if isinstance(error, TooLargeError) else account.units
    bare = replace(account, units=units, problem=problem)
    now = services.clock()
    small = replace(trigger, notices=(), resources=None, note=trigger.note[:500])
    record = _record(services, small, (), (), bare, kind=OutcomeKind.FAILED, now=now)
    return {**record, "approval": None, "wakeAt": (now + _AFTER_LOSS).isoformat()}


def _measure_sweeps(services: Services) -> None:
    """How long ago the last sweep was: runs go on by events when sweeps have stopped."""
    age = sweep_age(services)
    if age is not None:
        services.measure(SWEEP_AGE, age, {"by": "run"})


def _announce(services: Services, record: JsonObject) -> Mapping[str, int]:
    """Enter what is to be told of it, and measure how much differs now; the messages that wait."""
    ledger = announce_ended(services, record)
    if ledger is None:
        return {}
    services.measure(DRIFT_OPEN, len(ledger.open), {"environment": record["environment"]})
    return waiting(ledger)


def _judge(services: Services, trigger: Trigger, account: Account) -> dict[str, Any]:
    """What the run came to, as its record; what is owed is settled on the way."""
    papers = Papers(services.records, trigger.id)
    kept = (papers.get(number) for number in range(1, account.rounds + 1))
    rounds = [seen for seen in takewhile(lambda seen: seen is not None, kept) if seen is not None]
    now = services.clock()
    if len(rounds) < account.rounds:
        text = f"the working papers of round {len(rounds) + 1} are lost; the next run looks anew"
        problem = "; ".join(part for part in (account.problem, text) if part)
        account = replace(account, problem=problem)
    found = _outcomes(rounds, account, now)
    approval = services.records.approval(trigger.environment)
    if rounds and not trigger.dry_run:
        _remember(services, trigger, rounds, found, account)
        found = backed_off(found, services.records.attempts(trigger.environment), now)
        found = spaced(
            found, deferred_since(services, trigger, rounds[-1], found), now, rounds[-1].again_after
        )
    kind, until = _named(rounds, found, account, now)
    record = _record(services, trigger, rounds, found, account, kind=kind, now=now)
    record["approval"] = dump(approval) if approval else None
    record["wakeAt"] = until.isoformat() if until else None
    return record


def _named(
    rounds: Sequence[Assessment], found: Sequence[Outcome], account: Account, now: datetime
) -> tuple[OutcomeKind, datetime | None]:
    """What the run is called, and when the environment is looked at again by itself."""
    if account.held_until is not None:
        return OutcomeKind.DEFERRED, account.held_until
    if account.problem:
        lost = len(rounds) < account.rounds
        return OutcomeKind.FAILED, wake_at(found, now) or (now + _AFTER_LOSS if lost else None)
    if rounds and not found and not rounds[-1].active:
        return OutcomeKind.NOT_NEEDED, None  # all is off: nothing was looked at
    return worst(outcome.kind for outcome in found), wake_at(found, now)


def _conclusion_of(record: JsonObject, undelivered: Mapping[str, int]) -> Conclusion:
    until = record.get("wakeAt")
    told = sorted([o["finding"]["key"], o["kind"], o["why"]] for o in record["outcomes"])
    return Conclusion(
        OutcomeKind(record["outcome"]),
        datetime.fromisoformat(until) if until else None,
        fingerprint([record["outcome"], told]),
        undelivered,
    )


def _outcomes(rounds: Sequence[Assessment], account: Account, now: datetime) -> tuple[Outcome, ...]:
    if not rounds:
        return ()
    results = {unit["unit"]: _result(unit) for unit in account.units}
    seen = [assessment.round for assessment in rounds]
    return outcomes(seen, results, now, verified=_verified(rounds, account))


def _verified(rounds: Sequence[Assessment], account: Account) -> bool:
    """Whether there was a look after the last unit that was carried out."""
    last = max((_round_of(unit) for unit in account.units), default=0)
    return last < account.rounds == len(rounds)


def _round_of(unit: JsonObject) -> int:
    return int(unit.get("round", 1))


def _result(unit: JsonObject) -> UnitResult:
    names = ("unit", "why", "message", "blocked")
    return load(UnitResult, {name: unit[name] for name in names if name in unit})


def _remember(
    services: Services,
    trigger: Trigger,
    rounds: Sequence[Assessment],
    found: Sequence[Outcome],
    account: Account,
) -> None:
    records, name, last = services.records, trigger.environment, rounds[-1]
    for debt in records.debts(name):
        undeclared = trigger.resources is None and debt.target not in last.looked_at
        if debt.id in last.debts and (undeclared or _refuted(debt.target, last)):
            records.close_debt(name, debt.id)
    if _verified(rounds, account):
        whole = len(last.active) == len(services.catalogue)
        for intent in _settled_intents(records.intents(name), last, found, whole=whole):
            records.remove_intent(name, intent.resource)
    for link in last.links:
        records.store_link(name, link)
    _note_attempts(services, name, rounds, found, account)
    _clear_approval(services, name, rounds, account)
    _accept(services, name, rounds, account)


_SETTLED = frozenset({OutcomeKind.REPAIRED, OutcomeKind.IN_SYNC, OutcomeKind.NOT_NEEDED})


def _refuted(target: ResourceId, last: Assessment) -> bool:
    """Whether the last look says of the debt's target that nothing is owed (any more).

    Other drift of the target does not matter; the suspicion itself must not stand in doubt.
    """
    about = [finding for finding in last.findings if finding.resource == target]
    refuted = {f.reason for f in about if f.disposition is Disposition.NOT_NEEDED}
    doubted = {f.reason for f in about if f.disposition is not Disposition.NOT_NEEDED}
    return bool(refuted - doubted)


def _settled_intents(
    intents: Iterable[Intent], last: Assessment, found: Sequence[Outcome], *, whole: bool
) -> list[Intent]:
    """Intents whose resource the last look saw in order, judged by whose unit it was.

    ``whole`` says that every remediator looked: then it does not matter whose it was.
    """
    open_ = {o.finding.resource for o in found if o.kind not in _SETTLED}
    return [
        intent
        for intent in intents
        if any(intent.resource.within(part) for part in last.looked_at)
        and intent.resource not in open_
        and (whole or intent.remediator in last.active)
    ]


def _note_attempts(
    services: Services,
    environment: str,
    rounds: Sequence[Assessment],
    found: Sequence[Outcome],
    account: Account,
) -> None:
    """One attempt per resource that was acted on; the same again when this is called again."""
    bad = {
        o.finding.resource for o in found if o.kind is OutcomeKind.FAILED or o.why == NOT_VERIFIED
    }
    tried: dict[ResourceId, tuple[datetime, bool]] = {}
    for unit in account.units:
        seen = _assessment_of(unit, rounds)
        result = _result(unit)
        if seen is None or not result.begun or (result.blocked and not unit.get("at_step")):
            continue
        resource = seen.plan.unit(result.unit).resource
        tried[resource] = (_ended(unit, seen.at), result.ok and resource not in bad)
    known = services.records.attempts(environment)
    for resource, (at, ok) in sorted(tried.items()):
        if at not in {attempt.at for attempt in known.get(resource, ())}:
            services.records.note_attempt(environment, resource, at, ok=ok)


def _assessment_of(unit: JsonObject, rounds: Sequence[Assessment]) -> Assessment | None:
    """The assessment whose unit it was."""
    place = _round_of(unit) - 1
    return rounds[place] if place < len(rounds) else None


def _ended(unit: JsonObject, otherwise: datetime) -> datetime:
    timings = unit.get("timings") or ()
    return (moment(timings[-1]["endedAt"]) if timings else None) or otherwise


def _clear_approval(
    services: Services, name: str, rounds: Sequence[Assessment], account: Account
) -> None:
    """What was approved was carried out. Another question, or another plan's yes, stays."""
    used = {
        seen.approved_hash
        for seen in rounds
        if seen.approved_hash and seen.approved_hash == seen.judgement.approval_hash
    }
    approval = services.records.approval(name)
    if account.units and approval is not None and approval.plan_hash in used:
        services.records.clear_approval(name)


def _accept(services: Services, name: str, rounds: Sequence[Assessment], account: Account) -> None:
    """A destructive plan of a manifest version was carried out: that version is known now."""
    for unit in account.units:
        seen = _assessment_of(unit, rounds)
        if seen is None or not _result(unit).begun:
            continue
        if seen.plan.unit(unit["unit"]).destructive:
            services.records.accept_version(name, seen.manifest_version)
            return


def _let_go(services: Services, trigger: Trigger) -> None:
    if not trigger.dry_run:
        services.records.release_lease(trigger.environment, trigger.id, beside=trigger.beside)
    services.records.drop_papers(trigger.id)


def _record(
    services: Services,
    trigger: Trigger,
    rounds: Sequence[Assessment],
    found: Sequence[Outcome],
    account: Account,
    *,
    kind: OutcomeKind,
    now: datetime,
) -> dict[str, Any]:
    last = rounds[-1] if rounds else None
    return {
        "apiVersion": RECORD_VERSION,
        "id": trigger.id,
        "environment": trigger.environment,
        "outcome": kind.value,
        "problem": account.problem,
        "trigger": dump(trigger),
        "manifestVersion": last.manifest_version if last else "",
        "mode": services.settings.mode.value,
        "startedAt": trigger.at.isoformat(),
        "finishedAt": now.isoformat(),
        "orchestrator": account.version,
        "outcomes": [_told(outcome) for outcome in found],
        "units": list(account.units),
        "rounds": [_round(seen) for seen in rounds],
        "remediators": list(last.active) if last else [],
        "lookedAt": [str(resource) for resource in last.looked_at] if last else [],
        "unreadable": list(last.unreadable) if last else [],
    }


def _told(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = dump(outcome)
    told["finding"]["key"] = outcome.finding.key
    return told


def _round(seen: Assessment) -> dict[str, Any]:
    return {
        "at": seen.at.isoformat(),
        "findings": dump(seen.findings),
        "planHash": seen.plan.hash,
        "approvalHash": seen.judgement.approval_hash,
        "plan": dump(seen.plan),
        "verdicts": dump(list(seen.judgement.verdicts.values())),
        "azureReads": seen.azure_calls,
    }


def ask(services: Services, trigger: Trigger, assessment: Assessment) -> None:
    """Ask a person about the waiting part of the plan, unless it is asked already."""
    judged = assessment.judgement
    waits = any(v.kind is OutcomeKind.AWAITING_APPROVAL for v in judged.verdicts.values())
    if waits and not trigger.dry_run:
        services.records.ask_approval(
            trigger.environment,
            judged.approval_hash,
            trigger.id,
            services.clock() + APPROVAL_TIME,
        )
