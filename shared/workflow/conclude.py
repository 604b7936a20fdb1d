"""Owns the end of a run: what it came to, what is remembered of it, and who is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.model.codec import dump, load
from shared.model.finding import Disposition
from shared.model.json import JsonObject, fingerprint
from shared.model.outcome import Outcome, OutcomeKind, worst
from shared.model.resource_id import ResourceId
from shared.model.trigger import Trigger
from shared.outcomes import UnitResult, outcomes, wake_at
from shared.workflow.papers import Assessment, Papers
from shared.workflow.services import Services

APPROVAL_TIME = timedelta(hours=24)
_TOLD = frozenset({OutcomeKind.BLOCKED, OutcomeKind.FAILED, OutcomeKind.AWAITING_APPROVAL})
RECORD_VERSION = "relink.record/v1"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What the durable side needs to know of a run that ended."""

    outcome: OutcomeKind
    wake_at: datetime | None = None


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

    Called again for the same run (a killed worker), it finds its record and changes nothing.
    """
    written = services.records.run(trigger.id)
    if written is not None:
        _let_go(services, trigger)
        return _conclusion_of(written)
    papers = Papers(services.records, trigger.id)
    rounds = [seen for n in range(1, account.rounds + 1) if (seen := papers.get(n)) is not None]
    now = services.clock()
    found = _outcomes(rounds, account, now)
    kind = worst(outcome.kind for outcome in found)
    until = wake_at(found, now)
    if account.held_until is not None:
        kind, until = OutcomeKind.DEFERRED, account.held_until
    elif account.problem:
        kind = OutcomeKind.FAILED
    if rounds and not trigger.dry_run:
        _remember(services, trigger, rounds, found, account)
    record = _record(services, trigger, rounds, found, account, kind=kind, now=now)
    record["wakeAt"] = until.isoformat() if until else None
    services.records.store_run(trigger.id, record)
    for request in trigger.requests:
        services.records.point_request(request, trigger.id)
    _let_go(services, trigger)
    services.report(record)
    _tell(services, record, found, account)
    return Conclusion(kind, until)


def _conclusion_of(record: JsonObject) -> Conclusion:
    until = record.get("wakeAt")
    return Conclusion(
        OutcomeKind(record["outcome"]), datetime.fromisoformat(until) if until else None
    )


def _outcomes(rounds: Sequence[Assessment], account: Account, now: datetime) -> tuple[Outcome, ...]:
    if not rounds:
        return ()
    results = {unit["unit"]: _result(unit) for unit in account.units}
    return outcomes([seen.round for seen in rounds], results, now)


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
    open_ = {o.finding.resource for o in found if o.kind not in _SETTLED}
    for debt in records.debts(name):
        if _refuted(debt.target, last):
            records.close_debt(name, debt.id)
    for intent in records.intents(name):
        if intent.resource not in open_ and intent.resource in _judged(rounds):
            records.remove_intent(name, intent.resource)
    for link in last.links:
        records.store_link(name, link)
    _note_attempts(services, name, rounds, found, account)
    if account.units and last.approved_hash:
        records.clear_approval(name)
    _accept(services, trigger, rounds, account)


_SETTLED = frozenset({OutcomeKind.REPAIRED, OutcomeKind.IN_SYNC, OutcomeKind.NOT_NEEDED})


def _refuted(target: ResourceId, last: Assessment) -> bool:
    """Whether the last look says of the debt's target that nothing is owed (any more)."""
    about = [finding for finding in last.findings if finding.resource == target]
    return bool(about) and all(f.disposition is Disposition.NOT_NEEDED for f in about)


def _judged(rounds: Sequence[Assessment]) -> frozenset[ResourceId]:
    """The resources that the last look really looked at."""
    return frozenset(rounds[-1].looked_at)


def _note_attempts(
    services: Services,
    environment: str,
    rounds: Sequence[Assessment],
    found: Sequence[Outcome],
    account: Account,
) -> None:
    carried = {unit["unit"] for unit in account.units}
    bad = {o.finding.resource for o in found if o.kind is OutcomeKind.FAILED}
    resources = {u.resource for seen in rounds for u in seen.plan.units if u.id in carried}
    for resource in sorted(resources):
        services.records.note_attempt(
            environment, resource, services.clock(), ok=resource not in bad
        )


def _accept(
    services: Services, trigger: Trigger, rounds: Sequence[Assessment], account: Account
) -> None:
    """A destructive plan of this manifest version was carried out: the version is known now."""
    carried = {unit["unit"] for unit in account.units}
    destructive = any(
        unit.destructive and unit.id in carried for seen in rounds for unit in seen.plan.units
    )
    if destructive:
        services.records.accept_version(trigger.environment, rounds[-1].manifest_version)


def _let_go(services: Services, trigger: Trigger) -> None:
    if not trigger.dry_run:
        services.records.release_lease(trigger.environment, trigger.id)
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
    approval = services.records.approval(trigger.environment)
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
        "approval": dump(approval) if approval else None,
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


def _tell(
    services: Services, record: JsonObject, found: Sequence[Outcome], account: Account
) -> None:
    """The webhook is told of what needs a person, once as long as it is the same."""
    if record["trigger"]["dry_run"]:
        return
    name = record["environment"]
    telling = [outcome for outcome in found if outcome.kind in _TOLD]
    print_ = fingerprint([_sign(telling), account.problem])
    if services.records.paper("told", name) == print_:
        return
    services.records.put_paper("told", name, print_)
    if telling or account.problem:
        services.notify(
            {
                "environment": name,
                "run": record["id"],
                "outcome": record["outcome"],
                "problem": account.problem,
                "findings": [_told(outcome) for outcome in telling],
                "approval": record["approval"] if record["outcome"] == "AwaitingApproval" else None,
            }
        )


def _sign(found: Iterable[Outcome]) -> list[list[str]]:
    return sorted([outcome.finding.key, outcome.kind.value, outcome.why] for outcome in found)


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
