"""Owns the walk from a workspace to everything that its connections depend on.

A survey looks at what has been read and says what belongs to the environment; ``asked`` says what
must be read to see further. It refuses to guess: what could not be read is left out and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from shared.model.actual import Actual, Question, Read
from shared.model.arm import ClusterView, ConnectionView, EndpointView
from shared.model.json import dig
from shared.model.resource_id import ResourceId

MANAGED_CLUSTERS: Final = "microsoft.containerservice/managedclusters"
ENDPOINTS: Final = "Microsoft.Network/privateEndpoints"
ZONES: Final = "Microsoft.Network/privateDnsZones"
ZONE_GROUPS: Final = "privateDnsZoneGroups"
_API_SERVER_ZONES: Final = (
    ".azmk8s.io",
    ".cx.aks.containerservice.azure.us",
    ".cx.prod.service.azk8s.cn",
)
"""How the zones of private AKS clusters end, cloud by cloud (domain.md 4)."""


@dataclass(frozen=True)  # no slots: what was found is kept beside the answers
class Survey:
    """What the answers so far show of the environment around ``workspaces``."""

    workspaces: tuple[ResourceId, ...]
    actual: Actual

    def associated(self, field: str) -> tuple[ResourceId, ...]:
        """What the workspaces name in a property: ``storageAccount``, ``keyVault``, …."""
        found = (dig(self.actual.body(w), f"properties.{field}") for w in self.workspaces)
        return _each(found)

    @cached_property
    def computes(self) -> tuple[ResourceId, ...]:
        """The Kubernetes computes of the workspaces; other kinds of compute are not ours."""
        return _each(
            item.get("id")
            for workspace in self.workspaces
            for item in self.actual.items(workspace, Question.LIST, "computes") or ()
            if str(dig(item, "properties.computeType") or "").lower() == "kubernetes"
        )

    @cached_property
    def clusters(self) -> tuple[ResourceId, ...]:
        """The clusters that computes are attached from, Arc ones included."""
        bodies = (self.actual.body(compute) for compute in self.computes)
        return _each(dig(body, "properties.resourceId") for body in bodies)

    @cached_property
    def aks(self) -> tuple[ResourceId, ...]:
        """The clusters that are AKS."""
        return tuple(cluster for cluster in self.clusters if cluster.type == MANAGED_CLUSTERS)

    @cached_property
    def guarded(self) -> tuple[ResourceId, ...]:
        """What workspaces keep their things in: storage, vaults, registries."""
        fields = ("storageAccount", "keyVault", "containerRegistry")
        return tuple(resource for field in fields for resource in self.associated(field))

    @cached_property
    def targets(self) -> tuple[ResourceId, ...]:
        """Everything that a private endpoint of the environment may lead to."""
        return (*self.workspaces, *self.guarded, *self.aks)

    @cached_property
    def subscriptions(self) -> tuple[ResourceId, ...]:
        """Where to look for endpoints, zones and roles: the subscriptions of all targets."""
        found = {target.subscription.lower(): target for target in self.targets}
        return tuple(ResourceId.parse(f"/subscriptions/{guid}") for guid in sorted(found))

    @cached_property
    def endpoints(self) -> tuple[ResourceId, ...]:
        """The endpoints to the targets, less those that AKS owns.

        The targets' connections name them in any subscription; the lists of subscriptions add
        those whose connection broke off, which a target may have forgotten.
        """
        named = (e for target in self.targets for e in self._connected(target))
        listed = (e for subscription in self.subscriptions for e in self._listed(subscription))
        return tuple(e for e in _each([*named, *listed]) if not self.owned_by_aks(e))

    def _connected(self, target: ResourceId) -> Iterator[str]:
        own = dig(self.actual.body(target), "properties.privateEndpointConnections")
        asked = self.actual.items(target, Question.CONNECTIONS)
        for connection in own or asked or ():
            endpoint = ConnectionView.of(connection).endpoint
            if endpoint is not None and endpoint.type == ENDPOINTS.lower():
                yield endpoint.text

    def _listed(self, subscription: ResourceId) -> Iterator[str]:
        targets = set(self.targets)
        for body in self.actual.items(subscription, Question.LIST, ENDPOINTS) or ():
            if EndpointView.of(body).target in targets:
                yield str(body.get("id"))

    def owned_by_aks(self, resource: ResourceId) -> bool:
        """Whether it lies in the node group of a cluster, where everything is AKS's own."""
        groups = {self._node_group(cluster) for cluster in self.aks}
        return (resource.subscription.lower(), resource.resource_group.lower()) in groups

    def _node_group(self, cluster: ResourceId) -> tuple[str, str]:
        body = self.actual.body(cluster)
        view = ClusterView.of(body) if body is not None else None
        return (cluster.subscription.lower(), view.node_group if view else "")

    @cached_property
    def cluster_endpoints(self) -> tuple[ResourceId, ...]:
        """The endpoints that lead to an API server."""
        clusters = set(self.aks)
        return tuple(e for e in self.endpoints if self.target_of(e) in clusters)

    def target_of(self, endpoint: ResourceId) -> ResourceId | None:
        """What the endpoint leads to, if it was read."""
        body = self.actual.body(endpoint)
        return EndpointView.of(body).target if body is not None else None

    @cached_property
    def reach(self) -> tuple[ResourceId, ...]:
        """Where the zones of cluster endpoints may be: the endpoints' subscriptions as well."""
        found = {e.subscription.lower() for e in (*self.cluster_endpoints, *self.targets)}
        return tuple(ResourceId.parse(f"/subscriptions/{guid}") for guid in sorted(found))

    @cached_property
    def zones(self) -> tuple[ResourceId, ...]:
        """Zones of API servers in reach, less AKS's own (domain.md 2: never to be written)."""
        found = _each(
            zone.get("id")
            for subscription in self.reach
            for zone in self.actual.items(subscription, Question.LIST, ZONES) or ()
        )
        return tuple(z for z in found if _of_api_server(z) and not self.owned_by_aks(z))

    def principals(self) -> dict[str, ResourceId]:
        """The principal of each system-assigned compute identity → its compute."""
        found = {}
        for compute in self.computes:
            body = self.actual.body(compute)
            kind = str(dig(body, "identity.type") or "").lower()
            principal = str(dig(body, "identity.principalId") or "")
            if "systemassigned" in kind and principal:
                found[principal] = compute
        return found


def asked(survey: Survey) -> Iterator[Read]:
    """What the walk itself asks, answered or not."""
    yield from _of_targets(survey)
    yield from _of_endpoints(survey)
    yield from _of_computes(survey)


def _of_targets(survey: Survey) -> Iterator[Read]:
    for workspace in survey.workspaces:
        yield Read(Question.LIST, workspace, "computes")
    for target in survey.targets:
        yield Read(Question.GET, target)
        body = survey.actual.body(target)
        if body is not None and dig(body, "properties.privateEndpointConnections") is None:
            yield Read(Question.CONNECTIONS, target)
    for subscription in survey.subscriptions:
        yield Read(Question.LIST, subscription, ENDPOINTS)


def _of_endpoints(survey: Survey) -> Iterator[Read]:
    for endpoint in survey.endpoints:
        yield Read(Question.GET, endpoint)
        yield Read(Question.LIST, endpoint, ZONE_GROUPS)
    if survey.cluster_endpoints:
        for subscription in survey.reach:
            yield Read(Question.LIST, subscription, ZONES)
    for endpoint in survey.cluster_endpoints:
        interface = EndpointView.of(survey.actual.body(endpoint) or {}).interface
        if interface is not None:
            yield Read(Question.GET, interface)
    for zone in survey.zones:
        yield Read(Question.LIST, zone, "A")
        yield Read(Question.LIST, zone, "virtualNetworkLinks")


def _of_computes(survey: Survey) -> Iterator[Read]:
    for compute in survey.computes:
        yield Read(Question.GET, compute)
    for principal in survey.principals():
        for subscription in survey.subscriptions:
            yield Read(Question.ROLES, subscription, principal)


def _of_api_server(zone: ResourceId) -> bool:
    return zone.name.lower().endswith(_API_SERVER_ZONES)


def _each(texts: Iterable[Any]) -> tuple[ResourceId, ...]:
    """The ids among ``texts``, each once, in the order of their keys."""
    found = {rid for text in texts if (rid := ResourceId.maybe(text)) is not None}
    return tuple(sorted(found))
