"""Microsoft's own clients against the simulator, over https, with a managed identity."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from azure.core import MatchConditions
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import ManagedIdentityCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import VaultPatchParameters, VaultPatchProperties
from azure.mgmt.kubernetesconfiguration.extensions import (
    KubernetesConfigurationExtensionsMgmtClient,
)
from azure.mgmt.monitor import MonitorManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.privatedns import PrivateDnsManagementClient
from azure.mgmt.privatedns.models import ARecord, RecordSet, RecordSetProperties
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest
from azure.mgmt.storage import StorageManagementClient
from azure.mgmt.storage.models import (
    StorageAccountPropertiesUpdateParameters,
    StorageAccountUpdateParameters,
)

from simulator.server import Server
from simulator.worlds.plan import Plan

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
PLAN = Plan("prod", SUBSCRIPTION, "westeurope")


@pytest.fixture
def credential(
    served: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ManagedIdentityCredential]:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, served.exports[name])
    with ManagedIdentityCredential(client_id=served.exports["AZURE_CLIENT_ID"]) as made:
        yield made


@pytest.fixture
def options(served: Server) -> dict[str, Any]:
    endpoint = served.exports["RELINK_ARM_ENDPOINT"]
    return {
        "base_url": endpoint,
        "credential_scopes": [f"{endpoint}/.default"],
        "polling_interval": 1,
    }


def test_the_identity_endpoint_wants_its_header_and_a_known_client(served: Server) -> None:
    address = served.exports["IDENTITY_ENDPOINT"]
    query = {"resource": "https://management.azure.com/", "api-version": "2019-08-01"}
    header = {"X-IDENTITY-HEADER": served.exports["IDENTITY_HEADER"]}
    assert httpx.get(address, params=query, trust_env=False).status_code == 401
    assert httpx.get(address, params=query, headers=header, trust_env=False).status_code == 200
    stranger = query | {"client_id": SUBSCRIPTION}
    assert httpx.get(address, params=stranger, headers=header, trust_env=False).status_code == 400


def test_arm_refuses_a_foreign_token(
    served: Server, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forger:
        def get_token(self, *_: str, **__: object) -> AccessToken:
            return AccessToken("a.b.c", 4_000_000_000)

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", served.exports["REQUESTS_CA_BUNDLE"])
    with (
        StorageManagementClient(Forger(), SUBSCRIPTION, **options) as client,
        pytest.raises(ClientAuthenticationError),
    ):
        client.storage_accounts.get_properties("prod-ml", "prodmlst")


def test_network_deletes_and_recreates_an_endpoint_with_its_zone_group(
    credential: ManagedIdentityCredential, options: dict[str, Any]
) -> None:
    with NetworkManagementClient(credential, SUBSCRIPTION, **options) as client:
        before = client.private_endpoints.get("prod-ml", "prod-vault-pe")
        group = client.private_dns_zone_groups.get("prod-ml", "prod-vault-pe", "default")
        nic = client.network_interfaces.get("prod-ml", "prod-vault-pe-nic")
        client.private_endpoints.begin_delete("prod-ml", "prod-vault-pe").result()
        with pytest.raises(ResourceNotFoundError):
            client.private_endpoints.get("prod-ml", "prod-vault-pe")
        made = client.private_endpoints.begin_create_or_update(
            "prod-ml", "prod-vault-pe", before
        ).result()
        again = client.private_dns_zone_groups.begin_create_or_update(
            "prod-ml", "prod-vault-pe", "default", group
        ).result()
        assert made.provisioning_state == "Succeeded"
        assert again.private_dns_zone_configs[0].record_sets[0].record_set_name == "prod-mlkv"
        new_nic = client.network_interfaces.get("prod-ml", "prod-vault-pe-nic")
        assert new_nic.resource_guid != nic.resource_guid
        assert len(list(client.private_endpoints.list_by_subscription())) >= 8


def test_private_dns_writes_a_record_with_a_condition(
    credential: ManagedIdentityCredential, options: dict[str, Any]
) -> None:
    address = ARecord(ipv4_address="10.9.9.9")
    body = RecordSet(properties=RecordSetProperties(ttl=60, a_records=[address]))
    zone = "privatelink.azurecr.io"
    with PrivateDnsManagementClient(credential, SUBSCRIPTION, **options) as client:
        made = client.record_sets.create_or_update("prod-hub", zone, "A", "sdk", body)
        assert made.a_records[0].ipv4_address == "10.9.9.9"
        with pytest.raises(ResourceExistsError):
            client.record_sets.create_or_update(
                "prod-hub", zone, "A", "sdk", body, match_condition=MatchConditions.IfMissing
            )
        client.record_sets.delete("prod-hub", zone, "A", "sdk")
        links = list(client.virtual_network_links.list("prod-hub", zone))
        assert {link.virtual_network_link_state for link in links} == {"Completed"}


def test_storage_vault_and_registry_are_patched(
    credential: ManagedIdentityCredential, options: dict[str, Any]
) -> None:
    with StorageManagementClient(credential, SUBSCRIPTION, **options) as storage:
        opened = StorageAccountUpdateParameters(
            properties=StorageAccountPropertiesUpdateParameters(public_network_access="Enabled")
        )
        account = storage.storage_accounts.update("prod-ml", "prodmlst", opened)
        assert account.public_network_access == "Enabled"
        assert storage.storage_accounts.get_properties(
            "prod-ml", "prodmlst"
        ).network_rule_set.bypass
    with KeyVaultManagementClient(credential, SUBSCRIPTION, **options) as vaults:
        patch = VaultPatchParameters(
            properties=VaultPatchProperties(public_network_access="Enabled")
        )
        vault = vaults.vaults.update("prod-ml", "prod-mlkv", patch)
        assert vault.properties.public_network_access == "Enabled"
    with ContainerRegistryManagementClient(credential, SUBSCRIPTION, **options) as registries:
        change = {"properties": {"publicNetworkAccess": "Enabled"}}
        registry = registries.registries.begin_update("prod-ml", "prodmlacr", change).result()
        assert (registry.public_network_access, registry.provisioning_state) == (
            "Enabled",
            "Succeeded",
        )


def test_a_cluster_is_read_but_not_started_by_relink(
    credential: ManagedIdentityCredential, options: dict[str, Any]
) -> None:
    with ContainerServiceClient(credential, SUBSCRIPTION, **options) as client:
        cluster = client.managed_clusters.get("prod-spoke", "prod-aks")
        assert cluster.power_state.code == "Running"
        connections = client.private_endpoint_connections.list("prod-spoke", "prod-aks").value
        assert connections is not None
        assert {c.private_link_service_connection_state.status for c in connections} == {"Approved"}
        resolved = client.resolve_private_link_service_id.post(
            "prod-spoke", "prod-aks", {"name": "management"}
        )
        assert "privateLinkServices" in str(resolved.private_link_service_id)
        with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
            client.managed_clusters.begin_start("prod-spoke", "prod-aks")


def test_extension_roles_locks_log_and_graph_are_read(
    credential: ManagedIdentityCredential, options: dict[str, Any]
) -> None:
    plain = {k: v for k, v in options.items() if k != "polling_interval"}
    with KubernetesConfigurationExtensionsMgmtClient(
        credential, SUBSCRIPTION, **plain
    ) as extensions:
        found = list(
            extensions.extensions.list(
                "prod-spoke", "Microsoft.ContainerService", "managedClusters", "prod-aks"
            )
        )
        assert found[0].extension_type == "Microsoft.AzureML.Kubernetes"
    with AuthorizationManagementClient(credential, SUBSCRIPTION, **plain) as roles:
        principal = PLAN.guid("compute-0")
        mine = list(
            roles.role_assignments.list_for_subscription(filter=f"principalId eq '{principal}'")
        )
        assert {a.scope for a in mine} == {PLAN.registry, PLAN.storage}
        held = list(roles.permissions.list_for_resource_group("prod-ml"))
        assert "Microsoft.Network/privateEndpoints/write" in held[0].actions
    with ManagementLockClient(credential, SUBSCRIPTION, **plain) as locks:
        assert list(locks.management_locks.list_at_resource_group_level("prod-ml")) == []
    with MonitorManagementClient(credential, SUBSCRIPTION, **plain) as monitor:
        assert (
            list(monitor.activity_logs.list(filter="eventTimestamp ge '2020-01-01T00:00:00Z'"))
            is not None
        )
    with ResourceGraphClient(credential, **plain) as graph:
        query = QueryRequest(
            query="resources | where type =~ 'microsoft.keyvault/vaults' | project id",
            subscriptions=[SUBSCRIPTION],
        )
        rows: object = graph.resources(query).data  # a list, though its type says an object
        assert rows == [{"id": PLAN.vault}]
