from __future__ import annotations

import copy
from typing import Any

import pytest

from remediators.isolation import REMEDIATOR
from shared.model.actual import Question
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from tests.remediators.estate import (
    BLOB,
    CLUSTER,
    LINKS,
    NODES,
    REGISTRY,
    SPOKE,
    STORAGE,
    SUBNET,
    VAULT,
    WORKSPACE,
    environment,
    manifest,
    rid,
)
from tests.remediators.world import World, named, reasons

PUBLIC = "properties.publicNetworkAccess"
PRIVATE = "properties.apiServerAccessProfile.enablePrivateCluster"
KINDS = {
    "workspaces": WORKSPACE,
    "storageAccounts": STORAGE,
    "keyVaults": VAULT,
    "registries": REGISTRY,
}
SILENT = {kind: [{"id": resource.text}] for kind, resource in KINDS.items()}
OPENED = {kind: [{"id": r.text, "publicNetworkAccess": "Enabled"}] for kind, r in KINDS.items()}
BARE = {"clusters": [{"id": CLUSTER.text}], "computes": [], "privateEndpoints": []}


def of(found: list[Any]) -> set[tuple[str, ResourceId]]:
    return {(finding.reason, finding.resource) for finding in found}


def opened(*resources: ResourceId) -> World:
    world = World()
    for resource in resources:
        world.set(resource, PUBLIC, "Enabled")
        world.set(resource, "properties.networkAcls", None)
        world.set(resource, "properties.networkRuleSet", None)
    return world


def without(*endpoints: ResourceId, **changes: Any) -> Environment:  # noqa: ANN401 - a manifest's values
    """The environment without these endpoints."""
    gone = {endpoint.text for endpoint in endpoints}
    kept = [part for part in manifest()["privateEndpoints"] if part["id"] not in gone]
    return environment(privateEndpoints=kept, **changes)


def link(group: str) -> ResourceId:
    return next(own for own, (_, of_group) in LINKS.items() if of_group == group)


@pytest.mark.parametrize("resource", KINDS.values(), ids=lambda resource: resource.name)
def test_what_is_left_open_contradicts_a_private_environment(resource: ResourceId) -> None:
    (finding,) = opened(resource).find(REMEDIATOR, environment(**SILENT))
    assert reasons([finding]) == {("OpenToPublic", "report", "ByHand")}
    assert finding.resource == resource
    assert f"update --name {resource.name} --resource-group ml" in finding.message
    assert finding.message.endswith(("Disabled", "false"))


def test_rules_that_deny_by_default_close_what_a_workspace_uses() -> None:
    world = World().set(STORAGE, PUBLIC, "Enabled").set(VAULT, PUBLIC, None)
    assert world.find(REMEDIATOR, environment(**SILENT)) == []


def test_what_is_declared_closed_is_kept_so_elsewhere_and_not_reported_twice() -> None:
    world = opened(*KINDS.values()).set(CLUSTER, PRIVATE, value=False)
    assert world.find(REMEDIATOR) == []


def test_a_declaration_that_contradicts_its_isolation_is_reported_with_the_line_to_write() -> None:
    found = World().find(REMEDIATOR, environment(**OPENED))
    assert of(found) == {("DeclaredOpen", resource) for resource in KINDS.values()}
    assert {finding.why for finding in found} == {"ManifestContradicts"}
    assert "st needs publicNetworkAccess: Disabled" in " ".join(f.message for f in found)


def test_a_public_workspace_fits_where_only_the_rest_is_private() -> None:
    env = environment(isolation="dependencies", **{**SILENT, "workspaces": OPENED["workspaces"]})
    assert World().find(REMEDIATOR, env) == []
    found = opened(STORAGE).find(REMEDIATOR, env)
    assert of(found) == {("OpenToPublic", STORAGE)}


def test_a_closed_workspace_does_not_fit_there() -> None:
    silent = environment(isolation="dependencies", **SILENT)
    (finding,) = World().find(REMEDIATOR, silent)
    assert of([finding]) == {("ClosedToPublic", WORKSPACE)}
    assert finding.message.endswith("--public-network-access Enabled")
    declared = environment(isolation="dependencies")
    assert of(World().find(REMEDIATOR, declared)) == {("DeclaredClosed", WORKSPACE)}


def test_without_a_network_nothing_is_private() -> None:
    env = environment(isolation="none", **OPENED, **BARE)
    found = World().find(REMEDIATOR, env)
    assert of(found) == {("ClusterNotPublic", CLUSTER)}
    world = World().set(CLUSTER, PRIVATE, value=False)
    assert world.find(REMEDIATOR, env) == []
    closed = environment(isolation="none", **{**SILENT, **BARE})
    assert of(world.find(REMEDIATOR, closed)) == {("ClosedToPublic", r) for r in KINDS.values()}


def test_without_a_network_no_endpoint_is_expected() -> None:
    env = environment(isolation="none", **OPENED)
    world = World().set(CLUSTER, PRIVATE, value=False)
    found = [f for f in world.find(REMEDIATOR, env) if f.resource != CLUSTER]
    assert of(found) == {("EndpointUnexpected", resource) for resource in KINDS.values()}


@pytest.mark.parametrize(
    ("endpoint", "resource", "group"),
    [
        (BLOB, STORAGE, "blob"),
        (link("file"), STORAGE, "file"),
        (link("vault"), VAULT, "vault"),
        (link("registry"), REGISTRY, "registry"),
        (link("amlworkspace"), WORKSPACE, "amlworkspace"),
    ],
)
def test_a_missing_way_is_reported_with_the_command_that_makes_it(
    endpoint: ResourceId, resource: ResourceId, group: str
) -> None:
    (finding,) = World().find(REMEDIATOR, without(endpoint))
    assert of([finding]) == {("PrivatePathMissing", resource)}
    assert f"private path ({group})" in finding.message
    assert "az network private-endpoint create --name" in finding.message
    assert f"--private-connection-resource-id {resource} --group-id {group}" in finding.message


def test_a_subnet_that_is_let_in_is_a_way_and_for_a_workspace_there_is_none_but_an_endpoint() -> (
    None
):
    part = copy.deepcopy(manifest()["storageAccounts"][0])
    env = without(BLOB, link("file"), storageAccounts=[{**part, "allowedSubnets": [NODES.text]}])
    assert World().find(REMEDIATOR, env) == []
    far = rid("far", "Microsoft.Network/virtualNetworks", "far").child("subnets", "s").text
    env = without(BLOB, link("file"), storageAccounts=[{**part, "allowedSubnets": [far]}])
    assert named(World().find(REMEDIATOR, env)) == {"PrivatePathMissing"}


def test_a_further_account_needs_one_way_only() -> None:
    more = f"{STORAGE}2"
    parts = [*manifest()["storageAccounts"], {"id": more, "publicNetworkAccess": "Disabled"}]
    found = World().find(REMEDIATOR, environment(storageAccounts=parts))
    assert of(found) == {("PrivatePathMissing", ResourceId.parse(more))}


def test_a_way_in_a_network_that_no_peering_connects_is_none() -> None:
    found = World().find(REMEDIATOR, environment(virtualNetworks=[]))
    assert of(found) == {("PrivatePathMissing", resource) for resource in KINDS.values()}
    near = World().set(CLUSTER, "properties.agentPoolProfiles", [{"vnetSubnetID": SUBNET.text}])
    assert near.find(REMEDIATOR, environment(virtualNetworks=[])) == []
    one_side = [part for part in manifest()["virtualNetworks"] if part["id"] == SPOKE.text]
    assert World().find(REMEDIATOR, environment(virtualNetworks=one_side)) == []


def test_where_the_clusters_network_is_not_known_any_network_counts() -> None:
    world = World().set(CLUSTER, "properties.agentPoolProfiles", [{"name": "system"}])
    assert world.find(REMEDIATOR, environment(virtualNetworks=[])) == []


def test_a_cluster_that_says_nothing_is_looked_at() -> None:
    env = environment(clusters=[{"id": CLUSTER.text}])
    assert World().find(REMEDIATOR, env) == []
    (finding,) = World().set(CLUSTER, PRIVATE, value=False).find(REMEDIATOR, env)
    assert of([finding]) == {("ClusterNotPrivate", CLUSTER)}
    assert "az aks update --name k8s" in finding.message


def test_a_cluster_declared_public_contradicts() -> None:
    env = environment(clusters=[{"id": CLUSTER.text, "private": False}])
    assert of(World().find(REMEDIATOR, env)) == {("DeclaredOpen", CLUSTER)}


def test_no_isolation_no_look() -> None:
    world = opened(*KINDS.values())
    assert world.find(REMEDIATOR, environment(isolation=None, **SILENT)) == []
    assert world.asked == []


def test_what_cannot_be_read_is_neither_open_nor_without_a_way() -> None:
    world = World().deny(Question.GET, STORAGE)
    assert reasons(world.find(REMEDIATOR, environment(**SILENT))) == {
        ("MemberUnreadable", "block", "Unreadable")
    }
    blind = World().deny(Question.GET, CLUSTER)
    assert blind.find(REMEDIATOR, without(BLOB)) == []
    env = environment(clusters=[{"id": CLUSTER.text}])
    assert named(blind.find(REMEDIATOR, env)) == {"MemberUnreadable"}


def test_what_another_manifest_owns_is_reported_as_such() -> None:
    parts = [{"id": VAULT.text, "owned": False}]
    found = opened(VAULT).find(REMEDIATOR, environment(keyVaults=parts))
    assert reasons(found) == {("OpenToPublic", "report", "NotOwned")}
