"""Owns the zone group of one declared endpoint: which one is in force, how it differs, what is written.

It is known by what it does: an endpoint has one group, and one of another name that serves the
declared zones is in order. A group is changed where it is and never joined by a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from shared.model.actual import Absent, Actual, Found, Observation, Question, Read, Unreadable
from shared.model.arm import ZoneGroupView, provisioning_state
from shared.model.environment import PrivateEndpoint, ZoneGroup
from shared.model.finding import Evidence
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.remediation.differences import Difference, get, held, state_obstacle, unread

_GROUPS: Final = "privateDnsZoneGroups"


def group_of(endpoint: PrivateEndpoint, actual: Actual) -> ResourceId | None:
    """The id of its zone group: the declared name, or the one that took its place.

    An endpoint has one group only (domain.md 4), and what a policy makes has a name of its own: it
    serves the same zones, and a second one beside it would be refused.
    """
    declared = _declared_group(endpoint)
    if declared is None or not actual.absent(declared):
        return declared
    listed = actual.items(endpoint.id, Question.LIST, _GROUPS) or ()
    names = sorted(str(dig(body, "name") or "") for body in listed)
    return next((endpoint.id.child(_GROUPS, name) for name in names if name), declared)


def group_answer(endpoint: PrivateEndpoint, actual: Actual) -> Observation | None:
    """What is known of its zone group; unread where it is not known whether another took its place."""
    declared, group = _declared_group(endpoint), group_of(endpoint, actual)
    if declared is None or group is None:
        return None
    if group == declared:
        own = actual.answer(declared)
        listed = actual.answer(endpoint.id, Question.LIST, _GROUPS)
        unsure = isinstance(own, Absent) and actual.body(endpoint.id) is not None
        return listed if unsure and not isinstance(listed, Found | Absent) else own
    listed = actual.answer(endpoint.id, Question.LIST, _GROUPS)
    bodies = actual.items(endpoint.id, Question.LIST, _GROUPS) or ()
    body = next(body for body in bodies if dig(body, "name") == group.name)
    return Found(body, listed.at) if isinstance(listed, Found) else listed


def group_body(endpoint: PrivateEndpoint, actual: Actual) -> JsonObject | None:
    """The live zone group, if one was found."""
    answer = group_answer(endpoint, actual)
    return answer.body if isinstance(answer, Found) else None


def group_reads(endpoint: PrivateEndpoint, actual: Actual) -> Iterator[Read]:
    """The declared zone group; every group of the endpoint where that one is not there."""
    declared = _declared_group(endpoint)
    if declared is not None:
        yield get(declared)
        if actual.absent(declared) and actual.body(endpoint.id) is not None:
            yield Read(Question.LIST, endpoint.id, _GROUPS)


def _declared_group(endpoint: PrivateEndpoint) -> ResourceId | None:
    group = endpoint.zone_group
    return endpoint.id.child(_GROUPS, group.name) if group else None


def of_zone_group(endpoint: PrivateEndpoint, actual: Actual) -> Iterator[Difference]:
    """How its zone group differs from the declared zones; its name is no difference."""
    group = group_of(endpoint, actual)
    if group is None or endpoint.zone_group is None:
        return
    wanted = {zone.private_dns_zone_id for zone in endpoint.zone_group.zones}
    names = ", ".join(sorted(zone.name for zone in wanted))
    repair = f"Relink writes the zones of zone group {group.name} as declared."
    match group_answer(endpoint, actual):
        case Found(body=body):
            live = ZoneGroupView.of(body).zones
            state = provisioning_state(body)
            obstacle = state_obstacle(state)
            if live != wanted or phase(state) is Phase.BAD or obstacle is not None:
                shown = ", ".join(sorted(zone.name for zone in live)) or "no zones"
                seen = Evidence(f"zone group {group.name}", f"{shown} (state '{state}')", names)
                yield held(Difference("ZoneGroupChanged", (seen,), repair), obstacle)
        case Absent():
            seen = Evidence("zone group", "none (404)", names)
            yield Difference("ZoneGroupMissing", (seen,), repair)
        case Unreadable() as answer:
            unseen = Difference("EndpointUnreadable", ())
            yield held(unseen, unread("zone group", answer))
        case None:
            return


def configs_of(group: ZoneGroup, live: JsonObject | None) -> list[dict[str, Any]]:
    """The declared zones, each under the name that it has there already, where that fits."""
    kept = {
        ResourceId.maybe(dig(config, "properties.privateDnsZoneId")): str(dig(config, "name") or "")
        for config in dig(live, "properties.privateDnsZoneConfigs") or ()
    }
    names = [kept.get(zone.private_dns_zone_id) or zone.name for zone in group.zones]
    if len({name.lower() for name in names}) < len(names):
        names = [zone.name for zone in group.zones]
    return [
        {"name": name, "properties": {"privateDnsZoneId": zone.private_dns_zone_id.text}}
        for name, zone in zip(names, group.zones, strict=True)
    ]
