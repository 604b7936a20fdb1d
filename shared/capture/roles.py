"""Owns what is written of the roles of identities that outlive an attach: workspaces', clusters', users'."""

from __future__ import annotations

from typing import Any

from shared.capture.access import Item
from shared.capture.surroundings import Surroundings
from shared.model.actual import Question
from shared.model.arm import AssignmentView
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId


def role_entry(view: AssignmentView, body: JsonObject) -> dict[str, Any]:
    """How a role assignment is declared: its role, its scope and its condition, never its id."""
    role: dict[str, Any] = {"role": view.role, "scope": view.scope.text}
    for name in ("condition", "conditionVersion"):
        if dig(body, f"properties.{name}"):
            role[name] = dig(body, f"properties.{name}")
    return role


def write_roles(item: Item, around: Surroundings, resource: ResourceId) -> None:
    """All roles within reach; which of them are put back is the closed list's to say."""
    principal = next((h.principal for h in around.holders if h.resource == resource), "")
    roles: dict[tuple[str, str], dict[str, Any]] = {}
    for subscription in around.survey.subscriptions if principal else ():
        for body in around.actual.items(subscription, Question.ROLES, principal) or ():
            view = AssignmentView.of(body)
            if view is None or view.principal != principal.lower():
                continue
            roles[view.scope.key, view.role] = role_entry(view, body)
    if roles:
        item.body["roles"] = [roles[key] for key in sorted(roles)]
