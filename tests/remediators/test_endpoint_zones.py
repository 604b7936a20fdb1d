"""Zones of endpoints: the recommended ones of every cloud, and what a manifest leaves out."""

import copy
from typing import Any

import pytest

from remediators import cluster_endpoint
from remediators.private_endpoint import REMEDIATOR
from shared.model.actual import Absent, Question, Read
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from shared.remediation.zones import recommended
from tests.remediators.estate import (
    API,
    BLOB,
    NOW,
    REGISTRY,
    STORAGE,
    VAULT,
    WORKSPACE,
    declared,
    endpoint_body,
    environment,
    manifest,
    rid,
)
from tests.remediators.world import World, named, reasons

STORE = "microsoft.storage/storageaccounts"
ML = "microsoft.machinelearningservices/workspaces"
OTHER = rid("data", "Microsoft.Storage/storageAccounts", "more")

TABLE = [
    ("public", ML, "amlworkspace", ("privatelink.api.azureml.ms", "privatelink.notebooks.azure.net")),
    ("usgov", ML, "amlworkspace", ("privatelink.api.ml.azure.us", "privatelink.notebooks.usgovcloudapi.net")),
    ("china", ML, "amlworkspace", ("privatelink.api.ml.azure.cn", "privatelink.notebooks.chinacloudapi.cn")),
    ("public", STORE, "blob", ("privatelink.blob.core.windows.net",)),
    ("public", STORE, "File", ("privatelink.file.core.windows.net",)),
    ("usgov", STORE, "queue", ("privatelink.queue.core.usgovcloudapi.net",)),
    ("china", STORE, "table", ("privatelink.table.core.chinacloudapi.cn",)),
    ("public", STORE, "dfs_secondary", ("privatelink.dfs.core.windows.net",)),
    ("public", "microsoft.keyvault/vaults", "vault", ("privatelink.vaultcore.azure.net",)),
    ("usgov", "microsoft.keyvault/vaults", "vault", ("privatelink.vaultcore.usgovcloudapi.net",)),
    ("china", "microsoft.keyvault/vaults", "vault", ("privatelink.vaultcore.azure.cn",)),
    ("public", "microsoft.containerregistry/registries", "registry", ("privatelink.azurecr.io",)),
    ("usgov", "microsoft.containerregistry/registries", "registry", ()),
    ("public", "microsoft.containerservice/managedclusters", "management", ("privatelink.westeurope.azmk8s.io",)),
    ("china", "microsoft.containerservice/managedclusters", "management", ()),
    ("public", "microsoft.sql/servers", "sqlServer", ()),
]  # fmt: skip


@pytest.mark.parametrize(("cloud", "kind", "group", "zones"), TABLE)
def test_each_cloud_has_its_zones(
    cloud: str, kind: str, group: str, zones: tuple[str, ...]
) -> None:
    assert recommended(cloud, kind, group, "westeurope") == zones


def leading(target: ResourceId, group: str, *zones: str, cloud: str = "public") -> Environment:
    """One endpoint to ``target``, with a zone group of these zones."""
    part: dict[str, Any] = copy.deepcopy(manifest()["privateEndpoints"][0])
    part["body"] = endpoint_body(target, [group])
    ids = [rid("dns", "Microsoft.Network/privateDnsZones", zone).text for zone in zones]
    named_zones = [{"name": f"z{i}", "privateDnsZoneId": zone} for i, zone in enumerate(ids)]
    part["zoneGroup"] = {"name": "default", "zones": named_zones}
    return environment(privateEndpoints=[part], cloud=cloud)


def lacked(env: Environment) -> list[str]:
    found = World().find(REMEDIATOR, env)
    return [f.message for f in found if f.reason == "ZoneNotRecommended"]


def test_a_workspace_needs_both_of_its_zones() -> None:
    (message,) = lacked(leading(WORKSPACE, "amlworkspace", "privatelink.api.azureml.ms"))
    assert "expected privatelink.notebooks.azure.net" in message
    assert "az network private-endpoint dns-zone-group add --name default" in message
    assert "--private-dns-zone ID-OF-THE-ZONE" in message


def test_the_zone_of_another_cloud_is_none() -> None:
    zone = "privatelink.blob.core.windows.net"
    assert lacked(leading(STORAGE, "blob", zone)) == []
    assert lacked(leading(STORAGE, "blob", zone, cloud="china")) != []


def test_a_declared_zone_is_named_in_the_command() -> None:
    env = leading(STORAGE, "blob", "other.zone")
    (message,) = lacked(env)
    zone = next(z.id for z in env.private_dns_zones if z.id.name.startswith("privatelink.blob"))
    assert f"--private-dns-zone {zone}" in message


@pytest.mark.parametrize(
    ("target", "group"), [(REGISTRY, "registry"), (VAULT, "vault"), (WORKSPACE, "amlworkspace")]
)
def test_without_a_zone_group_names_are_somebody_elses(target: ResourceId, group: str) -> None:
    part = copy.deepcopy(manifest()["privateEndpoints"][0])
    part["body"] = endpoint_body(target, [group])
    del part["zoneGroup"]
    assert lacked(environment(privateEndpoints=[part])) == []


def test_a_cluster_has_no_zone_group_to_lack_one() -> None:
    zone = {"name": "z", "privateDnsZoneId": rid("dns", "Microsoft.Network/privateDnsZones", "z").text}  # fmt: skip
    env = declared("privateEndpoints", API, zoneGroup={"name": "default", "zones": [zone]})
    assert "ZoneNotRecommended" not in named(World().find(cluster_endpoint.REMEDIATOR, env))


@pytest.mark.parametrize("group", ["file", "queue", "table", "dfs"])
@pytest.mark.parametrize("target", [STORAGE, OTHER], ids=["own", "further"])
def test_other_groups_and_further_accounts_are_made_again_like_blobs(
    target: ResourceId, group: str
) -> None:
    zone = f"privatelink.{group}.core.windows.net"
    env = leading(target, group, zone)
    world = World()
    for each in env.private_endpoints[0].zone_group.zones:  # type: ignore[union-attr]
        world.bodies[each.private_dns_zone_id] = {"properties": {}}
    world.bodies[target] = world.bodies.get(target, {"properties": {}})
    missing = world.without(BLOB, BLOB.child("privateDnsZoneGroups", "default"))
    assert reasons(missing.find(REMEDIATOR, env)) == {
        ("EndpointMissing", "repair", ""),
        ("ZoneGroupMissing", "repair", ""),
    }
    (unit,) = missing.plan(REMEDIATOR, env)
    assert [step.kind for step in unit.steps] == ["PutResource", "AwaitState", "PutResource"]


def test_an_endpoint_of_a_deleted_group_is_not_made_again() -> None:
    world = World().without(BLOB)
    actual = world.look(REMEDIATOR)
    gone = Absent(NOW, "ResourceGroupNotFound")
    answers = {**actual.observations, Read(Question.GET, BLOB): gone}
    found = REMEDIATOR.detect(environment(), type(actual)(answers))
    mine = {(f.reason, f.why) for f in found if f.disposition.value == "block"}
    assert mine == {("GroupGone", "GroupGone"), ("EndpointMissing", "GroupGone")}
    (told,) = [f.message for f in found if f.reason == "GroupGone"]
    assert told.endswith(f"az group create --name net --location westeurope --subscription {BLOB.subscription}")  # fmt: skip
