"""Owns what follows from the restart of a cluster before anything is proved: debts and links.

Pure. A start that somebody tells of, or that the activity log shows, is a suspicion: it becomes a
debt per endpoint and compute of that cluster. Whether a debt is acted on is the remediators' to
say, with evidence read at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from shared.model.actual import Actual, Link, Question, Read
from shared.model.arm import APPROVED, SUCCEEDED, EndpointView, InterfaceView, PowerAction
from shared.model.debt import Debt
from shared.model.environment import Environment
from shared.model.finding import Disposition, Finding
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from shared.remediation.restarting import RESTART_REASONS


def debts_of(
    environment: Environment, cluster_id: ResourceId, restart_at: datetime, source: str
) -> tuple[Debt, ...]:
    """One debt per declared endpoint to the cluster and per compute attached from it.

    Endpoints of a VNet-integrated API server have no private link to lose (domain.md 2).
    """
    cluster = environment.cluster(cluster_id)
    if cluster is None or not cluster.is_aks:
        return ()
    endpoints = () if cluster.vnet_integration else environment.cluster_endpoints(cluster_id)
    targets = [endpoint.id for endpoint in endpoints]
    targets += [compute.id for compute in environment.computes if compute.cluster == cluster_id]
    return tuple(Debt(target, cluster_id, restart_at, source) for target in targets)


def log_reads(environment: Environment, since: dict[ResourceId, datetime]) -> tuple[Read, ...]:
    """The power logs that a sweep wants, each since the last start that was seen."""
    return tuple(
        Read(Question.POWER_LOG, cluster.id, since[cluster.id].isoformat())
        for cluster in environment.clusters
        if cluster.is_aks
    )


def starts_in(actual: Actual, reads: Iterable[Read]) -> dict[ResourceId, datetime]:
    """The newest succeeded start of each cluster in the logs that were read."""
    found: dict[ResourceId, datetime] = {}
    for read in reads:
        events = actual.items(read.resource, read.question, read.detail) or ()
        starts = [action.at for action in PowerAction.all_of(events) if action.name == "start"]
        after = [at for at in starts if at > datetime.fromisoformat(read.detail)]
        if after:
            found[read.resource] = max(after)
    return found


def proven(findings: Sequence[Finding], debts: Sequence[Debt]) -> tuple[Debt, ...]:
    """Debts whose restart an endpoint has just proved, with the proof written into them.

    An endpoint whose connection is gone or whose link is new proves the restart for every target
    of its cluster, and that has to outlive the repair that makes it invisible. Of several claimed
    restarts only the earliest is taken as proved: a later claim may be forged, and would make
    computes look stale that were attached after the restart that really happened. An endpoint that
    another manifest owns proves it as well; one of a cluster that is stopped does not.
    """
    proofs: dict[tuple[ResourceId, datetime], str] = {}
    for finding in findings:
        owed = [debt for debt in debts if debt.target == finding.resource]
        shown = finding.reason in RESTART_REASONS and finding.disposition not in _NOT_SHOWN
        if shown and owed:
            first = min(owed, key=lambda debt: debt.restart_at)
            evidence = "; ".join(str(item) for item in finding.evidence)
            proof = f"{finding.reason} on {finding.resource}: {evidence}"[:1000]
            proofs.setdefault((first.cluster, first.restart_at), proof)
    return tuple(
        replace(debt, proof=proofs[debt.cluster, debt.restart_at])
        for debt in debts
        if not debt.proof and (debt.cluster, debt.restart_at) in proofs
    )


_NOT_SHOWN = frozenset({Disposition.NOT_NEEDED, Disposition.DEFER})


def verified_links(
    environment: Environment, actual: Actual, findings: Sequence[Finding], now: datetime
) -> tuple[Link, ...]:
    """The cluster endpoints seen in order, with the private link service they lead to.

    An endpoint with any finding is left out, so that what was recorded of a broken link stays
    the evidence that it is broken.
    """
    troubled = {
        finding.resource
        for finding in findings
        if finding.disposition is not Disposition.NOT_NEEDED
    }
    found = []
    for endpoint in environment.private_endpoints:
        if not endpoint.to_cluster or endpoint.id in troubled:
            continue
        link = _link(endpoint.id, endpoint.target, actual, now)
        if link is not None:
            found.append(link)
    return tuple(found)


def _link(endpoint: ResourceId, cluster: ResourceId, actual: Actual, now: datetime) -> Link | None:
    body = actual.body(endpoint)
    view = EndpointView.of(body) if body is not None else None
    if view is None or view.interface is None:
        return None
    interface = actual.body(view.interface)
    link_id = link_of(actual, cluster)
    if interface is None or not link_id or (view.connection, view.state) != (APPROVED, SUCCEEDED):
        return None
    seen = InterfaceView.of(interface)
    return Link(endpoint, seen.guid, link_id, now, seen.addresses) if seen.guid else None


def link_of(actual: Actual, cluster: ResourceId) -> str:
    """The private link service behind the cluster's API server now; empty when not read.

    The field is spelt ``privateLinkServiceID`` (domain.md 2).
    """
    for resource in actual.items(cluster, Question.LINK) or ():
        found = dig(resource, "privateLinkServiceID") or dig(
            resource, "properties.privateLinkServiceID"
        )
        if found:
            return str(found)
    return ""
