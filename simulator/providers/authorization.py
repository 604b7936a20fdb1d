"""Owns role assignments, role definitions, the caller's own permissions and locks (domain facts, sections 6 and 7).

A principal made a moment ago is not found by role assignments yet. An assignment's principal, role and scope never
change. Orphans of principals that are gone stay until deleted.
"""

import re
from collections.abc import Iterable

from simulator.access import ASSIGNMENTS, DEFINITIONS, LOCKS
from simulator.call import Call
from simulator.clock import stamp
from simulator.context import Context
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind
from simulator.paths import last, same, within
from simulator.roles import BUILT_IN
from simulator.store import Resource
from simulator.wire import Json, Reply

_FIXED = ("roleDefinitionId", "principalId")
_BY_PRINCIPAL = re.compile(
    r"^(?:principalId|assignedTo\(')\s*(?:eq\s+')?([^')]+)'?\)?$", re.IGNORECASE
)


class Assignments(Kind):
    """A role assignment at a scope."""

    type = ASSIGNMENTS
    needs_location = False
    has_state = False
    load_rank = 9
    read_only = frozenset({"scope", "createdOn", "updatedOn", "createdBy", "updatedBy"})

    def check(self, call: Call) -> None:
        """Want a known role, a known principal, nothing that exists under another name."""
        properties = call.properties()
        role_id, principal = (str(properties.get(m) or "") for m in _FIXED)
        if not re.fullmatch(r"[0-9a-fA-F-]{36}", call.path.name):
            raise bad_request(
                "InvalidRoleAssignmentId",
                f"The role assignment ID '{call.path.name}' is not a GUID.",
            )
        if call.context.access.role(role_id) is None:
            raise bad_request(
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{role_id}' does not exist.",
            )
        old = call.resource
        if old and any(not same(str(old.properties[m]), str(properties.get(m))) for m in _FIXED):
            raise bad_request(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
        if not call.context.state.directory.knows(principal, call.context.now()):
            raise bad_request(
                "PrincipalNotFound",
                f"Principal {principal.replace('-', '')} does not exist in the directory. Check that you have the "
                "correct principal ID. If you are creating this principal and then immediately assigning a role, this "
                "error might be related to a replication delay.",
            )
        self._check_unique(call, role_id, principal)

    def attributes(self, call: Call) -> dict[str, str]:
        """Return role and principal: of the body, at a deletion of the assignment itself."""
        existing = call.context.store.get(str(call.path))
        deletes = call.request.method == "DELETE" and existing is not None
        asked = existing.properties if deletes and existing else call.properties()
        return {
            "RoleDefinitionId": last(str(asked.get("roleDefinitionId") or "")),
            "PrincipalId": str(asked.get("principalId") or ""),
            "PrincipalType": str(asked.get("principalType") or "ServicePrincipal"),
        }

    def _check_unique(self, call: Call, role_id: str, principal: str) -> None:
        for other in call.context.store.of_type(ASSIGNMENTS):
            if (
                other.key != call.path.key
                and same(str(other.properties.get("scope")), _scope(call))
                and same(str(other.properties.get("principalId")), principal)
                and same(str(other.properties["roleDefinitionId"])[-36:], role_id[-36:])
            ):
                raise ArmError(
                    409,
                    "RoleAssignmentExists",
                    f"The role assignment already exists. The ID of the existing role assignment is "
                    f"{other.name.replace('-', '')}.",
                )

    def assign(self, call: Call, resource: Resource) -> None:
        """Take the body over with the scope of the path."""
        super().assign(call, resource)
        now = stamp(call.context.now())
        properties = resource.properties
        properties["scope"] = _scope(call)
        properties.setdefault("createdOn", now)
        properties.setdefault("createdBy", call.caller.object_id)
        properties |= {"updatedOn": now, "updatedBy": call.caller.object_id}

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in the scope and members that are always shown."""
        properties = resource.properties
        properties.setdefault("scope", resource.path.scope or "/")
        properties.setdefault("principalType", "ServicePrincipal")
        for member in ("condition", "conditionVersion", "description"):
            properties.setdefault(member, None)
        del context

    def loaded(self, context: Context, resource: Resource) -> None:
        """Know the principal of an assignment of long standing, and keep its scope as it is spelled."""
        now = stamp(resource.created)
        resource.properties.update({"createdOn": now, "updatedOn": now})
        context.state.directory.register(str(resource.properties.get("principalId")), context.now())

    def delete(self, call: Call) -> Reply:
        """Answer with what was deleted, as this provider does."""
        gone = call.resource
        reply = super().delete(call)
        return Reply(200, self.shown(call.context, gone)) if gone else reply

    def list(self, call: Call) -> list[Json]:
        """Return assignments at, above and below the scope; filters atScope() and principalId eq."""
        clauses = [
            c.strip() for c in re.split(r"\s+and\s+", call.query.get("$filter", "")) if c.strip()
        ]
        scope = call.path.scope
        found: Iterable[Resource] = call.context.store.of_type(ASSIGNMENTS)
        found = [r for r in found if _touches(str(r.properties["scope"]), scope)]
        for clause in clauses:
            principal = _BY_PRINCIPAL.match(clause)
            if clause.lower() == "atscope()":
                found = [r for r in found if within(str(r.properties["scope"]), scope)]
            elif principal:
                found = [r for r in found if same(str(r.properties["principalId"]), principal[1])]
            else:
                raise bad_request(
                    "BadRequestFormat", f"The filter clause {clause!r} is not supported."
                )
        return [self.shown(call.context, r) for r in found]


def _scope(call: Call) -> str:
    named = call.context.store.get(call.path.scope)
    return named.id if named else call.path.scope or "/"


def _touches(one: str, other: str) -> bool:
    return within(one, other) or within(other, one) or one == "/"


class Definitions(Kind):
    """Role definitions: built-in ones everywhere, custom ones where they were written."""

    type = DEFINITIONS
    needs_location = False
    has_state = False
    load_rank = 1

    def read(self, call: Call) -> Reply:
        """Return a definition, custom or built in."""
        if call.resource:
            return super().read(call)
        if call.path.name.lower() not in BUILT_IN:
            raise ArmError(
                404, "RoleDefinitionDoesNotExist", f"Role {call.path.name} does not exist."
            )
        return Reply(200, _built_in(call, call.path.name.lower()))

    def list(self, call: Call) -> list[Json]:
        """Return every definition; filter roleName eq."""
        wanted = re.search(r"roleName eq '([^']*)'", call.query.get("$filter", ""), re.IGNORECASE)
        everything = [_built_in(call, role_id) for role_id in BUILT_IN] + super().list(call)
        return [d for d in everything if not wanted or d["properties"]["roleName"] == wanted[1]]

    def complete(self, context: Context, resource: Resource) -> None:
        """Mark what is written as custom."""
        del context
        resource.properties.setdefault("type", "CustomRole")


def _built_in(call: Call, role_id: str) -> Json:
    role = BUILT_IN[role_id]
    scope = f"/subscriptions/{call.path.subscription}" if call.path.subscription else ""
    permission: Json = {
        "actions": list(role.actions),
        "notActions": list(role.not_actions),
        "dataActions": [],
        "notDataActions": [],
    }
    return {
        "id": f"{scope}/providers/{DEFINITIONS}/{role_id}",
        "name": role_id,
        "type": DEFINITIONS,
        "properties": {
            "roleName": role.name,
            "type": "CustomRole" if role.custom else "BuiltInRole",
            "description": role.name,
            "assignableScopes": [scope or "/"],
            "permissions": [permission],
        },
    }


class Permissions(Kind):
    """The caller's effective permissions at a scope; asking needs none."""

    type = "Microsoft.Authorization/permissions"

    def action_for(self, call: Call) -> str:
        """Need nothing."""
        del call
        return ""

    def list(self, call: Call) -> list[Json]:
        """Return one entry an assignment."""
        return call.context.access.permissions(call.caller, call.path.scope)


class Locks(Kind):
    """A management lock; only Owner and User Access Administrator may write one."""

    type = LOCKS
    needs_location = False
    has_state = False
    load_rank = 9
    create_status = 201

    def check(self, call: Call) -> None:
        """Want a level."""
        if call.properties().get("level") not in ("CanNotDelete", "ReadOnly", "NotSpecified"):
            raise bad_request(
                "InvalidLockLevel", "The lock level must be CanNotDelete or ReadOnly."
            )

    def list(self, call: Call) -> list[Json]:
        """Return the locks at, above and below the scope; atScope() leaves those below out."""
        scope, at_scope = call.path.scope, "atscope()" in call.query.get("$filter", "").lower()
        return [
            self.shown(call.context, lock)
            for lock in call.context.store.of_type(LOCKS)
            if within(lock.path.scope, scope) or (not at_scope and within(scope, lock.path.scope))
        ]


KINDS: tuple[Kind, ...] = (Assignments(), Definitions(), Permissions(), Locks())
