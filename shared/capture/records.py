"""Owns which A records are declared as an endpoint's own: those that hold its address, read now.

Zone groups write no record for AKS (domain.md 2), so customers keep these by hand, often in a central
zone beside the records of other clusters. A name, a zone or a link proves nothing of whose a record is.
What AKS keeps itself is never declared, and what could not be read leads to no claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from shared.capture.access import Item
from shared.capture.survey import Survey
from shared.model.actual import Question
from shared.model.arm import ClusterView, EndpointView, InterfaceView, RecordView, full_name
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

_DEFAULT_TTL: Final = 300


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An A record that may be an endpoint's.

    ``linked``: the endpoint's network asks its zone. ``clear``: and every other network that asks it
    is peered with that one, so that none of them can use the same address.
    """

    zone: ResourceId
    name: str
    view: RecordView
    linked: bool
    clear: bool

    def __str__(self) -> str:
        return full_name(self.zone, self.name)


def write_records(survey: Survey, item: Item, endpoint: ResourceId, view: EndpointView) -> None:
    """Declare the records of an endpoint to a cluster; say why where there are none."""
    body = survey.actual.body(view.target) if view.target else None
    interface = survey.actual.body(view.interface) if view.interface else None
    addresses = InterfaceView.of(interface).addresses if interface is not None else ()
    if body is None or not addresses:
        what = "its cluster" if body is None else "its address"
        item.remarks.append(
            f"{what} could not be read, so no A record is taken for its own;"
            " add those that are under records"
        )
        return
    fqdn = ClusterView.of(body).fqdn
    named = [each for each in _candidates(survey, view) if fqdn in {"", str(each)}]
    holding = [each for each in named if set(addresses) & set(each.view.addresses)]
    # Address spaces of networks apart may overlap: without a name, an address alone proves nothing.
    linked = [each for each in holding if each.linked and (fqdn or each.clear)]
    chosen = linked or (holding if fqdn else [])
    records: list[dict[str, Any]] = []
    for each in sorted(chosen, key=lambda each: (each.zone, each.name)):
        ttl = each.view.ttl
        record = {"zone": each.zone.text, "name": each.name}
        others = set(each.view.addresses) - set(addresses)
        more = {"shared": True} if others else {}
        records.append({**record, "ttl": _DEFAULT_TTL if ttl is None else ttl, **more})
    if records:
        item.body["records"] = records
    else:
        item.remarks += _without(endpoint, named if fqdn else [])


def _without(endpoint: ResourceId, stale: list[_Candidate]) -> Iterator[str]:
    yield (
        f"no A record with its address was found in the API server's zones near {endpoint.name};"
        " add it under records if the name is kept elsewhere"
    )
    for each in stale:
        held = ", ".join(each.view.addresses) or "nothing"
        yield (
            f"the A record {each} holds {held}, which is not its address, and is not declared;"
            " add it under records if it is to follow this endpoint"
        )


def _candidates(survey: Survey, view: EndpointView) -> Iterator[_Candidate]:
    """The records in the zones of API servers, less those that AKS keeps for a cluster."""
    network = view.subnet.parent if view.subnet else None
    clusters = [
        (cluster, ClusterView.of(body))
        for cluster in survey.aks
        if (body := survey.actual.body(cluster)) is not None
    ]
    body = survey.actual.body(network) if network else None
    near = {network, *_ids(dig(body, "properties.virtualNetworkPeerings"), "remoteVirtualNetwork")}
    for zone in survey.zones:
        links = survey.actual.items(zone, Question.LIST, "virtualNetworkLinks")
        asking = _ids(links, "virtualNetwork")
        linked = network in asking
        for record in survey.actual.items(zone, Question.LIST, "A") or ():
            name = str(record.get("name") or "")
            if not any(aks.keeps(cluster, zone, name) for cluster, aks in clusters):
                clear = linked and asking <= near
                yield _Candidate(zone, name, RecordView.of(record), linked, clear)


def _ids(items: Iterable[JsonObject] | None, what: str) -> set[ResourceId | None]:
    """What ``properties.<what>.id`` of each names; None among them where it names nothing."""
    return {ResourceId.maybe(dig(each, f"properties.{what}.id")) for each in items or ()}
