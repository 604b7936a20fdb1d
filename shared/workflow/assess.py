"""Owns one assessment of a run: read, find, plan, guard, and keep it for the steps to come."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from shared import guards
from shared.azure.deadline import within
from shared.focus import focus, kept
from shared.guards import Circumstances, Judgement, mode_of
from shared.manifests import Declared
from shared.model.actual import Actual, Memory, Observation, Read
from shared.model.environment import Environment, Mode
from shared.model.finding import Finding
from shared.model.json import JsonObject, fingerprint
from shared.model.plan import Plan
from shared.model.resource_id import ResourceId
from shared.model.trigger import Cause, Trigger
from shared.proofs import proofs
from shared.reconcile import ROUNDS_OF_READS, PlanningError, draw_plan, find, needed
from shared.records import ApprovalState, HeldBy, Lease
from shared.remediator import Catalogue
from shared.restarts import debts_of, log_reads, starts_in, verified_links
from shared.unread import (
    DEFECTS,
    MOST_WAIT,
    REASONS,
    believed,
    blind_spots,
    patience,
    unread_findings,
)
from shared.workflow.answers import Kept, keep_answers, kept_answers
from shared.workflow.lanes import occupied
from shared.workflow.papers import Assessment, Papers, RunIsOverError, sights_of
from shared.workflow.services import Services

_LOG = logging.getLogger("relink.workflow")
LEASE_SECONDS = 900.0
LOOK_SECONDS = 300.0
"""For all questions of a look: what Azure leaves hanging must not outlast the activity (10 minutes)."""
_LOG_REACH = timedelta(days=89)
"""The activity log goes back 90 days (domain.md 6)."""


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody else works on this environment (a command line, another app)."""

    holder: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Later:
    """Some answers are missing that may come: look again after ``after`` seconds."""

    after: float
    problem: str


_NOTHING: Mapping[Read, Observation] = MappingProxyType({})


def assess(
    services: Services,
    trigger: Trigger,
    number: int,
    known: Mapping[Read, Observation] = _NOTHING,
) -> Assessment | Held | Later:
    """Round ``number`` of the run that ``trigger`` wants, kept in its papers.

    Delivered again, it is the look that was kept, whatever can be seen by now.
    What could not be read is asked for again a few times, and only that; then the look goes on
    without it. ``known`` are answers that need not be read.

    Raises:
        RunIsOverError: when the run has ended; nothing is written then and no lease taken.
        UnknownEnvironmentError: when no manifest declares the environment.
    """
    declared = services.declared(trigger.environment)
    papers = Papers(services.records, trigger.id)
    kept_already = papers.get(number)
    if kept_already is not None:
        return kept_already
    if papers.over:
        raise RunIsOverError(f"run {trigger.id} is over")
    if not trigger.dry_run:
        lease = take_lease(services, trigger.environment, trigger.id, beside=trigger.beside)
        if isinstance(lease, HeldBy):
            return Held(lease.holder, lease.until)
    if number == 1:
        papers.put_trigger(trigger)
    kept = kept_answers(services.records, trigger.id, number) or Kept(services.clock())
    look = _Look(services, trigger, declared, number, kept)
    look.answers |= {read: known[read] for read in known.keys() - look.answers.keys()}
    with within(LOOK_SECONDS):
        assessment = look.take(papers)
    after = patience(look.answers, kept.tries, services.clock() - kept.since)
    if after and keep_answers(services.records, trigger.id, number, kept.more(look.answers)):
        papers.leave_none_behind()
        return Later(after, "; ".join(assessment.unreadable)[:500])
    return papers.put(number, assessment)


def take_lease(services: Services, environment: str, run: str, *, beside: bool) -> Lease | HeldBy:
    """Take or renew the lease for a run, of the main kind or of that for a run beside it.

    Raises:
        RunIsOverError: when the run has ended; the lease is given back then. A run's record is
            stored before its lease is released, so none is left behind.
    """
    lease = services.records.acquire_lease(environment, run, LEASE_SECONDS, beside=beside)
    if isinstance(lease, Lease) and Papers(services.records, run).over:
        services.records.release_lease(environment, run, beside=beside)
        raise RunIsOverError(f"run {run} is over")
    return lease


class _Look:
    """One look at one environment; keeps the answers so that nothing is read twice."""

    def __init__(
        self,
        services: Services,
        trigger: Trigger,
        declared: Declared,
        number: int,
        kept: Kept,
    ) -> None:
        self._services = services
        self._trigger = trigger
        self._declared = declared
        self._number = number
        self.answers = kept.answers()
        self._began = kept.since
        self._catalogue = active(services, trigger, declared.environment)

    def take(self, papers: Papers) -> Assessment:
        """Everything from the first question to the verdicts, without what nobody can judge."""
        try:
            return self._take(papers)
        except DEFECTS:
            doubted = believed(self.answers, self._judged_alone)
            if doubted == self.answers:
                raise
            _LOG.exception("an answer of Azure cannot be judged; the look goes on without it")
            self.answers = doubted
        return self.take(papers)

    def _judged_alone(self, answers: Mapping[Read, Observation]) -> None:
        """Whatever is done with ``answers`` alone; nothing is read, kept or decided."""
        memory = self._services.records.memory(self._trigger.environment)
        whole = self._declared.environment
        environment = focus(whole, self._trigger.resources, memory)
        actual, now = Actual(answers, memory), self._services.clock()
        needed(self._catalogue, environment, actual)
        findings = find(self._catalogue, environment, actual)
        blind_spots(self._catalogue, environment, actual)
        plan = draw_plan(self._catalogue, environment, actual, findings)
        guards.needed(plan, actual)
        guards.judge(plan, whole, actual, Circumstances(now, self._services.settings.mode))
        proofs(whole, actual, findings, (), now)
        verified_links(environment, actual, findings, now)

    def _take(self, papers: Papers) -> Assessment:
        if self._wants_starts(papers):
            name, known = self._trigger.environment, self.answers
            self.answers |= suspect_restarts(self._services, name, self._began, known)
        memory = self._services.records.memory(self._trigger.environment)
        if memory.debts:
            self._services.azure().warm_up()
        environment = focus(self._declared.environment, self._trigger.resources, memory)
        self._read_all(environment, memory)
        actual = Actual(self.answers, memory)
        findings = find(self._catalogue, environment, actual)
        blind = blind_spots(self._catalogue, environment, actual)
        findings += unread_findings(blind, actual, findings)
        plan, judgement = self._judge(environment, memory, findings, papers)
        if not self._trigger.dry_run:
            self._keep_proofs(actual, findings, plan, judgement)
        unread = tuple(Actual(self.answers).unreadable())
        return Assessment(
            environment=self._trigger.environment,
            manifest_version=self._declared.version,
            at=self._services.clock(),
            findings=findings,
            plan=plan,
            judgement=judgement,
            links=verified_links(environment, actual, findings, self._services.clock()),
            looked_at=tuple(sorted(self._judged(memory))),
            active=tuple(remediator.name for remediator in self._catalogue),
            debts=tuple(debt.id for debt in memory.debts),
            approved_hash=self._decided(ApprovalState.APPROVED),
            sights=sights_of(plan, dict(self.answers)),
            unreadable=tuple(
                f"{read.question} {read.resource}: {answer.code} {answer.message}"
                for read, answer in unread
            ),
            blind=tuple((name, read.resource) for name, read in blind),
            again_after=min(max((a.retry_after or 0.0 for _, a in unread), default=0), MOST_WAIT),
            azure_calls=len(self.answers),
        )

    def _wants_starts(self, papers: Papers) -> bool:
        """Whether to ask who started a cluster: once a look at everything, and again where unread."""
        trigger = self._trigger
        if trigger.resources is not None or trigger.beside or trigger.dry_run:
            return False
        before = papers.get(self._number - 1) if self._number > 1 else None
        clusters = {cluster.id for cluster in self._declared.environment.clusters}
        return before is None or any(
            finding.reason in REASONS and finding.resource in clusters
            for finding in before.findings
        )

    def _judged(self, memory: Memory) -> frozenset[ResourceId]:
        return kept(self._declared.environment, self._trigger.resources, memory)

    def _read(self, reads: Iterable[Read]) -> None:
        self.answers.update(self._services.azure().read(reads))

    def _read_all(self, environment: Environment, memory: Memory) -> None:
        for _ in range(ROUNDS_OF_READS):
            reads = needed(self._catalogue, environment, Actual(self.answers, memory))
            if not reads:
                return
            self._read(reads)
        raise PlanningError("the remediators ask for more without end")

    def _keep_proofs(
        self, actual: Actual, findings: tuple[Finding, ...], plan: Plan, judgement: Judgement
    ) -> None:
        """Before anything is done: a repair makes invisible what it was done on."""
        records, name = self._services.records, self._trigger.environment
        allowed = (unit for unit in plan.units if judgement.verdicts[unit.id].allowed)
        begun = {key for unit in allowed for key in unit.findings}
        now, whole = self._services.clock(), self._declared.environment
        seen = proofs(whole, actual, findings, begun, now)
        records.add_debts(name, seen.new)
        for debt in seen.learnt:
            records.update_debt(name, debt)

    def _judge(
        self,
        environment: Environment,
        memory: Memory,
        findings: tuple[Finding, ...],
        papers: Papers,
    ) -> tuple[Plan, Judgement]:
        actual = Actual(self.answers, memory)
        plan = draw_plan(self._catalogue, environment, actual, findings)
        for _ in range(ROUNDS_OF_READS):
            reads = guards.needed(plan, Actual(self.answers, memory))
            if not reads:
                break
            self._read(reads)
        circumstances = self._circumstances(papers)
        actual = Actual(self.answers, memory)
        return plan, guards.judge(plan, self._declared.environment, actual, circumstances)

    def _decided(self, state: ApprovalState) -> str:
        """The plan hash that a person approved or rejected, as long as the decision holds."""
        approval = self._services.records.approval(self._trigger.environment)
        if approval is None or approval.state is not state:
            return ""
        return approval.plan_hash if approval.until > self._services.clock() else ""

    def _approved_units(self) -> dict[str, JsonObject]:
        """The units of the plan that a person approved, from the record of the run that asked."""
        approval = self._services.records.approval(self._trigger.environment)
        if approval is None or not self._decided(ApprovalState.APPROVED):
            return {}
        asked = self._services.records.run(approval.run) or {}
        for seen in asked.get("rounds", ()):
            if seen["approvalHash"] == approval.plan_hash:
                names = {v["unit"] for v in seen["verdicts"] if v["why"] == "Approval"}
                return {u["id"]: u for u in seen["plan"]["units"] if u["id"] in names}
        return {}

    def _circumstances(self, papers: Papers) -> Circumstances:
        records, name = self._services.records, self._trigger.environment
        changed = records.accepted_version(name) != self._declared.version
        causes = set(self._trigger.causes or (self._trigger.cause,))
        return Circumstances(
            now=self._services.clock(),
            ceiling=self._services.settings.mode,
            paused=records.paused(name) is not None,
            dry_run=self._trigger.dry_run,
            released=bool(causes & {Cause.MANUAL, Cause.APPROVAL}),
            approved=self._decided(ApprovalState.APPROVED),
            approved_units=self._approved_units(),
            rejected=self._decided(ApprovalState.REJECTED),
            manifest_changed=changed and self._services.settings.approve_manifest_changes,
            own=_begun(papers, self._number),
            attempts=records.attempts(name),
            beside=self._trigger.beside,
            occupied=occupied(self._services, name, beside=self._trigger.beside),
        )


def suspect_restarts(
    services: Services, name: str, now: datetime, known: Mapping[Read, Observation] = _NOTHING
) -> dict[Read, Observation]:
    """Turn starts of clusters in the activity logs into debts; the answers that were read.

    A suspicion only: whether a debt is acted on is judged with evidence read later. ``now`` is when
    the look began, and ``known`` what it has read already.
    """
    records, environment = services.records, services.declared(name).environment
    earliest = now - _LOG_REACH
    since = {
        cluster.id: _later(earliest, records.watermark(name, _watermark(cluster.id)))
        for cluster in environment.clusters
    }
    reads = log_reads(environment, since)
    answers = services.azure().read(read for read in reads if read not in known)
    for cluster, started in starts_in(Actual(answers), reads).items():
        records.add_debts(name, debts_of(environment, cluster, started, "activity log"))
        records.set_watermark(name, _watermark(cluster), started)
    return answers


def active(services: Services, trigger: Trigger, environment: Environment) -> Catalogue:
    """The remediators that are neither off nor left out by the trigger, with those they need.

    A run beside the main one is for what is urgent alone.

    One that needs another which is off does not look either: its repair would rest on something
    that nobody repairs.
    """
    by_name = {remediator.name: remediator for remediator in services.catalogue}
    wanted = set(trigger.remediators) & set(by_name) if trigger.remediators else set(by_name)
    wanted |= {need for name in wanted for need in by_name[name].needs}
    if trigger.beside:
        wanted = {name for name in wanted if by_name[name].urgent}
    on = {
        name
        for name in by_name
        if mode_of(name, environment, services.settings.mode) is not Mode.OFF
    }
    return tuple(
        remediator
        for remediator in services.catalogue
        if remediator.name in wanted & on and on.issuperset(remediator.needs)
    )


def _begun(papers: Papers, number: int) -> frozenset[ResourceId] | None:
    """The resources whose units earlier rounds of this run were allowed to carry out."""
    if number == 1:
        return None
    begun: set[ResourceId] = set()
    for earlier in range(1, number):
        assessment = papers.get(earlier)
        if assessment is not None:
            verdicts = assessment.judgement.verdicts
            begun |= {u.resource for u in assessment.plan.units if verdicts[u.id].allowed}
    return frozenset(begun)


def _later(earliest: datetime, watermark: datetime | None) -> datetime:
    return max(earliest, watermark) if watermark else earliest


def skeletons(assessment: Assessment) -> Mapping[str, dict[str, Any]]:
    """What an orchestrator needs to know of the units that may go ahead: ids, order, sizes."""
    allowed = [u for u in assessment.plan.units if assessment.judgement.verdicts[u.id].allowed]
    return {
        unit.id: {
            "after": list(assessment.plan.after.get(unit.id, ())),
            "exclusive": list(unit.exclusive),
            "steps": len(unit.steps),
        }
        for unit in allowed
    }


def _watermark(cluster: ResourceId) -> str:
    return f"starts-{fingerprint(cluster.key)}"
