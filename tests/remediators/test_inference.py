from __future__ import annotations

import pytest

from remediators.inference import REMEDIATOR
from shared.model.actual import Question
from shared.model.resource_id import ResourceId
from tests.remediators.estate import (
    BLUE,
    GPU,
    SCORES,
    STORAGE,
    WORKSPACE,
    disowned,
    environment,
    manifest,
)
from tests.remediators.world import World, named, reasons

STATE = "properties.provisioningState"
PLACE = f"--workspace-name ws --resource-group ml --subscription {WORKSPACE.subscription}"


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
def test_a_failed_endpoint_is_reported(state: str) -> None:
    (finding,) = World().set(SCORES, STATE, state).find(REMEDIATOR)
    assert reasons([finding]) == {("OnlineEndpointFailed", "report", "ByHand")}
    assert finding.resource == SCORES
    assert str(GPU) in finding.message
    assert f"Run: az ml online-endpoint show --name scores {PLACE}" in finding.message


def test_a_failed_deployment_is_reported_with_where_its_logs_are() -> None:
    world = World().set(BLUE, STATE, "Failed")
    (finding,) = world.find(REMEDIATOR)
    assert reasons([finding]) == {("DeploymentFailed", "report", "ByHand")}
    command = f"az ml online-deployment get-logs --name blue --endpoint-name scores {PLACE}"
    assert f"Run: {command}" in finding.message
    assert world.plan(REMEDIATOR) == []


@pytest.mark.parametrize("state", ["Updating", "Creating", None])
def test_a_deployment_at_work_is_nobodys_drift(state: str | None) -> None:
    assert World().set(BLUE, STATE, state).find(REMEDIATOR) == []


def test_endpoints_on_other_computes_are_not_looked_at() -> None:
    world = World().set(SCORES, "properties.compute", f"{GPU}-other").set(SCORES, STATE, "Failed")
    assert world.find(REMEDIATOR) == []
    world.set(SCORES, "properties.compute", None)
    assert world.find(REMEDIATOR) == []


def test_a_workspace_is_listed_once_and_each_endpoint_once() -> None:
    world = World()
    world.find(REMEDIATOR)
    assert [(read.question, read.resource) for read in world.asked] == [
        (Question.LIST, WORKSPACE),
        (Question.LIST, SCORES),
    ]


@pytest.mark.parametrize("missing", ["computes", "workspaces"])
def test_a_look_without_the_workspace_or_the_computes_costs_nothing(missing: str) -> None:
    env = environment(**{missing: []})
    world = World()
    assert world.find(REMEDIATOR, env) == []
    assert world.asked == []


def test_a_workspace_that_is_only_mentioned_costs_nothing() -> None:
    spaces = [{"id": WORKSPACE.text, "storageAccount": STORAGE.text}]
    world = World()
    assert world.find(REMEDIATOR, environment(workspaces=spaces)) == []
    assert world.asked == []
    assert manifest()["computes"]


@pytest.mark.parametrize("resource", [WORKSPACE, SCORES], ids=lambda each: each.name)
def test_lists_that_cannot_be_read_are_said_to_be(resource: ResourceId) -> None:
    world = World()
    world.deny(Question.LIST, resource)
    assert reasons(world.find(REMEDIATOR)) == {("InferenceUnreadable", "block", "Unreadable")}


def test_what_another_manifest_owns_is_reported_as_such() -> None:
    found = World().set(BLUE, STATE, "Failed").find(REMEDIATOR, disowned())
    assert reasons(found) == {("DeploymentFailed", "report", "NotOwned")}
    assert named(found) == {"DeploymentFailed"}
