from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediators.network_access import REMEDIATOR
from shared.model.actual import Question
from shared.model.edits import patch_body
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from shared.model.step import PatchResource
from tests.remediators.estate import (
    REGISTRY,
    STORAGE,
    VAULT,
    WORKSPACE,
    declared,
    disowned,
    environment,
)
from tests.remediators.world import (
    World,
    named,
    reasons,
)

PUBLIC = "properties.publicNetworkAccess"
ACLS = "properties.networkAcls"
EVERY = [STORAGE, VAULT, REGISTRY]


def patches(world: World) -> list[dict[str, Any]]:
    """What each PATCH of the one unit sends."""
    (unit,) = world.plan(REMEDIATOR)
    steps = [step for step in unit.steps if isinstance(step, PatchResource)]
    return [patch_body(world.bodies[step.resource], step.edits) for step in steps]


@pytest.mark.parametrize("resource", EVERY, ids=lambda resource: resource.name)
@pytest.mark.parametrize("live", ["Enabled", "enabled", None])
def test_public_access_is_closed_alone(resource: ResourceId, live: str | None) -> None:
    world = World().set(resource, PUBLIC, live)
    assert reasons(world.find(REMEDIATOR)) == {("PublicAccessEnabled", "repair", "")}
    assert patches(world) == [{"properties": {"publicNetworkAccess": "Disabled"}}]


@pytest.mark.parametrize("resource", EVERY, ids=lambda resource: resource.name)
def test_casing_is_no_difference(resource: ResourceId) -> None:
    assert World().set(resource, PUBLIC, "disabled").find(REMEDIATOR) == []


def test_what_is_not_declared_is_not_looked_at() -> None:
    env = environment(storageAccounts=[{"id": STORAGE.text}])
    world = World().set(WORKSPACE, PUBLIC, "Enabled").set(STORAGE, PUBLIC, "Enabled")
    assert world.find(REMEDIATOR, env) == []
    assert not {read.resource for read in world.asked} & {WORKSPACE, STORAGE}


@pytest.mark.parametrize("resource", [STORAGE, VAULT], ids=lambda resource: resource.name)
def test_the_default_action_is_restored_with_every_rule(resource: ResourceId) -> None:
    world = World().set(resource, f"{ACLS}.defaultAction", "Allow")
    before = dict(world.bodies[resource]["properties"]["networkAcls"])
    assert reasons(world.find(REMEDIATOR)) == {("DefaultActionChanged", "repair", "")}
    assert patches(world) == [{"properties": {"networkAcls": {**before, "defaultAction": "Deny"}}}]


def test_the_default_action_of_a_registry_keeps_its_rules() -> None:
    rules = {"defaultAction": "Allow", "ipRules": [{"value": "1.2.3.4"}]}
    world = World().set(REGISTRY, "properties.networkRuleSet", rules)
    sent = {**rules, "defaultAction": "Deny"}
    assert patches(world) == [{"properties": {"networkRuleSet": sent}}]


def test_a_vault_without_rules_has_its_firewall_off() -> None:
    world = World().set(VAULT, ACLS, None)
    assert reasons(world.find(REMEDIATOR)) == {("DefaultActionChanged", "repair", "")}
    sent = {"defaultAction": "Deny", "bypass": "AzureServices"}
    assert patches(world) == [{"properties": {"networkAcls": sent}}]


@pytest.mark.parametrize(
    ("live", "sent"),
    [
        ("Logging, Metrics", "Logging, Metrics, AzureServices"),
        ("Metrics,Logging", "Metrics, Logging, AzureServices"),
        ("None", "AzureServices"),
    ],
)
def test_the_exception_is_added_to_the_others(live: str, sent: str) -> None:
    world = World().set(STORAGE, f"{ACLS}.bypass", live)
    assert reasons(world.find(REMEDIATOR)) == {("TrustedServicesDropped", "repair", "")}
    (body,) = patches(world)
    assert body["properties"]["networkAcls"] == {
        **world.bodies[STORAGE]["properties"]["networkAcls"],
        "bypass": sent,
    }


def test_the_exception_of_a_vault_and_of_a_registry_is_restored() -> None:
    vault = World().set(VAULT, f"{ACLS}.bypass", "None")
    assert dig(patches(vault)[0], f"{ACLS}.bypass") == "AzureServices"
    assert dig(patches(vault)[0], f"{ACLS}.ipRules") == [{"value": "1.2.3.4"}]
    registry = World().set(REGISTRY, "properties.networkRuleBypassOptions", "None")
    sent = {"properties": {"networkRuleBypassOptions": "AzureServices"}}
    assert patches(registry) == [sent]


@pytest.mark.parametrize("path", [f"{ACLS}.bypass", "properties.networkRuleBypassOptions"])
def test_an_absent_exception_is_azures_default(path: str) -> None:
    resource = STORAGE if path.startswith(ACLS) else REGISTRY
    assert World().set(resource, path, None).find(REMEDIATOR) == []


def rules(*resources: ResourceId) -> World:
    world = World().set(STORAGE, f"{ACLS}.bypass", "None")
    named = [{"tenantId": "t", "resourceId": resource.text.lower()} for resource in resources]
    return world.set(STORAGE, f"{ACLS}.resourceAccessRules", named)


def test_a_resource_rule_for_the_workspace_is_as_good_as_the_exception() -> None:
    assert rules(WORKSPACE).find(REMEDIATOR) == []


def test_a_resource_rule_for_something_else_is_not() -> None:
    assert named(rules(VAULT).find(REMEDIATOR)) == {"TrustedServicesDropped"}


def test_every_workspace_that_uses_the_account_needs_a_rule() -> None:
    second = f"{WORKSPACE.text}2"
    spaces = [{"id": name, "storageAccount": STORAGE.text} for name in (WORKSPACE.text, second)]
    env = environment(workspaces=spaces)
    assert named(rules(WORKSPACE).find(REMEDIATOR, env)) == {"TrustedServicesDropped"}
    assert rules(WORKSPACE, ResourceId.parse(second)).find(REMEDIATOR, env) == []


def test_public_access_goes_first_and_the_rules_in_a_patch_of_their_own() -> None:
    world = World().set(STORAGE, PUBLIC, "Enabled").set(STORAGE, f"{ACLS}.defaultAction", "Allow")
    world.set(STORAGE, f"{ACLS}.bypass", "Logging")
    first, second = patches(world)
    assert first == {"properties": {"publicNetworkAccess": "Disabled"}}
    assert second["properties"]["networkAcls"]["defaultAction"] == "Deny"
    assert second["properties"]["networkAcls"]["bypass"] == "Logging, AzureServices"
    (unit,) = world.plan(REMEDIATOR)
    assert len(unit.findings) == 3
    assert not unit.destructive


def test_a_perimeter_is_reported_and_never_written() -> None:
    world = World().set(STORAGE, PUBLIC, "SecuredByPerimeter")
    world.set(STORAGE, f"{ACLS}.bypass", "None")
    assert reasons(world.find(REMEDIATOR)) == {
        ("SecuredByPerimeter", "report", "NetworkSecurityPerimeter"),
        ("TrustedServicesDropped", "report", "NetworkSecurityPerimeter"),
    }
    assert world.plan(REMEDIATOR) == []


PERIMETER = "SecuredByPerimeter"


@pytest.mark.parametrize("live", [PERIMETER, PERIMETER.lower()])
def test_a_declared_perimeter_is_in_sync(live: str) -> None:
    env = declared("keyVaults", VAULT, publicNetworkAccess=PERIMETER)
    assert World().set(VAULT, PUBLIC, live).find(REMEDIATOR, env) == []


@pytest.mark.parametrize("live", ["Enabled", None], ids=["enabled", "absent"])
def test_what_was_opened_goes_back_under_its_perimeter(live: object) -> None:
    env = declared("keyVaults", VAULT, publicNetworkAccess=PERIMETER)
    world = World().set(VAULT, PUBLIC, live)
    assert reasons(world.find(REMEDIATOR, env)) == {("PublicAccessEnabled", "repair", "")}
    (unit,) = world.plan(REMEDIATOR, env)
    (step,) = unit.steps
    assert isinstance(step, PatchResource)
    assert [(edit.path, edit.value) for edit in step.edits] == [(PUBLIC, PERIMETER)]


def test_what_was_closed_is_not_opened_to_a_perimeter() -> None:
    env = declared("keyVaults", VAULT, publicNetworkAccess=PERIMETER)
    world = World().set(VAULT, PUBLIC, "Disabled")
    assert reasons(world.find(REMEDIATOR, env)) == {
        ("PerimeterLeft", "report", "NetworkSecurityPerimeter")
    }
    assert world.plan(REMEDIATOR, env) == []


def test_a_registry_below_premium_is_reported() -> None:
    world = World().set(REGISTRY, "sku.name", "Standard").set(REGISTRY, PUBLIC, "Enabled")
    assert reasons(world.find(REMEDIATOR)) == {("PublicAccessEnabled", "report", "RegistrySku")}


def test_trust_that_was_declared_off_is_reported() -> None:
    env = declared("keyVaults", VAULT, trustedServices=False)
    found = World().find(REMEDIATOR, env)
    assert reasons(found) == {("TrustedServicesAllowed", "report", "TrustDeclaredOff")}


@pytest.mark.parametrize("resource", EVERY, ids=lambda resource: resource.name)
def test_a_resource_that_is_gone_is_reported(resource: ResourceId) -> None:
    found = World().without(resource).find(REMEDIATOR)
    assert reasons(found) == {("ResourceGone", "report", "ResourceGone")}


def test_an_unreadable_resource_is_blocked_with_the_missing_action() -> None:
    (finding,) = World().deny(Question.GET, STORAGE).find(REMEDIATOR)
    assert reasons([finding]) == {("AccessUnreadable", "block", "Unreadable")}
    assert "some/action/read" in finding.message


def test_what_another_manifest_owns_is_reported_only() -> None:
    world = World().set(STORAGE, PUBLIC, "Enabled")
    found = world.find(REMEDIATOR, disowned())
    assert reasons(found) == {("PublicAccessEnabled", "report", "NotOwned")}


WORDS = st.lists(st.sampled_from(["Logging", "Metrics", "AzureServices", "None"]), unique=True)
ADDRESSES = st.lists(st.ip_addresses(v=4).map(lambda ip: {"value": str(ip)}), max_size=4)
UNKNOWN = st.dictionaries(st.text("abcxyz", min_size=9, max_size=12), st.integers(), max_size=3)


@given(
    action=st.sampled_from(["Allow", "Deny", "allow"]),
    bypass=WORDS.map(", ".join),
    ips=ADDRESSES,
    unknown=UNKNOWN,
)
def test_every_field_that_is_not_owned_comes_out_as_it_went_in(
    action: str, bypass: str, ips: list[dict[str, str]], unknown: dict[str, int]
) -> None:
    acls = {"defaultAction": action, "bypass": bypass, "ipRules": ips, **unknown}
    world = World().set(STORAGE, ACLS, acls)
    for unit in world.plan(REMEDIATOR):
        for step in unit.steps:
            assert isinstance(step, PatchResource)
            world.set(STORAGE, ACLS, patch_body(world.bodies[STORAGE], step.edits)["properties"]["networkAcls"])  # fmt: skip
    after = world.bodies[STORAGE]["properties"]["networkAcls"]
    assert {k: v for k, v in after.items() if k not in {"defaultAction", "bypass"}} == {
        "ipRules": ips,
        **unknown,
    }
    kept = {"Logging", "Metrics"} & {word.strip() for word in bypass.split(",")}
    assert kept <= {word.strip() for word in after["bypass"].split(",")}
    assert world.find(REMEDIATOR) == []
