"""Owns network security groups and their rules, no more than their shape."""

from simulator.context import Context
from simulator.kind import Kind
from simulator.providers.network.common import NetworkKind
from simulator.store import Resource


class SecurityGroups(NetworkKind):
    """A group with its rules embedded."""

    type = "Microsoft.Network/networkSecurityGroups"
    read_only = frozenset({"provisioningState", "resourceGuid", "defaultSecurityRules"})
    load_rank = 1

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in rules and guid."""
        resource.properties.setdefault("resourceGuid", context.chance.guid())
        resource.properties.setdefault("securityRules", [])
        resource.properties.setdefault("defaultSecurityRules", [])


KINDS: tuple[Kind, ...] = (SecurityGroups(),)
