"""Owns the draft of a manifest: what is declared, in sections, and what a person should know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from shared.capture.access import (
    Item,
    registry_item,
    storage_item,
    vault_item,
    workspace_item,
)
from shared.capture.isolation import isolation_of
from shared.capture.links import compute_item, endpoint_item
from shared.capture.networks import network_items, security_group_items, zone_items
from shared.capture.roles import write_roles
from shared.capture.settings import (
    insights_items,
    managed_items,
    write_cluster,
    write_registry,
    write_storage,
    write_vault,
    write_workspace,
)
from shared.capture.surroundings import Surroundings, blobs_of
from shared.capture.survey import MANAGED_CLUSTERS, Survey
from shared.model.actual import Absent, Actual, Question, Unreadable
from shared.model.arm import ClusterView
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person should know of a resource before the manifest is trusted."""

    resource: ResourceId
    text: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.text}"


@dataclass(frozen=True, slots=True)
class Section:
    """One list of the manifest; ``key`` is its YAML name."""

    key: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest to be written. ``unread`` names parts that could not be read, and why.

    ``isolation`` is the documented scenario that the live environment is, if it clearly is one.
    """

    name: str
    sections: tuple[Section, ...]
    unread: tuple[str, ...] = ()
    isolation: str = ""
    cloud: str = "public"

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Everything that contradicts a private environment, in the order of the file."""
        return tuple(
            Remark(ResourceId.parse(item.body["id"]), text)
            for section in self.sections
            for item in section.items
            for text in item.remarks
        )


def draw(
    name: str, workspaces: Iterable[ResourceId], actual: Actual, *, cloud: str = "public"
) -> Draft:
    """The draft of what was read around ``workspaces`` (``needed`` has nothing left to ask)."""
    survey = Survey(tuple(sorted(workspaces)), actual)
    around = Surroundings(survey)
    endpoints = tuple(_endpoints(survey))
    zones = [ResourceId.parse(r["zone"]) for e in endpoints for r in e.body.get("records", ())]
    sections = (
        Section("workspaces", tuple(_workspaces(around))),
        Section("storageAccounts", tuple(_storage(survey))),
        Section("keyVaults", tuple(_of(survey, survey.associated("keyVault"), _vault))),
        Section(
            "registries", tuple(_of(survey, survey.associated("containerRegistry"), _registry))
        ),
        Section("applicationInsights", tuple(insights_items(around))),
        Section("clusters", tuple(_cluster(around, cluster) for cluster in survey.clusters)),
        Section("virtualNetworks", tuple(network_items(around))),
        Section("networkSecurityGroups", tuple(security_group_items(around))),
        Section("privateDnsZones", tuple(zone_items(around, zones))),
        Section("privateEndpoints", endpoints),
        Section("computes", tuple(_computes(survey))),
        Section("managedComputes", tuple(managed_items(around))),
        Section("identities", tuple(_identities(around))),
    )
    bodies = {each.key: [item.body for item in each.items] for each in sections}
    isolation = isolation_of(bodies, actual)
    return Draft(name, sections, tuple(_unread(survey)), isolation, cloud)


def _workspaces(around: Surroundings) -> Iterator[Item]:
    for item in _of(around.survey, around.survey.workspaces, workspace_item):
        resource = ResourceId.parse(item.body["id"])
        write_workspace(item, around.actual.body(resource) or {})
        write_roles(item, around, resource)
        yield item


def _vault(resource: ResourceId, body: JsonObject) -> Item:
    item = vault_item(resource, body)
    write_vault(item, body)
    return item


def _registry(resource: ResourceId, body: JsonObject) -> Item:
    item = registry_item(resource, body)
    write_registry(item, body)
    return item


def _identities(around: Surroundings) -> Iterator[Item]:
    """Identities that have roles; one without any has nothing to lose."""
    for identity in around.identities:
        body = around.actual.body(identity)
        item = Item({"id": _own_id(identity, body).text})
        write_roles(item, around, identity)
        if body is not None and "roles" in item.body:
            yield item


def _of(
    survey: Survey, ids: Iterable[ResourceId], draw_item: Callable[[ResourceId, JsonObject], Item]
) -> Iterator[Item]:
    for resource in ids:
        body = survey.actual.body(resource)
        if body is not None:
            yield draw_item(_own_id(resource, body), body)


def _storage(survey: Survey) -> Iterator[Item]:
    for account in survey.associated("storageAccount"):
        body = survey.actual.body(account)
        users = [
            workspace
            for workspace in survey.workspaces
            if ResourceId.maybe(dig(survey.actual.body(workspace), "properties.storageAccount"))
            == account
        ]
        if body is not None:
            item = storage_item(_own_id(account, body), body, users)
            write_storage(item, body, survey.actual.body(blobs_of(account)))
            yield item


def _cluster(around: Surroundings, cluster: ResourceId) -> Item:
    """A cluster. It is listed even unread: computes and endpoints refer to it."""
    body = around.actual.body(cluster)
    item = Item({"id": _own_id(cluster, body).text})
    if cluster.type != MANAGED_CLUSTERS:
        item.remarks.append("an Arc cluster: its computes are reported on, never detached")
        write_cluster(item, around.actual, cluster)
        return item
    if body is None:
        item.remarks.append("it could not be read; add vnetIntegration: true if it has that")
        return item
    view = ClusterView.of(body)
    if view.vnet_integration:
        item.body["vnetIntegration"] = True
    write_cluster(item, around.actual, cluster)
    write_roles(item, around, cluster)
    item.remarks += _cluster_remarks(view, body)
    return item


def _cluster_remarks(view: ClusterView, body: JsonObject) -> Iterator[str]:
    access = "properties.apiServerAccessProfile"
    if view.power == "running" and phase(view.state) is Phase.BAD:
        yield f"it runs, but its last operation {view.state}: `az aks update` with no option settles it"
    elif view.power and not view.usable:
        yield f"it is {view.power} ({view.state}); capture again when it runs"
    if not dig(body, f"{access}.enablePrivateCluster") and not view.vnet_integration:
        yield "its API server is public"
    elif str(dig(body, f"{access}.privateDNSZone") or "").lower() == "none":
        yield "it has no private DNS zone, so its public FQDN is needed and stays"
    elif dig(body, f"{access}.enablePrivateClusterPublicFQDN") is not False:
        yield "its public FQDN is on, which Azure ML does not support on private clusters"
    if dig(body, "properties.disableLocalAccounts"):
        yield "local accounts are disabled, which Azure ML does not support"


def _endpoints(survey: Survey) -> Iterator[Item]:
    for endpoint in survey.endpoints:
        body = survey.actual.body(endpoint)
        if body is not None:
            item = endpoint_item(survey, _own_id(endpoint, body), body)
            if item is not None:
                yield item


def _computes(survey: Survey) -> Iterator[Item]:
    for compute in survey.computes:
        body = survey.actual.body(compute)
        if body is not None:
            yield compute_item(survey, _own_id(compute, body), body)


def _own_id(asked: ResourceId, body: JsonObject | None) -> ResourceId:
    """The id as the resource spells it: others refer to it in any casing (domain.md 1.1)."""
    return ResourceId.maybe(dig(body, "id")) or asked


def _unread(survey: Survey) -> Iterator[str]:
    """What could not be read, each with the action that is missing."""
    named = set(survey.endpoints) | set(survey.guarded) | set(survey.clusters)
    for read, answer in sorted(survey.actual.observations.items(), key=lambda pair: pair[0]):
        what = "" if read.question is Question.GET else f"{read.question} {read.detail}".strip()
        where = f"{read.resource} ({what})" if what else str(read.resource)
        if isinstance(answer, Unreadable):
            missing = f"; missing: {answer.action}" if answer.action else f" ({answer.message})"
            yield f"{where}: {answer.code}{missing}"
        elif (
            isinstance(answer, Absent) and read.question is Question.GET and read.resource in named
        ):
            yield f"{where}: does not exist (404)"
