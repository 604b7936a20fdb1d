"""Owns the roles of declared identities: which are missing, which are orphans, what they are named.

A manifest declares (role, scope, condition) and never a principal: a reattached compute has a new
one (domain.md 3.1). Only assignments of exactly a declared role at exactly its scope are removed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Final

from shared.model.actual import Actual, Question, Read
from shared.model.arm import AssignmentView
from shared.model.environment import Holder, Role
from shared.model.resource_id import ResourceId
from shared.model.roles import known_name
from shared.model.step import Change, DeleteResource, Known, PutResource, reference
from shared.remediation.commands import run

_NAMES: Final = uuid.UUID("6f1d3c52-8a5e-4d37-9a0c-2f4be1c7d6a3")
_TYPE: Final = "Microsoft.Authorization/roleAssignments"


def role_reads(holder: Holder, principal: str) -> Iterator[Read]:
    """The assignments of ``principal`` at each declared scope; nothing without a principal."""
    if principal:
        for role in holder.roles:
            yield Read(Question.ROLES, role.scope, principal)


def assignments(
    holder: Holder, principal: str, actual: Actual
) -> tuple[AssignmentView, ...] | None:
    """The assignments of ``principal`` at the declared scopes; nothing if one was not read."""
    found: dict[ResourceId, AssignmentView] = {}
    for read in role_reads(holder, principal):
        items = actual.items(read.resource, read.question, read.detail)
        if items is None:
            return None
        for view in map(AssignmentView.of, items):
            if view is not None and view.principal == principal.lower():
                found[view.id] = view
    return tuple(found[key] for key in sorted(found))


def missing(holder: Holder, held: Iterable[AssignmentView]) -> tuple[Role, ...]:
    """Declared roles that no assignment gives. One above the scope, or without a condition, will do."""
    views = tuple(held)
    return tuple(r for r in holder.roles if not any(_gives(view, r) for view in views))


def _gives(view: AssignmentView, role: Role) -> bool:
    if view.role != role.role.lower() or not role.scope.within(view.scope):
        return False
    return not view.condition or view.condition == " ".join((role.condition or "").split())


def orphans(holder: Holder, held: Iterable[AssignmentView]) -> tuple[AssignmentView, ...]:
    """Those that were made for a declared role at its scope: what dies with the principal."""
    declared = {(role.role.lower(), role.scope) for role in holder.roles}
    return tuple(view for view in held if (view.role, view.scope) in declared)


def assignment_id(holder: Holder, role: Role, occasion: str) -> ResourceId:
    """A name that the same occasion always gives, so that a step delivered twice makes one."""
    parts = [holder.id.key, role.role.lower(), role.scope.key, occasion]
    name = str(uuid.uuid5(_NAMES, "\n".join(parts)))
    return role.scope.extension(_TYPE, name)


def put_role(holder: Holder, role: Role, occasion: str, principal: str = "") -> PutResource:
    """Give ``role`` to ``principal``; without one, to that which the holder has when the step starts."""
    definition = (
        f"/subscriptions/{role.scope.subscription}/providers/Microsoft.Authorization"
        f"/roleDefinitions/{role.role.lower()}"
    )
    properties: dict[str, Any] = {
        "roleDefinitionId": definition,
        "principalId": principal or reference(holder.id, Known.PRINCIPAL),
        "principalType": "ServicePrincipal",
    }
    if role.condition:
        properties["condition"] = role.condition
        properties["conditionVersion"] = role.condition_version or "2.0"
    change = Change(label(role), None, f"the principal of {holder.id.name}")
    return PutResource(assignment_id(holder, role, occasion), {"properties": properties}, (change,))


def remove_orphan(view: AssignmentView) -> DeleteResource:
    """Remove the assignment of a principal that no longer exists."""
    return DeleteResource(view.id, "", (Change("principalId", view.principal, None),))


def create_command(role: Role, principal: str) -> str:
    """What a person runs to give ``role`` to ``principal``."""
    words = ["--assignee-object-id", principal, "--assignee-principal-type", "ServicePrincipal"]
    words += ["--role", known_name(role.role), "--scope", role.scope.text]
    if role.condition:
        words += ["--condition", role.condition]
        words += ["--condition-version", role.condition_version or "2.0"]
    return run("az role assignment create", *words)


def label(role: Role) -> str:
    """The role and its scope, for people."""
    return f"{known_name(role.role)} at {role.scope}"
