"""Each write that Relink asks of Azure's clients, against the simulator; and the reads of what lies beside."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.core.rest import HttpRequest
from azure.identity import ManagedIdentityCredential
from azure.identity.aio import ManagedIdentityCredential as AsyncCredential
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network.aio import NetworkManagementClient as AsyncNetworkClient
from azure.mgmt.privatedns import PrivateDnsManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.storage import StorageManagementClient

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.sandbox import writable_endpoint
from simulator.server import Server
from simulator.wire import Json
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan

PLAN = Plan("prod")
ML, HUB, SPOKE, AKS = "prod-ml", "prod-hub", "prod-spoke", "prod-aks"
QUICK = {"polling_interval": 1}


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cloud = Cloud(SystemClock(), speed=1000)
    cloud.load(private_inference())
    with Server(cloud, state_dir=tmp_path_factory.mktemp("state")) as server:
        yield server


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
    scopes = [f"{endpoint}/.default"]
    return {"base_url": endpoint, "credential_scopes": scopes, **QUICK}


@pytest.fixture
def network(
    azure: Server, credential: ManagedIdentityCredential
) -> Iterator[NetworkManagementClient]:
    with NetworkManagementClient(credential, PLAN.subscription, **options(azure)) as client:
        yield client


def test_network_deletes_and_makes_a_peering_and_synchronises_it(
    network: NetworkManagementClient,
) -> None:
    peerings = network.virtual_network_peerings
    for side, other in ((HUB, "spoke"), (SPOKE, "hub")):
        peerings.begin_delete(side, f"{side}-vnet", f"to-{other}").result()
    remote = {"remoteVirtualNetwork": {"id": PLAN.network("spoke")}}
    body: Any = {"properties": {**remote, "allowVirtualNetworkAccess": True}}
    first = peerings.begin_create_or_update(
        HUB, "prod-hub-vnet", "to-spoke", body, sync_remote_address_space="true"
    ).result()
    assert first.peering_state == "Initiated"
    back: Any = {"properties": {"remoteVirtualNetwork": {"id": PLAN.network("hub")}}}
    made = peerings.begin_create_or_update(SPOKE, "prod-spoke-vnet", "to-hub", back).result()
    assert (made.peering_state, made.peering_sync_level) == ("Connected", "FullyInSync")


def test_network_writes_one_rule_of_a_group_and_deletes_it(
    azure: Server, network: NetworkManagementClient
) -> None:
    group = PLAN.id("hub", "Microsoft.Network/networkSecurityGroups/guard")
    made = azure.cloud.call("PUT", f"{group}?api-version=2024-01-01", {"location": "westeurope"})
    assert made.status == 201
    rule: Any = {
        "properties": {
            "priority": 200,
            "direction": "Outbound",
            "access": "Allow",
            "protocol": "Tcp",
            "sourceAddressPrefix": "VirtualNetwork",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "AzureActiveDirectory",
            "destinationPortRange": "443",
        }
    }
    rules = network.security_rules
    written = rules.begin_create_or_update(HUB, "guard", "entra", rule).result()
    assert written.provisioning_state == "Succeeded"
    shown = network.network_security_groups.get(HUB, "guard")
    assert [r.name for r in shown.security_rules or ()] == ["entra"]
    rules.begin_delete(HUB, "guard", "entra").result()
    assert not network.network_security_groups.get(HUB, "guard").security_rules


def test_network_reads_the_groups_that_endpoints_are_members_of(
    azure: Server, network: NetworkManagementClient
) -> None:
    group = PLAN.id("ml", "Microsoft.Network/applicationSecurityGroups/apps")
    azure.cloud.call("PUT", f"{group}?api-version=2024-01-01", {"location": "westeurope"})
    assert network.application_security_groups.get(ML, "apps").id == group


def test_private_dns_makes_a_zone_its_link_and_a_record(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    zone = "privatelink.queue.core.windows.net"
    with PrivateDnsManagementClient(credential, PLAN.subscription, **options(azure)) as client:
        whole: Any = {"location": "global"}
        made = client.private_zones.begin_create_or_update(
            HUB, zone, whole, match_condition=MatchConditions.IfMissing
        ).result()
        assert made.provisioning_state == "Succeeded"
        properties = {
            "virtualNetwork": {"id": PLAN.network("spoke")},
            "registrationEnabled": False,
        }
        linking: Any = {"location": "global", "properties": properties}
        link = client.virtual_network_links.begin_create_or_update(
            HUB, zone, "to-spoke", linking
        ).result()
        assert link.virtual_network_link_state == "Completed"
        assert [each.name for each in client.virtual_network_links.list(HUB, zone)] == ["to-spoke"]
        record: Any = {"properties": {"ttl": 10, "aRecords": [{"ipv4Address": "10.10.16.9"}]}}
        client.record_sets.create_or_update(
            HUB, zone, "A", "q", record, match_condition=MatchConditions.IfMissing
        )
        shown = client.record_sets.get(HUB, zone, "A", "q")
        assert [a.ipv4_address for a in shown.a_records or ()] == ["10.10.16.9"]
        same: Any = {"etag": shown.etag, "match_condition": MatchConditions.IfNotModified}
        client.record_sets.delete(HUB, zone, "A", "q", **same)
        client.virtual_network_links.begin_delete(HUB, zone, "to-spoke").result()
    assert azure.cloud.get(f"{PLAN.zone(zone)}/A/q") is None


def test_stores_are_patched_and_read_back(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    closed: Any = {"properties": {"publicNetworkAccess": "Disabled"}}
    place = (credential, PLAN.subscription)
    with StorageManagementClient(*place, **options(azure)) as storage:
        shown = storage.storage_accounts.update(ML, "prodmlst", closed)
        assert shown.public_network_access == "Disabled"
        assert storage.blob_services.get_service_properties(ML, "prodmlst").name == "default"
    with KeyVaultManagementClient(*place, **options(azure)) as vaults:
        patched = vaults.vaults.update(ML, "prod-mlkv", closed).properties
        assert patched is not None
        assert patched.public_network_access == "Disabled"
    with ContainerRegistryManagementClient(*place, **options(azure)) as registries:
        renewed = registries.registries.begin_update(ML, "prodmlacr", closed).result()
        assert renewed.public_network_access == "Disabled"


def test_a_clusters_link_service_is_resolved(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    with ContainerServiceClient(credential, PLAN.subscription, **options(azure)) as client:
        asked: Any = {"name": "management"}
        found = client.resolve_private_link_service_id.post(SPOKE, AKS, asked)
    assert found.private_link_service_id


def test_resources_are_read_by_id_and_listed_by_group(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    with ResourceManagementClient(credential, PLAN.subscription, **options(azure)) as client:
        component = PLAN.id("ml", "Microsoft.Insights/components/prod-mlai")
        shown = client.resources.get_by_id(component.lstrip("/"), api_version="2020-02-02")
        assert shown.name == "prod-mlai"
        listed = {r.name for r in client.resources.list_by_resource_group(ML)}
    assert "prod-mlai" in listed


def bare(
    azure: Server,
    credential: ManagedIdentityCredential,
    method: str,
    path: str,
    body: Json | None = None,
) -> Any:  # noqa: ANN401 - an answer of azure-core
    """Send a request with azure-core alone, as Relink does where a body has to come out as it went in."""
    endpoint = azure.exports["RELINK_ARM_ENDPOINT"]
    token = credential.get_token(f"{endpoint}/.default").token
    headers = {"Authorization": f"Bearer {token}"}
    client: Any
    with ARMPipelineClient(endpoint, policies=[]) as client:
        url = path if path.startswith("https:") else f"{endpoint}{path}"
        return client.send_request(HttpRequest(method, url, headers=headers, json=body))


def test_the_bare_client_writes_a_workspace_and_sees_its_operation_end(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    closed = {"properties": {"publicNetworkAccess": "Disabled"}}
    address = f"{PLAN.workspace}?api-version=2025-12-01"
    sent = bare(azure, credential, "PATCH", address, closed)
    assert sent.status_code == 202
    looked = bare(azure, credential, "GET", sent.headers["Azure-AsyncOperation"])
    assert looked.json()["status"] in ("InProgress", "Succeeded")


def test_the_bare_client_reads_and_writes_what_lies_on_a_resource(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    logs = PLAN.id("ml", "Microsoft.OperationalInsights/workspaces/logs")
    azure.cloud.call("PUT", f"{logs}?api-version=2023-09-01", {"location": "westeurope"})
    settings = {"workspaceId": logs, "logs": [{"category": "AuditEvent", "enabled": True}]}
    base = f"{PLAN.vault}/providers/Microsoft.Insights/diagnosticSettings"
    version = "?api-version=2021-05-01-preview"
    sent = bare(azure, credential, "PUT", f"{base}/audit{version}", {"properties": settings})
    assert sent.status_code == 200
    listed = bare(azure, credential, "GET", f"{base}{version}").json()["value"]
    assert [each["properties"]["workspaceId"] for each in listed] == [logs]


def test_the_asynchronous_client_replaces_an_endpoint(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    del credential
    bundle = azure.exports["REQUESTS_CA_BUNDLE"]
    name = "prod-file-pe"
    before = azure.cloud.get(PLAN.id("ml", f"Microsoft.Network/privateEndpoints/{name}"))
    assert before is not None
    body: Any = writable_endpoint(before)

    async def replace() -> str:
        async with (
            AsyncCredential(
                client_id=azure.exports["AZURE_CLIENT_ID"], transport=AsyncioRequestsTransport()
            ) as who,
            AsyncNetworkClient(
                who,
                PLAN.subscription,
                transport=AsyncioRequestsTransport(connection_verify=bundle),
                **options(azure),
            ) as client,
        ):
            await (await client.private_endpoints.begin_delete(ML, name)).result()
            made = client.private_endpoints.begin_create_or_update(ML, name, body)
            return (await (await made).result()).provisioning_state or ""

    assert asyncio.run(replace()) == "Succeeded"
