"""`az network` against the simulated Azure."""

from simulator.worlds.plan import Plan
from tests.az.conftest import Cli

PLAN = Plan("prod")
BLOB_ZONE = PLAN.zone("privatelink.blob.core.windows.net")
ENDPOINT = ("--resource-group", "prod-other", "--name", "az-pe")
GROUP = ("--resource-group", "prod-other", "--endpoint-name", "az-pe", "--name", "default")
ZONE = ("--resource-group", "prod-hub", "--zone-name", "example.internal")
RECORD = ("network", "private-dns", "record-set", "a")


def test_a_private_endpoint_is_created_shown_and_deleted(az: Cli) -> None:
    target = ["--private-connection-resource-id", PLAN.storage, "--group-id", "queue"]
    place = ["--subnet", PLAN.subnet("spoke", "endpoints"), "--location", "westeurope"]
    made = az(
        "network",
        "private-endpoint",
        "create",
        *ENDPOINT,
        *target,
        *place,
        "--connection-name",
        "c",
    )
    assert made["provisioningState"] == "Succeeded"
    state = made["privateLinkServiceConnections"][0]["privateLinkServiceConnectionState"]
    assert state["status"] == "Approved"
    shown = az("network", "private-endpoint", "show", *ENDPOINT)
    assert shown["subnet"]["id"] == PLAN.subnet("spoke", "endpoints")
    [address] = shown["customDnsConfigs"][0]["ipAddresses"]
    assert address.startswith("10.10.16.")


def test_a_zone_group_writes_and_removes_the_record(az: Cli) -> None:
    zone = az("network", "private-dns", "zone", "create", "-g", "prod-other", "-n", QUEUE_ZONE)
    group = ["network", "private-endpoint", "dns-zone-group"]
    made = az(*group, "create", *GROUP, "--private-dns-zone", zone["id"], "--zone-name", "queue")
    [config] = made["privateDnsZoneConfigs"]
    assert config["recordSets"][0]["recordSetName"] == "prodmlst"
    assert az(*group, "show", *GROUP)["provisioningState"] == "Succeeded"
    record = ("-g", "prod-other", "-z", QUEUE_ZONE, "-n", "prodmlst")
    assert len(az(*RECORD, "show", *record)["aRecords"]) == 1
    az(*group, "delete", *GROUP)
    assert "ResourceNotFound" in az.refused(*RECORD, "show", *record)
    az("network", "private-endpoint", "delete", *ENDPOINT)
    assert "ResourceNotFound" in az.refused("network", "private-endpoint", "show", *ENDPOINT)


QUEUE_ZONE = "privatelink.queue.core.windows.net"


def test_a_private_zone_its_link_and_its_records_are_written(az: Cli) -> None:
    zone = ("--resource-group", "prod-hub", "--name", "example.internal")
    assert az("network", "private-dns", "zone", "create", *zone)["provisioningState"] == "Succeeded"
    link = ["network", "private-dns", "link", "vnet"]
    made = az(
        *link,
        "create",
        *ZONE,
        "-n",
        "hub",
        "-v",
        PLAN.network("hub"),
        "--registration-enabled",
        "false",
    )
    assert made["virtualNetworkLinkState"] == "Completed"
    az(*RECORD, "create", *ZONE, "--name", "web", "--ttl", "60")
    az(*RECORD, "add-record", *ZONE, "--record-set-name", "web", "--ipv4-address", "10.0.0.9")
    shown = az(*RECORD, "show", *ZONE, "--name", "web")
    assert (shown["ttl"], shown["aRecords"]) == (60, [{"ipv4Address": "10.0.0.9"}])
    az(*RECORD, "delete", *ZONE, "--name", "web", "--yes")
    refused = az.refused("network", "private-dns", "zone", "delete", *zone, "--yes")
    assert "CannotDeleteResource" in refused
    az(*link, "delete", *ZONE, "-n", "hub", "--yes")
    az("network", "private-dns", "zone", "delete", *zone, "--yes")
    zones = az("network", "private-dns", "zone", "list", "-g", "prod-hub", "--query", "[].name")
    assert "example.internal" not in zones


def test_a_peering_that_lost_its_other_side_has_to_be_made_again_on_both(az: Cli) -> None:
    peering = ["network", "vnet", "peering"]
    hub = ("-g", "prod-hub", "--vnet-name", "prod-hub-vnet", "-n", "to-spoke")
    spoke = ("-g", "prod-spoke", "--vnet-name", "prod-spoke-vnet", "-n", "to-hub")
    assert az(*peering, "show", *hub)["peeringState"] == "Connected"
    az(*peering, "delete", *hub)
    assert az(*peering, "show", *spoke)["peeringState"] == "Disconnected"
    az(*peering, "delete", *spoke)
    for side, other in ((hub, "spoke"), (spoke, "hub")):
        az(*peering, "create", *side, "--remote-vnet", PLAN.network(other), "--allow-vnet-access")
    assert az(*peering, "show", *hub)["peeringState"] == "Connected"


def test_a_rule_is_written_into_a_security_group(az: Cli) -> None:
    group = ("--resource-group", "prod-hub", "--nsg-name", "az-nsg")
    az("network", "nsg", "create", "-g", "prod-hub", "-n", "az-nsg", "-l", "westeurope")
    rule = ["--priority", "200", "--access", "Allow", "--destination-port-ranges", "443"]
    az("network", "nsg", "rule", "create", *group, "--name", "https", *rule)
    shown = az("network", "nsg", "show", "-g", "prod-hub", "-n", "az-nsg")
    assert [r["name"] for r in shown["securityRules"]] == ["https"]
    assert len(shown["defaultSecurityRules"]) == 6


def test_a_peering_is_synchronised_after_a_network_grew(az: Cli) -> None:
    peering = ["network", "vnet", "peering"]
    hub = ("-g", "prod-hub", "--vnet-name", "prod-hub-vnet", "-n", "to-spoke")
    spoke = ("-g", "prod-spoke", "--vnet-name", "prod-spoke-vnet", "-n", "to-hub")
    space = ("--address-prefixes", "10.0.0.0/16", "10.99.0.0/16")
    az("network", "vnet", "update", "-g", "prod-hub", "-n", "prod-hub-vnet", *space)
    level = ("--query", "peeringSyncLevel")
    assert az(*peering, "show", *hub, *level) == "LocalNotInSync"
    assert az(*peering, "show", *spoke, *level) == "RemoteNotInSync"
    az(*peering, "sync", *spoke)
    assert az(*peering, "show", *spoke, *level) == "FullyInSync"
    assert az(*peering, "show", *hub, *level) == "FullyInSync"


def test_a_subnet_is_made_changed_and_deleted(az: Cli) -> None:
    subnet = ["network", "vnet", "subnet"]
    place = ("-g", "prod-hub", "--vnet-name", "prod-hub-vnet", "-n", "aci")
    service = "Microsoft.ContainerInstance/containerGroups"
    made = az(
        *subnet, "create", *place, "--address-prefixes", "10.0.9.0/24", "--delegations", service
    )
    assert made["delegations"][0]["serviceName"] == service
    policies = ("--private-endpoint-network-policies", "Enabled")
    changed = az(*subnet, "update", *place, *policies)
    assert changed["privateEndpointNetworkPolicies"] == "Enabled"
    assert changed["delegations"][0]["serviceName"] == service
    az(*subnet, "delete", *place)
    names = az(*subnet, "list", *place[:4], "--query", "[].name")
    assert "aci" not in names
    busy = ("-g", "prod-spoke", "--vnet-name", "prod-spoke-vnet", "-n", "endpoints")
    assert "InUseSubnetCannotBeDeleted" in az.refused(*subnet, "delete", *busy)
