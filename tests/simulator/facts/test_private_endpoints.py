"""Domain facts, section 4: private endpoints, their connections, addresses and records."""

import pytest

from simulator.faults import Fault, Mischief
from simulator.sandbox import Sandbox, writable_endpoint
from simulator.wire import Json, Response

APPROVAL = "Microsoft.Storage/storageAccounts/PrivateEndpointConnectionsApproval/action"
NOWHERE = Sandbox().plan.subnet("spoke", "nowhere")


def code(reply: Response) -> str:
    return str(reply.json()["error"]["code"])


def fresh(
    world: Sandbox, target: str, group: str, *, subnet: str = "endpoints", manual: bool = False
) -> Json:
    member = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
    entry = {"name": "c", "properties": {"privateLinkServiceId": target, "groupIds": [group]}}
    return {
        "location": "westeurope",
        "properties": {"subnet": {"id": world.plan.subnet("spoke", subnet)}, member: [entry]},
    }


def endpoint_id(world: Sandbox, name: str) -> str:
    return world.plan.id("ml", f"Microsoft.Network/privateEndpoints/{name}")


def test_a_create_answers_201_and_is_succeeded_ninety_seconds_later(world: Sandbox) -> None:
    new = endpoint_id(world, "new")
    reply = world.call("PUT", new, fresh(world, world.plan.storage, "queue"))
    assert reply.status == 201
    assert reply.headers["Azure-AsyncOperation"].startswith("https://management.azure.com/")
    assert reply.headers["Retry-After"] == "10"
    world.clock.advance(89)
    assert world.properties(new)["provisioningState"] == "Updating"
    world.clock.advance(2)
    assert world.properties(new)["provisioningState"] == "Succeeded"
    assert world.status(new) == "Approved"


def test_a_delete_takes_interface_zone_group_records_and_connection_along(world: Sandbox) -> None:
    record = f"{world.plan.zone('privatelink.blob.core.windows.net')}/A/prodmlst"
    nic = world.properties(world.blob_endpoint)["networkInterfaces"][0]["id"]
    connections = f"{world.plan.storage}/privateEndpointConnections"
    assert world.body(record)
    assert world.body(nic)
    reply = world.call("DELETE", world.blob_endpoint)
    assert reply.status == 202
    assert {"Location", "Azure-AsyncOperation"} <= set(reply.headers)
    world.settle()
    gone = [world.blob_endpoint, record, nic, f"{world.blob_endpoint}/privateDnsZoneGroups/default"]
    assert [world.body(i) for i in gone] == [None] * 4
    ids = [v["properties"]["privateEndpoint"]["id"] for v in world.ok("GET", connections)["value"]]
    assert world.blob_endpoint not in ids
    assert [e["data"]["operationName"] for e in world.cloud.events] == [
        "Microsoft.Network/privateEndpoints/delete"
    ]


def test_a_recreated_endpoint_has_no_records_until_its_zone_group_is_back(world: Sandbox) -> None:
    record = f"{world.plan.zone('privatelink.blob.core.windows.net')}/A/prodmlst"
    group = f"{world.blob_endpoint}/privateDnsZoneGroups/default"
    body = {
        "properties": {
            "privateDnsZoneConfigs": [
                {
                    k: c[k] if k == "name" else {"privateDnsZoneId": c[k]["privateDnsZoneId"]}
                    for k in ("name", "properties")
                }
                for c in world.properties(group)["privateDnsZoneConfigs"]
            ]
        }
    }
    address = world.remake(world.blob_endpoint)
    assert world.body(record) is None
    world.done("PUT", group, body)
    assert world.properties(record)["aRecords"] == [{"ipv4Address": address}]
    assert world.properties(world.blob_endpoint)["customDnsConfigs"] == []


def test_a_zone_group_is_refused_before_the_endpoint_is_succeeded(world: Sandbox) -> None:
    new = endpoint_id(world, "new")
    world.ok("PUT", new, fresh(world, world.plan.storage, "queue"))
    zone = world.plan.zone("privatelink.blob.core.windows.net")
    config = {"name": "z", "properties": {"privateDnsZoneId": zone}}
    reply = world.call(
        "PUT",
        f"{new}/privateDnsZoneGroups/default",
        {"properties": {"privateDnsZoneConfigs": [config]}},
    )
    assert (reply.status, code(reply)) == (429, "RetryableErrorDueToAnotherOperation")


def test_a_zone_group_writes_no_record_for_a_cluster(world: Sandbox) -> None:
    before = len(world.cloud.store.of_type("Microsoft.Network/privateDnsZones/A"))
    config = {
        "name": "z",
        "properties": {"privateDnsZoneId": world.plan.zone(world.plan.cluster_zone)},
    }
    group = f"{world.cluster_endpoint}/privateDnsZoneGroups/default"
    world.done("PUT", group, {"properties": {"privateDnsZoneConfigs": [config]}})
    assert world.properties(group)["provisioningState"] == "Succeeded"
    assert len(world.cloud.store.of_type("Microsoft.Network/privateDnsZones/A")) == before


@pytest.mark.parametrize(
    ("subnets", "targets", "expected"),
    [
        (("endpoints", "endpoints"), ("storage", "vault"), "RetryableError"),
        (("endpoints", "nodes"), ("storage", "storage"), "StorageAccountOperationInProgress"),
        (("endpoints", "nodes"), ("vault", "vault"), "AnotherOperationInProgress"),
        (("endpoints", "nodes"), ("storage", "vault"), None),
    ],
    ids=["one-subnet", "one-storage-account", "one-vault", "nothing-shared"],
)
def test_parallel_creations_fail_inside_the_operation(
    world: Sandbox, subnets: tuple[str, str], targets: tuple[str, str], expected: str | None
) -> None:
    groups = {"storage": "table", "vault": "vault"}
    addresses = []
    for name, subnet, target in zip(("one", "two"), subnets, targets, strict=True):
        body = fresh(world, getattr(world.plan, target), groups[target], subnet=subnet)
        reply = world.call("PUT", endpoint_id(world, name), body)
        assert reply.status == 201
        addresses.append(
            reply.headers["Azure-AsyncOperation"].removeprefix("https://management.azure.com")
        )
    world.settle()
    polls = [world.cloud.call("GET", a) for a in addresses]
    assert [p.status for p in polls] == [200, 200]
    assert polls[0].json()["status"] == "Succeeded"
    assert polls[1].json().get("error", {}).get("code") == expected
    if expected:
        assert world.properties(endpoint_id(world, "two"))["provisioningState"] == "Failed"
        world.done("PUT", endpoint_id(world, "two"), body)
        assert world.status(endpoint_id(world, "two")) == "Approved"


def test_a_caller_without_approval_needs_the_manual_list_and_stays_pending(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=APPROVAL))
    body = fresh(world, world.plan.storage, "queue")
    refused = world.call("PUT", endpoint_id(world, "auto"), body, caller="relink")
    assert (refused.status, code(refused)) == (403, "LinkedAuthorizationFailed")
    assert APPROVAL.lower() in refused.json()["error"]["message"].lower()
    manual = fresh(world, world.plan.storage, "queue", manual=True)
    assert world.call("PUT", endpoint_id(world, "manual"), manual, caller="relink").status == 201
    world.settle()
    assert world.status(endpoint_id(world, "manual")) == "Pending"


def test_an_owner_approves_a_pending_connection(world: Sandbox) -> None:
    new = endpoint_id(world, "manual")
    world.done("PUT", new, fresh(world, world.plan.storage, "queue", manual=True))
    views = world.ok("GET", f"{world.plan.storage}/privateEndpointConnections")["value"]
    mine = next(v for v in views if v["properties"]["privateEndpoint"]["id"] == new)
    approved = {"privateLinkServiceConnectionState": {"status": "Approved"}}
    world.ok("PUT", mine["id"], {"properties": approved})
    assert world.status(new) == "Approved"


def test_deleting_the_targets_connection_leaves_the_endpoint_disconnected(world: Sandbox) -> None:
    views = world.ok("GET", f"{world.plan.storage}/privateEndpointConnections")["value"]
    mine = next(v for v in views if v["properties"]["privateEndpoint"]["id"] == world.blob_endpoint)
    world.done("DELETE", mine["id"])
    assert world.status(world.blob_endpoint) == "Disconnected"
    assert mine["id"] not in [
        c["id"] for c in world.properties(world.plan.storage)["privateEndpointConnections"]
    ]


def test_an_endpoint_cannot_be_pointed_elsewhere(world: Sandbox) -> None:
    body = writable_endpoint(world.body(world.blob_endpoint))
    body["properties"]["privateLinkServiceConnections"][0]["properties"]["groupIds"] = ["file"]
    reply = world.call("PUT", world.blob_endpoint, body)
    assert code(reply) == "CannotChangePrivateLinkConnectionOnPrivateEndpoint"


def test_writing_the_same_endpoint_again_keeps_address_and_interface(world: Sandbox) -> None:
    before = world.properties(world.blob_endpoint)
    world.done("PUT", world.blob_endpoint, writable_endpoint(world.body(world.blob_endpoint)))
    after = world.properties(world.blob_endpoint)
    assert after["networkInterfaces"] == before["networkInterfaces"]
    assert world.status(world.blob_endpoint) == "Approved"


def test_two_endpoints_that_share_a_zone_overwrite_each_others_record(world: Sandbox) -> None:
    zone = world.plan.zone("privatelink.vaultcore.azure.net")
    record, second = f"{zone}/A/prod-mlkv", endpoint_id(world, "second")
    first_address = world.properties(record)["aRecords"]
    world.done("PUT", second, fresh(world, world.plan.vault, "vault"))
    config = {"name": "z", "properties": {"privateDnsZoneId": zone}}
    group = f"{second}/privateDnsZoneGroups/default"
    world.done("PUT", group, {"properties": {"privateDnsZoneConfigs": [config]}})
    assert world.properties(record)["aRecords"] != first_address
    world.done("DELETE", second)
    assert world.body(record) is None


def test_a_lock_on_the_zones_group_keeps_the_records_of_a_deleted_endpoint(world: Sandbox) -> None:
    group = f"/subscriptions/{world.plan.subscription}/resourceGroups/prod-hub"
    lock = f"{group}/providers/Microsoft.Authorization/locks/keep"
    world.ok("PUT", lock, {"properties": {"level": "CanNotDelete"}})
    world.done("DELETE", world.blob_endpoint)
    assert world.body(f"{world.plan.zone('privatelink.blob.core.windows.net')}/A/prodmlst")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"customNetworkInterfaceName": "x", "subnet": {"id": NOWHERE}},
            "InvalidResourceReference",
        ),
        ({"privateLinkServiceConnections": []}, "InvalidRequestFormat"),
    ],
    ids=["no-subnet", "no-connection"],
)
def test_a_body_that_cannot_work_is_refused(world: Sandbox, change: Json, expected: str) -> None:
    body = fresh(world, world.plan.storage, "queue")
    body["properties"] |= change
    assert code(world.call("PUT", endpoint_id(world, "bad"), body)) == expected
    assert world.body(endpoint_id(world, "bad")) is None


def test_the_first_endpoint_of_a_registry_takes_two_addresses(world: Sandbox) -> None:
    nic = world.properties(endpoint_id(world, "prod-registry-pe"))["networkInterfaces"][0]["id"]
    members = [
        c["properties"]["privateLinkConnectionProperties"]["requiredMemberName"]
        for c in world.properties(nic)["ipConfigurations"]
    ]
    assert members == ["registry_data_westeurope", "registry"]


def test_a_put_of_a_zone_group_replaces_its_list(world: Sandbox) -> None:
    group = f"{endpoint_id(world, 'prod-mlw-pe')}/privateDnsZoneGroups/default"
    zone = world.plan.zone("privatelink.api.azureml.ms")
    config = {"name": "api", "properties": {"privateDnsZoneId": zone}}
    notebooks = f"{world.plan.zone('privatelink.notebooks.azure.net')}/A"
    assert world.ok("GET", notebooks)["value"]
    world.done("PUT", group, {"properties": {"privateDnsZoneConfigs": [config]}})
    assert [c["name"] for c in world.properties(group)["privateDnsZoneConfigs"]] == ["api"]
    assert world.ok("GET", notebooks)["value"] == []


def test_an_endpoint_has_one_zone_group_with_five_zones_at_most(world: Sandbox) -> None:
    endpoint = endpoint_id(world, "prod-vault-pe")
    zone = world.plan.zone("privatelink.vaultcore.azure.net")
    configs = [{"name": f"z{n}", "properties": {"privateDnsZoneId": zone}} for n in range(6)]
    many = {"properties": {"privateDnsZoneConfigs": configs}}
    default, second = (f"{endpoint}/privateDnsZoneGroups/{n}" for n in ("default", "second"))
    assert world.call("PUT", default, many).status == 400
    one = {"properties": {"privateDnsZoneConfigs": configs[:1]}}
    assert code(world.call("PUT", second, one)) == "PrivateEndpointAlreadyHasDnsZoneGroup"


def test_with_a_zone_group_addresses_are_read_from_the_interface(world: Sandbox) -> None:
    shown = world.properties(world.blob_endpoint)
    assert shown["customDnsConfigs"] == []
    nic = world.properties(shown["networkInterfaces"][0]["id"])
    names = nic["ipConfigurations"][0]["properties"]["privateLinkConnectionProperties"]["fqdns"]
    assert names == ["prodmlst.blob.core.windows.net"]


def test_what_lies_on_an_endpoint_goes_with_it(world: Sandbox) -> None:
    lock = f"{world.blob_endpoint}/providers/Microsoft.Authorization/locks/kept"
    scoped = f"{world.blob_endpoint}/providers/Microsoft.Authorization/roleAssignments"
    name = f"{scoped}/5b5d9b0e-9c2f-4a43-8f04-6b6d3f1d7a11"
    reader = f"/subscriptions/{world.plan.subscription}/providers/Microsoft.Authorization/roleDefinitions"
    body = {
        "roleDefinitionId": f"{reader}/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": "22222222-2222-2222-2222-222222222222",
    }
    world.ok("PUT", name, {"properties": body})
    world.remake(world.blob_endpoint)
    assert world.body(name) is None
    assert world.body(lock) is None


def test_an_endpoint_is_in_the_subscription_of_its_network(world: Sandbox) -> None:
    other = "00000000-0000-0000-0000-00000000000f"
    elsewhere = f"/subscriptions/{other}/resourceGroups/there/providers"
    world.cloud.load([{"id": f"{elsewhere}/Microsoft.Network/routeTables/t", "location": "x"}])
    away = f"{elsewhere}/Microsoft.Network/privateEndpoints/pe"
    refused = world.call("PUT", away, fresh(world, world.plan.storage, "blob"))
    assert (refused.status, code(refused)) == (400, "InvalidResourceReference")


def test_a_registry_below_premium_has_no_endpoints(world: Sandbox) -> None:
    basic = world.plan.id("ml", "Microsoft.ContainerRegistry/registries/basicacr")
    body = {"location": "westeurope", "sku": {"name": "Basic"}, "properties": {}}
    world.done("PUT", basic, body)
    refused = world.call("PUT", endpoint_id(world, "new"), fresh(world, basic, "registry"))
    assert (refused.status, code(refused)) == (400, "PrivateEndpointNotSupported")


def test_a_zone_of_another_name_gets_no_records(world: Sandbox) -> None:
    group = f"{world.blob_endpoint}/privateDnsZoneGroups/default"
    zone = world.plan.zone("blob.example.internal")
    world.done("PUT", zone, {"location": "global"})
    config = {"name": "own", "properties": {"privateDnsZoneId": zone}}
    world.done("PUT", group, {"properties": {"privateDnsZoneConfigs": [config]}})
    assert world.ok("GET", f"{zone}/A")["value"] == []
    [shown] = world.properties(group)["privateDnsZoneConfigs"]
    assert shown["properties"]["recordSets"] == []


def test_deleting_a_group_deletes_what_is_in_it_and_tells_of_each(world: Sandbox) -> None:
    group = f"/subscriptions/{world.plan.subscription}/resourceGroups/prod-ml"
    record = f"{world.plan.zone('privatelink.blob.core.windows.net')}/A/prodmlst"
    assert world.body(record)
    told = len(world.cloud.events)
    world.done("DELETE", group)
    assert world.body(record) is None
    assert world.body(world.blob_endpoint) is None
    subjects = {e["subject"] for e in world.cloud.events[told:]}
    assert {group, world.blob_endpoint, world.plan.storage} <= subjects
    assert not [r for r in world.cloud.store if r.key.startswith(f"{group}/".lower())]


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("westeurope", "privatelink.blob.core.windows.net"),
        ("usgovvirginia", "privatelink.blob.core.usgovcloudapi.net"),
        ("chinaeast2", "privatelink.blob.core.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_zones_of_its_own(region: str, zone: str) -> None:
    world = Sandbox(region=region)
    here = world.plan.id("other", f"Microsoft.Network/privateDnsZones/{zone}")
    world.done("PUT", here, {"location": "global"})
    config = {"name": "own", "properties": {"privateDnsZoneId": here}}
    group = f"{world.blob_endpoint}/privateDnsZoneGroups/default"
    world.done("PUT", group, {"properties": {"privateDnsZoneConfigs": [config]}})
    assert [r["name"] for r in world.ok("GET", f"{here}/A")["value"]] == ["prodmlst"]
    suffix = zone.removeprefix("privatelink.")
    address = world.properties(world.plan.storage)["primaryEndpoints"]["blob"]
    assert address == f"https://prodmlst.{suffix}/"
