"""Owns user-assigned managed identities; their principals outlive whatever they are assigned to."""

from simulator.context import Context
from simulator.directory import TENANT
from simulator.kind import Kind
from simulator.store import Resource


class UserAssigned(Kind):
    """A user-assigned identity."""

    type = "Microsoft.ManagedIdentity/userAssignedIdentities"
    has_state = False
    load_rank = 1
    read_only = frozenset({"principalId", "clientId", "tenantId"})

    def complete(self, context: Context, resource: Resource) -> None:
        """Give the identity its principal."""
        properties = resource.properties
        for member in ("principalId", "clientId"):
            properties.setdefault(member, context.chance.guid())
        properties["tenantId"] = TENANT
        context.state.directory.register(str(properties["principalId"]), context.now())


KINDS: tuple[Kind, ...] = (UserAssigned(),)
