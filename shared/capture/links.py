"""Owns what is written of private endpoints (zone group, own A records) and of computes (roles)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.capture.access import Item
from shared.capture.bodies import compute_body, endpoint_body, secrets_in
from shared.capture.records import write_records
from shared.capture.roles import role_entry
from shared.capture.survey import ZONE_GROUPS, Survey
from shared.model.actual import Question
from shared.model.arm import (
    APPROVED,
    SUCCEEDED,
    AssignmentView,
    ComputeView,
    EndpointView,
)
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.model.roles import role_name


def endpoint_item(survey: Survey, endpoint: ResourceId, body: JsonObject) -> Item | None:
    """A private endpoint with its zone group and records; nothing if it leads nowhere known."""
    view = EndpointView.of(body)
    if view.target is None or view.subnet is None:
        return None
    to_cluster = view.target in survey.aks
    item = Item({"id": endpoint.text, "body": endpoint_body(body, to_cluster=to_cluster)})
    item.remarks += _of_state(view)
    if to_cluster:
        write_records(survey, item, endpoint, view)
    _write_zone_group(survey, item, endpoint, expected=not to_cluster)
    return item


def _of_state(view: EndpointView) -> Iterator[str]:
    if view.connection != APPROVED:
        yield f"its connection is {view.connection or 'unknown'}, not approved"
    if view.state and view.state != SUCCEEDED:
        yield f"its state is {view.state}"


def _write_zone_group(survey: Survey, item: Item, endpoint: ResourceId, *, expected: bool) -> None:
    groups = survey.actual.items(endpoint, Question.LIST, ZONE_GROUPS)
    if groups:
        configs = dig(groups[0], "properties.privateDnsZoneConfigs") or ()
        zones = [
            {"name": config["name"], "privateDnsZoneId": dig(config, "properties.privateDnsZoneId")}
            for config in configs
        ]
        if zones:
            item.body["zoneGroup"] = {"name": groups[0]["name"], "zones": zones}
            return
    if groups is None and expected:
        item.remarks.append("its zone group could not be read; add it, or it is lost in a repair")
    elif expected:
        item.remarks.append(
            "it has no zone group; its names resolve only if records are kept by hand"
        )


def compute_item(survey: Survey, compute: ResourceId, body: JsonObject) -> Item:
    """A Kubernetes compute with the roles of its own identity."""
    item = Item({"id": compute.text, "body": compute_body(body)})
    view = ComputeView.of(body)
    if view.state != SUCCEEDED:
        item.remarks.append(f"its state is {view.state or 'unknown'}")
    if secrets := secrets_in(body):
        item.remarks.append(
            f"{' and '.join(secrets)} are secrets and are not written: a repair attaches without"
        )
    principal = next((p for p, owner in survey.principals().items() if owner == compute), "")
    if principal:
        _write_roles(survey, item, principal)
    return item


def _write_roles(survey: Survey, item: Item, principal: str) -> None:
    """Roles on the closed list are declared; any other is named, as no manifest may give it."""
    roles: dict[tuple[str, str], dict[str, Any]] = {}
    for subscription in survey.subscriptions:
        assignments = survey.actual.items(subscription, Question.ROLES, principal)
        for assignment in assignments or ():
            view = AssignmentView.of(assignment)
            if view is None or view.principal != principal.lower():
                continue
            if role_name(view.role) is None:
                item.remarks.append(
                    f"its identity has the role {view.role} at {view.scope}, which a manifest may"
                    " not give: a reattached compute will lack it"
                )
                continue
            roles[view.scope.key, view.role] = role_entry(view, assignment)
    if roles:
        item.body["roles"] = [roles[key] for key in sorted(roles)]
