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
