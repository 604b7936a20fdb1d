"""Domain facts, section 4: what lies on a resource goes with it. Diagnostic settings: 2021-05-01-preview; components: 2020-02-02."""

import pytest

from simulator.faults import Fault, Mischief
from simulator.sandbox import Sandbox
from simulator.wire import Json, Response

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SETTINGS = "providers/Microsoft.Insights/diagnosticSettings"


def code(reply: Response) -> str:
    return str(reply.json()["error"]["code"])


def log_workspace(world: Sandbox, name: str = "logs") -> str:
    workspace = world.plan.id("ml", f"Microsoft.OperationalInsights/workspaces/{name}")
    world.ok("PUT", workspace, {"location": "westeurope", "properties": {}})
    return workspace


def sending(to: str) -> Json:
    logs = [{"categoryGroup": "allLogs", "enabled": True}]
    return {"properties": {"workspaceId": to, "logs": logs, "metrics": []}}


@pytest.mark.parametrize("member", ["storage", "vault", "registry", "cluster", "workspace"])
def test_any_resource_has_diagnostic_settings_of_its_own(world: Sandbox, member: str) -> None:
    target = getattr(world.plan, member)
    setting = f"{target}/{SETTINGS}/audit"
    assert world.ok("GET", f"{target}/{SETTINGS}") == {"value": []}
    made = world.call("PUT", setting, sending(log_workspace(world)))
    assert (made.status, "Azure-AsyncOperation" in made.headers) == (200, False)
    [listed] = world.ok("GET", f"{target}/{SETTINGS}")["value"]
    assert (listed["name"], listed["type"]) == ("audit", "Microsoft.Insights/diagnosticSettings")
    assert listed["properties"]["logs"][0]["enabled"] is True
    assert world.call("DELETE", setting).status == 200
    assert world.call("DELETE", setting).status == 204
    assert world.call("GET", setting).status == 404


def test_the_settings_of_a_resource_are_not_those_of_what_lies_under_it(world: Sandbox) -> None:
    logs = log_workspace(world)
    subnet = world.plan.subnet("hub", "ops")
    world.ok("PUT", f"{subnet}/{SETTINGS}/audit", sending(logs))
    assert world.ok("GET", f"{world.plan.network('hub')}/{SETTINGS}")["value"] == []


def test_settings_assignments_and_locks_of_an_endpoint_go_with_it(world: Sandbox) -> None:
    scope = f"/subscriptions/{world.plan.subscription}"
    on_it = f"{world.blob_endpoint}/providers"
    setting = f"{on_it}/Microsoft.Insights/diagnosticSettings/audit"
    assignment = f"{on_it}/Microsoft.Authorization/roleAssignments/{world.plan.guid('on it')}"
    role = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    who = {"roleDefinitionId": role, "principalId": world.plan.guid("uami")}
    world.ok("PUT", setting, sending(log_workspace(world)))
    world.ok("PUT", assignment, {"properties": who})
    assert world.body(setting)
    assert world.body(assignment)
    world.remake(world.blob_endpoint)
    assert world.body(setting) is None
    assert world.body(assignment) is None
    assert world.ok("GET", f"{world.blob_endpoint}/{SETTINGS}")["value"] == []


def test_a_resource_that_does_not_exist_has_no_settings(world: Sandbox) -> None:
    nothing = world.plan.id("ml", "Microsoft.Network/privateEndpoints/nothing")
    assert world.call("GET", f"{nothing}/{SETTINGS}").status == 404
    refused = world.call("PUT", f"{nothing}/{SETTINGS}/audit", sending(log_workspace(world)))
    assert (refused.status, code(refused)) == (404, "ResourceNotFound")


def test_a_setting_needs_a_destination_and_the_keys_of_it(world: Sandbox) -> None:
    setting = f"{world.plan.vault}/{SETTINGS}/audit"
    body = sending(log_workspace(world))
    assert world.call("PUT", setting, {"properties": {"logs": []}}).status == 400
    keys = "Microsoft.OperationalInsights/workspaces/sharedKeys/action"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=keys))
    refused = world.call("PUT", setting, body, caller="relink")
    assert (refused.status, code(refused)) == (403, "LinkedAuthorizationFailed")


def test_a_resource_has_five_settings_at_most_and_one_to_a_destination(world: Sandbox) -> None:
    first = log_workspace(world)
    world.ok("PUT", f"{world.plan.vault}/{SETTINGS}/one", sending(first))
    double = world.call("PUT", f"{world.plan.vault}/{SETTINGS}/again", sending(first))
    assert double.status == 409
    for index in range(4):
        body = sending(log_workspace(world, f"logs-{index}"))
        world.ok("PUT", f"{world.plan.vault}/{SETTINGS}/more-{index}", body)
    body = sending(log_workspace(world, "logs-6"))
    assert world.call("PUT", f"{world.plan.vault}/{SETTINGS}/six", body).status == 400


def test_neither_lists_of_resources_nor_the_graph_show_settings(world: Sandbox) -> None:
    world.ok("PUT", f"{world.plan.vault}/{SETTINGS}/audit", sending(log_workspace(world)))
    group = f"/subscriptions/{world.plan.subscription}/resourceGroups/prod-ml"
    listed = world.ok("GET", f"{group}/resources")["value"]
    assert not [r["id"] for r in listed if "diagnosticSettings" in r["id"]]
    query = "resources | where type =~ 'microsoft.insights/diagnosticsettings' | project id"
    asked = {"query": query, "subscriptions": [world.plan.subscription]}
    answer = world.ok("POST", "/providers/Microsoft.ResourceGraph/resources", asked)
    assert answer["data"] == []


def component(world: Sandbox) -> str:
    return world.plan.id("ml", "Microsoft.Insights/components/prod-mlai")


def test_a_component_is_reached_from_public_networks_unless_told(world: Sandbox) -> None:
    shown = world.properties(component(world))
    members = ("publicNetworkAccessForIngestion", "publicNetworkAccessForQuery")
    assert [shown[m] for m in members] == ["Enabled", "Enabled"]
    assert shown["ConnectionString"].startswith(f"InstrumentationKey={shown['InstrumentationKey']}")


def test_a_put_closes_a_component_and_a_patch_only_changes_tags(world: Sandbox) -> None:
    target = component(world)
    before = world.properties(target)
    ingestion, query = "publicNetworkAccessForIngestion", "publicNetworkAccessForQuery"
    body = {"Application_Type": "web", ingestion: "Disabled", query: "Disabled"}
    made = world.call("PUT", target, {"location": "westeurope", "kind": "web", "properties": body})
    assert made.status == 200
    closed = world.properties(target)
    assert (closed[ingestion], closed[query]) == ("Disabled", "Disabled")
    assert closed["InstrumentationKey"] == before["InstrumentationKey"]
    world.ok("PATCH", target, {"tags": {"a": "b"}, "properties": {query: "Enabled"}})
    assert world.properties(target)[query] == "Disabled"
    assert world.body(target)["tags"] == {"a": "b"}
