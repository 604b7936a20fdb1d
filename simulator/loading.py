"""Owns how resources that exist since long come into the simulated Azure, with what Azure would have given them."""

import copy
from collections.abc import Mapping
from datetime import timedelta

from simulator.access import ASSIGNMENTS
from simulator.context import Context
from simulator.directory import HUMAN, OPERATOR, RELINK
from simulator.errors import ArmError
from simulator.kind import Kind
from simulator.paths import Path
from simulator.roles import OWNER, RELINK_ROLE
from simulator.store import Resource
from simulator.wire import Json

AGE = timedelta(days=30)


def load(context: Context, kinds: Mapping[str, Kind], resources: list[Json]) -> None:
    """Add resources in any order; raises ValueError naming the one that cannot be."""
    context.moment = context.clock.now() - AGE
    try:
        made = [_insert(context, kinds, body) for body in resources]
        made.sort(key=lambda pair: pair[1].load_rank)
        for resource, kind in made:
            _settle(context, resource, kind)
    finally:
        context.moment = None


def _settle(context: Context, resource: Resource, kind: Kind) -> None:
    try:
        kind.check_name(resource.name)
        kind.complete(context, resource)
        kind.loaded(context, resource)
    except ArmError as error:
        raise ValueError(f"{resource.id} cannot exist: {error}") from error
    if kind.has_state:
        resource.properties.setdefault("provisioningState", "Succeeded")
    if kind.has_etag or kind.etag_member:
        kind.renew_etag(context, resource)
    if kind.dates_itself:
        stamp = resource.created.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        by = {"createdBy": HUMAN.login, "createdByType": "User", "createdAt": stamp}
        modified = {k.replace("created", "lastModified"): v for k, v in by.items()}
        resource.body.setdefault("systemData", {**by, **modified})


def _insert(context: Context, kinds: Mapping[str, Kind], body: Json) -> tuple[Resource, Kind]:
    path = Path.parse(str(body["id"]))
    kind = kinds.get(path.type.lower())
    if kind is None or path.is_collection:
        raise ValueError(f"{body['id']} is of no kind that is simulated")
    ensure_group(context, path)
    whole: Json = copy.deepcopy(body) | {"name": path.name, "type": kind.type}
    resource = Resource(str(path), kind.type, {"id": str(path), **whole}, context.now())
    return context.store.put(resource), kind


def ensure_group(context: Context, path: Path) -> None:
    """Make the subscription and the resource group of a path exist."""
    if not path.subscription:
        return
    subscription = f"/subscriptions/{path.subscription}"
    if not context.store.get(subscription):
        ensure_subscription(context, path.subscription)
    group = f"{subscription}/resourceGroups/{path.group}"
    if path.group and not context.store.get(group):
        body: Json = {
            "id": group,
            "name": path.group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": "westeurope",
            "properties": {"provisioningState": "Succeeded"},
        }
        kind_type = "Microsoft.Resources/subscriptions/resourceGroups"
        context.store.put(Resource(group, kind_type, body, context.now()))


def ensure_subscription(context: Context, subscription: str) -> None:
    """Make a subscription exist, owned by a person, with Relink's custom role for Relink's principal."""
    scope = f"/subscriptions/{subscription}"
    body: Json = {
        "id": scope,
        "subscriptionId": subscription,
        "displayName": "Simulated",
        "state": "Enabled",
    }
    context.store.put(Resource(scope, "Microsoft.Resources/subscriptions", body, context.now()))
    for principal, role in ((HUMAN, OWNER), (OPERATOR, OWNER), (RELINK, RELINK_ROLE)):
        _grant(context, scope, principal.object_id, principal.kind, role)


def _grant(context: Context, scope: str, object_id: str, kind: str, role: str) -> None:
    name = context.chance.guid()
    assignment = f"{scope}/providers/{ASSIGNMENTS}/{name}"
    properties: Json = {
        "roleDefinitionId": f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "principalId": object_id,
        "principalType": kind,
        "scope": scope,
    }
    body: Json = {
        "id": assignment,
        "name": name,
        "type": ASSIGNMENTS,
        "properties": properties,
    }
    context.store.put(Resource(assignment, ASSIGNMENTS, body, context.now()))
