"""Owns how rules of a security group are compared and which of them decides over a destination.

Azure takes the first rule, by priority, that fits. A rule names its addresses and ports once or as a list;
both count as one set. Addresses are judged by service tag alone: what a prefix of numbers holds is not known.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

_SETS: Final = (
    ("sourceAddressPrefix", "sourceAddressPrefixes"),
    ("destinationAddressPrefix", "destinationAddressPrefixes"),
    ("sourcePortRange", "sourcePortRanges"),
    ("destinationPortRange", "destinationPortRanges"),
)
_WORDS: Final = ("access", "direction", "protocol", "priority")
_GROUPS: Final = ("sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups")
_READ_ONLY: Final = frozenset({"provisioningstate", "id", "etag", "name", "type"})
_ANY: Final = frozenset({"*", "any", "0.0.0.0/0"})
_INTERNET: Final = "internet"
_CLOUD: Final = "azurecloud"
_NETWORK: Final = "virtualnetwork"


@dataclass(frozen=True, slots=True)
class Flow:
    """A connection that has to be possible: the service tag at its other end, ``tcp`` or ``udp``, one port."""

    tag: str
    port: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule as ARM shows it (networkSecurityGroups/securityRules); words are in lower case."""

    id: ResourceId | None
    name: str
    priority: int
    allows: bool
    outbound: bool
    protocol: str
    sources: frozenset[str]
    destinations: frozenset[str]
    ports: frozenset[str]

    @classmethod
    def of(cls, body: JsonObject) -> RuleView:
        """Read a rule's body, its own or the one inside its group's."""
        own = dig(body, "properties") or {}
        return cls(
            id=ResourceId.maybe(dig(body, "id")),
            name=str(dig(body, "name") or ""),
            priority=int(dig(own, "priority") or 0),
            allows=str(dig(own, "access") or "").lower() == "allow",
            outbound=str(dig(own, "direction") or "").lower() == "outbound",
            protocol=str(dig(own, "protocol") or "*").lower(),
            sources=_members(own, *_SETS[0]) | _ids(own, _GROUPS[0]),
            destinations=_members(own, *_SETS[1]),
            ports=_members(own, *_SETS[3]),
        )

    def fits(self, flow: Flow) -> bool:
        """Whether it decides over ``flow``, as far as its other end, protocol and port say."""
        if self.protocol not in {"*", flow.protocol}:
            return False
        return any(_holds(range_, flow.port) for range_ in self.ports) and any(
            _covers(prefix, flow.tag.lower())
            for prefix in (self.destinations if self.outbound else self.sources)
        )

    def from_inside(self) -> bool:
        """Whether it is about every machine of the network."""
        return bool(self.sources & (_ANY | {_NETWORK}))


def _members(properties: JsonObject, one: str, many: str) -> frozenset[str]:
    found = [dig(properties, one), *(dig(properties, many) or ())]
    return frozenset(str(each).lower() for each in found if each not in (None, ""))


def _ids(properties: JsonObject, name: str) -> frozenset[str]:
    return frozenset(str(dig(each, "id")).lower() for each in dig(properties, name) or ())


def _holds(ports: str, port: int) -> bool:
    first, _, last = ports.partition("-")
    if first == "*":
        return True
    return first.isdigit() and int(first) <= port <= (int(last) if last.isdigit() else int(first))


def _covers(prefix: str, tag: str) -> bool:
    """Whether ``prefix`` holds all of ``tag``: itself, its tag without the region, or everything."""
    if prefix in _ANY or prefix == tag or tag.startswith(f"{prefix}."):
        return True
    return prefix in {_INTERNET, _CLOUD} and tag != _NETWORK


def denier(rules: Iterable[RuleView], flow: Flow, *, outbound: bool = True) -> RuleView | None:
    """The rule that denies ``flow``, if any of those who decide it does so before one allows it.

    A rule for some sources decides over those alone: what was allowed to them before is not denied.
    """
    allowed: set[str] = set()
    for rule in sorted(rules, key=lambda rule: rule.priority):
        if rule.outbound is not outbound or not rule.fits(flow):
            continue
        if not rule.allows:
            if not rule.sources <= allowed:
                return rule
        elif rule.from_inside() or not outbound:
            return None
        else:
            allowed |= rule.sources
    return None


def changed(declared: JsonObject, live: JsonObject) -> dict[str, tuple[str, str]]:
    """Member → (live, declared), of what ``declared`` says and ``live`` has otherwise."""
    wanted, found = dig(declared, "properties") or {}, dig(live, "properties") or {}
    differing: dict[str, tuple[str, str]] = {}
    for name in (*_WORDS, "description"):
        here, there = dig(found, name), dig(wanted, name)
        if there is not None and str(here).lower() != str(there).lower():
            differing[name] = (str(here), str(there))
    sets = [(one, _members(found, one, many), _members(wanted, one, many)) for one, many in _SETS]
    sets += [(name, _ids(found, name), _ids(wanted, name)) for name in _GROUPS]
    for name, here, there in sets:
        if there and here != there:
            differing[name] = (", ".join(sorted(here)) or "none", ", ".join(sorted(there)))
    return differing


def rule_body(declared: JsonObject, live: JsonObject | None) -> dict[str, Any]:
    """The body to PUT: the declared rule; a description that it does not say stays."""
    own = dig(declared, "properties") or {}
    properties = {k: copy.deepcopy(v) for k, v in own.items() if k.lower() not in _READ_ONLY}
    told = dig(live, "properties.description")
    if told and dig(properties, "description") is None:
        properties["description"] = told
    return {"properties": properties}
