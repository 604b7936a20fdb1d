"""Owns who may do what where: role assignments, revoked actions and locks.

Role assignments and locks are resources of the store; nothing is cached, so a change holds from the next request.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from simulator import conditions
from simulator.directory import Principal
from simulator.paths import last, within
from simulator.roles import BUILT_IN, Role, matches
from simulator.store import Resource, Store
from simulator.wire import Json

ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
DEFINITIONS = "Microsoft.Authorization/roleDefinitions"
LOCKS = "Microsoft.Authorization/locks"


@dataclass(frozen=True, slots=True)
class Grant:
    """The assignment that allowed an action: an event's `evidence`."""

    role: str
    scope: str
    assignment: str
    definition: str
    principal: Principal

    def evidence(self) -> dict[str, str]:
        """Return the evidence as events show it."""
        return {
            "role": self.role,
            "roleAssignmentScope": self.scope,
            "roleAssignmentId": last(self.assignment).replace("-", ""),
            "roleDefinitionId": last(self.definition).replace("-", ""),
            "principalId": self.principal.object_id.replace("-", ""),
            "principalType": self.principal.kind,
        }


def _unconditional(assignment: Resource, action: str, attributes: conditions.Attributes) -> bool:
    condition = str(assignment.properties.get("condition") or "")
    if not condition or not conditions.concerns(action):
        return True
    return conditions.holds(condition, action, attributes)


@dataclass(slots=True)
class Access:
    """Answers permission questions over the store; `revoked` holds (object id, action pattern) pairs.

    `used` holds (object id, action) of everything that was asked for and granted.
    """

    store: Store
    revoked: list[tuple[str, str]]
    used: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def role(self, definition_id: str) -> Role | None:
        """Return a role by the id of its definition, built in or custom."""
        custom = next(
            (
                r
                for r in self.store.of_type(DEFINITIONS)
                if r.name.lower() == last(definition_id).lower()
            ),
            None,
        )
        if custom is None:
            return BUILT_IN.get(last(definition_id).lower())
        parts: list[Json] = custom.properties.get("permissions") or []
        return Role(
            str(custom.properties.get("roleName")),
            tuple(a for p in parts for a in p.get("actions", ())),
            tuple(a for p in parts for a in p.get("notActions", ())),
            custom=True,
        )

    def assignments(self, object_id: str, scope: str) -> Iterator[tuple[Resource, Role]]:
        """Yield the assignments of a principal that hold at a scope, with their roles."""
        for assignment in self.store.of_type(ASSIGNMENTS):
            properties = assignment.properties
            if str(properties.get("principalId")).lower() != object_id:
                continue
            role = self.role(str(properties.get("roleDefinitionId")))
            if role and within(str(properties.get("scope")), scope):
                yield assignment, role

    def granted(
        self,
        principal: Principal,
        action: str,
        scope: str,
        attributes: conditions.Attributes | None = None,
    ) -> Grant | None:
        """Return what allows the action, or None; `attributes` are those that conditions look at."""
        if self.is_revoked(principal.object_id, action):
            return None
        for assignment, role in self.assignments(principal.object_id, scope):
            if role.allows(action) and _unconditional(assignment, action, attributes or {}):
                self.used.add((principal.object_id, action))
                return Grant(
                    role.name,
                    str(assignment.properties["scope"]),
                    assignment.id,
                    str(assignment.properties["roleDefinitionId"]),
                    principal,
                )
        return None

    def is_revoked(self, object_id: str, action: str) -> bool:
        """Tell whether a fault took the action away from the principal."""
        return any(o == object_id and matches([pattern], action) for o, pattern in self.revoked)

    def permissions(self, principal: Principal, scope: str) -> list[Json]:
        """Return the effective permissions at a scope, one entry an assignment."""
        revoked = [pattern for o, pattern in self.revoked if o == principal.object_id]
        return [
            {
                "actions": [a for a in role.actions if not matches(revoked, a)],
                "notActions": [*role.not_actions, *revoked],
                "dataActions": [],
                "notDataActions": [],
            }
            for _, role in self.assignments(principal.object_id, scope)
        ]

    def locks_on(self, resource_id: str) -> list[Resource]:
        """Return the locks that hold for a resource: its own and those of every scope above it."""
        return [lock for lock in self.store.of_type(LOCKS) if within(lock.path.scope, resource_id)]

    def lock_against(self, method: str, resource_id: str) -> str | None:
        """Return the locked scope that forbids the method, or None.

        CanNotDelete forbids DELETE, ReadOnly every write and action; a lock below a resource keeps it from being
        deleted too (domain facts, section 6).
        """
        for lock in self.store.of_type(LOCKS):
            level = str(lock.properties.get("level")).lower()
            scope = lock.path.scope
            inherited = within(scope, resource_id)
            if inherited and (method == "DELETE" or level == "readonly"):
                return scope
            if method == "DELETE" and within(resource_id, scope):
                return scope
        return None
