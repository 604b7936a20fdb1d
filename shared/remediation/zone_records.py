"""Owns the judgement of the A records that Azure writes for the zone groups of private endpoints.

A zone group shows what it wrote (``recordSets``). Somebody may have edited or deleted a record since, and
two endpoints to one target that share a zone overwrite each other's (domain.md 4). Nothing is said of an
endpoint that is itself not in order: its records follow from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.arm import RecordView
from shared.model.environment import Environment, PrivateEndpoint
from shared.model.finding import Disposition, Evidence
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from shared.remediation.commands import az_child
from shared.remediation.differences import Difference, get, held, unread
from shared.remediation.endpoints import differences, gone, view_of
from shared.remediation.zone_groups import group_body, group_reads


@dataclass(frozen=True, slots=True)
class Written:
    """A record set that a zone group says it wrote."""

    id: ResourceId
    zone: ResourceId
    addresses: tuple[str, ...]
    ttl: int


def grouped(environment: Environment) -> tuple[PrivateEndpoint, ...]:
    """The declared endpoints whose zone group names a declared zone, in the order of the ids."""
    zones = {zone.id for zone in environment.private_dns_zones}
    found = (
        endpoint
        for endpoint in environment.private_endpoints
        if endpoint.zone_group is not None
        and any(zone.private_dns_zone_id in zones for zone in endpoint.zone_group.zones)
    )
    return tuple(sorted(found, key=lambda endpoint: endpoint.id))


def record_reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """The endpoints and their groups; of one in order the records that it wrote."""
    for endpoint in grouped(environment):
        yield get(endpoint.id)
        yield from group_reads(endpoint, actual)
        yield from (get(record.id) for record in records_of(environment, endpoint, actual))


def records_of(
    environment: Environment, endpoint: PrivateEndpoint, actual: Actual
) -> tuple[Written, ...]:
    """What its zone group wrote into declared zones, where nobody else writes the same."""
    body = group_body(endpoint, actual)
    settled = view_of(endpoint, actual) is not None and not differences(endpoint, actual)
    if body is None or not settled or any(gone(endpoint, actual)):
        return ()
    declared = {zone.id for zone in environment.private_dns_zones}
    shared = {zone for other in sharing(environment, endpoint) for zone in other[1]}
    written = []
    for config in dig(body, "properties.privateDnsZoneConfigs") or ():
        zone = ResourceId.maybe(dig(config, "properties.privateDnsZoneId"))
        if zone is None or zone not in declared or zone in shared:
            continue
        for each in dig(config, "properties.recordSets") or ():
            name = str(dig(each, "recordSetName") or "")
            own = ResourceId.maybe(f"{zone.text}/A/{name}")
            addresses = tuple(str(a) for a in dig(each, "ipAddresses") or ())
            if own is not None and addresses and _is_address(dig(each, "recordType")):
                written.append(Written(own, zone, addresses, int(dig(each, "ttl") or 10)))
    return tuple(sorted(written, key=lambda record: record.id))


def _is_address(kind: object) -> bool:
    return str(kind or "A").upper() == "A"


def sharing(
    environment: Environment, endpoint: PrivateEndpoint
) -> list[tuple[PrivateEndpoint, frozenset[ResourceId]]]:
    """Declared endpoints that lead to the same, and the zones in which both write one record."""
    mine = _zones(endpoint)
    groups = {name.lower() for name in endpoint.group_ids}
    found = []
    for other in sorted(environment.private_endpoints, key=lambda each: each.id):
        same = other.target == endpoint.target and other.id != endpoint.id
        if same and groups & {name.lower() for name in other.group_ids}:
            zones = mine & _zones(other)
            if zones and not endpoint.to_cluster:
                found.append((other, zones))
    return found


def _zones(endpoint: PrivateEndpoint) -> frozenset[ResourceId]:
    group = endpoint.zone_group
    return frozenset(zone.private_dns_zone_id for zone in group.zones) if group else frozenset()


def of_sharing(environment: Environment, endpoint: PrivateEndpoint) -> Iterator[Difference]:
    """One difference for each endpoint but the first that write one record."""
    earlier = [each for each in sharing(environment, endpoint) if each[0].id < endpoint.id]
    if not earlier or endpoint.zone_group is None:
        return
    zones = frozenset(zone for _, shared in earlier for zone in shared)
    seen = tuple(
        Evidence(f"zone {zone.name}", f"written for {other.id} too", "one endpoint a record")
        for other, shared in earlier
        for zone in sorted(shared)
    )
    config = next(z.name for z in endpoint.zone_group.zones if z.private_dns_zone_id in zones)
    group = endpoint.id.child("privateDnsZoneGroups", endpoint.zone_group.name)
    command = az_child(
        "network private-endpoint dns-zone-group remove", "--endpoint-name", group,
        "--zone-name", config,
    )  # fmt: skip
    yield Difference("RecordShared", seen, "", Disposition.REPORT, "ByHand", command)


def of_record(record: Written, actual: Actual) -> Iterator[Difference]:
    """Whether the record holds exactly what the zone group wrote."""
    wanted = ", ".join(record.addresses)
    repair = "Relink puts the zone group again, and the record where that does not bring it back."
    match actual.answer(record.id):
        case Found(body=body):
            live = RecordView.of(body).addresses
            if sorted(live) != sorted(record.addresses):
                seen = Evidence("aRecords", ", ".join(live) or "none", wanted)
                yield Difference("GroupRecordChanged", (seen,), repair)
        case Absent():
            seen = Evidence("A record", "none (404)", wanted)
            yield Difference("GroupRecordMissing", (seen,), repair)
        case Unreadable() as answer:
            yield held(Difference("ZoneUnreadable", ()), unread("A record", answer))
        case None:
            return
