"""What capture makes of answers: records, remarks, what is asked next."""

from __future__ import annotations

import pytest

from shared.capture import draw, needed, write
from shared.manifests import parse_manifest
from shared.model.actual import Actual, Question, Read, Unreadable
from shared.model.environment import OwnRecord
from shared.model.resource_id import ResourceId
from tests.capture.live import (
    CLUSTER,
    COMPUTE,
    GROUP,
    HUB,
    NOW,
    WORKSPACE,
    ZONE_NAME,
    Answers,
    zone,
)

OTHER = f"{GROUP}/Microsoft.Network/virtualNetworks/other"


def records(answers: Answers) -> tuple[OwnRecord, ...]:
    """The records of the endpoint in the manifest that comes of the answers."""
    text = write(draw("prod", [WORKSPACE], answers.actual))
    return parse_manifest(text, "prod.yaml").private_endpoints[0].records


def remarks(answers: Answers) -> str:
    """What is remarked on, one a line."""
    return "\n".join(map(str, draw("prod", [WORKSPACE], answers.actual).remarks))


def test_the_record_with_the_endpoints_address_is_its_own() -> None:
    (record,) = records(Answers().record("ml", "10.0.0.4", HUB))
    assert (record.zone, record.name, record.ttl) == (zone("ml"), "aks-1", 60)


def test_equal_addresses_in_networks_apart_are_told_by_the_zones_links() -> None:
    answers = Answers().zones("ml", "east").record("ml", "10.0.0.4", OTHER)
    (record,) = records(answers.record("east", "10.0.0.4", HUB))
    assert record.zone == zone("east")


def test_a_zone_that_is_linked_to_a_resolvers_network_only_still_counts() -> None:
    (record,) = records(Answers().record("ml", "10.0.0.4", OTHER))
    assert record.zone == zone("ml")


def test_a_record_of_another_name_is_not_taken_for_its_address() -> None:
    answers = Answers().record("ml", "10.0.0.4", HUB, name="somebody")
    assert records(answers) == ()
    assert "no A record with its address was found" in remarks(answers)


def test_a_stale_record_is_remarked_on_and_not_declared() -> None:
    answers = Answers().record("ml", "10.0.0.9", HUB)
    assert records(answers) == ()
    assert f"{ZONE_NAME} holds 10.0.0.9, which is not its address" in remarks(answers)


def test_the_zone_that_aks_keeps_is_never_written() -> None:
    answers = Answers().zones("MC_ml_aks").record("MC_ml_aks", "10.0.0.4", HUB)
    assert records(answers) == ()


def test_endpoints_in_the_node_group_are_not_the_customers() -> None:
    owned = f"{GROUP}/Microsoft.Network/privateEndpoints/kube-apiserver".replace(
        "/ml/", "/mc_ml_aks/"
    )
    connection = {"properties": {"privateEndpoint": {"id": owned}}}
    answers = Answers()
    body = dict(answers.actual.body(CLUSTER) or {})
    body["properties"] = {**body["properties"], "privateEndpointConnections": [connection]}
    answers.get(CLUSTER, body)
    asked = {str(read.resource).lower() for read in needed([WORKSPACE], answers.actual)}
    assert owned.lower() not in asked


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "powerState",
            {"code": "Stopped"},
            "it is stopped (succeeded); capture again when it runs",
        ),
        ("provisioningState", "Failed", "it runs, but its last operation failed: `az aks update`"),
        ("disableLocalAccounts", True, "local accounts are disabled"),
        ("apiServerAccessProfile", {"enablePrivateCluster": False}, "its API server is public"),
        ("apiServerAccessProfile", {"enablePrivateCluster": True}, "its public FQDN is on"),
        (
            "apiServerAccessProfile",
            {"enablePrivateCluster": True, "privateDNSZone": "none"},
            "its public FQDN is needed",
        ),
    ],
    ids=["stopped", "failed", "no-local-accounts", "public", "public-fqdn", "no-zone"],
)
def test_what_contradicts_the_documents_on_a_cluster_is_remarked_on(
    path: str, value: object, said: str
) -> None:
    answers = Answers().record("ml", "10.0.0.4", HUB)
    assert remarks(answers) == ""
    body = dict(answers.actual.body(CLUSTER) or {})
    answers.get(CLUSTER, {**body, "properties": {**body["properties"], path: value}})
    assert said in remarks(answers)


def test_a_vnet_integrated_cluster_says_so() -> None:
    answers = Answers()
    body = dict(answers.actual.body(CLUSTER) or {})
    access = {"enableVnetIntegration": True, "enablePrivateCluster": True}
    access["enablePrivateClusterPublicFQDN"] = False
    answers.get(
        CLUSTER, {**body, "properties": {**body["properties"], "apiServerAccessProfile": access}}
    )
    text = write(draw("prod", [WORKSPACE], answers.actual))
    assert parse_manifest(text, "prod.yaml").clusters[0].vnet_integration


def test_an_unread_part_never_becomes_a_claim() -> None:
    answers = Answers()
    read = Read(Question.GET, COMPUTE)
    answers.said[read] = Unreadable("MissingPermission", "no", NOW, "computes/read")
    draft = draw("prod", [WORKSPACE], answers.actual)
    text = write(draft)
    assert not parse_manifest(text, "prod.yaml").computes
    assert draft.unread == (f"{COMPUTE}: MissingPermission; missing: computes/read",)


def test_the_first_question_is_the_workspace_and_all_is_asked_once() -> None:
    first = needed([WORKSPACE], Actual({}))
    assert Read(Question.GET, WORKSPACE) in first
    answers = Answers().record("ml", "10.0.0.4", HUB)
    assert not needed([WORKSPACE], answers.actual) & set(answers.said)


def test_the_order_of_answers_does_not_change_the_text() -> None:
    answers = Answers().zones("ml", "east").record("ml", "10.0.0.4", HUB)
    answers.record("east", "10.0.0.4", HUB)
    backwards = Actual(dict(reversed(list(answers.said.items()))))
    assert write(draw("prod", [WORKSPACE], answers.actual)) == write(
        draw("prod", [WORKSPACE], backwards)
    )


def test_a_long_id_as_a_key_stays_on_its_line() -> None:
    identity = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/{'x' * 120}"
    answers = Answers()
    body = dict(answers.actual.body(COMPUTE) or {})
    body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity: {"a": "b"}}}
    answers.get(COMPUTE, body)
    text = write(draw("prod", [WORKSPACE], answers.actual))
    assert f"{identity}: {{}}\n" in text
    (compute,) = parse_manifest(text, "prod.yaml").computes
    assert compute.body["identity"]["userAssignedIdentities"] == {identity: {}}


def test_a_name_is_made_of_the_workspaces() -> None:
    from shared.capture import name_for  # noqa: PLC0415 - used here only

    odd = ResourceId.parse(f"{GROUP}/Microsoft.MachineLearningServices/workspaces/_My_Ws-")
    assert name_for(odd) == "my-ws"
