"""Security groups: declared rules put back, and rules that shut out what is needed told of."""

from typing import Any

import pytest

from remediators.network_security import REMEDIATOR
from shared.model.actual import Question
from shared.model.environment import Environment
from shared.model.step import PutResource
from tests.remediators.estate import (
    NSG,
    SCORING,
    SUBNET,
    VNET,
    WORKSPACE,
    declared,
    environment,
)
from tests.remediators.network_shapes import scoring_rule
from tests.remediators.world import World, named, reasons

RULES = "properties.securityRules"


def rule(name: str, priority: int, access: str, tag: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A live outbound rule for every machine and port."""
    own = NSG.child("securityRules", name)
    properties = {
        "priority": priority,
        "access": access,
        "direction": "Outbound",
        "protocol": "*",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": tag,
        "destinationPortRange": "*",
        **more,
    }
    return {"id": own.text, "name": name, "properties": properties}


def having(*rules: dict[str, Any]) -> World:
    world = World()
    live = world.bodies[NSG]["properties"]["securityRules"]
    live += rules
    return world


def denied(world: World, env: Environment | None = None) -> dict[str, str]:
    """Denying rule → what it is said to shut out."""
    found = world.find(REMEDIATOR, env)
    return {f.resource.name: f.evidence[0].expected for f in found if f.reason == "OutboundDenied"}


def changed(path: str, value: Any) -> World:  # noqa: ANN401 - JSON
    return World().set(NSG, f"{RULES}.0.properties.{path}", value)


def test_a_missing_rule_is_put_alone() -> None:
    world = World().set(NSG, RULES, [])
    assert named(world.find(REMEDIATOR)) == {"RuleMissing"}
    ((step,),) = [unit.steps for unit in world.plan(REMEDIATOR)]
    assert isinstance(step, PutResource)
    assert (step.resource, step.body) == (SCORING, scoring_rule())


@pytest.mark.parametrize(
    ("path", "value"),
    [("priority", 300), ("access", "Deny"), ("sourceAddressPrefix", "*"), ("destinationPortRange", "80")],
)  # fmt: skip
def test_a_changed_rule_is_written_as_declared(path: str, value: object) -> None:
    world = changed(path, value)
    world.set(NSG, f"{RULES}.0.properties.description", "ours")
    (found,) = world.find(REMEDIATOR)
    assert found.reason == "RuleChanged"
    ((step,),) = [unit.steps for unit in world.plan(REMEDIATOR)]
    assert isinstance(step, PutResource)
    assert step.body["properties"] == scoring_rule()["properties"] | {"description": "ours"}


def test_one_address_alone_and_in_a_list_are_the_same() -> None:
    world = changed("sourceAddressPrefixes", ["10.0.0.0/16"])
    world.set(NSG, f"{RULES}.0.properties.sourceAddressPrefix", value=None)
    assert world.find(REMEDIATOR) == []


def test_a_rule_at_the_declared_priority_stands_in_the_way() -> None:
    world = World()
    squatter = rule("squatter", 210, "Allow", "*", direction="Inbound")
    world.set(NSG, RULES, [squatter])
    assert reasons(world.find(REMEDIATOR)) == {("RuleMissing", "block", "PriorityTaken")}
    assert world.plan(REMEDIATOR) == []


def two_rules() -> Environment:
    body = scoring_rule()
    second = {"properties": {**body["properties"], "priority": 220}}
    rules = [{"name": "scoring", "body": body}, {"name": "second", "body": second}]
    return declared("networkSecurityGroups", NSG, rules=rules)


def test_a_rule_that_leaves_the_priority_goes_first() -> None:
    world = World()
    second = rule("second", 210, "Allow", "*", direction="Inbound")
    world.set(NSG, RULES, [second])
    units = {unit.resource.name: unit for unit in world.plan(REMEDIATOR, two_rules())}
    assert units["scoring"].follows == (NSG.child("securityRules", "second"),)
    assert units["second"].follows == ()


def test_two_rules_that_have_changed_places_wait_for_a_person() -> None:
    world = changed("priority", 220)
    live = world.bodies[NSG]["properties"]["securityRules"]
    live.append(rule("second", 210, "Allow", "*", direction="Inbound"))
    assert {f.why for f in world.find(REMEDIATOR, two_rules())} == {"PriorityTaken"}


@pytest.mark.parametrize("everything", ["*", "Internet", "AzureCloud", "0.0.0.0/0"])
def test_a_rule_that_denies_everything_shuts_out_what_is_needed(everything: str) -> None:
    shut = denied(having(rule("deny", 4000, "Deny", everything)))["deny"]
    for tag in ("AzureActiveDirectory tcp 80", "AzureMachineLearning udp 5831",
                "BatchNodeManagement.westeurope", "AzureContainerRegistry.westeurope"):  # fmt: skip
        assert tag in shut
    assert ("VirtualNetwork" in shut) is (everything in {"*", "0.0.0.0/0"})
    assert "Keyvault" not in shut


@pytest.mark.parametrize("tag", ["Storage", "Storage.westeurope", "STORAGE.WESTEUROPE"])
def test_a_tag_without_its_region_holds_the_regions(tag: str) -> None:
    assert denied(having(rule("deny", 4000, "Deny", tag))) == {
        "deny": "open: Storage.westeurope tcp 443"
    }


@pytest.mark.parametrize(
    "harmless",
    [
        rule("d", 4000, "Deny", "Storage.northeurope"),
        rule("d", 4000, "Deny", "Internet", destinationPortRange="25"),
        rule("d", 4000, "Deny", "Internet", protocol="Icmp"),
        rule("d", 4000, "Deny", "Internet", direction="Inbound"),
        rule("d", 4000, "Allow", "Internet"),
        rule("d", 4000, "Deny", "8.8.8.0/24"),
    ],
    ids=["region", "port", "protocol", "inbound", "allow", "numbers"],
)
def test_a_rule_about_something_else_denies_nothing(harmless: dict[str, Any]) -> None:
    assert denied(having(harmless)) == {}


def test_what_is_allowed_before_is_not_denied() -> None:
    allow = rule("allow", 3000, "Allow", "Storage", destinationPortRange="443-445")
    late = rule("late", 4001, "Allow", "AzureMonitor")
    shut = denied(having(rule("deny", 4000, "Deny", "Internet"), allow, late))["deny"]
    assert "Storage" not in shut
    assert "AzureMonitor" in shut


@pytest.mark.parametrize(("allowed", "shut"), [("10.0.0.4", False), ("10.0.0.5", True)])
def test_what_is_allowed_to_some_is_allowed_to_them(allowed: str, shut: bool) -> None:  # noqa: FBT001 - parametrised
    allow = rule("allow", 3000, "Allow", "Storage", sourceAddressPrefix=allowed)
    deny = rule("deny", 4000, "Deny", "Storage", sourceAddressPrefix="10.0.0.4")
    assert bool(denied(having(allow, deny))) is shut


def test_a_workspace_with_high_business_impact_needs_the_vaults_of_its_region() -> None:
    world = having(
        rule("deny", 4000, "Deny", "AzureKeyVault"), rule("d2", 3999, "Deny", "Keyvault")
    )
    assert denied(world) == {}
    world.set(WORKSPACE, "properties.hbiWorkspace", value=True)
    assert denied(world) == {"d2": "open: Keyvault.westeurope tcp 443"}


def test_the_command_allows_one_tag_a_rule_before_the_denial() -> None:
    world = having(
        rule("deny", 4000, "Deny", "AzureMachineLearning"), rule("here", 3999, "Allow", "Sql")
    )
    (found,) = world.find(REMEDIATOR)
    assert found.message.count("az network nsg rule create") == 2
    assert "--priority 3998" in found.message
    assert "--destination-address-prefixes AzureMachineLearning" in found.message
    assert "--destination-port-ranges 443 8787 18881" in found.message
    assert world.plan(REMEDIATOR) == []


def with_compute(*, public: bool) -> Environment:
    """A compute in a subnet that the group guards."""
    subnet = {"name": "endpoints", "networkSecurityGroup": NSG.text}
    compute = {"id": WORKSPACE.child("computes", "train").text, "subnet": SUBNET.text, "publicIp": public}  # fmt: skip
    return environment(
        virtualNetworks=[{"id": VNET.text, "subnets": [subnet]}], managedComputes=[compute]
    )


def deny_inbound() -> dict[str, Any]:
    """Azure's own last rule."""
    return rule("DenyAllInBound", 65500, "Deny", "*", direction="Inbound")


def test_a_compute_with_a_public_address_is_reached_by_azure_ml() -> None:
    world = having(deny_inbound())
    (found,) = world.find(REMEDIATOR, with_compute(public=True))
    assert (found.reason, found.resource) == ("InboundDenied", NSG)
    assert "--priority 4096" in found.message
    assert "--source-address-prefixes AzureMachineLearning" in found.message
    assert world.find(REMEDIATOR, with_compute(public=False)) == []


@pytest.mark.parametrize(
    ("source", "port", "found"),
    [
        ("AzureMachineLearning", "44224", set()),
        ("*", "44000-45000", set()),
        ("AzureMachineLearning", "443", {"InboundDenied"}),
        ("BatchNodeManagement", "*", {"InboundDenied"}),
    ],
)
def test_an_inbound_rule_for_computes_has_to_fit(source: str, port: str, found: set[str]) -> None:
    inbound = {"direction": "Inbound", "sourceAddressPrefix": source, "destinationPortRange": port}
    world = having(deny_inbound(), rule("computes", 300, "Allow", "*", **inbound))
    assert named(world.find(REMEDIATOR, with_compute(public=True))) == found


def test_workspaces_are_asked_only_where_something_is_denied() -> None:
    world = World()
    world.find(REMEDIATOR)
    assert {read.resource for read in world.asked} == {NSG}


def test_a_group_that_is_gone_is_reported() -> None:
    assert named(World().without(NSG).find(REMEDIATOR)) == {"SecurityGroupGone"}


def test_of_a_group_that_cannot_be_read_nothing_is_concluded() -> None:
    assert named(World().deny(Question.GET, NSG).find(REMEDIATOR)) == {"SecurityGroupUnreadable"}
