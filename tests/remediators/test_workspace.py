from __future__ import annotations

from typing import Any

import pytest

from remediators.workspace import REMEDIATOR
from shared.model.actual import Question
from shared.model.edits import patch_body
from shared.model.step import PatchResource
from tests.remediators.estate import (
    INSIGHTS,
    REGISTRY,
    STORAGE,
    VAULT,
    WORKSPACE,
    declared,
    disowned,
    environment,
)
from tests.remediators.world import World, named, reasons

PUBLIC = "properties.publicNetworkAccess"


def patches(world: World) -> list[dict[str, Any]]:
    """What each PATCH of the one unit sends."""
    (unit,) = world.plan(REMEDIATOR)
    steps = [step for step in unit.steps if isinstance(step, PatchResource)]
    return [patch_body(world.bodies[step.resource], step.edits) for step in steps]


@pytest.mark.parametrize("live", ["Enabled", "enabled", None])
def test_public_access_is_closed_alone(live: str | None) -> None:
    world = World().set(WORKSPACE, PUBLIC, live)
    assert reasons(world.find(REMEDIATOR)) == {("PublicAccessEnabled", "repair", "")}
    assert patches(world) == [{"properties": {"publicNetworkAccess": "Disabled"}}]


def test_casing_is_no_difference() -> None:
    world = World().set(WORKSPACE, PUBLIC, "disabled")
    world.set(WORKSPACE, "properties.keyVault", VAULT.text.upper().replace("/PROVIDERS", "/providers"))  # fmt: skip
    assert world.find(REMEDIATOR) == []


def test_a_workspace_declared_open_is_opened_again() -> None:
    env = declared("workspaces", WORKSPACE, publicNetworkAccess="Enabled")
    assert named(World().find(REMEDIATOR, env)) == {"PublicAccessDisabled"}


def test_the_older_switch_is_overridden_by_writing_the_newer_one_again() -> None:
    world = World().set(WORKSPACE, "properties.allowPublicAccessWhenBehindVnet", value=True)
    assert reasons(world.find(REMEDIATOR)) == {("PublicAccessBehindVnet", "repair", "")}
    assert patches(world) == [{"properties": {"publicNetworkAccess": "Disabled"}}]
    (unit,) = world.plan(REMEDIATOR)
    assert [change.field for step in unit.steps for change in step.changes] == [PUBLIC]


@pytest.mark.parametrize("live", ["Enabled", "Disabled"])
def test_a_workspace_declared_open_may_have_either_older_switch(live: str) -> None:
    env = declared("workspaces", WORKSPACE, publicNetworkAccess="Enabled")
    world = World().set(WORKSPACE, PUBLIC, live)
    world.set(WORKSPACE, "properties.allowPublicAccessWhenBehindVnet", value=True)
    assert named(world.find(REMEDIATOR, env)) <= {"PublicAccessDisabled"}


@pytest.mark.parametrize(
    ("member", "live", "reason", "sent"),
    [
        ("v1LegacyMode", True, "LegacyModeChanged", False),
        ("imageBuildCompute", "other", "ImageBuildComputeChanged", "build"),
        ("imageBuildCompute", None, "ImageBuildComputeChanged", "build"),
        ("applicationInsights", f"{INSIGHTS}2", "InsightsChanged", INSIGHTS.text),
        ("containerRegistry", None, "RegistryChanged", REGISTRY.text),
    ],
)
def test_what_a_patch_can_set_is_set_alone(
    member: str, live: object, reason: str, sent: object
) -> None:
    world = World().set(WORKSPACE, f"properties.{member}", live)
    assert reasons(world.find(REMEDIATOR)) == {(reason, "repair", "")}
    assert patches(world) == [{"properties": {member: sent}}]


def test_an_absent_legacy_mode_is_off() -> None:
    assert World().set(WORKSPACE, "properties.v1LegacyMode", None).find(REMEDIATOR) == []


def test_public_access_goes_first_and_each_field_in_a_patch_of_its_own() -> None:
    world = (
        World()
        .set(WORKSPACE, "properties.v1LegacyMode", value=True)
        .set(WORKSPACE, PUBLIC, "Enabled")
    )
    world.set(WORKSPACE, "properties.applicationInsights", None)
    assert patches(world) == [
        {"properties": {"publicNetworkAccess": "Disabled"}},
        {"properties": {"v1LegacyMode": False}},
        {"properties": {"applicationInsights": INSIGHTS.text}},
    ]
    (unit,) = world.plan(REMEDIATOR)
    assert len(unit.findings) == 3
    assert not unit.destructive


@pytest.mark.parametrize(
    ("member", "reason"),
    [("storageAccount", "StorageAccountChanged"), ("keyVault", "KeyVaultChanged")],
)
def test_what_a_workspace_keeps_for_life_is_reported(member: str, reason: str) -> None:
    world = World().set(WORKSPACE, f"properties.{member}", f"{STORAGE}2")
    assert reasons(world.find(REMEDIATOR)) == {(reason, "report", "WorkspaceKeeps")}
    assert world.plan(REMEDIATOR) == []


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("None", "SystemAssigned"), ("UserAssigned", "SystemAssigned,UserAssigned")],
)
def test_a_lost_identity_is_reported_with_the_command_that_gives_it_back(
    kind: str, wanted: str
) -> None:
    (finding,) = World().set(WORKSPACE, "identity", {"type": kind}).find(REMEDIATOR)
    assert reasons([finding]) == {("SystemIdentityMissing", "report", "ByHand")}
    assert f"az rest --method patch --url '{WORKSPACE}?api-version=" in finding.message
    assert f'{{"identity": {{"type": "{wanted}"}}}}' in finding.message


def test_an_identity_declared_away_is_reported() -> None:
    env = declared("workspaces", WORKSPACE, systemAssignedIdentity=False)
    assert named(World().find(REMEDIATOR, env)) == {"SystemIdentityUndeclared"}


def test_a_failed_workspace_is_reported_and_still_repaired() -> None:
    world = World().set(WORKSPACE, "properties.provisioningState", "Failed")
    world.set(WORKSPACE, PUBLIC, "Enabled")
    found = world.find(REMEDIATOR)
    assert reasons(found) == {
        ("WorkspaceFailed", "report", "ByHand"), ("PublicAccessEnabled", "repair", ""),
    }  # fmt: skip
    failed = next(f for f in found if f.reason == "WorkspaceFailed")
    assert "az ml workspace diagnose --name ws --resource-group ml --subscription" in failed.message
    assert len(world.plan(REMEDIATOR)) == 1


def built(registry: dict[str, Any], *, endpoints: bool = False) -> set[str]:
    world = World().set(WORKSPACE, "properties.imageBuildCompute", None)
    space = {"id": WORKSPACE.text, "v1LegacyMode": False, "containerRegistry": REGISTRY.text}
    parts: dict[str, Any] = {"registries": [{"id": REGISTRY.text, **registry}]}
    if not endpoints:
        parts["privateEndpoints"] = []
    return named(world.find(REMEDIATOR, environment(workspaces=[space], **parts)))


def test_a_private_registry_needs_a_compute_that_builds_images() -> None:
    assert built({"publicNetworkAccess": "Disabled"}) == {"ImageBuildComputeMissing"}
    assert built({}, endpoints=True) == {"ImageBuildComputeMissing"}
    assert built({"publicNetworkAccess": "Enabled"}) == set()


def test_that_no_compute_is_needed_can_be_declared() -> None:
    world = World().set(WORKSPACE, "properties.imageBuildCompute", None)
    env = declared("workspaces", WORKSPACE, imageBuildCompute="")
    assert world.find(REMEDIATOR, env) == []


def test_a_perimeter_is_reported_and_the_rest_repaired() -> None:
    world = World().set(WORKSPACE, PUBLIC, "SecuredByPerimeter")
    assert reasons(world.find(REMEDIATOR)) == {
        ("SecuredByPerimeter", "report", "NetworkSecurityPerimeter")
    }


def test_a_declared_perimeter_is_in_sync() -> None:
    env = declared("workspaces", WORKSPACE, publicNetworkAccess="SecuredByPerimeter")
    assert World().set(WORKSPACE, PUBLIC, "SecuredByPerimeter").find(REMEDIATOR, env) == []


def test_what_declares_nothing_of_its_own_is_not_looked_at() -> None:
    for more in ({}, {"storageAccount": STORAGE.text}):
        env = environment(workspaces=[{"id": WORKSPACE.text, **more}])
        world = World().set(WORKSPACE, PUBLIC, "Enabled")
        assert world.find(REMEDIATOR, env) == []
        assert world.asked == []


def test_a_workspace_that_is_gone_is_reported() -> None:
    found = World().without(WORKSPACE).find(REMEDIATOR)
    assert reasons(found) == {("ResourceGone", "report", "ResourceGone")}


def test_an_unreadable_workspace_is_blocked_with_the_missing_action() -> None:
    (finding,) = World().deny(Question.GET, WORKSPACE).find(REMEDIATOR)
    assert reasons([finding]) == {("WorkspaceUnreadable", "block", "Unreadable")}
    assert "some/action/read" in finding.message


def test_what_another_manifest_owns_is_reported_only() -> None:
    found = World().set(WORKSPACE, PUBLIC, "Enabled").find(REMEDIATOR, disowned())
    assert reasons(found) == {("PublicAccessEnabled", "report", "NotOwned")}
