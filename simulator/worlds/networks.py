"""Owns the networks, peerings, zones and private endpoints of the private environment."""

from simulator.wire import Json
from simulator.worlds.plan import TAGS, ZONES, Plan


def sites(cluster_endpoints: int) -> list[str]:
    """Name the networks that hold an endpoint to the API server; a name resolves once a network, hence one each."""
    return ["hub" if i == 0 else f"hub-{i + 1}" for i in range(cluster_endpoints)]


def networks(plan: Plan, cluster_endpoints: int) -> list[Json]:
    """Return hub, spoke, further sites and the peerings."""
    hub_subnets = [("bastion", "10.0.0.0/26"), ("ops", "10.0.1.0/24")]
    spoke_subnets = [("nodes", "10.10.0.0/20"), ("endpoints", "10.10.16.0/24")]
    hub = _network(plan, "hub", "10.0.0.0/16", hub_subnets)
    spoke = _network(plan, "spoke", "10.10.0.0/16", spoke_subnets)
    more = [
        _network(plan, site, f"10.{20 + i}.0.0/16", [("ops", f"10.{20 + i}.1.0/24")])
        for i, site in enumerate(sites(cluster_endpoints))
        if i
    ]
    return [hub, spoke, *more, _peering(plan, "hub", "spoke"), _peering(plan, "spoke", "hub")]


def _network(plan: Plan, name: str, prefix: str, subnets: list[tuple[str, str]]) -> Json:
    return {
        "id": plan.network(name),
        "location": plan.region,
        "tags": dict(TAGS),
        "properties": {
            "addressSpace": {"addressPrefixes": [prefix]},
            "subnets": [{"name": n, "properties": {"addressPrefix": p}} for n, p in subnets],
        },
    }


def _peering(plan: Plan, here: str, there: str) -> Json:
    return {
        "id": f"{plan.network(here)}/virtualNetworkPeerings/to-{there}",
        "properties": {
            "remoteVirtualNetwork": {"id": plan.network(there)},
            "allowForwardedTraffic": True,
        },
    }


def zones(plan: Plan, cluster_endpoints: int) -> list[Json]:
    """Return the zones with their links."""
    wanted = [(plan.zone(name), ["hub", "spoke"]) for name in ZONES]
    wanted += [(plan.zone(plan.cluster_zone, site), [site]) for site in sites(cluster_endpoints)]
    return [resource for zone, networks in wanted for resource in _zone(plan, zone, networks)]


def _zone(plan: Plan, zone: str, networks: list[str]) -> list[Json]:
    links: list[Json] = [
        {
            "id": f"{zone}/virtualNetworkLinks/to-{network}",
            "location": "global",
            "properties": {
                "virtualNetwork": {"id": plan.network(network)},
                "registrationEnabled": False,
            },
        }
        for network in networks
    ]
    body: Json = {"id": zone, "location": "global", "tags": dict(TAGS), "properties": {}}
    return [body, *links]


def endpoints(plan: Plan) -> list[Json]:
    """Return the endpoints of the workspace and its associated resources, with their zone groups."""
    wanted = (
        ("mlw", plan.workspace, "amlworkspace", ZONES[:2]),
        ("blob", plan.storage, "blob", ZONES[2:3]),
        ("file", plan.storage, "file", ZONES[3:4]),
        ("vault", plan.vault, "vault", ZONES[4:5]),
        ("registry", plan.registry, "registry", ZONES[5:6]),
    )
    made: list[Json] = []
    place = ("ml", plan.subnet("spoke", "endpoints"))
    for name, target, group, zones in wanted:
        made_one = endpoint(plan, place, f"{plan.prefix}-{name}-pe", target, group)
        configs = [
            {"name": zone.replace(".", "-"), "properties": {"privateDnsZoneId": plan.zone(zone)}}
            for zone in zones
        ]
        zone_group: Json = {
            "id": f"{made_one['id']}/privateDnsZoneGroups/default",
            "properties": {"privateDnsZoneConfigs": configs},
        }
        made += [made_one, zone_group]
    return made


def endpoint(plan: Plan, place: tuple[str, str], name: str, target: str, group: str) -> Json:
    """Return an endpoint; `place` is the group and the id of the subnet it is in."""
    site, subnet = place
    connection: Json = {
        "name": f"{name}-connection",
        "properties": {
            "privateLinkServiceId": target,
            "groupIds": [group],
            "requestMessage": "For inference",
        },
    }
    return {
        "id": plan.id(site, f"Microsoft.Network/privateEndpoints/{name}"),
        "location": plan.region,
        "tags": dict(TAGS),
        "properties": {
            "subnet": {"id": subnet},
            "privateLinkServiceConnections": [connection],
            "manualPrivateLinkServiceConnections": [],
            "customNetworkInterfaceName": f"{name}-nic",
        },
    }


def cluster_endpoint(plan: Plan, index: int, site: str) -> list[Json]:
    """Return an endpoint to the API server with its A record; the first address that a subnet gives is its fourth."""
    name = f"{plan.prefix}-aks-pe" if index == 0 else f"{plan.prefix}-aks-pe-{index + 1}"
    made_one = endpoint(plan, (site, plan.subnet(site, "ops")), name, plan.cluster, "management")
    address = "10.0.1.4" if index == 0 else f"10.{20 + index}.1.4"
    record: Json = {
        "id": f"{plan.zone(plan.cluster_zone, site)}/A/{plan.prefix}-{plan.guid('host')[:8]}",
        "properties": {"ttl": 300, "aRecords": [{"ipv4Address": address}]},
    }
    return [made_one, record]
