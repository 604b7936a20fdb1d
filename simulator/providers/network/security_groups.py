"""Owns network security groups and their rules; rules are resources that the group's body also shows.

No traffic is filtered here: rules are what ARM keeps of them.
"""

import copy
from collections.abc import Iterable
from typing import override

from simulator.call import Call
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind
from simulator.paths import same
from simulator.providers.network.common import NetworkKind
from simulator.store import Resource
from simulator.wire import Json

GROUPS = "Microsoft.Network/networkSecurityGroups"
RULES = f"{GROUPS}/securityRules"
FIRST_PRIORITY, LAST_PRIORITY = 100, 4096
_ALLOWED = {
    "direction": ("inbound", "outbound"),
    "access": ("allow", "deny"),
    "protocol": ("tcp", "udp", "icmp", "esp", "ah", "*"),
}
_DEFAULTS = (
    ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
    ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
)


class SecurityGroups(NetworkKind):
    """A group; a PUT with rules replaces them all."""

    type = GROUPS
    read_only = frozenset({"provisioningState", "resourceGuid", "defaultSecurityRules", "subnets"})
    load_rank = 1

    def check(self, call: Call) -> None:
        """Refuse two rules of one priority and direction."""
        super().check(call)
        rules = [r.get("properties") or {} for r in call.properties().get("securityRules") or []]
        for rule in rules:
            _refuse_unknown(rule)
        _refuse_conflicts(rules)

    def complete(self, context: Context, resource: Resource) -> None:
        """Take embedded rules out into resources of their own."""
        resource.properties.setdefault("resourceGuid", context.chance.guid())
        given = resource.properties.pop("securityRules", None)
        if given is None:
            return
        wanted = {str(rule["name"]).lower() for rule in given}
        for old in context.store.of_type(RULES, resource.id):
            if old.name.lower() not in wanted:
                context.store.remove(old.id)
        for rule in given:
            rule_id = f"{resource.id}/securityRules/{rule['name']}"
            body: Json = {"id": rule_id, "name": rule["name"], "type": RULES}
            body["properties"] = copy.deepcopy(rule.get("properties") or {})
            made = context.store.put(Resource(rule_id, RULES, body, context.now()))
            Rules().complete(context, made)
            made.properties["provisioningState"] = "Succeeded"
            Rules().renew_etag(context, made)

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the group with its rules, Azure's own ones and the subnets that use it."""
        body = super().shown(context, resource, version)
        rules = context.store.of_type(RULES, resource.id)
        body["properties"]["securityRules"] = [Rules().shown(context, r) for r in rules]
        body["properties"]["defaultSecurityRules"] = [_default(resource, *d) for d in _DEFAULTS]
        subnets = _users(context, resource)
        if subnets:
            body["properties"]["subnets"] = [{"id": subnet.id} for subnet in subnets]
        return body

    @override
    def refuse_removal(self, context: Context, resource: Resource) -> None:
        users = _users(context, resource)
        if users:
            raise bad_request(
                "InUseNetworkSecurityGroupCannotBeDeleted",
                f"Network security group {resource.id} is in use by {users[0].id}.",
            )


class Rules(NetworkKind):
    """One rule of a group."""

    type = RULES
    child_of = GROUPS
    needs_location = False
    load_rank = 2

    @override
    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the join of each application security group that the rule names."""
        for member in ("sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups"):
            for group in call.properties().get(member) or []:
                yield (
                    "Microsoft.Network/applicationSecurityGroups/joinNetworkSecurityRule/action",
                    str(group["id"]),
                )

    @override
    def check(self, call: Call) -> None:
        """Want a whole rule, and no other rule in the same place."""
        properties = call.properties()
        _refuse_unknown(properties)
        others = [
            r.properties
            for r in call.context.store.of_type(RULES, str(call.path.parent))
            if r.key != call.path.key
        ]
        _refuse_conflicts([*others, properties])

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in the lists that a rule always shows."""
        del context
        for member in ("sourceAddressPrefixes", "destinationAddressPrefixes"):
            resource.properties.setdefault(member, [])
        for member in ("sourcePortRanges", "destinationPortRanges"):
            resource.properties.setdefault(member, [])


def _users(context: Context, group: Resource) -> list[Resource]:
    return [
        subnet
        for subnet in context.store.of_type("Microsoft.Network/virtualNetworks/subnets")
        if same((subnet.properties.get("networkSecurityGroup") or {}).get("id"), group.id)
    ]


def _refuse_unknown(rule: Json) -> None:
    missing = [m for m in ("priority", "direction", "access", "protocol") if not rule.get(m)]
    if missing:
        raise bad_request("SecurityRuleParameterMissing", f"A rule needs {missing}.")
    priority = rule["priority"]
    if not isinstance(priority, int) or not FIRST_PRIORITY <= priority <= LAST_PRIORITY:
        raise bad_request(
            "SecurityRuleInvalidPriority",
            f"Priority {priority} is not between {FIRST_PRIORITY} and {LAST_PRIORITY}.",
        )
    for member, allowed in _ALLOWED.items():
        if str(rule[member]).lower() not in allowed:
            raise bad_request(
                "SecurityRuleParameterContainsUnsupportedValue",
                f"Security rule parameter {member} with value {rule[member]!r} is not supported.",
            )


def _refuse_conflicts(rules: list[Json]) -> None:
    seen: set[tuple[str, str]] = set()
    for rule in rules:
        place = (str(rule.get("direction")), str(rule.get("priority")))
        if place in seen:
            raise bad_request(
                "SecurityRuleConflict", f"Two {place[0]} rules have priority {place[1]}."
            )
        seen.add(place)


def _default(
    group: Resource, name: str, priority: int, direction: str, access: str, *prefixes: str
) -> Json:
    source, destination = prefixes
    return {
        "id": f"{group.id}/defaultSecurityRules/{name}",
        "name": name,
        "type": f"{GROUPS}/defaultSecurityRules",
        "properties": {
            "provisioningState": "Succeeded",
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "access": access,
            "priority": priority,
            "direction": direction,
        },
    }


KINDS: tuple[Kind, ...] = (SecurityGroups(), Rules())
