"""Owns keeping what an endpoint shows of a restart, before its repair uses that up. Pure.

An endpoint that is replaced takes along what it proved: that its connection is gone, that it leads
to another link than recorded. So before anything is done about it, every endpoint and compute of
that cluster owes a look, with what is known of when the restart was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.model.actual import Actual, Link
from shared.model.debt import SEEN, Debt
from shared.model.environment import Environment
from shared.model.finding import Disposition, Finding
from shared.model.resource_id import ResourceId
from shared.remediation.endpoint_debts import recorded
from shared.remediation.endpoints import interface_of
from shared.remediation.restarting import RESTART_REASONS
from shared.restarts import debts_of, link_of, proven


@dataclass(frozen=True, slots=True)
class Proofs:
    """Debts that are owed from now on, and open ones with what was learnt of them."""

    new: tuple[Debt, ...]
    learnt: tuple[Debt, ...]


def proofs(
    environment: Environment,
    actual: Actual,
    findings: Sequence[Finding],
    begun: Collection[str],
    now: datetime,
) -> Proofs:
    """What the look at ``now`` proves of restarts. ``begun``: findings whose repair goes ahead.

    A link that is new since it was verified proves a restart after that, whoever repairs the
    endpoint. A connection that is gone may have been removed alone: it is a suspicion, kept when
    the repair would make it invisible. What does not exist is made after it, and owes nothing.
    """
    after: dict[ResourceId, datetime] = {}
    new: dict[ResourceId, Debt] = {}
    known = {debt.target for debt in actual.memory.debts if debt.seen}
    for cluster, finding, link in _shown(environment, actual, findings):
        if link is not None:
            after[cluster] = max(link.verified_at, after.get(cluster, link.verified_at))
        elif finding.key not in begun:
            continue
        source = f"{SEEN}: {finding.reason} on {finding.resource}"
        for debt in debts_of(environment, cluster, now, source):
            if debt.target not in known and not actual.absent(debt.target):
                kept = new.get(debt.target, debt)
                new[debt.target] = replace(kept, after=after.get(cluster, kept.after))
    return Proofs(tuple(new.values()), tuple(_learnt(actual, findings, after)))


def _shown(
    environment: Environment, actual: Actual, findings: Sequence[Finding]
) -> Iterator[tuple[ResourceId, Finding, Link | None]]:
    """(cluster, finding, the link that is gone) of each endpoint that shows a restart.

    One whose recorded link is still the cluster's was cut off without a restart.
    """
    hidden = {Disposition.NOT_NEEDED, Disposition.DEFER}
    for endpoint in environment.private_endpoints:
        interface = interface_of(endpoint, actual)
        link = recorded(endpoint, interface, actual) if interface is not None else None
        now = link_of(actual, endpoint.target) if endpoint.to_cluster else ""
        known = link is not None and bool(link.link_id and now)
        if link is not None and known and link.link_id.lower() == now.lower():
            continue
        for finding in findings:
            shows = finding.reason in RESTART_REASONS and finding.disposition not in hidden
            if shows and finding.resource == endpoint.id:
                yield endpoint.target, finding, link if known else None


def _learnt(
    actual: Actual, findings: Sequence[Finding], after: dict[ResourceId, datetime]
) -> Iterator[Debt]:
    told = {debt.id: debt for debt in proven(findings, actual.memory.debts)}
    for debt in actual.memory.debts:
        learnt = told.get(debt.id, debt)
        if debt.cluster in after and not learnt.after:
            learnt = replace(learnt, after=after[debt.cluster])
        if learnt != debt:
            yield learnt
