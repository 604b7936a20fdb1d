"""Owns what is written of networks, security groups and private DNS zones.

Declared is what the environment stands on: its own subnets and rules, the peerings between its
networks and the next, the links by which those networks resolve. What else is there is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from shared.capture.access import Item
from shared.capture.surroundings import LINKS, Surroundings
from shared.model.actual import Question
from shared.model.json import JsonObject, dig
from shared.model.networks import PEERING_FLAGS
from shared.model.resource_id import ResourceId

_RULE: Final = (
    "description",
    "protocol",
    "access",
    "priority",
    "direction",
    "sourcePortRange",
    "sourcePortRanges",
    "destinationPortRange",
    "destinationPortRanges",
    "sourceAddressPrefix",
    "sourceAddressPrefixes",
    "destinationAddressPrefix",
    "destinationAddressPrefixes",
)
_GROUPS: Final = ("sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups")


def network_items(around: Surroundings) -> Iterator[Item]:
    """The networks at home with all they stand on, and their peers with the way back."""
    networks = sorted((*around.home, *around.peers))
    for network in networks:
        body = around.actual.body(network)
        if body is None:
            continue
        item = Item({"id": str(body.get("id") or network.text)})
        subnets = [_subnet(each) for each in around.subnet_bodies(network)]
        subnets = sorted((s for s in subnets if len(s) > 1), key=lambda s: s["name"])
        if subnets:
            item.body["subnets"] = subnets
        _write_peerings(around, item, network)
        if len(item.body) > 1:
            yield item


def _subnet(body: JsonObject) -> dict[str, Any]:
    found: dict[str, Any] = {"name": str(body.get("name") or "")}
    delegations = [
        dig(each, "properties.serviceName") for each in dig(body, "properties.delegations") or ()
    ]
    services = [dig(each, "service") for each in dig(body, "properties.serviceEndpoints") or ()]
    if delegations:
        found["delegations"] = sorted(map(str, delegations))
    if services:
        found["serviceEndpoints"] = sorted(map(str, services))
    policies = dig(body, "properties.privateEndpointNetworkPolicies")
    if policies:
        found["privateEndpointNetworkPolicies"] = policies
    group = ResourceId.maybe(dig(body, "properties.networkSecurityGroup.id"))
    if group is not None:
        found["networkSecurityGroup"] = group.text
    return found


def _write_peerings(around: Surroundings, item: Item, network: ResourceId) -> None:
    at_home = set(around.home)
    written = []
    for peering in around.peerings(network):
        remote = ResourceId.maybe(dig(peering, "properties.remoteVirtualNetwork.id"))
        if remote is None or (network not in at_home and remote not in at_home):
            continue
        flags = {
            name: value
            for name in PEERING_FLAGS
            if (value := dig(peering, f"properties.{name}")) is not None
        }
        body = {"properties": {"remoteVirtualNetwork": {"id": remote.text}, **flags}}
        written.append({"name": str(peering.get("name") or ""), "body": body})
        state = str(dig(peering, "properties.peeringState") or "Connected")
        if state.lower() != "connected":
            item.remarks.append(f"its peering {peering.get('name')} is {state}")
    if written:
        item.body["peerings"] = sorted(written, key=lambda each: str(each["name"]))


def security_group_items(around: Surroundings) -> Iterator[Item]:
    """The rules of the security groups over the environment's subnets; not Azure's default ones."""
    for group in around.security_groups:
        body = around.actual.body(group)
        if body is None:
            continue
        rules = [
            {"name": str(rule.get("name")), "body": {"properties": _rule(rule)}}
            for rule in dig(body, "properties.securityRules") or ()
        ]
        item = Item({"id": str(body.get("id") or group.text)})
        if rules:
            item.body["rules"] = sorted(rules, key=lambda rule: str(rule["name"]))
            yield item


def _rule(rule: JsonObject) -> dict[str, Any]:
    found = {}
    for name in _RULE:
        value = dig(rule, f"properties.{name}")
        if value not in (None, "", [], ()):
            found[name] = list(value) if isinstance(value, list | tuple) else value
    for name in _GROUPS:
        groups = [{"id": each["id"]} for each in dig(rule, f"properties.{name}") or ()]
        if groups:
            found[name] = groups
    return found


def zone_items(around: Surroundings, more: Iterable[ResourceId]) -> Iterator[Item]:
    """The zones with their links to the environment's networks; ``more`` are zones of own records."""
    networks = {*around.home, *around.peers}
    for zone in sorted({*around.zones, *more}):
        body = around.actual.body(zone)
        listed = around.actual.items(zone, Question.LIST, LINKS)
        if listed is None:
            continue
        item = Item({"id": str(dig(body, "id") or zone.text)})
        links = [_link(item, each) for each in listed if _network_of(each) in networks]
        if links:
            item.body["links"] = sorted(links, key=lambda link: str(link["name"]))
            yield item


def _network_of(link: JsonObject) -> ResourceId | None:
    return ResourceId.maybe(dig(link, "properties.virtualNetwork.id"))


def _link(item: Item, link: JsonObject) -> dict[str, Any]:
    network = _network_of(link)
    found: dict[str, Any] = {
        "name": str(link.get("name")),
        "virtualNetwork": network.text if network else "",
    }
    if dig(link, "properties.registrationEnabled"):
        found["registrationEnabled"] = True
        item.remarks.append(
            f"its link {link.get('name')} registers machines, which a privatelink zone must not"
        )
    policy = dig(link, "properties.resolutionPolicy")
    if policy and str(policy).lower() != "default":
        found["resolutionPolicy"] = policy
    return found
