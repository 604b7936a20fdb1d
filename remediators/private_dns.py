"""Owns private DNS: the links of declared zones, and the records that zone groups wrote into them.

Names of one's own (the A records of endpoints to clusters) belong to ``cluster_endpoint``, zone groups to
whoever owns the endpoint. Never written: a zone, a link to another network than declared, a record
that two endpoints claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from shared.model.actual import Actual, Read
from shared.model.arm import RecordView
from shared.model.environment import Environment, PrivateDnsZone, PrivateEndpoint, ZoneLink
from shared.model.finding import Disposition, Finding
from shared.model.plan import Unit
from shared.model.step import Change, PutResource
from shared.remediation import sources
from shared.remediation.differences import finding, unanswered
from shared.remediation.replacing import exclusive_of, zone_group_step
from shared.remediation.zone_groups import group_of
from shared.remediation.zone_links import link_body, link_id, link_view, of_link, of_zone, reads_of
from shared.remediation.zone_records import (
    Written,
    grouped,
    of_record,
    of_sharing,
    record_reads,
    records_of,
)
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "private_dns"


def _zones(environment: Environment) -> tuple[PrivateDnsZone, ...]:
    return tuple(sorted(environment.private_dns_zones, key=lambda zone: zone.id))


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Each zone and its links, the endpoints that write into them, and what they wrote."""
    zones = (read for zone in _zones(environment) for read in reads_of(zone, actual))
    yield from unanswered(actual, [*zones, *record_reads(environment, actual)])


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every difference of zones, links and records."""
    found: list[Finding] = []
    for zone in _zones(environment):
        found += [finding(_NAME, zone.id, d, owned=zone.owned) for d in of_zone(zone, actual)]
        for link in zone.links:
            own = link_id(zone, link)
            found += [finding(_NAME, own, d, owned=zone.owned) for d in of_link(zone, link, actual)]
    for endpoint in grouped(environment):
        shared = of_sharing(environment, endpoint)
        found += [finding(_NAME, endpoint.id, d, owned=endpoint.owned) for d in shared]
        for record in records_of(environment, endpoint, actual):
            wrong = of_record(record, actual)
            found += [finding(_NAME, record.id, d, owned=endpoint.owned) for d in wrong]
    return found


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per link, and one per endpoint whose records are not as its zone group wrote them."""
    mine = [item for item in findings if item.disposition is Disposition.REPAIR]
    units = []
    for zone in _zones(environment):
        for link in zone.links:
            keys = tuple(f.key for f in mine if f.resource == link_id(zone, link))
            if keys and zone.owned:
                units.append(_linking(zone, link, actual, keys))
    for endpoint in grouped(environment):
        records = records_of(environment, endpoint, actual)
        wrong = [r for r in records if r.id in {f.resource for f in mine}]
        if wrong and endpoint.owned:
            keys = tuple(f.key for f in mine if f.resource in {r.id for r in wrong})
            units.append(_naming(environment, endpoint, wrong, actual, keys))
    return sorted(units, key=lambda unit: unit.resource)


def _linking(zone: PrivateDnsZone, link: ZoneLink, actual: Actual, keys: tuple[str, ...]) -> Unit:
    own, view = link_id(zone, link), link_view(zone, link, actual)
    body = link_body(link, view)
    changes: tuple[Change, ...] = (Change("virtualNetwork", None, link.virtual_network.text),)
    if view is not None:
        before = {"registrationEnabled": view.registers, "resolutionPolicy": view.policy}
        after = body["properties"]
        changes = tuple(
            Change(name, was, after[name])
            for name, was in before.items()
            if name in after and after[name] != was
        )
    return Unit(
        id=f"{_NAME}:link:{own.key}",
        remediator=_NAME,
        title=f"Link {zone.id.name} to {link.virtual_network.name}",
        resource=own,
        findings=keys,
        steps=(PutResource(own, body, changes),),
        exclusive=(f"zone:{zone.id.key}",),
    )


def _naming(
    environment: Environment,
    endpoint: PrivateEndpoint,
    wrong: Sequence[Written],
    actual: Actual,
    keys: tuple[str, ...],
) -> Unit:
    """Azure writes its own records again; what is not back then is written as it was."""
    group = group_of(endpoint, actual)
    if group is None:  # such an endpoint wrote no records, so this is a planning error
        raise ValueError(f"{endpoint.id} has no zone group whose records could be written")
    ours = {zone.id for zone in environment.private_dns_zones if zone.owned}
    records = [_record(record, actual) for record in wrong if record.zone in ours]
    return Unit(
        id=f"{_NAME}:records:{group.key}",
        remediator=_NAME,
        title=f"Write the records of private endpoint {endpoint.id.name}",
        resource=group,
        findings=keys,
        steps=(*zone_group_step(endpoint, actual), *records),
        follows=(endpoint.id,),
        exclusive=exclusive_of(endpoint),
    )


def _record(record: Written, actual: Actual) -> PutResource:
    body = actual.body(record.id)
    before = list(RecordView.of(body).addresses) if body is not None else None
    properties: dict[str, Any] = {
        "ttl": record.ttl,
        "aRecords": [{"ipv4Address": address} for address in record.addresses],
    }
    change = Change("aRecords", before, list(record.addresses))
    return PutResource(record.id, {"properties": properties}, (change,))


REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.Network/privateDnsZones/write",
        "Microsoft.Network/privateDnsZones/delete",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/write",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/delete",
        "Microsoft.Network/privateDnsZones/A/write",
        "Microsoft.Network/privateDnsZones/A/delete",
    ),
    permissions=(
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/write",
        # The network that a link joins (domain.md 7).
        "Microsoft.Network/virtualNetworks/join/action",
        "Microsoft.Network/privateDnsZones/A/write",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write",
        # Each zone that a zone group names (domain.md 7).
        "Microsoft.Network/privateDnsZones/join/action",
    ),
    read_permissions=(
        "Microsoft.Network/privateDnsZones/read",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/read",
        "Microsoft.Network/privateDnsZones/A/read",
        "Microsoft.Network/privateEndpoints/read",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/read",
        "Microsoft.Network/virtualNetworks/read",
        "Microsoft.Authorization/locks/read",
    ),
    reads=reads,
    detect=detect,
    plan=plan,
    reasons={
        "ZoneDeleted": Reason(
            "A declared private DNS zone does not exist.",
            f"{sources.ENDPOINT_DNS}: zones",
            Response.REPORTED,
        ),
        "LinkMissing": Reason(
            "A network that has to resolve the zone's names is not linked to it.",
            f"{sources.ENDPOINT_DNS}: the zone is linked to every network that resolves",
        ),
        "LinkElsewhere": Reason(
            "The link of this name leads to another network.",
            f"{sources.ENDPOINT_DNS}: the zone is linked to every network that resolves",
            Response.REPORTED,
        ),
        "LinkUnsettled": Reason(
            "Azure is still joining the network, or shows a state that Relink does not know.",
            sources.RELINK,
            Response.STATE,
        ),
        "LinkFailed": Reason(
            "Azure did not join the network: the link's last operation failed.",
            f"{sources.ENDPOINT_DNS}: the zone is linked to every network that resolves",
        ),
        "RegistrationChanged": Reason(
            "Machines of the network register in the zone, or do not, against what is declared; "
            "reported where a link of another name joins the network.",
            f"{sources.ENDPOINT_DNS}: no automatic registration in privatelink zones",
            Response.EITHER,
        ),
        "ResolutionPolicyChanged": Reason(
            "Names that the zone does not know are answered otherwise than declared.",
            f"{sources.ENDPOINT_DNS}: fallback to the internet",
        ),
        "GroupRecordMissing": Reason(
            "A record that Azure wrote for a private endpoint was deleted.",
            f"{sources.ENDPOINT_DNS}: A records hold the endpoint's addresses",
        ),
        "GroupRecordChanged": Reason(
            "A record that Azure wrote for a private endpoint holds other addresses.",
            f"{sources.ENDPOINT_DNS}: A records hold the endpoint's addresses",
        ),
        "RecordShared": Reason(
            "Two endpoints to one target write one record: each overwrites the other's, and the "
            "deletion of one removes it.",
            f"{sources.ENDPOINT_DNS}: one zone for each network, or one endpoint a zone",
            Response.REPORTED,
        ),
        "ZoneUnreadable": Reason(
            "The zone, its links or a record could not be read, so nothing is known of them.",
            sources.RELINK,
            Response.STATE,
        ),
    },
)
