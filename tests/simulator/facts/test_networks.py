"""Domain facts, sections 4 and 5: networks, subnets and security groups. Shapes: network 2024-01-01."""

import pytest

from simulator.sandbox import Sandbox
from simulator.wire import Json, Request, Response

ACI = "Microsoft.ContainerInstance/containerGroups"


def code(reply: Response) -> str:
    return str(reply.json()["error"]["code"])


def group_id(world: Sandbox, name: str = "guard") -> str:
    return world.plan.id("spoke", f"Microsoft.Network/networkSecurityGroups/{name}")


def rule(priority: int, **members: object) -> Json:
    base: Json = {
        "priority": priority,
        "direction": "Outbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefix": "VirtualNetwork",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "AzureMachineLearning",
        "destinationPortRange": "443",
    }
    return {"properties": {**base, **members}}


def guard(world: Sandbox, **rules: Json) -> str:
    """Make a security group."""
    group = group_id(world)
    listed = [{"name": name, **body} for name, body in rules.items()]
    world.done("PUT", group, {"location": "westeurope", "properties": {"securityRules": listed}})
    return group


@pytest.mark.parametrize("more", [[], ["Microsoft.KeyVault"]], ids=["alone", "among-others"])
def test_a_subnet_takes_storage_of_a_region_or_of_all_and_not_both(
    world: Sandbox, more: list[str]
) -> None:
    subnet = f"{world.plan.network('spoke')}/subnets/jobs"
    for services, status in (
        (["Microsoft.Storage.Global"], 201),
        (["microsoft.storage", "Microsoft.Storage.Global"], 400),
        (["Microsoft.Storage"], 200),
    ):
        listed = [{"service": service} for service in [*services, *more]]
        body = {"properties": {"addressPrefix": "10.10.41.0/24", "serviceEndpoints": listed}}
        assert world.call("PUT", subnet, body).status == status
        world.settle()


def test_a_put_of_a_subnet_replaces_the_whole_subnet(world: Sandbox) -> None:
    subnet = f"{world.plan.network('spoke')}/subnets/aci"
    group = guard(world)
    whole = {
        "addressPrefix": "10.10.40.0/24",
        "networkSecurityGroup": {"id": group},
        "serviceEndpoints": [{"service": "Microsoft.Storage"}],
        "delegations": [{"name": "aci", "properties": {"serviceName": ACI}}],
        "privateEndpointNetworkPolicies": "Enabled",
    }
    world.done("PUT", subnet, {"properties": whole})
    before = world.properties(subnet)
    assert before["delegations"][0]["properties"]["serviceName"] == ACI
    assert before["delegations"][0]["properties"]["provisioningState"] == "Succeeded"
    assert before["serviceEndpoints"][0]["provisioningState"] == "Succeeded"
    world.done("PUT", subnet, {"properties": {"addressPrefix": "10.10.40.0/24"}})
    after = world.properties(subnet)
    assert "networkSecurityGroup" not in after
    assert "serviceEndpoints" not in after
    assert after["delegations"] == []
    assert after["privateEndpointNetworkPolicies"] == "Disabled"


def test_private_endpoint_policies_of_a_subnet_are_off_by_default(world: Sandbox) -> None:
    shown = world.properties(world.plan.subnet("spoke", "endpoints"))
    assert shown["privateEndpointNetworkPolicies"] == "Disabled"


def test_a_subnet_is_written_only_when_its_etag_matches(world: Sandbox) -> None:
    subnet = world.plan.subnet("hub", "ops")
    body = world.body(subnet)
    stale = body["etag"]
    token = world.cloud.token(world.cloud.context.state.directory.by_name("human"))
    url = f"{subnet}?api-version=2024-01-01"
    prefix = b'{"properties": {"addressPrefix": "10.0.1.0/24"}}'
    headers = {"Authorization": f"Bearer {token}", "If-Match": stale}
    assert world.cloud.handle(Request("PUT", url, headers, prefix)).status == 200
    world.settle()
    assert world.body(subnet)["etag"] != stale
    assert world.cloud.handle(Request("PUT", url, headers, prefix)).status == 412


def test_a_network_shows_its_subnets_and_keeps_them_when_a_put_names_none(world: Sandbox) -> None:
    network = world.plan.network("spoke")
    before = [s["name"] for s in world.properties(network)["subnets"]]
    space = {"addressSpace": world.properties(network)["addressSpace"]}
    world.done("PUT", network, {"location": "westeurope", "properties": space})
    assert [s["name"] for s in world.properties(network)["subnets"]] == before


def test_a_subnet_with_interfaces_in_it_is_neither_deleted_nor_moved(world: Sandbox) -> None:
    subnet = world.plan.subnet("spoke", "endpoints")
    assert code(world.call("DELETE", subnet)) == "InUseSubnetCannotBeDeleted"
    assert code(world.call("DELETE", world.plan.network("spoke"))) == "InUseSubnetCannotBeDeleted"
    moved = world.call("PUT", subnet, {"properties": {"addressPrefix": "10.10.50.0/24"}})
    assert code(moved) == "InUsePrefixCannotBeDeleted"
    shown = world.properties(subnet)["privateEndpoints"]
    assert world.blob_endpoint in [e["id"] for e in shown]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("192.168.1.0/24", "NetcfgSubnetRangeOutsideVnet"),
        ("10.10.16.128/25", "NetcfgSubnetRangesOverlap"),
        ("10.10.60.1/24", "InvalidCIDRNotation"),
    ],
)
def test_a_subnet_lies_in_its_network_beside_the_others(
    world: Sandbox, prefix: str, expected: str
) -> None:
    subnet = f"{world.plan.network('spoke')}/subnets/new"
    reply = world.call("PUT", subnet, {"properties": {"addressPrefix": prefix}})
    assert (reply.status, code(reply)) == (400, expected)


def test_network_answers_429_that_is_no_throttling_while_a_parent_is_being_changed(
    world: Sandbox,
) -> None:
    network = world.plan.network("hub")
    body = {
        "location": "westeurope",
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}},
    }
    world.ok("PUT", network, body)
    subnet = {"properties": {"addressPrefix": "10.0.9.0/24"}}
    reply = world.call("PUT", f"{network}/subnets/late", subnet)
    assert (reply.status, code(reply)) == (429, "RetryableErrorDueToAnotherOperation")
    assert int(reply.headers["Retry-After"]) >= 1
    world.settle()
    assert world.call("PUT", f"{network}/subnets/late", subnet).status == 201


def test_one_rule_is_written_and_the_others_stay(world: Sandbox) -> None:
    group = guard(world, first=rule(200), second=rule(300))
    world.done("PUT", f"{group}/securityRules/third", rule(400, access="Deny"))
    world.done("PUT", f"{group}/securityRules/first", rule(210))
    shown = {r["name"]: r["properties"] for r in world.properties(group)["securityRules"]}
    assert {name: r["priority"] for name, r in shown.items()} == {
        "first": 210,
        "second": 300,
        "third": 400,
    }
    world.done("DELETE", f"{group}/securityRules/second")
    assert {r["name"] for r in world.properties(group)["securityRules"]} == {"first", "third"}
    operations = [e["data"]["operationName"] for e in world.cloud.events[-1:]]
    assert operations == ["Microsoft.Network/networkSecurityGroups/securityRules/delete"]


def test_a_put_of_a_group_replaces_its_rules(world: Sandbox) -> None:
    group = guard(world, first=rule(200), second=rule(300))
    guard(world, third=rule(400))
    assert [r["name"] for r in world.properties(group)["securityRules"]] == ["third"]
    assert world.body(f"{group}/securityRules/first") is None


def test_priorities_are_unique_for_a_direction(world: Sandbox) -> None:
    group = guard(world, first=rule(200))
    again = world.call("PUT", f"{group}/securityRules/second", rule(200))
    assert (again.status, code(again)) == (400, "SecurityRuleConflict")
    inbound = rule(200, direction="Inbound")
    assert world.call("PUT", f"{group}/securityRules/second", inbound).status == 201


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"priority": 99}, "SecurityRuleInvalidPriority"),
        ({"priority": 4097}, "SecurityRuleInvalidPriority"),
        ({"access": "Maybe"}, "SecurityRuleParameterContainsUnsupportedValue"),
        ({"protocol": None}, "SecurityRuleParameterMissing"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(world: Sandbox, members: Json, expected: str) -> None:
    group = guard(world)
    body: Json = rule(500)
    body["properties"].update(members)
    assert code(world.call("PUT", f"{group}/securityRules/new", body)) == expected


def test_a_group_always_has_azures_own_six_rules(world: Sandbox) -> None:
    shown = world.properties(guard(world))["defaultSecurityRules"]
    assert len(shown) == 6
    outbound = {r["name"] for r in shown if r["properties"]["direction"] == "Outbound"}
    assert outbound == {"AllowVnetOutBound", "AllowInternetOutBound", "DenyAllOutBound"}


def test_a_group_that_a_subnet_uses_is_shown_with_it_and_not_deleted(world: Sandbox) -> None:
    group = guard(world)
    subnet = f"{world.plan.network('spoke')}/subnets/aci"
    body = {"addressPrefix": "10.10.40.0/24", "networkSecurityGroup": {"id": group}}
    world.done("PUT", subnet, {"properties": body})
    assert world.properties(group)["subnets"] == [{"id": subnet}]
    refused = world.call("DELETE", group)
    assert code(refused) == "InUseNetworkSecurityGroupCannotBeDeleted"
    world.done("DELETE", subnet)
    assert world.call("DELETE", group).status == 202
