from __future__ import annotations

from typing import Any

import pytest

from remediators.identity_roles import REMEDIATOR
from shared.model.actual import Question
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from shared.model.step import PutResource
from tests.remediators.estate import (
    ACR_PULL,
    ASSIGNED,
    BLOB_CONTRIBUTOR,
    CLUSTER,
    GPU,
    OPERATOR,
    OWNER,
    REGISTRY,
    RUNNER,
    STORAGE,
    VNET,
    WORKSPACE,
    assignment,
    declared,
    disowned,
    environment,
    given,
    rid,
)
from tests.remediators.world import World, named, reasons

CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
RELAY_OWNER = "2787bf04-f1f5-4bfe-8383-c8a24483ee38"
ARC = rid("edge", "Microsoft.Kubernetes/connectedClusters", "arc")
ON_CLUSTER = {"ClusterReaderMissing", "ExtensionContributorMissing", "ClusterAdminMissing"}


def without(name: str) -> World:
    return World(roles=[role for role in given() if not role["id"].endswith(f"/{name}")])


@pytest.mark.parametrize(
    ("name", "holder", "principal", "scope", "role"),
    [
        ("own", WORKSPACE, OWNER, STORAGE, BLOB_CONTRIBUTOR),
        ("run", ASSIGNED, RUNNER, REGISTRY, ACR_PULL),
    ],
)
def test_a_role_on_the_list_is_given_to_the_identity_as_it_is(
    name: str, holder: ResourceId, principal: str, scope: ResourceId, role: str
) -> None:
    world = without(name)
    (finding,) = world.find(REMEDIATOR)
    assert reasons([finding]) == {("RoleMissing", "repair", "")}
    assert finding.resource == holder
    (unit,) = world.plan(REMEDIATOR)
    (step,) = unit.steps
    assert isinstance(step, PutResource)
    assert step.resource.scope == scope
    assert step.body["properties"]["principalId"] == principal
    assert step.body["properties"]["roleDefinitionId"].endswith(role)
    assert world.plan(REMEDIATOR) == [unit]
    assert not unit.destructive


def test_another_role_is_reported_with_the_command_that_gives_it() -> None:
    world = without("net")
    (finding,) = world.find(REMEDIATOR)
    assert reasons([finding]) == {("RoleToAssign", "report", "RoleNotListed")}
    assert finding.message.endswith(
        f"Run: az role assignment create --assignee-object-id {OPERATOR} --assignee-principal-type"
        f" ServicePrincipal --role 'Network Contributor' --scope {VNET.group}"
    )
    assert world.plan(REMEDIATOR) == []


def test_a_condition_goes_into_the_command() -> None:
    roles = [{"role": CONTRIBUTOR, "scope": REGISTRY.text, "condition": "@Resource[x] StringEquals 'y'"}]  # fmt: skip
    (finding,) = World().find(REMEDIATOR, declared("clusters", CLUSTER, roles=roles))
    assert "--condition '@Resource[x] StringEquals '" in finding.message
    assert "--condition-version 2.0" in finding.message


def test_a_cluster_may_run_as_a_user_assigned_identity() -> None:
    assigned = {ASSIGNED.text: {"principalId": OPERATOR}}
    world = World().set(CLUSTER, "identity", {"userAssignedIdentities": assigned})
    assert world.find(REMEDIATOR) == []


def test_a_workspace_without_its_own_identity_has_nobody_to_give_roles_to() -> None:
    world = World().set(WORKSPACE, "identity", {"type": "None"})
    assert reasons(world.find(REMEDIATOR)) == {("PrincipalMissing", "report", "ByHand")}


@pytest.mark.parametrize("holder", [WORKSPACE, CLUSTER, ASSIGNED], ids=lambda each: each.name)
def test_a_holder_that_is_gone_or_unreadable_is_said_to_be(holder: ResourceId) -> None:
    gone = World().without(holder).find(REMEDIATOR)
    assert reasons(gone) == {("HolderGone", "report", "ResourceGone")}
    unread = World().deny(Question.GET, holder).find(REMEDIATOR)
    assert reasons(unread) == {("HolderUnreadable", "block", "Unreadable")}


def test_roles_that_cannot_be_read_are_no_missing_roles() -> None:
    world = without("own").deny(Question.ROLES, STORAGE)
    assert reasons(world.find(REMEDIATOR)) == {("RolesUnreadable", "block", "Unreadable")}


def test_what_declares_no_roles_is_not_looked_at() -> None:
    env = environment(
        workspaces=[{"id": WORKSPACE.text}], clusters=[{"id": CLUSTER.text}], identities=[]
    )
    world = World(roles=[])
    assert world.find(REMEDIATOR, env) == []
    assert world.asked == []


def test_what_another_manifest_owns_is_reported_only() -> None:
    assert reasons(without("own").find(REMEDIATOR, disowned())) == {
        ("RoleMissing", "report", "NotOwned")
    }


def high_impact(*extra: dict[str, str]) -> set[str]:
    roles = [{"role": ACR_PULL, "scope": REGISTRY.text}, *extra]
    world = World().set(WORKSPACE, "properties.hbiWorkspace", value=True)
    return named(world.find(REMEDIATOR, declared("computes", GPU, roles=roles)))


def test_computes_of_a_high_business_impact_workspace_must_declare_two_roles() -> None:
    blob = {"role": BLOB_CONTRIBUTOR, "scope": STORAGE.text}
    account = {"role": "17d1049b-9a84-46fb-8f53-869881c3d3ab", "scope": STORAGE.group.text}
    both = {"HighImpactBlobRoleUndeclared", "HighImpactAccountRoleUndeclared"}
    assert high_impact() == both
    assert high_impact(blob) == {"HighImpactAccountRoleUndeclared"}
    assert high_impact(blob, account) == set()


def primary(world: World | None = None) -> World:
    """The workspace runs as the declared identity."""
    return (world or World()).set(WORKSPACE, "properties.primaryUserAssignedIdentity", ASSIGNED.text)  # fmt: skip


def test_a_workspace_that_runs_as_an_identity_needs_roles_on_the_cluster() -> None:
    found = primary().find(REMEDIATOR)
    assert named(found) == ON_CLUSTER
    assert {f.resource for f in found} == {ASSIGNED}
    assert all(
        f"az role assignment create --assignee-object-id {RUNNER}" in f.message for f in found
    )
    assert all(f"--scope {CLUSTER}" in f.message for f in found)


def test_contributor_includes_what_is_needed_on_the_cluster() -> None:
    held = [*given(), assignment(CONTRIBUTOR, CLUSTER.group, RUNNER, "all")]
    assert primary(World(roles=held)).find(REMEDIATOR) == []


def test_a_cluster_with_restricted_access_needs_contributor_as_well() -> None:
    world = primary().set(CLUSTER, "properties.disableLocalAccounts", value=True)
    assert named(world.find(REMEDIATOR)) == {*ON_CLUSTER, "TrustedAccessRoleMissing"}


def arc() -> Environment:
    def moved(part: dict[str, Any]) -> dict[str, Any]:
        body = {**part["body"], "properties": {**part["body"]["properties"], "resourceId": ARC.text}}  # fmt: skip
        return {**part, "body": body}

    env = environment()
    parts = [{"id": c.id.text, "body": c.body} for c in env.computes]
    clusters = [{"id": CLUSTER.text}, {"id": ARC.text}]
    return environment(computes=[moved(part) for part in parts], clusters=clusters)


def test_an_arc_cluster_needs_the_relays_owner_in_its_group() -> None:
    world = primary()
    assert named(world.find(REMEDIATOR, arc())) == {*ON_CLUSTER, "RelayOwnerMissing"}
    held = [*given(), assignment(RELAY_OWNER, ARC.group, RUNNER, "relay")]
    assert named(primary(World(roles=held)).find(REMEDIATOR, arc())) == ON_CLUSTER


def test_roles_on_the_cluster_that_cannot_be_read_are_not_called_missing() -> None:
    world = primary().deny(Question.ROLES, CLUSTER)
    assert world.find(REMEDIATOR) == []
