"""Domain facts, section 2: what a stop of a private cluster destroys and what a start renews."""

import json

from simulator.__main__ import no_capacity
from simulator.sandbox import Sandbox, writable_endpoint
from simulator.wire import Request

ENDPOINT_WRITE = "Microsoft.Network/privateEndpoints/write"


def power(world: Sandbox) -> tuple[str, str]:
    properties = world.body(world.plan.cluster)["properties"]
    return properties["powerState"]["code"], properties["provisioningState"]


def service(world: Sandbox) -> str | None:
    reply = world.call(
        "POST", f"{world.plan.cluster}/resolvePrivateLinkServiceId", {"name": "management"}
    )
    found = reply.json().get("privateLinkServiceID")
    return None if found is None else str(found)


def test_a_stop_takes_three_minutes_and_ends_with_provisioning_state_succeeded(
    world: Sandbox,
) -> None:
    world.ok("POST", f"{world.plan.cluster}/stop")
    assert power(world) == ("Running", "Stopping")
    world.clock.advance(179)
    assert power(world) == ("Running", "Stopping")
    world.clock.advance(2)
    assert power(world) == ("Stopped", "Succeeded")


def test_a_stop_disconnects_customer_endpoints_in_both_views(world: Sandbox) -> None:
    world.done("POST", f"{world.plan.cluster}/stop")
    assert world.status(world.cluster_endpoint) == "Disconnected"
    views = world.ok("GET", f"{world.plan.cluster}/privateEndpointConnections")["value"]
    mine = [v for v in views if "prod-aks-pe" in v["properties"]["privateEndpoint"]["id"]]
    assert mine[0]["properties"]["privateLinkServiceConnectionState"]["status"] == "Disconnected"


def test_a_real_start_makes_another_link_service_and_leaves_old_endpoints_dead(
    world: Sandbox,
) -> None:
    before = service(world)
    world.restart()
    assert before
    assert service(world) not in (before, None)
    assert power(world) == ("Running", "Succeeded")
    assert world.status(world.cluster_endpoint) == "Disconnected"


def test_a_start_of_a_running_cluster_succeeds_with_an_event_and_renews_nothing(
    world: Sandbox,
) -> None:
    before = service(world)
    world.done("POST", f"{world.plan.cluster}/start")
    assert service(world) == before
    assert world.status(world.cluster_endpoint) == "Approved"
    assert world.alive(world.compute)
    started = [
        e for e in world.cloud.events if e["data"]["operationName"].endswith("/start/action")
    ]
    assert [e["eventType"] for e in started] == ["Microsoft.Resources.ResourceActionSuccess"]


def test_aks_makes_its_own_endpoint_anew_at_a_start(world: Sandbox) -> None:
    group = world.body(world.plan.cluster)["properties"]["nodeResourceGroup"]
    own = (
        f"/subscriptions/{world.plan.subscription}/resourceGroups/{group}"
        "/providers/Microsoft.Network/privateEndpoints/kube-apiserver"
    )
    before = world.address(own)
    assert world.ok("GET", own)["name"] == "kube-apiserver"
    world.restart()
    assert world.status(own) == "Approved"
    assert world.address(own) != before
    made = [e for e in world.cloud.events if e["data"]["operationName"] == ENDPOINT_WRITE]
    assert [e["subject"] for e in made] == [own]


def test_a_replaced_endpoint_works_again_but_has_another_address(world: Sandbox) -> None:
    before = world.address(world.cluster_endpoint)
    world.restart()
    assert world.remake(world.cluster_endpoint) != before
    assert world.status(world.cluster_endpoint) == "Approved"


def test_an_endpoint_cannot_be_made_while_the_cluster_is_stopped(world: Sandbox) -> None:
    world.done("POST", f"{world.plan.cluster}/stop")
    assert not world.remake(world.cluster_endpoint)
    assert world.body(world.cluster_endpoint)["properties"]["provisioningState"] == "Failed"


def test_only_start_and_delete_are_allowed_on_a_stopped_cluster(world: Sandbox) -> None:
    world.done("POST", f"{world.plan.cluster}/stop")
    reply = world.call("PATCH", world.plan.cluster, {"tags": {"a": "b"}})
    assert (reply.status, reply.json()["error"]["code"]) == (409, "OperationNotAllowed")
    assert world.call("POST", f"{world.plan.cluster}/start").status == 202


def test_a_second_power_operation_is_refused_while_one_runs(world: Sandbox) -> None:
    world.ok("POST", f"{world.plan.cluster}/stop")
    reply = world.call("POST", f"{world.plan.cluster}/start")
    assert (reply.status, reply.json()["error"]["code"]) == (409, "OperationNotAllowed")


def test_vnet_integration_has_neither_link_service_nor_endpoints() -> None:
    world = Sandbox(vnet_integration=True)
    assert world.ok("GET", f"{world.plan.cluster}/privateLinkResources")["value"] == []
    assert world.ok("GET", f"{world.plan.cluster}/privateEndpointConnections")["value"] == []
    world.restart()
    assert power(world) == ("Running", "Succeeded")


def test_without_capacity_a_start_fails_while_polling_and_the_cluster_stays_stopped(
    world: Sandbox,
) -> None:
    world.done("POST", f"{world.plan.cluster}/stop")
    world.cloud.add_fault(no_capacity())
    started = world.call("POST", f"{world.plan.cluster}/start")
    world.settle()
    address = started.headers["Azure-AsyncOperation"].removeprefix("https://management.azure.com")
    poll = world.cloud.call("GET", address)
    assert poll.status == 200
    assert poll.json()["status"] == "Failed"
    assert poll.json()["error"]["code"] == "AllocationFailed"
    assert power(world) == ("Stopped", "Failed")
    world.done("POST", f"{world.plan.cluster}/start")
    assert power(world) == ("Running", "Succeeded")


def test_aks_spells_its_link_service_with_a_capital_d(world: Sandbox) -> None:
    [resource] = world.ok("GET", f"{world.plan.cluster}/privateLinkResources")["value"]
    assert (resource["name"], resource["groupId"]) == ("management", "management")
    assert resource["privateLinkServiceID"] == service(world)
    assert world.plan.subscription not in resource["privateLinkServiceID"]


def test_the_targets_view_of_a_cluster_connection_has_the_type_of_a_link_service(
    world: Sandbox,
) -> None:
    connections = world.ok("GET", f"{world.plan.cluster}/privateEndpointConnections")["value"]
    kinds = {c["type"] for c in connections}
    assert kinds == {"Microsoft.Network/privateLinkServices/privateEndpointConnections"}


def test_aks_own_endpoint_lands_in_the_subnet_of_the_first_pool(world: Sandbox) -> None:
    cluster = world.cloud.store.get(world.plan.cluster)
    assert cluster is not None
    cluster.properties["agentPoolProfiles"][0]["vnetSubnetID"] = world.plan.subnet(
        "spoke", "endpoints"
    )
    world.restart()
    group = (
        f"/subscriptions/{world.plan.subscription}/resourceGroups/MC_prod-spoke_prod-aks_westeurope"
    )
    own = world.properties(f"{group}/providers/Microsoft.Network/privateEndpoints/kube-apiserver")
    assert own["subnet"]["id"] == world.plan.subnet("spoke", "endpoints")


def test_a_patch_of_a_cluster_knows_tags_only(world: Sandbox) -> None:
    assert world.call("PATCH", world.plan.cluster, {"tags": {"a": "b"}}).status == 200
    world.settle()
    refused = world.call("PATCH", world.plan.cluster, {"properties": {"enableRBAC": False}})
    assert refused.status == 400


def test_a_write_of_a_cluster_honours_if_match(world: Sandbox) -> None:
    shown = world.call("GET", world.plan.cluster)
    body = shown.json()
    url = f"{world.plan.cluster}?api-version=2024-02-01"
    token = world.cloud.token(world.cloud.context.state.directory.by_name("human"))
    auth = {"Authorization": f"Bearer {token}"}
    kept = {k: v for k, v in body["properties"].items() if k in ("dnsPrefix", "agentPoolProfiles")}
    kept["agentPoolProfiles"] = [
        {k: v for k, v in pool.items() if k not in ("provisioningState", "powerState")}
        for pool in kept["agentPoolProfiles"]
    ]
    raw = json.dumps({"location": body["location"], "properties": kept}).encode()
    stale = Request("PUT", url, auth | {"If-Match": "other"}, raw)
    assert world.cloud.handle(stale).status == 412
    fresh = Request("PUT", url, auth | {"If-Match": shown.headers["ETag"]}, raw)
    assert world.cloud.handle(fresh).status == 200


def test_a_static_address_is_not_supported_for_a_cluster(world: Sandbox) -> None:
    body = writable_endpoint(world.body(world.cluster_endpoint))
    wanted = {"groupId": "management", "memberName": "management", "privateIPAddress": "10.0.1.9"}
    body["properties"]["ipConfigurations"] = [{"name": "x", "properties": wanted}]
    reply = world.call("PUT", world.cluster_endpoint + "-2", body)
    assert reply.json()["error"]["code"] == "StaticIpNotSupported"


def test_a_lock_on_the_node_group_breaks_a_stop_and_leaves_the_link_broken(world: Sandbox) -> None:
    nodes = world.properties(world.plan.cluster)["nodeResourceGroup"]
    group = f"/subscriptions/{world.plan.subscription}/resourceGroups/{nodes}"
    lock = f"{group}/providers/Microsoft.Authorization/locks/keep"
    world.ok("PUT", lock, {"properties": {"level": "CanNotDelete"}})
    world.done("POST", f"{world.plan.cluster}/stop")
    after = world.properties(world.plan.cluster)
    assert (after["provisioningState"], after["powerState"]["code"]) == ("Failed", "Running")
    assert world.status(world.cluster_endpoint) == "Disconnected"
