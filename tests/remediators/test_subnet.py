"""Subnets: service endpoints are added, everything else is told with its command."""

from typing import Any

import pytest

from remediators.network_access import REMEDIATOR as ACCESS
from remediators.subnet import REMEDIATOR
from shared.model.actual import Question
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from shared.model.step import EditKind, PatchResource
from tests.remediators.estate import (
    NSG,
    REGISTRY,
    SPOKE,
    STORAGE,
    SUBNET,
    VAULT,
    VNET,
    WORKSPACE,
    declared,
    endpoint_body,
    environment,
    rid,
)
from tests.remediators.world import World, named, reasons

SUBNETS = "properties.subnets"
OWN = f"{SUBNETS}.0.properties"
CONTAINERS = "Microsoft.ContainerInstance/containerGroups"


def wanting(**changes: Any) -> Environment:  # noqa: ANN401 - a manifest's values
    return declared("virtualNetworks", VNET, subnets=[{"name": "endpoints", **changes}])


def found_of(world: World, env: Environment) -> tuple[str, str]:
    """The only finding: its reason and its message."""
    (found,) = world.find(REMEDIATOR, env)
    assert found.why == "ByHand"
    assert world.plan(REMEDIATOR, env) == []
    return found.reason, found.message


def test_service_endpoints_are_added_and_nothing_else_is_sent() -> None:
    env = wanting(serviceEndpoints=["Microsoft.Storage", "Microsoft.KeyVault"])
    world = World().set(VNET, f"{OWN}.serviceEndpoints", [{"service": "microsoft.storage"}])
    assert reasons(world.find(REMEDIATOR, env)) == {("ServiceEndpointMissing", "repair", "")}
    ((step,),) = [unit.steps for unit in world.plan(REMEDIATOR, env)]
    assert isinstance(step, PatchResource)
    assert step.resource == SUBNET
    assert [(e.kind, e.value) for e in step.edits] == [
        (EditKind.ADD_ITEM, {"service": "Microsoft.KeyVault"})
    ]


def test_a_service_endpoint_of_all_regions_serves_what_one_of_a_region_does() -> None:
    env = wanting(serviceEndpoints=["Microsoft.Storage", "Microsoft.KeyVault"])
    world = World().set(VNET, f"{OWN}.serviceEndpoints", [{"service": "microsoft.storage.GLOBAL"}])
    ((step,),) = [unit.steps for unit in world.plan(REMEDIATOR, env)]
    assert isinstance(step, PatchResource)
    assert [edit.value for edit in step.edits] == [{"service": "Microsoft.KeyVault"}]


def test_one_of_a_region_where_all_are_declared_is_exchanged_by_a_person() -> None:
    env = wanting(serviceEndpoints=["Microsoft.Storage.Global"])
    on = [{"service": "Microsoft.ContainerRegistry"}, {"service": "Microsoft.Storage"}]
    reason, message = found_of(World().set(VNET, f"{OWN}.serviceEndpoints", on), env)
    assert reason == "ServiceEndpointNarrow"
    assert message.endswith(
        "--service-endpoints Microsoft.ContainerRegistry Microsoft.Storage.Global"
    )
    both_gone = World().set(VNET, f"{OWN}.serviceEndpoints", [])
    assert reasons(both_gone.find(REMEDIATOR, env)) == {("ServiceEndpointMissing", "repair", "")}


def test_what_is_not_declared_of_a_subnet_is_not_looked_at() -> None:
    world = World().set(VNET, f"{OWN}.privateEndpointNetworkPolicies", "Enabled")
    world.set(VNET, f"{OWN}.delegations", [{"properties": {"serviceName": CONTAINERS}}])
    assert "EndpointPoliciesChanged" not in named(world.find(REMEDIATOR, wanting()))
    assert "DelegationChanged" not in named(world.find(REMEDIATOR, wanting()))


def test_a_subnet_that_is_being_changed_waits() -> None:
    world = World().set(VNET, f"{OWN}.provisioningState", "Updating")
    env = wanting(serviceEndpoints=["Microsoft.KeyVault"])
    assert reasons(world.find(REMEDIATOR, env)) == {
        ("ServiceEndpointMissing", "defer", "InProgress"),
        ("SubnetUnsettled", "defer", "InProgress"),
    }


def test_policies_that_differ_are_told_with_azures_default_counted() -> None:
    world = World()
    assert world.find(REMEDIATOR, wanting(privateEndpointNetworkPolicies="Disabled")) == []
    reason, message = found_of(world, wanting(privateEndpointNetworkPolicies="Enabled"))
    assert reason == "EndpointPoliciesChanged"
    assert "az network vnet subnet update --name endpoints --vnet-name hub" in message
    assert message.endswith("--private-endpoint-network-policies Enabled")


@pytest.mark.parametrize("live", [None, {"id": NSG.text.replace("nsg", "other")}])
def test_another_security_group_or_none_is_told(live: object) -> None:
    world = World().set(VNET, f"{OWN}.networkSecurityGroup", live)
    env = wanting(networkSecurityGroup=NSG.text)
    reason, message = found_of(world, env)
    assert reason == "SubnetGroupChanged"
    assert message.endswith(f"--network-security-group {NSG}")
    world.set(VNET, f"{OWN}.networkSecurityGroup", {"id": NSG.text.upper()})
    assert world.find(REMEDIATOR, env) == []


def test_delegations_that_differ_are_told() -> None:
    world = World().set(
        VNET, f"{OWN}.delegations", [{"properties": {"serviceName": "Microsoft.Web/serverFarms"}}]
    )
    reason, message = found_of(world, wanting(delegations=[]))
    assert reason == "DelegationChanged"
    assert message.endswith("--remove delegations")
    assert world.find(REMEDIATOR, wanting(delegations=["microsoft.web/serverfarms"])) == []


def test_a_subnet_that_is_gone_is_told() -> None:
    world = World().set(VNET, SUBNETS, [])
    reason, message = found_of(world, wanting(serviceEndpoints=["Microsoft.Storage"]))
    assert reason == "SubnetGone"
    assert "--address-prefixes ADDRESS-PREFIX --service-endpoints Microsoft.Storage" in message


def containers(group: str, *endpoints: tuple[ResourceId, str, ResourceId]) -> Environment:
    """A network for container instances in a group, with endpoints (target, group id, subnet)."""
    network = rid(group, "Microsoft.Network/virtualNetworks", "aci")
    made = [
        {"id": rid("net", "Microsoft.Network/privateEndpoints", f"pe-{target.name}").text,
         "body": _body(target, kind, subnet)}
        for target, kind, subnet in endpoints
    ]  # fmt: skip
    part = {"id": network.text, "subnets": [{"name": "aci", "delegations": [CONTAINERS]}]}
    return environment(virtualNetworks=[part], privateEndpoints=made, privateDnsZones=[])


def _body(target: ResourceId, kind: str, subnet: ResourceId) -> dict[str, Any]:
    body = endpoint_body(target, [kind])
    body["properties"]["subnet"] = {"id": subnet.text}
    return body


def containers_world(group: str) -> tuple[World, ResourceId]:
    network = rid(group, "Microsoft.Network/virtualNetworks", "aci")
    world = World()
    subnet = {"name": "aci", "properties": {"delegations": [{"properties": {"serviceName": CONTAINERS}}]}}  # fmt: skip
    world.bodies[network] = {"id": network.text, "properties": {"subnets": [subnet]}}
    return world, network.child("subnets", "aci")


def test_container_instances_beside_the_workspace_are_in_order() -> None:
    world, subnet = containers_world("ml")
    env = containers("ml", (WORKSPACE, "amlworkspace", subnet), (REGISTRY, "registry", SUBNET))
    assert world.find(REMEDIATOR, env) == []


@pytest.mark.parametrize(
    ("group", "away"), [("net", False), ("ml", True)], ids=["another-group", "another-network"]
)
def test_container_instances_apart_from_the_workspace_are_told(group: str, away: bool) -> None:  # noqa: FBT001 - parametrised
    world, subnet = containers_world(group)
    at = SPOKE.child("subnets", "endpoints") if away else subnet
    reason, message = found_of(world, containers(group, (WORKSPACE, "amlworkspace", at)))
    assert reason == "ContainersApart"
    assert "--remove delegations" in message
    assert ("--vnet-name spoke" in message) is away


def test_the_registrys_endpoint_in_the_network_of_container_instances_is_told() -> None:
    world, subnet = containers_world("ml")
    reason, message = found_of(world, containers("ml", (REGISTRY, "registry", subnet)))
    assert reason == "ContainersWithRegistry"
    assert "pe-cr" in message


@pytest.mark.parametrize(
    ("kind", "resource", "rule"),
    [
        ("storageAccounts", STORAGE, {"id": SUBNET.text, "action": "Allow"}),
        ("keyVaults", VAULT, {"id": SUBNET.text}),
    ],
)
def test_a_subnet_is_let_in_after_it_has_its_service_endpoint(
    kind: str, resource: ResourceId, rule: dict[str, str]
) -> None:
    env = declared(kind, resource, allowedSubnets=[SUBNET.text])
    world = World()
    assert named(world.find(ACCESS, env)) == {"SubnetNotAllowed"}
    (unit,) = world.plan(ACCESS, env)
    assert unit.follows == (SUBNET,)
    (step,) = unit.steps
    assert isinstance(step, PatchResource)
    (edit,) = step.edits
    assert (edit.value, edit.whole) == (rule, "properties.networkAcls")
    acls = world.bodies[resource]["properties"]["networkAcls"]
    acls["virtualNetworkRules"] = [{"id": SUBNET.text.upper()}]
    assert world.find(ACCESS, env) == []


def test_two_subnets_are_let_in_with_the_rules_that_are_there() -> None:
    other = VNET.child("subnets", "other")
    env = declared("storageAccounts", STORAGE, allowedSubnets=[SUBNET.text, other.text])
    (unit,) = World().plan(ACCESS, env)
    (change,) = unit.steps[0].changes
    assert [rule["id"] for rule in change.after] == [SUBNET.text, other.text]


def ruled(state: str) -> tuple[World, Environment]:
    """The storage account lists a rule for the subnet, in this state."""
    rules = [{"id": SUBNET.text, "action": "Allow", "state": state}]
    world = World().set(STORAGE, "properties.networkAcls.virtualNetworkRules", rules)
    world.bodies[SUBNET] = {"id": SUBNET.text, "name": SUBNET.name}
    return world, declared("storageAccounts", STORAGE, allowedSubnets=[SUBNET.text])


@pytest.mark.parametrize("state", ["NetworkSourceDeleted", "networksourcedeleted", "Failed"])
def test_a_rule_that_lets_nobody_in_is_told_with_what_renews_it(state: str) -> None:
    world, env = ruled(state)
    (found,) = world.find(ACCESS, env)
    assert (found.reason, found.why) == ("SubnetRuleDead", "ByHand")
    remove, add = found.message.split("Run: ")[1].split(" && ")
    assert "network-rule remove" in remove
    assert "network-rule add" in add
    assert world.plan(ACCESS, env) == []


def test_no_command_adds_a_rule_for_a_subnet_that_does_not_exist() -> None:
    world, env = ruled("NetworkSourceDeleted")
    (found,) = world.without(SUBNET).find(ACCESS, env)
    assert (found.reason, found.why) == ("SubnetRuleDead", "ResourceGone")
    assert "Run:" not in found.message


def test_a_rule_whose_subnet_may_not_be_read_is_not_in_order() -> None:
    world, env = ruled("NetworkSourceDeleted")
    (found,) = world.deny(Question.GET, SUBNET).find(ACCESS, env)
    assert (found.reason, found.why) == ("SubnetRuleDead", "Unreadable")


@pytest.mark.parametrize("state", ["Succeeded", "Provisioning", ""])
def test_a_rule_in_force_or_on_its_way_is_in_order(state: str) -> None:
    world, env = ruled(state)
    assert world.find(ACCESS, env) == []


def test_no_rules_at_all_let_every_subnet_in() -> None:
    env = declared("keyVaults", VAULT, allowedSubnets=[SUBNET.text], defaultAction=None)
    world = World().set(VAULT, "properties.networkAcls", value=None)
    assert "SubnetNotAllowed" not in named(world.find(ACCESS, env))


def test_a_registry_is_told_with_its_command() -> None:
    env = declared("registries", REGISTRY, allowedSubnets=[SUBNET.text])
    (found,) = World().find(ACCESS, env)
    assert (found.reason, found.why) == ("SubnetNotAllowed", "ByHand")
    assert "az acr network-rule add --name cr" in found.message
