"""Owns what lies around a survey: networks, security groups, zones, identities, further settings.

Everything is found from what the environment itself uses: the networks of its endpoints, nodes and
computes, the networks that these are peered with, the zones of its endpoints' names, the identities
that it runs as. Other tenants of a shared hub are not walked into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from shared.capture.survey import ZONE_GROUPS, Survey, asked
from shared.model.actual import Actual, Question, Read
from shared.model.arm import ClusterView, EndpointView
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

_MANAGED: Final = frozenset({"amlcompute", "computeinstance"})
_NETWORK: Final = "microsoft.network/virtualnetworks"
LINKS: Final = "virtualNetworkLinks"


@dataclass(frozen=True, slots=True)
class Holder:
    """Something with an identity of its own, and the principal of that identity."""

    resource: ResourceId
    principal: str


@dataclass(frozen=True)  # no slots: what was found is kept beside the answers
class Surroundings:
    """What the answers so far show around ``survey``."""

    survey: Survey

    @cached_property
    def actual(self) -> Actual:
        """The answers."""
        return self.survey.actual

    @cached_property
    def managed(self) -> tuple[ResourceId, ...]:
        """Compute clusters and compute instances of the workspaces."""
        return _ids(
            item.get("id")
            for workspace in self.survey.workspaces
            for item in self.actual.items(workspace, Question.LIST, "computes") or ()
            if str(dig(item, "properties.computeType") or "").lower() in _MANAGED
        )

    @cached_property
    def subnets(self) -> tuple[ResourceId, ...]:
        """The subnets of endpoints, nodes and managed computes."""
        named: list[Any] = []
        for endpoint in self.survey.endpoints:
            body = self.actual.body(endpoint)
            named.append(EndpointView.of(body).subnet if body is not None else None)
        for cluster in self.survey.aks:
            named += ClusterView.of(self.actual.body(cluster) or {}).node_subnets
        for compute in self.managed:
            named.append(dig(self.actual.body(compute), "properties.properties.subnet.id"))
        found = _ids(str(each) for each in named if each)
        return tuple(each for each in found if each.parent and each.parent.type == _NETWORK)

    @cached_property
    def home(self) -> tuple[ResourceId, ...]:
        """The networks of these subnets, less those in AKS's own groups."""
        networks = _ids(str(subnet.parent) for subnet in self.subnets)
        return tuple(each for each in networks if not self.survey.owned_by_aks(each))

    def peerings(self, network: ResourceId) -> tuple[JsonObject, ...]:
        """The peerings of a network, as its body shows them."""
        return tuple(dig(self.actual.body(network), "properties.virtualNetworkPeerings") or ())

    @cached_property
    def peers(self) -> tuple[ResourceId, ...]:
        """Networks that are peered with those at home and are not at home themselves."""
        remote = _ids(
            dig(peering, "properties.remoteVirtualNetwork.id")
            for network in self.home
            for peering in self.peerings(network)
        )
        return tuple(each for each in remote if each not in self.home)

    def subnet_bodies(self, network: ResourceId) -> Iterator[JsonObject]:
        """The bodies of the subnets that the environment uses, by name."""
        used = set(self.subnets)
        for body in dig(self.actual.body(network), "properties.subnets") or ():
            if ResourceId.maybe(body.get("id")) in used:
                yield body

    @cached_property
    def security_groups(self) -> tuple[ResourceId, ...]:
        """The security groups of the subnets in use."""
        return _ids(
            dig(subnet, "properties.networkSecurityGroup.id")
            for network in self.home
            for subnet in self.subnet_bodies(network)
        )

    @cached_property
    def zones(self) -> tuple[ResourceId, ...]:
        """The zones of the endpoints' names: of their zone groups, and of the API servers' records."""
        grouped = (
            dig(config, "properties.privateDnsZoneId")
            for endpoint in self.survey.endpoints
            for group in self.actual.items(endpoint, Question.LIST, ZONE_GROUPS) or ()
            for config in dig(group, "properties.privateDnsZoneConfigs") or ()
        )
        return _ids(grouped)

    @cached_property
    def insights(self) -> tuple[ResourceId, ...]:
        """The Application Insights of the workspaces."""
        return self.survey.associated("applicationInsights")

    @cached_property
    def identities(self) -> tuple[ResourceId, ...]:
        """The user-assigned identities of workspaces, computes and clusters, kubelet's included."""
        named: list[Any] = []
        for resource in (*self.survey.workspaces, *self.survey.computes, *self.survey.aks):
            named += list(dig(self.actual.body(resource), "identity.userAssignedIdentities") or ())
        for cluster in self.survey.aks:
            kubelet = "properties.identityProfile.kubeletidentity.resourceId"
            named.append(dig(self.actual.body(cluster), kubelet))
        return tuple(each for each in _ids(named) if not self.survey.owned_by_aks(each))

    @cached_property
    def holders(self) -> tuple[Holder, ...]:
        """Workspaces, clusters and identities with the principals whose roles are declared."""
        found = []
        for resource in (*self.survey.workspaces, *self.survey.aks):
            kind = str(dig(self.actual.body(resource), "identity.type") or "").lower()
            principal = str(dig(self.actual.body(resource), "identity.principalId") or "")
            if "systemassigned" in kind and principal:
                found.append(Holder(resource, principal))
        for identity in self.identities:
            principal = str(dig(self.actual.body(identity), "properties.principalId") or "")
            if principal:
                found.append(Holder(identity, principal))
        return tuple(found)


def needed(workspaces: Iterable[ResourceId], actual: Actual) -> frozenset[Read]:
    """What must still be read. Empty: everything that can be seen has been."""
    survey = Survey(tuple(workspaces), actual)
    wanted = {*asked(survey), *_reads(survey)}
    return frozenset(read for read in wanted if read not in actual)


def _reads(survey: Survey) -> Iterator[Read]:
    """What must be read to see around the survey, as far as is known."""
    around = Surroundings(survey)
    for resource in (*around.managed, *around.insights, *around.identities):
        yield Read(Question.GET, resource)
    for network in (*around.home, *around.peers):
        yield Read(Question.GET, network)
    for group in around.security_groups:
        yield Read(Question.GET, group)
    for zone in around.zones:
        yield Read(Question.GET, zone)
        yield Read(Question.LIST, zone, LINKS)
    for account in survey.associated("storageAccount"):
        yield Read(Question.GET, blobs_of(account))
    for cluster in survey.clusters:
        yield Read(Question.EXTENSIONS, cluster)
    for holder in around.holders:
        for subscription in survey.subscriptions:
            yield Read(Question.ROLES, subscription, holder.principal)


def blobs_of(account: ResourceId) -> ResourceId:
    """The blob service of a storage account."""
    return account.child("blobServices", "default")


def _ids(texts: Any) -> tuple[ResourceId, ...]:  # noqa: ANN401 - an iterable of JSON
    """The ids among ``texts``, each once, in the order of their keys."""
    return tuple(sorted({rid for text in texts if (rid := ResourceId.maybe(text)) is not None}))
