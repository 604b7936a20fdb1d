"""Owns the A records that a person keeps for a private endpoint: judged, and written with its address.

Zone groups write none for AKS (domain.md 2). A record that AKS keeps itself is never written, whoever
declares it. Writing over an address that nothing shows to have been the endpoint's is disruptive, as
somebody may use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from shared.model.actual import Absent, Actual, Found, Unreadable
from shared.model.arm import ClusterView, RecordView, full_name
from shared.model.environment import Environment, OwnRecord, PrivateEndpoint
from shared.model.finding import Disposition, Evidence
from shared.model.resource_id import ResourceId
from shared.model.step import Change, Known, PutResource, reference
from shared.remediation import sources
from shared.remediation.differences import Difference, Obstacle, graver, held, unread
from shared.remediation.endpoints import interface_of, unread_interface, view_of
from shared.remediator import Reason, Response

RECORD_REASONS: Final = frozenset({"RecordMissing", "RecordWrong"})
"""What writing the records settles."""

REASONS: Final = {
    "RecordAksOwned": Reason(
        "AKS keeps this A record itself; a manifest must not declare it.",
        f"{sources.AKS_CONNECT}: the record of the API server in the cluster's own zone",
        Response.REPORTED,
    ),
    "RecordMissing": Reason(
        "Its own A record does not exist.", f"{sources.AKS_CONNECT}: the A record in your own zone"
    ),
    "RecordWrong": Reason(
        "Its own A record does not hold its address, or holds more though it is not shared.",
        f"{sources.AKS_CONNECT}: update DNS when the address has changed",
        disruption="whoever uses an address that is written over and was not the endpoint's",
    ),
    "RecordUnreadable": Reason(
        "Its own A record, or its address, could not be read.", sources.RELINK, Response.STATE
    ),
}


def record_id(record: OwnRecord) -> ResourceId:
    """The A record set of an own record."""
    return record.zone.child("A", record.name)


def kept_by_aks(environment: Environment, record: OwnRecord, actual: Actual) -> bool:
    """Whether AKS itself writes the record for a cluster of the environment, as far as read."""
    clusters = {cluster.id for cluster in environment.clusters}
    clusters |= {e.target for e in environment.private_endpoints if e.to_cluster}
    views = ((cluster, actual.body(cluster)) for cluster in clusters)
    return any(
        ClusterView.of(body).keeps(cluster, record.zone, record.name)
        for cluster, body in views
        if body is not None
    )


def written(
    environment: Environment, endpoint: PrivateEndpoint, actual: Actual
) -> tuple[OwnRecord, ...]:
    """Its declared records less those that AKS keeps."""
    return tuple(r for r in endpoint.records if not kept_by_aks(environment, r, actual))


def of_records(
    environment: Environment, endpoint: PrivateEndpoint, actual: Actual
) -> Iterator[Difference]:
    """Every way in which its records differ: one difference per reason."""
    missing: list[Evidence] = []
    wrong: list[Evidence] = []
    unseen: list[Obstacle] = []
    records = written(environment, endpoint, actual)
    for record in records:
        name = f"A record {full_name(record.zone, record.name)}"
        match actual.answer(record_id(record)):
            case Absent():
                missing.append(Evidence(name, "none (404)", "the endpoint's address"))
            case Found(body=body):
                held_there = RecordView.of(body).addresses
                wrong += _wrong(name, held_there, _wanted(environment, endpoint, record, actual))
            case Unreadable() as answer:
                unseen.append(unread(name, answer))
            case None:
                continue
    view = view_of(endpoint, actual)
    address = actual.answer(view.interface) if view and view.interface else None
    if records and isinstance(address, Unreadable):
        unseen.append(unread_interface(endpoint, actual))
    aks = tuple(
        Evidence("A record", f"{full_name(r.zone, r.name)}, kept by AKS", "a record of your own")
        for r in endpoint.records
        if r not in records
    )
    if aks:
        yield Difference("RecordAksOwned", aks, "", Disposition.BLOCK, "AksOwned")
    yield from _differing(missing, wrong, unseen)


def _differing(
    missing: list[Evidence], wrong: list[Evidence], unseen: list[Obstacle]
) -> Iterator[Difference]:
    repair = (
        "Relink writes the endpoint's address to it. TTL and metadata stay, and the addresses of"
        " others where it is shared."
    )
    if missing:
        yield Difference("RecordMissing", tuple(missing), repair)
    if wrong:
        yield Difference("RecordWrong", tuple(wrong), repair)
    if unseen:
        evidence = tuple(item for each in unseen for item in each.evidence)
        yield held(Difference("RecordUnreadable", evidence), graver(unseen))


def _wrong(name: str, live: tuple[str, ...], wanted: tuple[str, ...]) -> list[Evidence]:
    if not wanted or sorted(live) == sorted(wanted):
        return []
    return [Evidence(name, ", ".join(live) or "no address", ", ".join(wanted))]


def _address(endpoint: PrivateEndpoint, actual: Actual) -> str:
    """The address that it has; empty while that is not known."""
    interface = interface_of(endpoint, actual)
    return next(iter(interface.addresses if interface else ()), "")


def _had(endpoint: PrivateEndpoint, actual: Actual) -> set[str]:
    """The address that it has, and those it had when it was last seen in order."""
    interface, link = interface_of(endpoint, actual), actual.memory.link(endpoint.id)
    return {*(interface.addresses if interface else ()), *(link.addresses if link else ())}


def _composed(
    environment: Environment, endpoint: PrivateEndpoint, record: OwnRecord, actual: Actual
) -> list[str | PrivateEndpoint]:
    """What the record is to hold, in the order that it has: endpoints of ours, others' addresses.

    A shared one keeps what is neither the endpoint's nor was. Another declared endpoint of the same
    record stands for its own address, which may be a new one by the time of the write.
    """
    if not record.shared:
        return [endpoint]
    ours = [endpoint] + [
        other
        for other in environment.private_endpoints
        if other.id != endpoint.id
        and _address(other, actual)
        and record_id(record) in {record_id(r) for r in other.records}
    ]
    current = {_address(other, actual): other for other in ours}
    whose = {address: other for other in ours for address in _had(other, actual)} | current
    body = actual.body(record_id(record))
    live = RecordView.of(body).addresses if body is not None else ()
    found: list[str | PrivateEndpoint] = [whose.get(address, address) for address in live]
    kept = [each for at, each in enumerate(found) if each not in found[:at]]
    return kept if endpoint in kept else [*kept, endpoint]


def _wanted(
    environment: Environment, endpoint: PrivateEndpoint, record: OwnRecord, actual: Actual
) -> tuple[str, ...]:
    """The addresses that it is to hold now; none while the endpoint's is not known."""
    if not _address(endpoint, actual):
        return ()
    parts = _composed(environment, endpoint, record, actual)
    return tuple(each if isinstance(each, str) else _address(each, actual) for each in parts)


def record_steps(
    environment: Environment, endpoint: PrivateEndpoint, actual: Actual
) -> Iterator[PutResource]:
    """Its own A records, with its address and, where shared, those of others; the rest stays."""
    for record in written(environment, endpoint, actual):
        body = actual.body(record_id(record))
        live = RecordView.of(body) if body is not None else RecordView((), None, {})
        parts = _composed(environment, endpoint, record, actual)
        properties: dict[str, Any] = {
            "ttl": live.ttl if live.ttl is not None else record.ttl,
            "aRecords": [
                {
                    "ipv4Address": each
                    if isinstance(each, str)
                    else reference(each.id, Known.ADDRESS)
                }
                for each in parts
            ],
        }
        if live.metadata:
            properties["metadata"] = dict(live.metadata)
        after = [e if isinstance(e, str) else f"the address of {e.id.name}" for e in parts]
        change = Change("aRecords", list(live.addresses) or None, after)
        yield PutResource(record_id(record), {"properties": properties}, (change,))


def foreign_addresses(
    environment: Environment, endpoint: PrivateEndpoint, actual: Actual
) -> tuple[str, ...]:
    """What its records hold and nothing shows to be, or to have been, the endpoint's own.

    Known as its own: the address that it has, and those it had when it was last seen in order. While
    a replacement is open, what it was to write over has been judged already and is not asked again.
    """
    if actual.memory.intent(endpoint.id) is not None:
        return ()
    own = _had(endpoint, actual)
    exact = [r for r in written(environment, endpoint, actual) if not r.shared]
    bodies = (actual.body(record_id(r)) for r in exact)
    held = (a for body in bodies if body is not None for a in RecordView.of(body).addresses)
    return tuple(dict.fromkeys(address for address in held if address not in own))
