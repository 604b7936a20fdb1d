"""What an event narrows the look to, and what it never narrows away."""

from __future__ import annotations

import pytest

from shared.focus import focus, kept
from shared.model.actual import Memory
from shared.model.intent import Intent
from tests.core.builders import (
    CLUSTER,
    CLUSTER_ENDPOINT,
    COMPUTE,
    ENDPOINT,
    GROUP,
    NETWORK,
    OWN_ZONE,
    REGISTRY,
    STORAGE,
    SUBNET,
    SUBSCRIPTION,
    VAULT,
    WORKSPACE,
    ZONE,
    debt,
    environment,
    rid,
)

NOTHING = Memory()
EVERYTHING = frozenset(part.id for part in environment().parts())
ASSIGNMENT = "providers/Microsoft.Authorization/roleAssignments/a1"
LOCK = "providers/Microsoft.Authorization/locks/l1"


def named(*texts: str) -> frozenset[object]:
    return frozenset(rid(text) for text in texts)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (ENDPOINT, [ENDPOINT]),
        (ENDPOINT.upper().replace("/SUBSCRIPTIONS/", "/subscriptions/"), [ENDPOINT]),
        (f"{ENDPOINT}/privateDnsZoneGroups/default", [ENDPOINT]),
        (f"{STORAGE}/privateEndpointConnections/c1", [ENDPOINT]),
        (STORAGE, [STORAGE]),
        (VAULT, [VAULT]),
        (ZONE, [ENDPOINT]),
        (f"{OWN_ZONE}/A/aks-dns", [CLUSTER_ENDPOINT]),
        (CLUSTER, [CLUSTER, CLUSTER_ENDPOINT, COMPUTE]),
        (f"{CLUSTER}/privateEndpointConnections/c1", [CLUSTER_ENDPOINT, COMPUTE]),
        (COMPUTE, [COMPUTE, CLUSTER_ENDPOINT, WORKSPACE]),
        (f"{REGISTRY}/{ASSIGNMENT}", [COMPUTE, CLUSTER_ENDPOINT, REGISTRY]),
        (f"{STORAGE}/{LOCK}", [STORAGE, ENDPOINT]),
    ],
    ids=[
        "endpoint", "other-case", "zone-group", "connection", "storage", "vault", "zone",
        "own-record", "cluster", "cluster-connection", "compute", "role", "lock",
    ],
)  # fmt: skip
def test_an_event_keeps_the_parts_it_is_about(resource: str, expected: list[str]) -> None:
    assert kept(environment(), [rid(resource)], NOTHING) == named(*expected)


@pytest.mark.parametrize(
    "resource",
    [GROUP, SUBSCRIPTION, SUBNET, f"{NETWORK}/virtualNetworks/vnet", f"{GROUP}/{LOCK}"],
    ids=["group", "subscription", "subnet", "network", "lock-on-group"],
)
def test_what_is_about_no_single_part_keeps_all(resource: str) -> None:
    assert kept(environment(), [rid(resource)], NOTHING) == EVERYTHING
    assert focus(environment(), [rid(resource)], NOTHING) == environment()


def test_one_event_of_a_burst_that_is_about_anything_keeps_all() -> None:
    assert kept(environment(), [rid(ENDPOINT), rid(SUBNET)], NOTHING) == EVERYTHING


def test_no_resources_named_means_everything() -> None:
    assert focus(environment(), None, NOTHING) == environment()


def test_debts_and_intents_are_kept_whatever_the_event_is_about() -> None:
    intent = Intent(rid(ENDPOINT), {}, "incarnation-1")
    memory = Memory(debts=(debt(),), intents=(intent,))
    assert kept(environment(), [rid(VAULT)], memory) == named(VAULT, CLUSTER_ENDPOINT, ENDPOINT)


def test_a_debt_of_what_is_no_longer_declared_keeps_nothing() -> None:
    gone = Memory(debts=(debt(f"{NETWORK}/privateEndpoints/pe-gone"),))
    assert kept(environment(), [rid(VAULT)], gone) == named(VAULT)


def test_a_compute_brings_the_endpoints_it_is_attached_through() -> None:
    small = focus(environment(), [rid(f"{REGISTRY}/{ASSIGNMENT}")], NOTHING)
    assert [part.id for part in small.cluster_endpoints(rid(CLUSTER))] == [rid(CLUSTER_ENDPOINT)]


def test_a_cluster_stays_listed_as_the_context_of_its_endpoint() -> None:
    small = focus(environment(), [rid(CLUSTER_ENDPOINT)], NOTHING)
    assert small.cluster(rid(CLUSTER)) is not None
    assert small.computes == ()


def test_the_workspace_of_a_storage_account_is_context_and_is_not_judged() -> None:
    """A resource access rule for the workspace is as good as the bypass (domain.md 5)."""
    small = focus(environment(), [rid(STORAGE)], NOTHING)
    (workspace,) = small.workspaces
    assert workspace.storage_account == rid(STORAGE)
    assert workspace.public_network_access is None
    assert rid(WORKSPACE) not in kept(environment(), [rid(STORAGE)], NOTHING)


def test_a_kept_workspace_keeps_what_it_declares() -> None:
    small = focus(environment(), [rid(WORKSPACE)], NOTHING)
    assert small.workspaces[0].public_network_access == "Disabled"


def test_narrowing_keeps_modes_limit_and_window() -> None:
    whole = environment(mode="approve", maxDestructiveUnits=2)
    small = focus(whole, [rid(VAULT)], NOTHING)
    assert (small.mode, small.max_destructive_units) == (whole.mode, 2)


def test_what_happens_to_one_side_of_a_peering_keeps_both() -> None:
    """Deleting one side makes the other Disconnected, with no event of its own (domain.md 1.2)."""
    hub, spoke = (f"{NETWORK}/virtualNetworks/{name}" for name in ("hub", "spoke"))

    def side(remote: str) -> dict[str, object]:
        return {"name": "p", "body": {"properties": {"remoteVirtualNetwork": {"id": remote}}}}

    networks = [
        {"id": hub, "peerings": [side(spoke)]},
        {"id": spoke, "peerings": [side(hub)]},
        {"id": f"{NETWORK}/virtualNetworks/other"},
    ]
    whole = environment(virtualNetworks=networks)
    gone = rid(f"{spoke}/virtualNetworkPeerings/p")
    assert kept(whole, [gone], NOTHING) == named(hub, spoke)
