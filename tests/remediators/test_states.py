"""A resource that is in every way as declared, but for the word that Azure shows for where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest

from remediators import REMEDIATORS
from shared.model.finding import Disposition, Finding
from shared.model.resource_id import ResourceId
from shared.reconcile import draw_plan
from tests.remediators.estate import (
    BLOB,
    BLOB_LINK,
    CLUSTER,
    GPU,
    GROUP,
    NSG,
    REGISTRY,
    SCORING,
    STORAGE,
    SUBNET,
    TO_SPOKE,
    TRAIN,
    VAULT,
    VNET,
    WORKSPACE,
    environment,
)
from tests.remediators.world import World

STATE: Final = "properties.provisioningState"
REPAIR, REPORT = Disposition.REPAIR, Disposition.REPORT


@dataclass(frozen=True)
class Kind:
    """A kind of resource: where its state is shown, and what of it is repaired or told when it failed."""

    name: str
    shown: ResourceId
    path: str
    failed: str
    answer: Disposition
    unsettled: str


KINDS: Final = (
    Kind("endpoint", BLOB, STATE, "EndpointFailed", REPAIR, "EndpointUnsettled"),
    Kind("zone-group", GROUP, STATE, "ZoneGroupChanged", REPAIR, "ZoneGroupChanged"),
    Kind("link", BLOB_LINK, STATE, "LinkFailed", REPAIR, "LinkUnsettled"),
    Kind("joining", BLOB_LINK, "properties.virtualNetworkLinkState", "LinkFailed", REPAIR, "LinkUnsettled"),
    Kind("peering", VNET, f"properties.virtualNetworkPeerings.0.{STATE}", "PeeringFailed", REPAIR, "PeeringUnsettled"),
    Kind("rule", NSG, f"properties.securityRules.0.{STATE}", "RuleFailed", REPAIR, "RuleUnsettled"),
    Kind("subnet", VNET, f"properties.subnets.0.{STATE}", "SubnetFailed", REPORT, "SubnetUnsettled"),
    Kind("workspace", WORKSPACE, STATE, "WorkspaceFailed", REPORT, "WorkspaceUnsettled"),
    Kind("compute", GPU, STATE, "ComputeFailed", REPAIR, "ComputeUnsettled"),
    Kind("managed", TRAIN, STATE, "ManagedComputeFailed", REPORT, "ManagedComputeUnsettled"),
    Kind("storage", STORAGE, STATE, "ResourceFailed", REPORT, "ResourceUnsettled"),
    Kind("vault", VAULT, STATE, "ResourceFailed", REPORT, "ResourceUnsettled"),
    Kind("registry", REGISTRY, STATE, "ResourceFailed", REPORT, "ResourceUnsettled"),
)  # fmt: skip
BY_NAME: Final = [pytest.param(kind, id=kind.name) for kind in KINDS]


def found(kind: Kind, word: str) -> list[Finding]:
    """Every finding of every remediator, with one word changed."""
    world = World().set(kind.shown, kind.path, word)
    return [item for remediator in REMEDIATORS for item in world.find(remediator)]


@pytest.mark.parametrize("word", ["Failed", "Canceled", "Cancelled", "FAILED"])
@pytest.mark.parametrize("kind", BY_NAME)
def test_what_has_failed_is_repaired_or_told_and_never_under_way(kind: Kind, word: str) -> None:
    items = found(kind, word)
    assert kind.failed in {item.reason for item in items}
    assert "InProgress" not in {item.why for item in items}
    (own,) = [item for item in items if item.reason == kind.failed]
    assert own.disposition is kind.answer


@pytest.mark.parametrize("word", ["Updating", "Creating", "Deleting", "Accepted"])
@pytest.mark.parametrize("kind", BY_NAME)
def test_what_azure_is_at_work_on_is_looked_at_again(kind: Kind, word: str) -> None:
    assert (kind.unsettled, Disposition.DEFER, "InProgress") in {
        (item.reason, item.disposition, item.why) for item in found(kind, word)
    }


@pytest.mark.parametrize("kind", BY_NAME)
def test_a_word_that_nobody_knows_is_told(kind: Kind) -> None:
    items = found(kind, "Bewildered")
    assert (kind.unsettled, Disposition.BLOCK, "StateUnknown") in {
        (item.reason, item.disposition, item.why) for item in items
    }
    assert Disposition.REPAIR not in {item.disposition for item in items}


@pytest.mark.parametrize("kind", BY_NAME)
def test_what_has_succeeded_is_in_order(kind: Kind) -> None:
    assert found(kind, "Succeeded") == []


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        pytest.param(kind, written, id=kind.name)
        for kind, written in zip(KINDS[2:6], (BLOB_LINK, BLOB_LINK, TO_SPOKE, SCORING), strict=True)
    ],
)
def test_a_failed_write_is_made_again(kind: Kind, written: ResourceId) -> None:
    world = World().set(kind.shown, kind.path, "Failed")
    for remediator in REMEDIATORS:
        items = world.find(remediator)
        if kind.failed in {item.reason for item in items}:
            env = environment()
            plan = draw_plan((remediator,), env, world.look(remediator, env), items)
            ((step,),) = [unit.steps for unit in plan.units]
            assert (step.kind, step.resource) == ("PutResource", written)


def test_a_failed_cluster_is_told_and_what_hangs_on_it_waits() -> None:
    world = World().set(CLUSTER, STATE, "Failed")
    assert "ClusterFailed" in {
        item.reason for remediator in REMEDIATORS for item in world.find(remediator)
    }


def test_a_subnet_is_where_its_network_shows_it() -> None:
    items = found(KINDS[6], "Failed")
    assert {item.resource for item in items} == {SUBNET}
    assert "az network vnet subnet update" in items[0].message


@pytest.mark.parametrize(
    ("word", "reason", "why"),
    [
        pytest.param("Failed", "ExtensionFailed", "ByHand", id="failed"),
        pytest.param("Canceled", "ExtensionFailed", "ByHand", id="canceled"),
        pytest.param("Updating", "ExtensionUnsettled", "InProgress", id="at-work"),
        pytest.param("Bewildered", "ExtensionUnsettled", "StateUnknown", id="unknown"),
    ],
)
def test_an_extension_is_judged_by_the_same_words(word: str, reason: str, why: str) -> None:
    world = World()
    world.extensions[0]["properties"]["provisioningState"] = word
    items = [item for remediator in REMEDIATORS for item in world.find(remediator)]
    assert (reason, why) in {(item.reason, item.why) for item in items}
