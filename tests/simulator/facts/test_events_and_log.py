"""Domain facts, sections 1.1, 1.2 and 6: the events that ARM emits, and the activity log."""

from datetime import timedelta

from simulator.sandbox import START, Sandbox
from simulator.wire import Json

STOP = "Microsoft.ContainerService/managedClusters/stop/action"


def log(world: Sandbox, clauses: str, *, select: str = "") -> list[Json]:
    scope = f"/subscriptions/{world.plan.subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    query = f"&$filter={clauses}" + (f"&$select={select}" if select else "")
    found: list[Json] = world.ok("GET", scope, query=query)["value"]
    return found


def since(moment: str = "2026-11-01T00:00:00Z") -> str:
    return f"eventTimestamp ge '{moment}'"


def test_the_log_has_an_entry_at_the_start_and_one_at_the_end(world: Sandbox) -> None:
    world.done("POST", f"{world.plan.cluster}/stop")
    entries = log(world, f"{since()} and resourceUri eq '{world.plan.cluster}'")
    assert [(e["operationName"]["value"], e["status"]["value"]) for e in entries] == [
        (STOP, "Succeeded"),
        (STOP, "Started"),
    ]
    assert len({e["correlationId"] for e in entries}) == 1
    assert entries[0]["caller"] == "kim@contoso.example"
    ended = (START + timedelta(seconds=180)).strftime("%Y-%m-%dT%H:%M:%S")
    assert entries[0]["eventTimestamp"].startswith(ended)


def test_the_log_is_filtered_by_time_group_and_provider_and_cut_to_selected_members(
    world: Sandbox,
) -> None:
    world.done("POST", f"{world.plan.cluster}/stop")
    world.ok("PATCH", world.plan.vault, {"tags": {}})
    assert log(world, since("2026-11-02T00:00:00Z")) == []
    assert len(log(world, f"{since()} and resourceGroupName eq 'PROD-ML'")) == 2
    found = log(
        world,
        f"{since()} and resourceProvider eq 'Microsoft.KeyVault'",
        select="operationName,status",
    )
    assert [set(e) for e in found] == [{"operationName", "status"}] * 2


def test_an_unbounded_log_is_refused(world: Sandbox) -> None:
    scope = f"/subscriptions/{world.plan.subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    assert world.call("GET", scope).status == 400


def test_an_event_follows_the_end_of_an_operation_and_not_its_start(world: Sandbox) -> None:
    heard: list[str] = []
    world.cloud.subscribe_in_process(lambda event: heard.append(event["eventType"]))
    world.ok("DELETE", world.blob_endpoint)
    assert heard == []
    world.settle()
    assert heard == ["Microsoft.Resources.ResourceDeleteSuccess"]


def test_a_create_has_no_http_request_and_an_update_has(world: Sandbox) -> None:
    zone = world.plan.zone("privatelink.vaultcore.azure.net")
    body = {"properties": {"ttl": 60, "aRecords": [{"ipv4Address": "10.1.1.1"}]}}
    world.ok("PUT", f"{zone}/A/new", body)
    world.ok("PUT", f"{zone}/A/new", body)
    created, updated = world.cloud.events
    assert "httpRequest" not in created["data"]
    assert updated["data"]["httpRequest"]["method"] == "PUT"
    assert created["data"]["operationName"] == "Microsoft.Network/privateDnsZones/A/write"


def test_an_event_names_its_caller_in_three_places(world: Sandbox) -> None:
    world.call("PATCH", world.plan.vault, {"tags": {}}, caller="relink")
    [event] = world.cloud.events
    claims, evidence = event["data"]["claims"], event["data"]["authorization"]["evidence"]
    me = "22222222-2222-2222-2222-222222222222"
    assert claims["http://schemas.microsoft.com/identity/claims/objectidentifier"] == me
    assert claims["appid"] == "33333333-3333-3333-3333-333333333333"
    assert evidence["principalId"] == me.replace("-", "")
    assert evidence["role"] == "Relink"


def test_a_failed_operation_gives_a_failure_event(world: Sandbox) -> None:
    world.call("PATCH", world.plan.storage, {"properties": {"networkAcls": {}}})
    assert [e["eventType"] for e in world.cloud.events] == [
        "Microsoft.Resources.ResourceWriteFailure"
    ]


def test_reads_emit_nothing(world: Sandbox) -> None:
    world.ok("GET", world.plan.vault)
    world.ok("POST", f"{world.plan.workspace}/diagnose", {"value": {}})
    world.settle()
    assert world.cloud.events == []


def test_writes_are_told_from_reads_in_the_record(world: Sandbox) -> None:
    world.ok("GET", world.plan.vault)
    world.ok("POST", f"{world.plan.cluster}/resolvePrivateLinkServiceId", {"name": "management"})
    world.ok("PATCH", world.plan.vault, {"tags": {}})
    assert [(e.method, e.caller) for e in world.cloud.writes()] == [("PATCH", "human")]


def operations(world: Sandbox) -> list[str]:
    return [str(e["data"]["operationName"]) for e in world.cloud.events]


def test_no_event_carries_the_resource(world: Sandbox) -> None:
    world.ok("PATCH", world.plan.vault, {"properties": {"publicNetworkAccess": "Enabled"}})
    [event] = world.cloud.events
    assert "publicNetworkAccess" not in str(event["data"])
    assert event["subject"] == event["data"]["resourceUri"] == world.plan.vault


def test_an_action_is_named_in_the_operation_and_not_in_the_subject(world: Sandbox) -> None:
    world.done("POST", f"{world.plan.cluster}/stop")
    stopped = next(e for e in world.cloud.events if e["data"]["operationName"] == STOP)
    assert stopped["eventType"] == "Microsoft.Resources.ResourceActionSuccess"
    assert stopped["subject"] == world.plan.cluster


def test_a_detach_is_a_deletion_of_the_compute(world: Sandbox) -> None:
    world.done("DELETE", world.compute, query="&underlyingResourceAction=Detach")
    assert operations(world) == ["Microsoft.MachineLearningServices/workspaces/computes/delete"]


def test_records_come_and_go_with_zone_groups_without_events(world: Sandbox) -> None:
    world.done("DELETE", f"{world.blob_endpoint}/privateDnsZoneGroups/default")
    assert operations(world) == ["Microsoft.Network/privateEndpoints/privateDnsZoneGroups/delete"]


def test_a_connection_removed_at_the_target_is_an_event_of_the_target(world: Sandbox) -> None:
    [first, *_] = world.ok("GET", f"{world.plan.storage}/privateEndpointConnections")["value"]
    world.done("DELETE", first["id"])
    assert operations(world) == [
        "Microsoft.Storage/storageAccounts/privateEndpointConnections/delete"
    ]
    assert world.cloud.events[0]["subject"] == first["id"]


def test_a_role_assignments_event_has_its_scope_in_the_subject(world: Sandbox) -> None:
    scope = f"{world.plan.registry}/providers/Microsoft.Authorization/roleAssignments"
    [mine, *_] = world.ok("GET", scope, query="&$filter=atScope()")["value"]
    world.ok("DELETE", mine["id"])
    assert operations(world) == ["Microsoft.Authorization/roleAssignments/delete"]
    assert world.cloud.events[0]["subject"] == mine["id"]


def test_one_action_and_its_log_share_a_correlation_id(world: Sandbox) -> None:
    world.done("DELETE", world.blob_endpoint)
    entries = log(world, f"{since()} and resourceUri eq '{world.blob_endpoint}'")
    told = {e["data"]["correlationId"] for e in world.cloud.events}
    assert {e["correlationId"] for e in entries} == told
