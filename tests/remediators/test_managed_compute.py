from __future__ import annotations

from typing import Any

import pytest

from remediators.managed_compute import REMEDIATOR
from shared.model.actual import Question
from tests.remediators.estate import NODES, TRAIN, WORKSPACE, declared, disowned, environment
from tests.remediators.world import World, named, reasons

INNER = "properties.properties"
PLACE = (
    f"--name train --workspace-name ws --resource-group ml --subscription {WORKSPACE.subscription}"
)


def instance(**inner: Any) -> World:  # noqa: ANN401 - JSON
    """The compute is an instance."""
    quiet = {"subnet": {"id": NODES.text}, "enableNodePublicIp": False, "state": "Running"}
    properties = {"computeType": "ComputeInstance", "provisioningState": "Succeeded"}
    return World().set(TRAIN, "properties", {**properties, "properties": {**quiet, **inner}})


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("subnet", None, "ManagedComputeElsewhere"),
        ("subnet", {"id": NODES.text + "2"}, "ManagedComputeElsewhere"),
        ("enableNodePublicIp", True, "NodesPublic"),
        ("enableNodePublicIp", None, "NodesPublic"),
        ("remoteLoginPortPublicAccess", "Enabled", "SshOpen"),
    ],
)
def test_what_is_chosen_at_creation_is_reported_with_how_to_make_it(
    path: str, value: object, reason: str
) -> None:
    world = World().set(TRAIN, f"{INNER}.{path}", value)
    (finding,) = world.find(REMEDIATOR)
    assert reasons([finding]) == {(reason, "report", "MadeAnew")}
    assert finding.message.endswith(
        f"Run: az ml compute create {PLACE} --type AmlCompute --size Standard_DS3_v2 --subnet {NODES}"
        " --enable-node-public-ip false --ssh-public-access-enabled false"
    )
    assert world.plan(REMEDIATOR) == []


def test_an_unsaid_ssh_port_of_nodes_is_closed_inside_of_a_network_only() -> None:
    world = World().set(TRAIN, f"{INNER}.remoteLoginPortPublicAccess", "NotSpecified")
    assert world.find(REMEDIATOR) == []
    world.set(TRAIN, f"{INNER}.subnet", None)
    assert named(world.find(REMEDIATOR)) == {"ManagedComputeElsewhere", "SshOpen"}


def test_an_instance_says_its_ssh_elsewhere() -> None:
    assert instance().find(REMEDIATOR) == []
    opened = instance(sshSettings={"sshPublicAccess": "Enabled"})
    (finding,) = opened.find(REMEDIATOR)
    assert finding.reason == "SshOpen"
    assert "--type ComputeInstance --size VM_SIZE" in finding.message


def test_what_is_declared_open_may_not_be_closed() -> None:
    env = declared("managedComputes", TRAIN, publicIp=True, ssh=True)
    assert named(World().find(REMEDIATOR, env)) == {"NodesPrivate", "SshClosed"}


def test_a_missing_compute_is_reported() -> None:
    (finding,) = World().without(TRAIN).find(REMEDIATOR)
    assert reasons([finding]) == {("ManagedComputeMissing", "report", "ByHand")}
    assert f"az ml compute create {PLACE} --type AmlCompute --size VM_SIZE" in finding.message


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
def test_a_failed_compute_is_reported_with_its_errors(state: str) -> None:
    world = World().set(TRAIN, "properties.provisioningState", state)
    world.set(TRAIN, f"{INNER}.errors", [{"error": {"code": "ClusterCoreQuotaReached"}}])
    (finding,) = world.find(REMEDIATOR)
    assert reasons([finding]) == {("ManagedComputeFailed", "report", "ByHand")}
    assert "ClusterCoreQuotaReached" in finding.message
    assert f"Run: az ml compute show {PLACE}" in finding.message


def test_an_unusable_instance_has_failed_and_one_at_work_is_waited_for() -> None:
    assert named(instance(state="Unusable").find(REMEDIATOR)) == {"ManagedComputeFailed"}
    world = World().set(TRAIN, "properties.provisioningState", "Creating")
    assert reasons(world.find(REMEDIATOR)) == {("ManagedComputeUnsettled", "defer", "InProgress")}


def test_what_is_not_declared_is_not_looked_at() -> None:
    world = instance(
        enableNodePublicIp=True, subnet=None, sshSettings={"sshPublicAccess": "Enabled"}
    )
    assert world.find(REMEDIATOR, environment(managedComputes=[{"id": TRAIN.text}])) == []
    nobody = World()
    assert nobody.find(REMEDIATOR, environment(managedComputes=[])) == []
    assert nobody.asked == []


def test_a_compute_that_cannot_be_read_is_not_called_missing() -> None:
    found = World().deny(Question.GET, TRAIN).find(REMEDIATOR)
    assert reasons(found) == {("ManagedComputeUnreadable", "block", "Unreadable")}


def test_what_another_manifest_owns_is_reported_as_such() -> None:
    found = World().without(TRAIN).find(REMEDIATOR, disowned())
    assert reasons(found) == {("ManagedComputeMissing", "report", "NotOwned")}
