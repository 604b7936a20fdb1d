"""Owns what Private Link can reach: groups, members, names and zones of each target (domain facts, section 4).

It also keeps both views of a connection alike: the endpoint's own and the target's.
"""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.clouds import CHINA, GOVERNMENT, PUBLIC, cloud_of
from simulator.context import Context
from simulator.errors import bad_request
from simulator.paths import Path
from simulator.store import Resource
from simulator.wire import Json

ENDPOINTS = "Microsoft.Network/privateEndpoints"
STORAGE = "Microsoft.Storage/storageAccounts"
VAULT = "Microsoft.KeyVault/vaults"
REGISTRY = "Microsoft.ContainerRegistry/registries"
WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
CLUSTER = "Microsoft.ContainerService/managedClusters"

# What a private zone's records are relative to; zones that are not here get no records from zone groups, AKS included.
ZONE_SUFFIXES = {**PUBLIC.zones(), **GOVERNMENT.zones(), **CHINA.zones()}


@dataclass(frozen=True, slots=True)
class Member:
    """One address of an endpoint with the names that lead to it."""

    name: str
    fqdns: tuple[str, ...]


def _storage(target: Resource, group: str) -> list[Member]:
    service = group.removesuffix("_secondary")
    name = target.name + ("-secondary" if group.endswith("_secondary") else "")
    core = cloud_of(target.body.get("location")).core
    return [Member(group, (f"{name}.{service}.{core}",))]


def _vault(target: Resource, group: str) -> list[Member]:
    del group
    suffix = cloud_of(target.body.get("location")).vault
    return [Member("default", (f"{target.name}.{suffix}",))]


def _registry(target: Resource, group: str) -> list[Member]:
    region = str(target.body.get("location", "westeurope"))
    suffix = cloud_of(region).registry
    return [
        Member(f"{group}_data_{region}", (f"{target.name}.{region}.data.{suffix}",)),
        Member(group, (f"{target.name}.{suffix}",)),
    ]


def _workspace(target: Resource, group: str) -> list[Member]:
    del group
    region = str(target.body.get("location", "westeurope"))
    identity = str(target.properties.get("workspaceId", target.name))
    base, cloud = f"workspace.{region}", cloud_of(region)
    own = f"ml-{target.name}-{region}-{identity}.{region}"
    return [
        Member(
            "default", tuple(f"{identity}.{base}{part}.{cloud.learning}" for part in ("", ".cert"))
        ),
        Member("notebook", (f"{own}.{cloud.notebooks}",)),
        Member("inference", (f"*.{identity}.inference.{region}.{cloud.learning}",)),
    ]


def _cluster(target: Resource, group: str) -> list[Member]:
    return [Member(group, (str(target.properties.get("privateFQDN", "")),))]


@dataclass(frozen=True, slots=True)
class Target:
    """What can be linked to: its type, its groups and their members."""

    type: str
    groups: tuple[str, ...]
    members: Callable[[Resource, str], list[Member]]

    @property
    def connections(self) -> str:
        """The type of its connections."""
        return f"{self.type}/privateEndpointConnections"

    @property
    def approval(self) -> str:
        """The action whose holder's endpoints are approved at once."""
        return f"{self.type}/privateEndpointConnectionsApproval/action"


_STORAGE_GROUPS = ("blob", "blob_secondary", "file", "queue", "table", "dfs", "web")
TARGETS = {
    t.type.lower(): t
    for t in (
        Target(STORAGE, _STORAGE_GROUPS, _storage),
        Target(VAULT, ("vault",), _vault),
        Target(REGISTRY, ("registry",), _registry),
        Target(WORKSPACE, ("amlworkspace",), _workspace),
        Target(CLUSTER, ("management",), _cluster),
    )
}


def target_of(resource_id: str) -> Target:
    """Return what an id points at; raises ArmError for what Private Link cannot reach."""
    found = TARGETS.get(Path.parse(resource_id).type.lower())
    if found is None:
        raise bad_request(
            "InvalidPrivateLinkServiceId",
            f"Private link service id {resource_id} is not of a type that supports private endpoints.",
        )
    return found


def record_name(zone: str, fqdn: str) -> str | None:
    """Return the record that a zone group writes for a name, None when the zone is not the recommended one."""
    suffix = ZONE_SUFFIXES.get(zone.lower())
    return fqdn.removesuffix(f".{suffix}") if suffix and fqdn.endswith(f".{suffix}") else None


def connection_entry(endpoint: Resource) -> Json:
    """Return the endpoint's only connection, from whichever of its two lists holds it."""
    properties = endpoint.properties
    both = [
        *(properties.get("privateLinkServiceConnections") or []),
        *(properties.get("manualPrivateLinkServiceConnections") or []),
    ]
    found: Json = both[0] if both else {}
    return found


def target_id(endpoint: Resource) -> str:
    """Return the id that an endpoint points at."""
    return str(connection_entry(endpoint).get("properties", {}).get("privateLinkServiceId", ""))


def status_of(endpoint: Resource) -> str:
    """Return the endpoint's own view of its connection."""
    state = (
        connection_entry(endpoint)
        .get("properties", {})
        .get("privateLinkServiceConnectionState", {})
    )
    return str(state.get("status", ""))


def connect(
    context: Context, endpoint: Resource, target: Resource, status: str, message: str
) -> None:
    """Make the target's side of a connection, and tell the endpoint."""
    kind = target_of(target.id)
    name = f"{endpoint.name}.{context.chance.guid()}"
    group_ids = connection_entry(endpoint)["properties"].get("groupIds", [])
    connection_id = f"{target.id}/privateEndpointConnections/{name}"
    body: Json = {
        "id": connection_id,
        "name": name,
        "type": kind.connections,
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpoint": {"id": endpoint.id},
            "groupIds": list(group_ids),
            "privateLinkServiceConnectionState": {},
        },
    }
    hidden: Json = {"endpoint": endpoint.id, "service": target.hidden.get("service")}
    made = Resource(connection_id, kind.connections, body, context.now(), hidden)
    context.store.put(made)
    endpoint.hidden["connection"] = made.id
    set_status(context, made, status, message)


def set_status(context: Context, connection: Resource, status: str, message: str) -> None:
    """Write a status into both views of a connection."""
    state = {"status": status, "description": message, "actionsRequired": "None"}
    connection.properties["privateLinkServiceConnectionState"] = dict(state)
    endpoint = context.store.get(connection.hidden.get("endpoint"))
    if endpoint:
        tell_endpoint(endpoint, status, message)


def tell_endpoint(endpoint: Resource, status: str, message: str) -> None:
    """Write a status into the endpoint's own view."""
    entry = connection_entry(endpoint)
    entry["properties"]["privateLinkServiceConnectionState"] = {
        "status": status,
        "description": message,
        "actionsRequired": "None",
    }


def connections_of(context: Context, target: Resource) -> list[Resource]:
    """Return the target's connections."""
    return context.store.of_type(target_of(target.id).connections, target.id)


def leave_disconnected(context: Context, target: Resource) -> None:
    """Turn the endpoints of a target that goes Disconnected: nothing deletes them but their owner."""
    for connection in connections_of(context, target):
        endpoint = context.store.get(connection.hidden.get("endpoint"))
        if endpoint:
            tell_endpoint(endpoint, "Disconnected", "The resource was deleted.")


def remove_endpoint_side(context: Context, endpoint: Resource) -> None:
    """Drop the target's view of an endpoint that goes."""
    connection = endpoint.hidden.get("connection")
    if connection and context.store.get(connection):
        context.store.remove(connection)


def embedded(context: Context, target: Resource) -> list[Json]:
    """Return the connections as their target's own body shows them."""
    return [connection_view(r) for r in connections_of(context, target)]


def connection_view(connection: Resource) -> Json:
    """Return a connection as its provider spells it: storage says actionRequired, others actionsRequired."""
    owner = connection.type.lower().removesuffix("/privateendpointconnections")
    properties = dict(connection.properties)
    state = dict(properties.get("privateLinkServiceConnectionState", {}))
    if owner == STORAGE.lower():
        state["actionRequired"] = state.pop("actionsRequired", "None")
    properties.pop("groupIds", None)
    if owner == CLUSTER.lower():
        state = {k: v for k, v in state.items() if k in ("status", "description")}
    properties["privateLinkServiceConnectionState"] = state
    body: Json = {**connection.body, "properties": properties}
    if owner == CLUSTER.lower():
        body["type"] = "Microsoft.Network/privateLinkServices/privateEndpointConnections"
    return body
