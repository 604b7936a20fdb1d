"""What a person breaks with `az`, Relink repairs: heard of through an event subscription that `az` made too."""

import httpx
import pytest

from simulator.worlds.plan import ACR_PULL, Plan
from tests.az.conftest import Azure, Cli, until

PLAN = Plan("prod")
BLOB = PLAN.id("ml", "Microsoft.Network/privateEndpoints/prod-blob-pe")
CLUSTER_ENDPOINT = PLAN.id("hub", "Microsoft.Network/privateEndpoints/prod-aks-pe")
COMPUTE = f"{PLAN.workspace}/computes/k8s-a"
ML = ("--resource-group", "prod-ml")


@pytest.fixture(scope="module")
def subscribed(az: Cli, relink: httpx.Client) -> None:
    """Event Grid tells Relink of what it acts on."""
    source = f"/subscriptions/{PLAN.subscription}"
    topic = ("--resource-group", "prod-other", "--system-topic-name", "changes")
    kind = ("--topic-type", "Microsoft.Resources.Subscriptions", "--location", "global")
    az(
        *("eventgrid", "system-topic", "create", "-g", "prod-other", "-n", "changes"),
        *("--source", source, *kind),
    )
    key = relink.headers["x-functions-key"]
    url = relink.base_url.join(
        f"/runtime/webhooks/eventgrid?functionName=resource_changed&code={key}"
    )
    prefixes = ["ContainerService", "MachineLearningServices", "Network", "Storage", "KeyVault"]
    prefixes = [f"Microsoft.{p}/" for p in [*prefixes, "ContainerRegistry", "Authorization"]]
    advanced = ("--advanced-filter", "data.operationName", "StringBeginsWith", *prefixes)
    made = az(
        *("eventgrid", "system-topic", "event-subscription", "create", "-n", "relink", *topic),
        *("--endpoint", str(url), *advanced),
    )
    assert made["provisioningState"] == "Succeeded"
    assert key not in str(made)


@pytest.mark.usefixtures("subscribed")
def test_a_deleted_endpoint_comes_back_with_its_zone_group(az: Cli) -> None:
    az("network", "private-endpoint", "delete", *ML, "-n", "prod-blob-pe")
    group = ("network", "private-endpoint", "dns-zone-group", "show", *ML)
    until(
        lambda: az.run(*group, "--endpoint-name", "prod-blob-pe", "-n", "default").returncode == 0
    )
    shown = az("network", "private-endpoint", "show", *ML, "-n", "prod-blob-pe")
    assert shown["provisioningState"] == "Succeeded"


@pytest.mark.usefixtures("subscribed")
def test_public_access_and_dropped_exceptions_are_put_back(az: Cli, azure: Azure) -> None:
    storage = ("storage", "account", "update", *ML, "-n", "prodmlst")
    az(*storage, "--public-network-access", "Enabled", "--bypass", "None")
    az(
        *("keyvault", "update", *ML, "-n", "prod-mlkv"),
        *("--public-network-access", "Enabled", "--bypass", "None"),
    )
    az(
        *("acr", "update", *ML, "-n", "prodmlacr"),
        *("--public-network-enabled", "true", "--allow-trusted-services", "false"),
    )

    def closed() -> bool:
        found = [azure.state(i)["resource"]["properties"] for i in (PLAN.storage, PLAN.vault)]
        registry = azure.state(PLAN.registry)["resource"]["properties"]
        return (
            all(p["publicNetworkAccess"] == "Disabled" for p in (*found, registry))
            and all("AzureServices" in p["networkAcls"]["bypass"] for p in found)
            and registry["networkRuleBypassOptions"] == "AzureServices"
        )

    until(closed)
    shown = az("storage", "account", "show", *ML, "-n", "prodmlst")
    assert [r["ipAddressOrRange"] for r in shown["networkRuleSet"]["ipRules"]]


@pytest.mark.usefixtures("subscribed")
def test_a_restarted_cluster_is_linked_again(az: Cli, azure: Azure) -> None:
    aks = ("--resource-group", "prod-spoke", "--name", "prod-aks")
    az("aks", "stop", *aks)
    shown = az("network", "private-endpoint", "show", "--ids", CLUSTER_ENDPOINT)
    [connection] = shown["privateLinkServiceConnections"]
    assert connection["privateLinkServiceConnectionState"]["status"] == "Disconnected"
    az("aks", "start", *aks)
    until(lambda: (azure.state(COMPUTE) or {}).get("alive"))
    shown = az("network", "private-endpoint", "show", "--ids", CLUSTER_ENDPOINT)
    [connection] = shown["privateLinkServiceConnections"]
    assert connection["privateLinkServiceConnectionState"]["status"] == "Approved"


@pytest.mark.usefixtures("subscribed")
def test_a_peering_that_lost_a_side_is_made_again_on_both(az: Cli, azure: Azure) -> None:
    hub = ("-g", "prod-hub", "--vnet-name", "prod-hub-vnet", "-n", "to-spoke")
    az("network", "vnet", "peering", "delete", *hub)
    sides = [
        f"{PLAN.network('hub')}/virtualNetworkPeerings/to-spoke",
        f"{PLAN.network('spoke')}/virtualNetworkPeerings/to-hub",
    ]

    def connected() -> bool:
        found = [azure.state(side) for side in sides]
        return all(f and f["resource"]["properties"]["peeringState"] == "Connected" for f in found)

    until(connected)
    shown = az("network", "vnet", "peering", "show", *hub)
    assert (shown["peeringState"], shown["peeringSyncLevel"]) == ("Connected", "FullyInSync")


@pytest.mark.usefixtures("subscribed")
def test_a_deleted_link_of_a_zone_comes_back(az: Cli) -> None:
    link = ["network", "private-dns", "link", "vnet"]
    place = ("-g", "prod-hub", "-z", "privatelink.blob.core.windows.net", "-n", "to-hub")
    before = az(*link, "show", *place)
    az(*link, "delete", *place, "--yes")
    until(lambda: az.run(*link, "show", *place).returncode == 0)
    until(lambda: az(*link, "show", *place)["virtualNetworkLinkState"] == "Completed")
    after = az(*link, "show", *place)
    assert after["virtualNetwork"]["id"] == before["virtualNetwork"]["id"]
    assert after["registrationEnabled"] is False


@pytest.mark.usefixtures("subscribed")
def test_a_role_taken_from_a_compute_is_given_back(az: Cli, azure: Azure) -> None:
    principal = azure.state(COMPUTE)["resource"]["identity"]["principalId"]
    roles = ("role", "assignment", "list", "--scope", PLAN.registry)
    held = [r for r in az(*roles) if r["principalId"] == principal]
    assert [r["roleDefinitionId"][-36:] for r in held] == [ACR_PULL]
    az("role", "assignment", "delete", "--ids", held[0]["id"])
    until(lambda: [r for r in az(*roles) if r["principalId"] == principal])
