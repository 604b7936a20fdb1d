"""Debts of a restart, what proves one, and which links count as verified."""

from __future__ import annotations

from typing import Any

import pytest

from shared.model.actual import Actual, Question, Read, Unreadable
from shared.model.finding import Disposition
from shared.restarts import debts_of, log_reads, proven, starts_in, verified_links
from tests.core.builders import (
    CLUSTER,
    CLUSTER_ENDPOINT,
    COMPUTE,
    ENDPOINT,
    GROUP,
    NETWORK,
    NOW,
    answers,
    compute_of,
    debt,
    environment,
    finding,
    later,
    rid,
)

ARC = f"{GROUP}/providers/Microsoft.Kubernetes/connectedClusters/arc"
LOG = Read(Question.POWER_LOG, rid(CLUSTER), NOW.isoformat())


def test_a_restart_owes_every_endpoint_and_compute_of_the_cluster_a_look() -> None:
    owed = debts_of(environment(), rid(CLUSTER), NOW, "activity log")
    assert {each.target for each in owed} == {rid(CLUSTER_ENDPOINT), rid(COMPUTE)}
    assert {(each.restart_at, each.source, each.proof) for each in owed} == {
        (NOW, "activity log", "")
    }


def test_vnet_integration_has_no_private_link_to_lose() -> None:
    declared = environment(clusters=[{"id": CLUSTER, "vnetIntegration": True}])
    assert {each.target for each in debts_of(declared, rid(CLUSTER), NOW, "e")} == {rid(COMPUTE)}


def test_arc_and_undeclared_clusters_owe_nothing() -> None:
    declared = environment(
        clusters=[{"id": CLUSTER}, {"id": ARC}], computes=[compute_of(cluster=ARC)]
    )
    assert debts_of(declared, rid(ARC), NOW, "e") == ()
    assert debts_of(environment(), rid(f"{CLUSTER}2"), NOW, "e") == ()
    assert [read.resource for read in log_reads(declared, {rid(CLUSTER): NOW, rid(ARC): NOW})] == [
        rid(CLUSTER)
    ]


def test_the_same_restart_told_twice_is_one_debt() -> None:
    assert debt(at=NOW).id == debt(at=later(milliseconds=400), source="another").id
    assert debt(at=NOW).id != debt(at=later(seconds=1)).id
    assert debt(COMPUTE).id != debt().id


def power(action: str, minutes: float, status: str = "Succeeded") -> dict[str, Any]:
    return {
        "operationName": {"value": f"Microsoft.ContainerService/managedClusters/{action}/action"},
        "eventTimestamp": later(minutes=minutes).isoformat(),
        "status": {"value": status},
    }


def logged(*events: dict[str, Any]) -> Actual:
    return Actual(
        {LOG: answers({CLUSTER: {"value": list(events)}})[Read(Question.GET, rid(CLUSTER))]}
    )


def test_a_sweep_takes_the_newest_start_since_its_watermark() -> None:
    actual = logged(power("start", 5), power("start", 2), power("stop", 9), power("start", -5))
    assert starts_in(actual, [LOG]) == {rid(CLUSTER): later(minutes=5)}


@pytest.mark.parametrize(
    "event",
    [
        power("start", 5, "Started"),
        power("start", 5, "Failed"),
        power("stop", 5),
        power("start", 0),
    ],
    ids=["started", "failed", "a-stop", "not-newer-than-the-watermark"],
)
def test_nothing_else_in_the_log_is_a_start(event: dict[str, Any]) -> None:
    assert starts_in(logged(event), [LOG]) == {}


def test_a_log_that_cannot_be_read_shows_no_start() -> None:
    assert starts_in(Actual({LOG: Unreadable("Forbidden", "no", NOW)}), [LOG]) == {}
    assert starts_in(Actual(), [LOG]) == {}


# --- proofs ------------------------------------------------------------------

DEBTS = (debt(), debt(COMPUTE))


@pytest.mark.parametrize("reason", ["EndpointDisconnected", "LinkRenewed", "EndpointStale"])
def test_what_a_restart_did_to_one_proves_it_for_all_of_that_cluster(reason: str) -> None:
    found = proven([finding(CLUSTER_ENDPOINT, reason)], DEBTS)
    assert {each.target for each in found} == {rid(CLUSTER_ENDPOINT), rid(COMPUTE)}
    assert all(reason in each.proof and CLUSTER_ENDPOINT in each.proof for each in found)
    assert [each.id for each in found] == [each.id for each in DEBTS]


@pytest.mark.parametrize(
    "reason", ["EndpointMissing", "RecordWrong", "EndpointRejected", "ComputeFailed"]
)
def test_a_drift_with_another_cause_proves_no_restart(reason: str) -> None:
    """Else a deleted endpoint and a forged start event would have computes detached."""
    target = COMPUTE if reason.startswith("Compute") else CLUSTER_ENDPOINT
    assert proven([finding(target, reason)], DEBTS) == ()


@pytest.mark.parametrize("disposition", [Disposition.NOT_NEEDED, Disposition.DEFER])
def test_what_is_refuted_or_seen_while_the_cluster_is_down_proves_nothing(
    disposition: Disposition,
) -> None:
    seen = finding(CLUSTER_ENDPOINT, "EndpointDisconnected", disposition)
    assert proven([seen], DEBTS) == ()


def test_a_broken_endpoint_of_another_manifest_is_a_proof_for_our_computes() -> None:
    seen = finding(CLUSTER_ENDPOINT, "EndpointDisconnected", Disposition.REPORT, why="NotOwned")
    assert {each.target for each in proven([seen], DEBTS)} == {rid(CLUSTER_ENDPOINT), rid(COMPUTE)}


def test_only_the_earliest_claim_is_taken_as_proved() -> None:
    """A later one may be forged, and would make fresh computes look stale."""
    forged = (debt(at=later(minutes=30)), debt(COMPUTE, at=later(minutes=30)))
    found = proven([finding(CLUSTER_ENDPOINT, "LinkRenewed")], (*forged, *DEBTS))
    assert {each.restart_at for each in found} == {NOW}


def test_a_proof_is_kept_as_it_was_first_given() -> None:
    kept = debt(proof="earlier")
    assert proven([finding(CLUSTER_ENDPOINT, "LinkRenewed")], (kept,)) == ()


def test_a_finding_without_a_debt_proves_nothing() -> None:
    assert proven([finding(ENDPOINT, "EndpointDisconnected")], DEBTS) == ()


# --- links -------------------------------------------------------------------

INTERFACE = f"{NETWORK}/networkInterfaces/nic-aks"


def live(status: str = "Approved", state: str = "Succeeded", **nic: Any) -> Actual:  # noqa: ANN401 - JSON
    link = {"properties": {"privateLinkServiceConnectionState": {"status": status}}}
    body = {
        "properties": {
            "provisioningState": state,
            "privateLinkServiceConnections": [link],
            "networkInterfaces": [{"id": INTERFACE}],
        }
    }
    interface = {"properties": {"resourceGuid": "guid-1", **nic}}
    pls = {"value": [{"name": "management", "privateLinkServiceID": "/pls/1"}]}
    return Actual(
        {
            **answers({CLUSTER_ENDPOINT: body, INTERFACE: interface}),
            **answers({CLUSTER: pls}, Question.LINK),
        }
    )


def test_an_endpoint_in_order_is_remembered_with_its_incarnation_and_link() -> None:
    (link,) = verified_links(environment(), live(), [], NOW)
    assert link.endpoint == rid(CLUSTER_ENDPOINT)
    assert (link.incarnation, link.link_id, link.verified_at) == ("guid-1", "/pls/1", NOW)


def test_a_troubled_endpoint_keeps_the_link_that_was_recorded() -> None:
    for disposition in set(Disposition) - {Disposition.NOT_NEEDED}:
        troubled = [finding(CLUSTER_ENDPOINT, disposition=disposition)]
        assert verified_links(environment(), live(), troubled, NOW) == ()


def test_a_refuted_suspicion_is_no_trouble() -> None:
    refuted = [finding(CLUSTER_ENDPOINT, "RestartSuspected", Disposition.NOT_NEEDED)]
    assert len(verified_links(environment(), live(), refuted, NOW)) == 1


@pytest.mark.parametrize(
    "actual",
    [
        live("Disconnected"),
        live("Pending"),
        live(state="Updating"),
        live(resourceGuid=""),
        Actual(),
    ],
    ids=["disconnected", "pending", "updating", "no-guid", "unread"],
)
def test_what_was_not_seen_in_order_is_not_remembered(actual: Actual) -> None:
    assert verified_links(environment(), actual, [], NOW) == ()


def test_endpoints_to_other_targets_have_no_link_to_remember() -> None:
    declared = environment(privateEndpoints=[environment().private_endpoints[0].model_dump()])
    assert verified_links(declared, live(), [], NOW) == ()
