from simulator.__main__ import no_capacity
from simulator.sandbox import Sandbox

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
