"""Owns network security groups and their rules; rules are resources that the group's body also shows.

No traffic is filtered here: rules are what ARM keeps of them.
"""

import copy

from simulator.call import Call
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind
from simulator.providers.network.common import NetworkKind
from simulator.store import Resource
from simulator.wire import Json

GROUPS = "Microsoft.Network/networkSecurityGroups"
RULES = f"{GROUPS}/securityRules"
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
        rules = call.properties().get("securityRules") or []
        _refuse_conflicts([r.get("properties") or {} for r in rules])

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
        subnets = [
            {"id": subnet.id}
            for subnet in context.store.of_type("Microsoft.Network/virtualNetworks/subnets")
            if str((subnet.properties.get("networkSecurityGroup") or {}).get("id", "")).lower()
            == resource.key
        ]
        if subnets:
            body["properties"]["subnets"] = subnets
        return body


class Rules(NetworkKind):
    """One rule of a group."""

    type = RULES
    child_of = GROUPS
    needs_location = False
    load_rank = 2

    def check(self, call: Call) -> None:
        """Want priority, direction, access and protocol, and no other rule in the same place."""
        properties = call.properties()
        missing = [
            m for m in ("priority", "direction", "access", "protocol") if not properties.get(m)
        ]
        if missing:
            raise bad_request("SecurityRuleParameterMissing", f"A rule needs {missing}.")
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
