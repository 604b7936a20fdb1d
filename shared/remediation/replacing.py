"""Owns the units that make a private endpoint again: one per endpoint, whole or not at all.

A replacement deletes, waits until it is gone, creates, waits for the approval, then writes the
zone group and the endpoint's own records. The intent it carries is stored before anything is
deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from shared.model.actual import Actual
from shared.model.arm import provisioning_state
from shared.model.environment import Environment, PrivateEndpoint
from shared.model.finding import Disposition, Finding
from shared.model.intent import Intent
from shared.model.json import JsonObject
from shared.model.plan import Need, Requirement, Unit
from shared.model.resource_id import ResourceId
from shared.model.step import (
    AwaitState,
    Change,
    Condition,
    DeleteResource,
    PutResource,
    Step,
)
from shared.remediation.bodies import endpoint_as_it_is, endpoint_body
from shared.remediation.endpoints import REPLACING, interface_of, view_of, zones_of
from shared.remediation.own_records import RECORD_REASONS, foreign_addresses, record_steps
from shared.remediation.zone_groups import configs_of, group_body, group_of
from shared.remediation.zone_links import links_of

APPROVALS: Final = MappingProxyType(
    {
        kind.lower(): kind
        for kind in (
            "Microsoft.Storage/storageAccounts",
            "Microsoft.KeyVault/vaults",
            "Microsoft.ContainerRegistry/registries",
            "Microsoft.MachineLearningServices/workspaces",
            "Microsoft.ContainerService/managedClusters",
        )
    }
)
"""Target types as Azure spells them; each has a ``privateEndpointConnectionsApproval/action``."""

_NETWORK: Final = "Microsoft.Network"
_UNMADE: Final = frozenset({"EndpointMissing", "EndpointUnfinished"})
"""Nothing stands there that a write could destroy (domain.md 4: the PUT is to be retried)."""
_ZONE_REASONS: Final = frozenset({"ZoneGroupMissing", "ZoneGroupChanged"})


def endpoint_units(
    remediator: str,
    endpoints: Iterable[PrivateEndpoint],
    environment: Environment,
    actual: Actual,
    findings: Sequence[Finding],
) -> list[Unit]:
    """One unit for each endpoint that has something to repair, in the order of ``endpoints``.

    Each follows the declared links of its zones: zone, link, endpoint, record.
    """
    units = []
    for endpoint in endpoints:
        mine = [
            item
            for item in findings
            if item.resource == endpoint.id and item.disposition is Disposition.REPAIR
        ]
        if mine and endpoint.owned:
            unit = _unit(remediator, environment, endpoint, actual, mine)
            links = (link for zone in zones_of(endpoint) for link in links_of(environment, zone))
            units.append(replace(unit, follows=(*unit.follows, *links)))
    return units


def _unit(
    remediator: str,
    environment: Environment,
    endpoint: PrivateEndpoint,
    actual: Actual,
    mine: Sequence[Finding],
) -> Unit:
    reasons = {item.reason for item in mine}
    keys = tuple(item.key for item in mine)
    records = tuple(record_steps(environment, endpoint, actual))
    foreign = foreign_addresses(environment, endpoint, actual)
    over = f", over {', '.join(foreign)}" if foreign else ""
    needs = _of_records(endpoint) if foreign else ()
    if reasons & REPLACING:
        unit = _replacement(remediator, endpoint, actual, keys, records)
        return replace(unit, title=unit.title + over)
    if reasons & _UNMADE:
        unit = _creation(remediator, endpoint, actual, keys, records)
        return replace(unit, title=unit.title + over, overwrites=bool(foreign), requires=needs)
    again, naming = "EndpointFailed" in reasons, bool(reasons & RECORD_REASONS)
    what = "" if again else "the names of "
    title = f"Write {what}private endpoint {endpoint.id.name}{' again' if again else ''}"
    return Unit(
        id=f"{remediator}:{'again' if again else 'names'}:{endpoint.id.key}",
        remediator=remediator,
        title=title + (over if naming else ""),
        resource=endpoint.id,
        findings=keys,
        steps=(
            *(_written_again(endpoint, actual) if again else ()),
            *(zone_group_step(endpoint, actual) if reasons & _ZONE_REASONS else ()),
            *(records if naming else ()),
        ),
        follows=(endpoint.id,),
        exclusive=exclusive_of(endpoint),
        overwrites=naming and bool(foreign),
        requires=needs if naming else (),
    )


def _written_again(endpoint: PrivateEndpoint, actual: Actual) -> tuple[Step, ...]:
    """The lesser cure of a failed endpoint: its own body once more."""
    live = actual.body(endpoint.id)
    if live is None:  # detect saw its state there, so this is a planning error
        raise ValueError(f"{endpoint.id} is to be written again, but was not read")
    change = Change("provisioningState", provisioning_state(live), "succeeded")
    return (
        PutResource(endpoint.id, endpoint_as_it_is(live), (change,)),
        AwaitState(endpoint.id, Condition.APPROVED),
    )


def _replacement(
    remediator: str,
    endpoint: PrivateEndpoint,
    actual: Actual,
    keys: tuple[str, ...],
    records: tuple[Step, ...],
) -> Unit:
    interface = interface_of(endpoint, actual)
    incarnation = interface.guid if interface else ""
    if not incarnation:  # detect holds such a finding back, so this is a planning error
        raise ValueError(f"{endpoint.id} is to be replaced, but its incarnation is not known")
    body = endpoint_body(endpoint, actual.body(endpoint.id))
    view = view_of(endpoint, actual)
    state = view.connection if view else None
    gone = Change("resourceGuid", incarnation, None)
    delete = DeleteResource(endpoint.id, incarnation, (gone,))
    return Unit(
        id=f"{remediator}:replace:{endpoint.id.key}",
        remediator=remediator,
        title=f"Replace private endpoint {endpoint.id.name}",
        resource=endpoint.id,
        findings=keys,
        steps=(
            delete,
            AwaitState(endpoint.id, Condition.GONE),
            *_made(endpoint, actual, body, Change("connection", state, "approved")),
            *records,
        ),
        exclusive=exclusive_of(endpoint),
        requires=tuple(sorted(set(_requirements(endpoint)))),
        intent=Intent(endpoint.id, body, incarnation),
        counts_as=f"restart:{endpoint.target.key}" if endpoint.to_cluster else "",
    )


def _creation(
    remediator: str,
    endpoint: PrivateEndpoint,
    actual: Actual,
    keys: tuple[str, ...],
    records: tuple[Step, ...],
) -> Unit:
    intent = actual.memory.intent(endpoint.id)
    body = endpoint_body(endpoint, intent.body if intent else actual.body(endpoint.id))
    return Unit(
        id=f"{remediator}:create:{endpoint.id.key}",
        remediator=remediator,
        title=f"Create private endpoint {endpoint.id.name}",
        resource=endpoint.id,
        findings=keys,
        steps=(
            *_made(endpoint, actual, body, Change("connection", None, "approved")),
            *records,
        ),
        exclusive=exclusive_of(endpoint),
    )


def _made(
    endpoint: PrivateEndpoint, actual: Actual, body: JsonObject, change: Change
) -> tuple[Step, ...]:
    """Create it, wait for the approval, then its zone group."""
    return (
        PutResource(endpoint.id, body, (change,)),
        AwaitState(endpoint.id, Condition.APPROVED),
        *zone_group_step(endpoint, actual),
    )


def zone_group_step(endpoint: PrivateEndpoint, actual: Actual) -> Iterator[Step]:
    """Not before the endpoint is Succeeded (domain.md 4)."""
    group = group_of(endpoint, actual)
    if group is None or endpoint.zone_group is None:
        return
    live = group_body(endpoint, actual)
    configs = configs_of(endpoint.zone_group, live)
    names = [zone.private_dns_zone_id.name for zone in endpoint.zone_group.zones]
    before = "present" if live is not None else None
    change = Change("privateDnsZoneConfigs", before, names)
    yield PutResource(group, {"properties": {"privateDnsZoneConfigs": configs}}, (change,))


def exclusive_of(endpoint: PrivateEndpoint) -> tuple[str, ...]:
    """Two endpoints of one subnet or target fail when made at once (domain.md 4)."""
    return (f"subnet:{endpoint.subnet.key}", f"target:{endpoint.target.key}")


def _requirements(endpoint: PrivateEndpoint) -> Iterator[Requirement]:
    """What must be true so that the endpoint can be made again (domain.md 7)."""
    group = endpoint.id.group
    for action in ("write", "delete"):
        yield _may(group, f"{_NETWORK}/privateEndpoints/{action}")
    yield _may(endpoint.subnet, f"{_NETWORK}/virtualNetworks/subnets/join/action")
    if not endpoint.manual:
        kind = APPROVALS.get(endpoint.target.type, endpoint.target.type)
        yield _may(endpoint.target, f"{kind}/privateEndpointConnectionsApproval/action")
    if endpoint.zone_group is not None:
        yield _may(group, f"{_NETWORK}/privateEndpoints/privateDnsZoneGroups/write")
        for zone in endpoint.zone_group.zones:
            yield _may(zone.private_dns_zone_id, f"{_NETWORK}/privateDnsZones/join/action")
    yield from _of_records(endpoint)
    yield from (Requirement(Need.EXISTS, zone) for zone in zones_of(endpoint))
    yield Requirement(Need.BARE, endpoint.id)
    yield Requirement(Need.EXISTS, endpoint.subnet)
    need = Need.SUCCEEDED if endpoint.to_cluster else Need.EXISTS
    yield Requirement(need, endpoint.target)


def _of_records(endpoint: PrivateEndpoint) -> tuple[Requirement, ...]:
    action = f"{_NETWORK}/privateDnsZones/A/write"
    return tuple(sorted({_may(record.zone, action) for record in endpoint.records}))


def _may(resource: ResourceId, action: str) -> Requirement:
    return Requirement(Need.PERMISSION, resource, action)
