"""Domain facts, section 3.2: workspaces, what a PATCH of them takes, and diagnoses."""

import pytest

from simulator.sandbox import Sandbox
from simulator.wire import Response


def code(reply: Response) -> str:
    return str(reply.json()["error"]["code"])


def test_enabling_public_access_does_not_remove_the_workspaces_endpoints(world: Sandbox) -> None:
    world.done("PATCH", world.plan.workspace, {"properties": {"publicNetworkAccess": "Enabled"}})
    assert world.properties(world.plan.workspace)["privateLinkCount"] == 1
    assert world.status(world.plan.id("ml", "Microsoft.Network/privateEndpoints/prod-mlw-pe")) == (
        "Approved"
    )


def test_removing_every_endpoint_does_not_make_a_workspace_public(world: Sandbox) -> None:
    world.done("DELETE", world.plan.id("ml", "Microsoft.Network/privateEndpoints/prod-mlw-pe"))
    shown = world.properties(world.plan.workspace)
    assert (shown["privateLinkCount"], shown["publicNetworkAccess"]) == (0, "Disabled")


def test_of_two_public_access_members_the_last_write_wins(world: Sandbox) -> None:
    world.done("PATCH", world.plan.workspace, {"properties": {"publicNetworkAccess": "Enabled"}})
    assert world.properties(world.plan.workspace)["allowPublicAccessWhenBehindVnet"] is True


PATCHED = {
    "v1LegacyMode": True,
    "imageBuildCompute": "train-cpu",
    "description": "another",
    "friendlyName": "another",
    "applicationInsights": None,
}


@pytest.mark.parametrize("member", list(PATCHED))
def test_a_workspace_patch_sets_the_documented_members(world: Sandbox, member: str) -> None:
    before = world.properties(world.plan.workspace)
    world.done("PATCH", world.plan.workspace, {"properties": {member: PATCHED[member]}})
    after = world.properties(world.plan.workspace)
    assert after == before | {member: PATCHED[member]}


@pytest.mark.parametrize(
    "member",
    ["storageAccount", "keyVault", "hbiWorkspace", "allowPublicAccessWhenBehindVnet"],
)
def test_a_workspace_patch_refuses_the_others(world: Sandbox, member: str) -> None:
    refused = world.call("PATCH", world.plan.workspace, {"properties": {member: True}})
    assert (refused.status, code(refused)) == (400, "BadRequest")


def test_a_diagnosis_is_accepted_and_its_result_found_by_location(world: Sandbox) -> None:
    world.ok("DELETE", world.plan.registry)
    world.settle()
    reply = world.call("POST", f"{world.plan.workspace}/diagnose", {"value": {}})
    assert (reply.status, reply.body) == (202, b"")
    address = reply.headers["Location"].removeprefix("https://management.azure.com")
    assert world.cloud.call("GET", address).status == 202
    world.settle()
    ended = world.cloud.call("GET", address)
    assert ended.status == 200
    results = ended.json()["value"]
    assert results["storageAccountResults"] == []
    [missing] = results["containerRegistryResults"]
    assert (missing["level"], missing["code"]) == ("Error", "ResourceNotFound")
