"""Each operation that Relink asks of Azure's clients, against the simulator."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.identity import ManagedIdentityCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.kubernetesconfiguration.extensions import (
    KubernetesConfigurationExtensionsMgmtClient,
)
from azure.mgmt.monitor import MonitorManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.privatedns import PrivateDnsManagementClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest
from azure.mgmt.storage import StorageManagementClient

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.context import State
from simulator.server import Server
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan

PLAN = Plan("prod")
ML, HUB, SPOKE, AKS = "prod-ml", "prod-hub", "prod-spoke", "prod-aks"
ZONE = "privatelink.azurecr.io"
CLUSTER = (SPOKE, "Microsoft.ContainerService", "managedClusters", AKS)
SINCE = "eventTimestamp ge '2020-01-01T00:00:00Z'"
QUERY = QueryRequest(query="resources | project id | take 3", subscriptions=[PLAN.subscription])
NETWORK = NetworkManagementClient
DNS = PrivateDnsManagementClient
ROLES = AuthorizationManagementClient
type Ask = Callable[[Any], Any]

READS: list[tuple[type[Any], str, Ask]] = [
    (NETWORK, "private_endpoints.get", lambda c: c.private_endpoints.get(ML, "prod-blob-pe")),
    (NETWORK, "private_endpoints.list", lambda c: list(c.private_endpoints.list(ML))),
    (
        NETWORK,
        "private_dns_zone_groups.get",
        lambda c: c.private_dns_zone_groups.get(ML, "prod-blob-pe", "default"),
    ),
    (
        NETWORK,
        "private_dns_zone_groups.list",
        lambda c: list(c.private_dns_zone_groups.list("prod-blob-pe", ML)),
    ),
    (NETWORK, "network_interfaces.get", lambda c: c.network_interfaces.get(ML, "prod-blob-pe-nic")),
    (NETWORK, "virtual_networks.get", lambda c: c.virtual_networks.get(HUB, "prod-hub-vnet")),
    (NETWORK, "subnets.get", lambda c: c.subnets.get(HUB, "prod-hub-vnet", "ops")),
    (
        NETWORK,
        "virtual_network_peerings.get",
        lambda c: c.virtual_network_peerings.get(HUB, "prod-hub-vnet", "to-spoke"),
    ),
    (DNS, "private_zones.get", lambda c: c.private_zones.get(HUB, ZONE)),
    (DNS, "virtual_network_links.get", lambda c: c.virtual_network_links.get(HUB, ZONE, "to-hub")),
    (DNS, "record_sets.get", lambda c: c.record_sets.get(HUB, ZONE, "A", "prodmlacr")),
    (DNS, "record_sets.list", lambda c: list(c.record_sets.list(HUB, ZONE))),
    (DNS, "record_sets.list_by_type", lambda c: list(c.record_sets.list_by_type(HUB, ZONE, "A"))),
    (
        StorageManagementClient,
        "storage_accounts.get_properties",
        lambda c: c.storage_accounts.get_properties(ML, "prodmlst"),
    ),
    (
        StorageManagementClient,
        "private_endpoint_connections.list",
        lambda c: list(c.private_endpoint_connections.list(ML, "prodmlst")),
    ),
    (KeyVaultManagementClient, "vaults.get", lambda c: c.vaults.get(ML, "prod-mlkv")),
    (
        KeyVaultManagementClient,
        "private_endpoint_connections.list_by_resource",
        lambda c: list(c.private_endpoint_connections.list_by_resource(ML, "prod-mlkv")),
    ),
    (
        ContainerRegistryManagementClient,
        "registries.get",
        lambda c: c.registries.get(ML, "prodmlacr"),
    ),
    (
        ContainerRegistryManagementClient,
        "private_endpoint_connections.list",
        lambda c: list(c.private_endpoint_connections.list(ML, "prodmlacr")),
    ),
    (ContainerServiceClient, "managed_clusters.get", lambda c: c.managed_clusters.get(SPOKE, AKS)),
    (
        ContainerServiceClient,
        "private_link_resources.list",
        lambda c: c.private_link_resources.list(SPOKE, AKS),
    ),
    (
        ContainerServiceClient,
        "private_endpoint_connections.list",
        lambda c: c.private_endpoint_connections.list(SPOKE, AKS),
    ),
    (
        KubernetesConfigurationExtensionsMgmtClient,
        "extensions.get",
        lambda c: c.extensions.get(*CLUSTER, "azureml"),
    ),
    (
        KubernetesConfigurationExtensionsMgmtClient,
        "extensions.list",
        lambda c: list(c.extensions.list(*CLUSTER)),
    ),
    (
        ROLES,
        "role_assignments.list_for_scope",
        lambda c: list(c.role_assignments.list_for_scope(PLAN.registry)),
    ),
    (
        ROLES,
        "permissions.list_for_resource_group",
        lambda c: list(c.permissions.list_for_resource_group(ML)),
    ),
    (
        ROLES,
        "role_definitions.list",
        lambda c: list(c.role_definitions.list(f"/subscriptions/{PLAN.subscription}")),
    ),
    (ResourceManagementClient, "resource_groups.get", lambda c: c.resource_groups.get(ML)),
    (ResourceManagementClient, "resources.list", lambda c: list(c.resources.list())),
    (ResourceGraphClient, "resources", lambda c: c.resources(QUERY)),
]
# These lists may rightly be empty.
MAYBE_EMPTY: list[tuple[type[Any], str, Ask]] = [
    (
        ManagementLockClient,
        "management_locks.list_by_scope",
        lambda c: list(c.management_locks.list_by_scope(PLAN.vault)),
    ),
    (
        ManagementLockClient,
        "management_locks.list_at_resource_group_level",
        lambda c: list(c.management_locks.list_at_resource_group_level(ML)),
    ),
    (
        ManagementLockClient,
        "management_locks.list_at_subscription_level",
        lambda c: list(c.management_locks.list_at_subscription_level()),
    ),
    (
        MonitorManagementClient,
        "activity_logs.list",
        lambda c: list(c.activity_logs.list(filter=SINCE)),
    ),
]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, State]]:
    cloud = Cloud(SystemClock(), speed=500, page_size=3)
    cloud.load(private_inference())
    with Server(cloud, state_dir=tmp_path_factory.mktemp("state")) as server:
        yield server, cloud.snapshot()


@pytest.fixture
def azure(serving: tuple[Server, State]) -> Server:
    """The served cloud as it was loaded, whatever other tests did to it."""
    server, state = serving
    server.cloud.restore(state)
    return server


@pytest.fixture
def credential(
    azure: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ManagedIdentityCredential]:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, azure.exports[name])
    with ManagedIdentityCredential(client_id=azure.exports["AZURE_CLIENT_ID"]) as made:
        yield made


def options(azure: Server) -> dict[str, Any]:
    endpoint = azure.exports["RELINK_ARM_ENDPOINT"]
    return {"base_url": endpoint, "credential_scopes": [f"{endpoint}/.default"]}


@pytest.mark.parametrize(
    ("client", "ask"), [pytest.param(c, a, id=f"{c.__name__}.{n}") for c, n, a in READS]
)
def test_a_client_reads(
    azure: Server, credential: ManagedIdentityCredential, client: type[Any], ask: Ask
) -> None:
    subscription = () if client is ResourceGraphClient else (PLAN.subscription,)
    with client(credential, *subscription, **options(azure)) as made:
        assert ask(made)


@pytest.mark.parametrize(
    ("client", "ask"), [pytest.param(c, a, id=f"{c.__name__}.{n}") for c, n, a in MAYBE_EMPTY]
)
def test_a_client_lists_what_may_be_nothing(
    azure: Server, credential: ManagedIdentityCredential, client: type[Any], ask: Ask
) -> None:
    with client(credential, PLAN.subscription, **options(azure)) as made:
        assert ask(made) == []


def test_a_role_is_assigned_and_taken_away_by_id(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    scope = f"/subscriptions/{PLAN.subscription}/providers/Microsoft.Authorization/roleDefinitions"
    name = f"{PLAN.vault}/providers/Microsoft.Authorization/roleAssignments/{PLAN.guid('sdk')}"
    body = {
        "properties": {
            "roleDefinitionId": f"{scope}/acdd72a7-3385-48ef-bd42-f606fba81ae7",
            "principalId": PLAN.guid("uami"),
            "principalType": "ServicePrincipal",
        }
    }
    with ROLES(credential, PLAN.subscription, **options(azure)) as client:
        made: Any = client.role_assignments.create_by_id(name, body)
        assert made.scope == PLAN.vault
        client.role_assignments.delete_by_id(name)
    assert azure.cloud.get(name) is None
