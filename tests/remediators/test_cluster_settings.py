from __future__ import annotations

import pytest

from remediators.cluster_settings import REMEDIATOR
from shared.model.actual import Actual, Observation, Question, Read
from shared.model.resource_id import ResourceId
from tests.remediators.estate import (
    API,
    CLUSTER,
    GPU,
    SPOKE,
    WORKSPACE,
    compute_body,
    declared,
    disowned,
    endpoint_body,
    environment,
)
from tests.remediators.world import World, named, reasons

ACCESS = "properties.apiServerAccessProfile"
NETWORK = "properties.networkProfile"
PUBLIC_NAME = f"{ACCESS}.enablePrivateClusterPublicFQDN"
SUBNETS = [
    {"name": "nodes", "properties": {"addressPrefix": "10.10.0.0/20"}},
    {"name": "pods", "properties": {"addressPrefixes": ["172.16.128.0/20", "fd00::/64"]}},
]


@pytest.mark.parametrize(
    ("path", "value", "reason", "option"),
    [
        (f"{ACCESS}.enablePrivateCluster", False, "ClusterPublic", "--enable-private-cluster"),
        (PUBLIC_NAME, True, "PublicFqdnEnabled", "--disable-public-fqdn"),
        (PUBLIC_NAME, None, "PublicFqdnEnabled", "--disable-public-fqdn"),
        ("properties.disableLocalAccounts", True, "LocalAccountsDisabled", "--enable-local-accounts"),
        ("identity", None, "ServicePrincipalCluster", "--enable-managed-identity"),
        ("identity.type", "None", "ServicePrincipalCluster", "--enable-managed-identity"),
    ],
)  # fmt: skip
def test_a_setting_is_reported_with_the_command_that_changes_it(
    path: str, value: object, reason: str, option: str
) -> None:
    world = World().set(CLUSTER, path, value)
    (finding,) = world.find(REMEDIATOR)
    assert reasons([finding]) == {(reason, "report", "ByHand")}
    place = f"--name k8s --resource-group aks --subscription {CLUSTER.subscription}"
    assert f"Run: az aks update {place} {option}" in finding.message
    assert world.plan(REMEDIATOR) == []


@pytest.mark.parametrize("zone", ["none", "None"])
@pytest.mark.parametrize("name", [True, None], ids=["on", "absent"])
def test_a_cluster_without_a_private_zone_needs_its_public_name(zone: str, name: object) -> None:
    world = World().set(CLUSTER, PUBLIC_NAME, name).set(CLUSTER, f"{ACCESS}.privateDNSZone", zone)
    assert world.find(REMEDIATOR) == []


@pytest.mark.parametrize("zone", ["system", f"{CLUSTER.group}/providers/a/b/none.azmk8s.io"])
def test_a_cluster_with_a_private_zone_does_without_its_public_name(zone: str) -> None:
    world = World().set(CLUSTER, PUBLIC_NAME, value=True)
    world.set(CLUSTER, f"{ACCESS}.privateDNSZone", zone)
    assert named(world.find(REMEDIATOR)) == {"PublicFqdnEnabled"}


def test_a_cluster_in_its_network_keeps_its_public_name_and_turns_private_by_itself() -> None:
    world = World().set(CLUSTER, f"{ACCESS}.enableVnetIntegration", value=True)
    world.set(CLUSTER, PUBLIC_NAME, value=True)
    assert world.find(REMEDIATOR) == []
    (finding,) = world.set(CLUSTER, f"{ACCESS}.enablePrivateCluster", value=False).find(REMEDIATOR)
    assert finding.message.endswith("--enable-private-cluster")


def test_a_cluster_declared_public_may_not_be_private() -> None:
    env = declared("clusters", CLUSTER, private=False)
    assert reasons(World().find(REMEDIATOR, env)) == {("ClusterPrivate", "report", "ClusterFixed")}


def test_another_region_than_that_of_a_workspace_behind_an_endpoint() -> None:
    link = {"id": API.text + "-ml", "body": endpoint_body(WORKSPACE, ["amlworkspace"])}
    env = environment(privateEndpoints=[link])
    world = World().set(CLUSTER, "location", "West Europe")
    world.set(WORKSPACE, "location", "northeurope")
    seen = world.look(REMEDIATOR, env)
    assert list(REMEDIATOR.detect(env, seen)) == []
    both = Actual({**seen.observations, **_answered(world, WORKSPACE)}, seen.memory)
    assert named(REMEDIATOR.detect(env, both)) == {"ClusterInOtherRegion"}
    world.set(WORKSPACE, "location", "westeurope")
    near = Actual({**seen.observations, **_answered(world, WORKSPACE)}, seen.memory)
    assert list(REMEDIATOR.detect(env, near)) == []
    assert list(REMEDIATOR.detect(environment(privateEndpoints=[]), both)) == []


def _answered(world: World, resource: ResourceId) -> dict[Read, Observation]:
    read = Read(Question.GET, resource)
    return {read: world.answer(read)}


def test_a_cluster_of_another_subscription_has_to_come_by_arc() -> None:
    far = CLUSTER.text.replace("11111111-1111", "22222222-2222")
    body = compute_body({"type": "SystemAssigned"})
    body["properties"]["resourceId"] = far
    env = environment(
        clusters=[{"id": far, "private": True}],
        computes=[{"id": GPU.text, "body": body}],
        privateEndpoints=[],
    )
    world = World()
    world.bodies[ResourceId.parse(far)] = world.bodies[CLUSTER]
    (finding,) = world.find(REMEDIATOR, env)
    assert finding.reason == "ClusterInOtherSubscription"
    assert "az connectedk8s connect --name k8s" in finding.message


def test_the_range_of_services_may_not_overlap_a_subnet() -> None:
    world = World().set(SPOKE, "properties.subnets", SUBNETS)
    (finding,) = world.find(REMEDIATOR)
    assert reasons([finding]) == {("ServiceCidrOverlaps", "report", "ClusterFixed")}
    assert (
        "subnet pods: found 172.16.128.0/20 overlaps serviceCidr 172.16.0.0/16" in finding.message
    )
    assert World().set(SPOKE, "properties.subnets", SUBNETS[:1]).find(REMEDIATOR) == []


def test_a_network_that_is_not_declared_is_not_read() -> None:
    world = World().set(SPOKE, "properties.subnets", SUBNETS)
    assert world.find(REMEDIATOR, environment(virtualNetworks=[])) == []
    assert [read.resource for read in world.asked] == [CLUSTER]


@pytest.mark.parametrize("text", ["172.16.0.10", "nonsense", None])
def test_the_address_of_dns_lies_in_the_range_of_services(text: str | None) -> None:
    assert World().set(CLUSTER, f"{NETWORK}.dnsServiceIP", text).find(REMEDIATOR) == []
    world = World().set(CLUSTER, f"{NETWORK}.dnsServiceIP", "10.0.0.10")
    assert named(world.find(REMEDIATOR)) == {"DnsServiceIpOutside"}


def test_a_cluster_that_declares_nothing_costs_no_read() -> None:
    world = World()
    assert world.find(REMEDIATOR, environment(clusters=[{"id": CLUSTER.text}])) == []
    assert world.asked == []


def test_a_cluster_that_is_gone_or_unreadable_is_said_to_be() -> None:
    gone = World().without(CLUSTER).find(REMEDIATOR)
    assert reasons(gone) == {("ClusterGone", "report", "ResourceGone")}
    unread = World().deny(Question.GET, CLUSTER).find(REMEDIATOR)
    assert reasons(unread) == {("ClusterUnreadable", "block", "Unreadable")}


def test_what_another_manifest_owns_is_reported_as_such() -> None:
    world = World().set(CLUSTER, PUBLIC_NAME, value=True)
    assert reasons(world.find(REMEDIATOR, disowned())) == {
        ("PublicFqdnEnabled", "report", "NotOwned")
    }
