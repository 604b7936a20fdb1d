"""A central zone of API servers: what other clusters, and AKS itself, keep there stays as it is."""

from __future__ import annotations

from typing import Any

from shared.manifests import parse_manifest
from tests.cli.world import World

NAME = "privatelink.westeurope.azmk8s.io"


def moved(world: World, fqdn: str, setting: str, **held: str) -> str:
    """The cluster's name is kept in a central zone, with these records; the zone's id."""
    zone = world.plan.id("hub", f"Microsoft.Network/privateDnsZones/{NAME}")
    network = world.plan.id("hub", "Microsoft.Network/virtualNetworks/prod-hub-vnet")
    linked = {"virtualNetwork": {"id": network}, "registrationEnabled": False}
    world.does("PUT", zone, {"location": "global"})
    link = f"{zone}/virtualNetworkLinks/to-hub"
    world.does("PUT", link, {"location": "global", "properties": linked})
    for name, address in held.items():
        body: dict[str, Any] = {"ttl": 300, "aRecords": [{"ipv4Address": address}]}
        world.does("PUT", f"{zone}/A/{name}", {"properties": body})
    live = world.cloud.store.get(world.plan.cluster)
    assert live is not None
    properties = live.body["properties"]
    properties["privateFQDN"] = fqdn
    properties["apiServerAccessProfile"]["privateDNSZone"] = setting or zone
    return zone


def addresses(world: World, record: str) -> list[str]:
    """What a record holds."""
    return [each["ipv4Address"] for each in world.body(record)["properties"]["aRecords"]]


def test_the_records_of_other_clusters_stay_as_they_are(world: World) -> None:
    zone = moved(world, "", "none", billing="10.40.0.4", web="10.41.0.4")
    file = world.captured()
    declared = parse_manifest(file.read_text(), "prod.yaml").private_endpoints
    assert not [r for e in declared for r in e.records if r.zone.name == NAME]
    world.relink("reconcile", str(file), "--yes")
    assert addresses(world, f"{zone}/A/billing") == ["10.40.0.4"]
    assert addresses(world, f"{zone}/A/web") == ["10.41.0.4"]


def test_the_record_that_aks_keeps_is_not_written_though_a_manifest_declares_it(
    world: World,
) -> None:
    zone = moved(world, f"prod-1.{NAME}", "", **{"prod-1": "10.10.0.4"})
    file = world.captured()
    assert NAME not in file.read_text()
    own = f"  - id: {world.endpoint('aks', 'hub')}\n"
    records = f"    records:\n      - zone: {zone}\n        name: prod-1\n"
    file.write_text(file.read_text().replace(own, own + records, 1))
    said = world.relink("reconcile", str(file), "--yes")
    assert "RecordAksOwned" in said.output
    assert addresses(world, f"{zone}/A/prod-1") == ["10.10.0.4"]


def address(world: World, endpoint: str) -> str:
    """The address of an endpoint."""
    (card,) = world.body(endpoint)["properties"]["networkInterfaces"]
    (configuration,) = world.body(card["id"])["properties"]["ipConfigurations"]
    return str(configuration["properties"]["privateIPAddress"])


def test_a_record_of_two_endpoints_and_a_proxy_follows_both_through_a_restart(
    world: World,
) -> None:
    name = "557f822b-4e5d-5d97-b1d6-43d6a4d8cf89.privatelink.westeurope.azmk8s.io"
    zone = world.plan.id("hub", f"Microsoft.Network/privateDnsZones/{name}")
    other = world.plan.id("hub-2", f"Microsoft.Network/privateDnsZones/{name}")
    network = world.plan.id("hub-2", "Microsoft.Network/virtualNetworks/prod-hub-2-vnet")
    first, second = (
        world.endpoint("aks", "hub"),
        world.endpoint("aks", "hub").replace("/prod-hub/", "/prod-hub-2/") + "-2",
    )
    for link in world.cloud.store.of_type("Microsoft.Network/privateDnsZones/virtualNetworkLinks"):
        if link.id.lower().startswith(other.lower()):
            world.does("DELETE", link.id)
    (record,) = (
        r.id
        for r in world.cloud.store.of_type("Microsoft.Network/privateDnsZones/A")
        if r.id.lower().startswith(zone.lower())
    )
    linked = {"virtualNetwork": {"id": network}, "registrationEnabled": False}
    link_body = {"location": "global", "properties": linked}
    world.does("PUT", f"{zone}/virtualNetworkLinks/to-other", link_body)
    held = [address(world, first), "10.99.0.4", address(world, second)]
    body = {"ttl": 300, "aRecords": [{"ipv4Address": each} for each in held]}
    world.does("PUT", record, {"properties": body})
    file = world.captured()
    assert world.relink("validate", str(file)).exit_code == 0
    declared = parse_manifest(file.read_text(), "prod.yaml").private_endpoints
    assert [len(e.records) for e in declared if e.to_cluster] == [1, 1]
    assert world.relink("reconcile", str(file), "--yes").exit_code == 0
    assert addresses(world, record) == held
    world.restart()
    again = ("reconcile", str(file), "--yes", "--only", "cluster_endpoint")
    done = world.relink(*again)
    assert done.exit_code == 0, done.output
    fresh = [address(world, first), "10.99.0.4", address(world, second)]
    assert addresses(world, record) == fresh
    assert not set(fresh) & set(held) - {"10.99.0.4"}
    assert "InSync" in world.relink(*again).output
