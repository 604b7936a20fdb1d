"""Owns the judgement of a declared private DNS zone and its links: who resolves its names.

One list shows every link of a zone. A link is known by its name; a network that another link of the
zone joins resolves its names just as well. A deleted zone is never made again from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from shared.model.actual import Absent, Actual, Found, Question, Read, Unreadable
from shared.model.arm import provisioning_state
from shared.model.environment import Environment, PrivateDnsZone, ZoneLink
from shared.model.finding import Disposition, Evidence
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.remediation.commands import az, az_child
from shared.remediation.differences import (
    Difference,
    Obstacle,
    get,
    held,
    state_obstacle,
    unread,
)

_LINKS: Final = "virtualNetworkLinks"
_FLAG: Final = "--zone-name"


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link as ARM shows it (privateDnsZones/virtualNetworkLinks, 2024-06-01)."""

    id: ResourceId | None
    name: str
    network: ResourceId | None
    registers: bool
    policy: str
    provisioning: str
    joined: str

    @classmethod
    def of(cls, body: JsonObject) -> LinkView:
        """Read a link's body."""
        return cls(
            id=ResourceId.maybe(dig(body, "id")),
            name=str(dig(body, "name") or ""),
            network=ResourceId.maybe(dig(body, "properties.virtualNetwork.id")),
            registers=bool(dig(body, "properties.registrationEnabled")),
            policy=str(dig(body, "properties.resolutionPolicy") or "Default"),
            provisioning=provisioning_state(body),
            joined=str(dig(body, "properties.virtualNetworkLinkState") or "").lower(),
        )


def link_id(zone: PrivateDnsZone, link: ZoneLink) -> ResourceId:
    """The id of a declared link."""
    return zone.id.child(_LINKS, link.name)


def links_of(environment: Environment, zone: ResourceId) -> tuple[ResourceId, ...]:
    """The declared links of ``zone``."""
    zones = (each for each in environment.private_dns_zones if each.id == zone)
    return tuple(link_id(each, link) for each in zones for link in each.links)


def _listed(zone: PrivateDnsZone, actual: Actual) -> tuple[LinkView, ...] | None:
    bodies = actual.items(zone.id, Question.LIST, _LINKS)
    return None if bodies is None else tuple(LinkView.of(body) for body in bodies)


def link_view(zone: PrivateDnsZone, link: ZoneLink, actual: Actual) -> LinkView | None:
    """The live link of this name."""
    views = _listed(zone, actual) or ()
    return next((view for view in views if view.name.lower() == link.name.lower()), None)


def reads_of(zone: PrivateDnsZone, actual: Actual) -> Iterator[Read]:
    """The zone, then its links in one list; a network that is to be linked."""
    yield get(zone.id)
    if not zone.links or actual.body(zone.id) is None:
        return
    yield Read(Question.LIST, zone.id, _LINKS)
    if _listed(zone, actual) is not None:
        lost = (link for link in zone.links if not _joined(zone, link, actual))
        yield from (get(link.virtual_network) for link in lost)


def _joined(zone: PrivateDnsZone, link: ZoneLink, actual: Actual) -> bool:
    """Whether any link of the zone joins the network, or one of this name joins another."""
    views = _listed(zone, actual) or ()
    return link_view(zone, link, actual) is not None or any(
        view.network == link.virtual_network for view in views
    )


def of_zone(zone: PrivateDnsZone, actual: Actual) -> list[Difference]:
    """What is wrong with the zone itself."""
    match actual.answer(zone.id):
        case Absent():
            seen = Evidence("private DNS zone", "none (404)", "the declared zone")
            return [_by_hand("ZoneDeleted", seen, _make_zone(zone))]
        case Unreadable() as answer:
            return [held(Difference("ZoneUnreadable", ()), unread("zone", answer))]
        case Found() | None:
            listed = actual.answer(zone.id, Question.LIST, _LINKS)
            if isinstance(listed, Unreadable):
                return [held(Difference("ZoneUnreadable", ()), unread("links", listed))]
            return []


def of_link(zone: PrivateDnsZone, link: ZoneLink, actual: Actual) -> list[Difference]:
    """Every difference of one declared link, with what holds its repair back."""
    views = _listed(zone, actual)
    if views is None:
        return []
    view = link_view(zone, link, actual)
    if view is not None:
        return list(_of_view(zone, link, view))
    same = next((each for each in views if each.network == link.virtual_network), None)
    if same is not None:
        return list(_of_namesake(link, same))
    seen = Evidence("link", "none", f"one to {link.virtual_network}")
    missing = Difference("LinkMissing", (seen,), "Relink links the network as declared.")
    return [held(missing, _without_network(link, actual))]


def _without_network(link: ZoneLink, actual: Actual) -> Obstacle | None:
    match actual.answer(link.virtual_network):
        case Found():
            return None
        case Absent():
            lost = Evidence("network", f"none at {link.virtual_network} (404)", "the network")
            return Obstacle(Disposition.BLOCK, "TargetGone", (lost,))
        case answer:
            return unread("network", answer)


def _of_view(zone: PrivateDnsZone, link: ZoneLink, view: LinkView) -> Iterator[Difference]:
    own = link_id(zone, link)
    if view.network is not None and view.network != link.virtual_network:
        seen = Evidence("virtualNetwork", str(view.network), str(link.virtual_network))
        gone = az_child("network private-dns link vnet delete", _FLAG, own, "--yes")
        yield _by_hand("LinkElsewhere", seen, f"{gone} && {_make_link(own, link)}")
        return
    repair = "Relink writes the link as declared."
    seen_states = (
        Evidence("provisioningState", view.provisioning or "nothing", "succeeded"),
        Evidence("virtualNetworkLinkState", view.joined or "nothing", "completed"),
    )
    waits = None
    if Phase.BAD in {phase(view.provisioning), phase(view.joined)}:
        yield Difference("LinkFailed", seen_states, repair)
    else:
        waits = state_obstacle(view.provisioning)
        waits = waits or state_obstacle(view.joined, "virtualNetworkLinkState")
    if waits is not None:
        yield held(Difference("LinkUnsettled", ()), waits)
    if view.registers != link.registration_enabled:
        seen = _registration(view, link)
        yield held(Difference("RegistrationChanged", (seen,), repair), waits)
    policy = link.resolution_policy
    if policy is not None and view.policy.lower() != policy.lower():
        seen = Evidence("resolutionPolicy", view.policy, policy)
        yield held(Difference("ResolutionPolicyChanged", (seen,), repair), waits)


def _of_namesake(link: ZoneLink, view: LinkView) -> Iterator[Difference]:
    """The network is joined by a link of another name, which is not ours to write."""
    if view.registers != link.registration_enabled and view.id is not None:
        wanted = str(link.registration_enabled).lower()
        more = ("--registration-enabled", wanted)
        command = az_child("network private-dns link vnet update", _FLAG, view.id, *more)
        yield _by_hand("RegistrationChanged", _registration(view, link), command)


def _registration(view: LinkView, link: ZoneLink) -> Evidence:
    found, wanted = str(view.registers).lower(), str(link.registration_enabled).lower()
    return Evidence(f"registrationEnabled of '{view.name}'", found, wanted)


def _by_hand(reason: str, seen: Evidence, command: str) -> Difference:
    return Difference(reason, (seen,), "", Disposition.REPORT, "ByHand", command)


def _make_zone(zone: PrivateDnsZone) -> str:
    made = [_make_link(link_id(zone, link), link) for link in zone.links]
    return " && ".join([az("network private-dns zone create", zone.id), *made])


def _make_link(own: ResourceId, link: ZoneLink) -> str:
    registers = str(link.registration_enabled).lower()
    words = ("--virtual-network", link.virtual_network.text, "--registration-enabled", registers)
    return az_child("network private-dns link vnet create", _FLAG, own, *words)


def link_body(link: ZoneLink, view: LinkView | None) -> dict[str, Any]:
    """The body to PUT; a policy that is not declared stays as it is."""
    properties: dict[str, Any] = {
        "virtualNetwork": {"id": link.virtual_network.text},
        "registrationEnabled": link.registration_enabled,
    }
    policy = link.resolution_policy or (view.policy if view is not None else "Default")
    if policy.lower() != "default" or link.resolution_policy is not None:
        properties["resolutionPolicy"] = policy
    return {"location": "global", "properties": properties}
