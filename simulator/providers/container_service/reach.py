"""Owns what a private cluster's reachability hangs on: its link service, its endpoints and their names.

ARM shows none of this as health. A stop deletes the link service, so every endpoint made by a customer is dead; the
endpoint that AKS made for itself is made anew at start (domain facts, section 2).
"""

from simulator.context import Context
from simulator.loading import ensure_group
from simulator.paths import Path, last, same
from simulator.providers import links
from simulator.providers.container_service import connected
from simulator.providers.network import interfaces, private_dns
from simulator.providers.network.private_endpoints import Endpoints
from simulator.store import Resource
from simulator.wire import Json

OWNED = "kube-apiserver"
AKS_SUBSCRIPTION = "99999999-9999-9999-9999-999999999999"
TTL = 300


def is_private(cluster: Resource) -> bool:
    """Whether the API server is behind a private link service: not so with API-server VNet integration."""
    profile = cluster.properties.get("apiServerAccessProfile") or {}
    return bool(profile.get("enablePrivateCluster")) and not profile.get("enableVnetIntegration")


def is_running(cluster: Resource) -> bool:
    """Whether the cluster runs and nothing is under way."""
    if cluster.type == connected.TYPE:
        return connected.is_connected(cluster)
    properties = cluster.properties
    power = (properties.get("powerState") or {}).get("code")
    return power == "Running" and properties.get("provisioningState") == "Succeeded"


def new_service(context: Context, cluster: Resource) -> None:
    """Give a private cluster a link service of its own, in a subscription of Microsoft's."""
    if is_private(cluster):
        group = f"hcp-underlay-{context.chance.hex(6)}"
        name = f"pls-{context.chance.hex(12)}"
        cluster.hidden["service"] = (
            f"/subscriptions/{AKS_SUBSCRIPTION}/resourceGroups/{group}/providers/"
            f"Microsoft.Network/privateLinkServices/{name}"
        )


def incarnation(cluster: Resource) -> str:
    """Return what changes with every real restart."""
    return str(cluster.hidden.get("incarnation", 0))


def customer_endpoints(context: Context, cluster: Resource) -> list[Resource]:
    """Return the endpoints to a cluster that are not AKS's own."""
    group = str(cluster.properties.get("nodeResourceGroup", "")).lower()
    return [
        e
        for e in context.store.of_type(links.ENDPOINTS)
        if same(links.target_id(e), cluster.id) and e.path.group.lower() != group
    ]


def sever(context: Context, cluster: Resource) -> None:
    """Delete the link service: every connection to it is Disconnected, in both views."""
    cluster.hidden["service"] = None
    for connection in links.connections_of(context, cluster):
        message = "The private link service was deleted."
        links.set_status(context, connection, "Disconnected", message)


def own_endpoint(context: Context, cluster: Resource) -> None:
    """Make AKS's own endpoint anew, in the subnet of the first agent pool, with its record in AKS's own zone."""
    pools = cluster.properties.get("agentPoolProfiles") or []
    subnet = pools[0].get("vnetSubnetID") if pools else None
    if not is_private(cluster) or not context.store.get(subnet):
        return
    group = f"/subscriptions/{cluster.path.subscription}/resourceGroups/{cluster.properties['nodeResourceGroup']}"
    endpoint_id = f"{group}/providers/{links.ENDPOINTS}/{OWNED}"
    ensure_group(context, Path.parse(endpoint_id))
    kind, old = Endpoints(), context.store.get(endpoint_id)
    if old:
        kind.removed(context, old)
        context.store.remove(old.id)
    entry: Json = {
        "name": OWNED,
        "properties": {"privateLinkServiceId": cluster.id, "groupIds": ["management"]},
    }
    body: Json = {
        "id": endpoint_id,
        "name": OWNED,
        "type": links.ENDPOINTS,
        "location": cluster.body.get("location"),
        "properties": {"subnet": {"id": subnet}, "privateLinkServiceConnections": [entry]},
    }
    endpoint = context.store.put(Resource(endpoint_id, links.ENDPOINTS, body, context.now()))
    kind.complete(context, endpoint)
    kind.establish(context, endpoint, "Approved")
    endpoint.properties["provisioningState"] = "Succeeded"
    kind.renew_etag(context, endpoint)
    _own_record(context, cluster, endpoint, group)


def _own_record(context: Context, cluster: Resource, endpoint: Resource, group: str) -> None:
    label, _, zone_name = str(cluster.properties.get("privateFQDN", "")).partition(".")
    if (
        str(
            (cluster.properties.get("apiServerAccessProfile") or {}).get("privateDNSZone", "system")
        )
        != "system"
    ):
        return
    zone_id = f"{group}/providers/{private_dns.ZONES}/{zone_name}"
    zone = context.store.get(zone_id)
    if zone is None:
        body: Json = {
            "id": zone_id,
            "name": zone_name,
            "type": private_dns.ZONES,
            "location": "global",
        }
        zone = context.store.put(Resource(zone_id, private_dns.ZONES, body, context.now()))
        private_dns.Zones().complete(context, zone)
        private_dns.Zones().renew_etag(context, zone)
        zone.properties["provisioningState"] = "Succeeded"
    address = addresses(context, endpoint)[0]
    private_dns.put_address(context, zone, label, address, TTL)
    record = context.store.get(f"{zone_id}/A/{label}")
    if record:
        record.properties.pop("metadata", None)


def addresses(context: Context, endpoint: Resource) -> list[str]:
    """Return an endpoint's addresses."""
    nics = endpoint.properties.get("networkInterfaces") or []
    nic = context.store.get(nics[0]["id"]) if nics else None
    return interfaces.addresses_of(nic) if nic else []


def is_usable(context: Context, cluster: Resource, endpoint: Resource) -> bool:
    """Whether an endpoint leads to the API server: Approved on the present link service, and found by name."""
    connection = context.store.get(endpoint.hidden.get("connection"))
    current = connection is not None and connection.hidden.get("service") == cluster.hidden.get(
        "service"
    )
    return (
        current
        and links.status_of(endpoint) == "Approved"
        and _is_named(context, cluster, endpoint)
    )


def _is_named(context: Context, cluster: Resource, endpoint: Resource) -> bool:
    """Whether a customer's zone for the cluster, where there is one, holds the endpoint's address."""
    fqdn = str(cluster.properties.get("privateFQDN", ""))
    group = str(cluster.properties.get("nodeResourceGroup", "")).lower()
    zones = [
        z
        for z in context.store.of_type(private_dns.ZONES)
        if fqdn.endswith("." + z.name) and z.path.group.lower() != group
    ]
    here = set(addresses(context, endpoint))
    records = [context.store.get(f"{z.id}/A/{fqdn.removesuffix('.' + z.name)}") for z in zones]
    return not zones or any(r and here & set(private_dns.addresses(r)) for r in records)


def is_reachable(context: Context, cluster: Resource) -> bool:
    """Whether Azure ML can reach the cluster: running, and by a usable endpoint once endpoints were made for it."""
    if not is_running(cluster):
        return False
    endpoints = customer_endpoints(context, cluster)
    if not is_private(cluster) or not (endpoints or cluster.hidden.get("had_endpoints")):
        return True
    cluster.hidden["had_endpoints"] = True
    return any(is_usable(context, cluster, e) for e in endpoints)


def named_after(cluster: Resource) -> str:
    """Return the node resource group that AKS makes by default."""
    location = str(cluster.body.get("location", "westeurope"))
    return f"MC_{cluster.path.group}_{last(cluster.id)}_{location}"
