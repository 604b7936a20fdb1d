"""Owns the judgement of one declared endpoint to an AKS API server, with its own A records.

Shared because a compute is reattached only once the endpoints of its cluster are in order. Never
judged for repair: what belongs to AKS itself, and anything under API server VNet integration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from shared.model.actual import Actual, Question, Read, Unreadable
from shared.model.arm import SUCCEEDED, ClusterView
from shared.model.debt import Debt
from shared.model.environment import Environment, PrivateEndpoint
from shared.model.finding import Disposition, Evidence
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.remediation import sources
from shared.remediation.differences import (
    Difference,
    Obstacle,
    get,
    held,
    state_obstacle,
    unread,
)
from shared.remediation.endpoint_debts import debt_reads, in_order, recorded, verdict_on
from shared.remediation.endpoints import (
    MOMENT,
    differences,
    gone,
    hold,
    interface_of,
    reads_of,
)
from shared.remediation.own_records import REASONS as RECORDS
from shared.remediation.own_records import of_records, record_id
from shared.remediation.restarting import Refuted, claimed, debts_on, settle
from shared.remediator import Reason, Response
from shared.restarts import link_of

_AKS_NAME: Final = "kube-apiserver"
_REPLACE: Final = "Relink deletes it and creates it again as declared."

REASONS: Final = {
    **RECORDS,
    "EndpointAksOwned": Reason(
        "It is AKS's own endpoint; a manifest must not declare it.",
        f"{sources.AKS_START}: AKS recreates its own endpoint",
        Response.REPORTED,
    ),
    "EndpointStale": Reason(
        "It was made before the cluster's last restart.",
        f"{sources.SECURE_INFERENCE}: note on stopped and restarted clusters, step 1",
        disruption=MOMENT,
        no_less="the private link service that it leads to went with the stop; a write does not follow the new one",
    ),
    "LinkRenewed": Reason(
        "The cluster has another private link service than the endpoint leads to.",
        f"{sources.AKS_CONNECT}: endpoints after a restart",
        disruption=MOMENT,
        no_less="a write does not lead it to the new private link service",
    ),
    "LinkUnreadable": Reason(
        "The cluster's private link service could not be read.", sources.RELINK, Response.STATE
    ),
    "ClusterUnreadable": Reason(
        "The cluster could not be read, so nothing about its link is known.",
        sources.RELINK,
        Response.STATE,
    ),
    "StaticAddress": Reason(
        "It declares a static address, which Azure does not support for AKS.",
        f"{sources.ENDPOINTS}: limitations of static addresses",
        Response.REPORTED,
    ),
}


def cluster_view(cluster: ResourceId, actual: Actual) -> ClusterView | None:
    """The live cluster, if it was found."""
    body = actual.body(cluster)
    return ClusterView.of(body) if body is not None else None


def cluster_obstacle(cluster: ResourceId, actual: Actual) -> Obstacle | None:
    """What holds back everything that needs the cluster: gone, unread, stopped or being changed."""
    body = actual.body(cluster)
    if actual.absent(cluster):
        seen = Evidence("cluster", f"none at {cluster} (404)", "the declared cluster")
        return Obstacle(Disposition.BLOCK, "TargetGone", (seen,))
    if body is None:
        return unread(f"cluster {cluster}", actual.answer(cluster))
    view = ClusterView.of(body)
    if view.usable:
        return None
    if view.power != "running":
        why = "ClusterStopped"
    elif phase(view.state) is Phase.UNKNOWN:
        return state_obstacle(view.state)
    else:
        why = "ClusterFailed" if phase(view.state) is Phase.BAD else "ClusterUpdating"
    shown = f"powerState {view.power or 'unknown'}, provisioningState {view.state or 'unknown'}"
    seen = Evidence("cluster", shown, f"running, {SUCCEEDED}")
    return Obstacle(Disposition.DEFER, why, (seen,))


def integrated(environment: Environment, cluster: ResourceId, actual: Actual) -> bool:
    """Whether the API server is VNet-integrated, declared or live: no link to mend (domain.md 2)."""
    declared = environment.cluster(cluster)
    view = cluster_view(cluster, actual)
    return bool((declared and declared.vnet_integration) or (view and view.vnet_integration))


def aks_owned(endpoint: PrivateEndpoint, actual: Actual) -> Evidence | None:
    """What shows that the endpoint is AKS's own: its name, or the node resource group."""
    if endpoint.id.name.lower() == _AKS_NAME:
        return Evidence("name", endpoint.id.name, "an endpoint of the customer")
    view = cluster_view(endpoint.target, actual)
    same = endpoint.id.subscription.lower() == endpoint.target.subscription.lower()
    if view and same and view.node_group == endpoint.id.resource_group.lower():
        return Evidence("resource group", endpoint.id.resource_group, "not the node resource group")
    return None


def cluster_endpoint_reads(
    environment: Environment, endpoint: PrivateEndpoint, actual: Actual
) -> Iterator[Read]:
    """What must be read to judge one endpoint to a cluster; the logs only for open questions."""
    yield get(endpoint.target)
    if integrated(environment, endpoint.target, actual) or aks_owned(endpoint, actual):
        return
    yield from reads_of(endpoint, actual)
    yield from (get(record_id(record)) for record in endpoint.records)
    if cluster_obstacle(endpoint.target, actual) is not None:
        return
    link = Read(Question.LINK, endpoint.target)
    yield link
    interface = interface_of(endpoint, actual)
    if link in actual and interface is not None and in_order(endpoint, actual):
        for debt in debts_on(endpoint.id, actual):
            yield from debt_reads(endpoint, interface, debt, actual)


def judge(
    environment: Environment, endpoint: PrivateEndpoint, actual: Actual
) -> tuple[Difference, ...]:
    """Every difference of one endpoint to a cluster, each with what holds its repair back."""
    debts = debts_on(endpoint.id, actual)
    if integrated(environment, endpoint.target, actual):
        seen = Evidence("API server", "VNet-integrated", "a private link")
        refuted = settle([Refuted((seen,)) for _ in debts], "EndpointStale", _REPLACE)
        return (refuted,) if refuted else ()
    own = aks_owned(endpoint, actual)
    if own is not None:
        return (Difference("EndpointAksOwned", (own,), "", Disposition.BLOCK, "AksOwned"),)
    obstacle = cluster_obstacle(endpoint.target, actual)
    found = [
        *differences(endpoint, actual),
        *gone(endpoint, actual),
        *_of_cluster(endpoint, actual),
        *_of_link(endpoint, actual, obstacle),
        *_of_debts(endpoint, debts, actual, obstacle),
        *of_records(environment, endpoint, actual),
        *_of_static_address(endpoint),
    ]
    return tuple(hold(endpoint, actual, found, obstacle))


def _of_cluster(endpoint: PrivateEndpoint, actual: Actual) -> Iterator[Difference]:
    answer = actual.answer(endpoint.target)
    if isinstance(answer, Unreadable):
        yield held(
            Difference("ClusterUnreadable", ()), unread(f"cluster {endpoint.target}", answer)
        )


def _of_link(
    endpoint: PrivateEndpoint, actual: Actual, obstacle: Obstacle | None
) -> Iterator[Difference]:
    """A link id that is not the recorded one proves a restart, whoever told of it."""
    if obstacle is not None:
        return
    answer = actual.answer(endpoint.target, Question.LINK)
    if isinstance(answer, Unreadable):
        yield held(
            Difference("LinkUnreadable", ()),
            unread(f"private link service of {endpoint.target}", answer),
        )
        return
    interface = interface_of(endpoint, actual)
    link = recorded(endpoint, interface, actual) if interface else None
    now = link_of(actual, endpoint.target)
    if link and link.link_id and now and now.lower() != link.link_id.lower():
        seen = Evidence("private link service", now, f"{link.link_id}, as last verified")
        yield Difference("LinkRenewed", (seen,), _REPLACE)


def _of_debts(
    endpoint: PrivateEndpoint, debts: tuple[Debt, ...], actual: Actual, obstacle: Obstacle | None
) -> Iterator[Difference]:
    """Nothing is asked of an endpoint that is to be replaced or waits anyway."""
    if not debts or not in_order(endpoint, actual):
        return
    if obstacle is not None:
        yield held(Difference("RestartSuspected", (claimed(debts[-1]),)), obstacle)
        return
    if any(True for item in _of_link(endpoint, actual, None)):
        return
    verdicts = [verdict_on(endpoint, debt, actual) for debt in debts]
    settled = settle(verdicts, "EndpointStale", _REPLACE)
    if settled is not None:
        yield replace(settled, evidence=(*settled.evidence, claimed(debts[-1])))


def _of_static_address(endpoint: PrivateEndpoint) -> Iterator[Difference]:
    static = dig(endpoint.body, "properties.ipConfigurations")
    if static:
        seen = Evidence("ipConfigurations", f"{len(static)} declared", "none")
        yield Difference("StaticAddress", (seen,), "", Disposition.REPORT, "StaticAddress")
