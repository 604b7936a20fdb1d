from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import judges
from shared.events import (
    ChangeKind,
    Ignored,
    Index,
    MalformedEventError,
    ResourceChanged,
    echo,
    read_event,
    restarts,
)
from shared.manifests import parse_manifest
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from tests.judges import missing
from tests.shared.declared import (
    AKS_ZONE,
    BLOB_ENDPOINT,
    BLOB_ZONE,
    CLUSTER,
    CLUSTER_ENDPOINT,
    COMPUTE,
    GROUP,
    HUB,
    REGISTRY,
    STORAGE,
    SUBNET,
    SUBSCRIPTION,
    WORKSPACE,
    manifest,
)

SAMPLES = judges.SHARED / "events"
OURS = "aaaaaaaa-0000-0000-0000-000000000001"
AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
NETWORK = "Microsoft.Network"
ENDPOINT_DELETE = f"{NETWORK}/privateEndpoints/delete"
START = "Microsoft.ContainerService/managedClusters/start/action"
WATCHES = (
    ENDPOINT_DELETE,
    f"{NETWORK}/privateEndpoints/privateDnsZoneGroups/delete",
    f"{NETWORK}/privateDnsZones/A/delete",
    f"{NETWORK}/privateDnsZones/delete",
    f"{NETWORK}/virtualNetworks/delete",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.Storage/storageAccounts/privateEndpointConnections/delete",
    "Microsoft.MachineLearningServices/workspaces/delete",
    "Microsoft.MachineLearningServices/workspaces/computes/delete",
    "Microsoft.Authorization/roleAssignments/delete",
    "Microsoft.Authorization/locks/delete",
    START,
)


def change(resource: str, operation: str, caller: str = "") -> ResourceChanged:
    last = operation.rsplit("/", 1)[1]
    kind = ChangeKind(last) if last in {"write", "delete"} else ChangeKind.ACTION
    return ResourceChanged("event-1", ResourceId.parse(resource), operation, kind, True, AT, caller)  # noqa: FBT003 - the field's name is in the class


def grid(**changes: object) -> dict[str, Any]:
    event: dict[str, Any] = {
        "id": "event-1",
        "topic": SUBSCRIPTION,
        "subject": BLOB_ENDPOINT,
        "eventType": "Microsoft.Resources.ResourceDeleteSuccess",
        "eventTime": "2026-11-01T12:00:00.1234567Z",
        "dataVersion": "2",
        "metadataVersion": "1",
        "data": {
            "authorization": {"evidence": {"principalId": "BBBB"}},
            "claims": {
                "http://schemas.microsoft.com/identity/claims/objectidentifier": OURS.upper()
            },
            "resourceUri": BLOB_ENDPOINT,
            "operationName": ENDPOINT_DELETE,
            "status": "Succeeded",
            "tenantId": "tenant-1",
            "correlationId": "correlation-1",
        },
    }
    return {**event, **changes}


def cloud(**changes: object) -> dict[str, Any]:
    names = {"topic": "source", "eventType": "type", "eventTime": "time"}
    renamed = {names.get(name, name): value for name, value in grid().items()}
    unversioned = {n: v for n, v in renamed.items() if n not in {"dataVersion", "metadataVersion"}}
    return {**unversioned, "specversion": "1.0", **changes}


def without(event: dict[str, Any], path: str) -> dict[str, Any]:
    left = copy.deepcopy(event)
    *parents, name = path.split(".")
    inner = left
    for parent in parents:
        inner = inner[parent]
    del inner[name]
    return left


@pytest.fixture(scope="module")
def prod() -> Environment:
    return parse_manifest(manifest(), "prod.yaml")


@pytest.fixture(scope="module")
def index(prod: Environment) -> Index:
    other = parse_manifest(manifest(name="other", group="other"), "other.yaml")
    return Index([prod, other], WATCHES)


@pytest.mark.parametrize("event", [grid(), cloud()], ids=["event-grid", "cloud-events"])
def test_both_schemas_give_the_same_change(event: dict[str, Any]) -> None:
    read = read_event(event)
    assert isinstance(read, ResourceChanged)
    assert read.resource == ResourceId.parse(BLOB_ENDPOINT)
    assert (read.event_id, read.operation, read.kind) == (
        "event-1",
        ENDPOINT_DELETE,
        ChangeKind.DELETE,
    )
    assert read.at == AT.replace(microsecond=123456)
    assert (read.caller, read.tenant, read.correlation) == (OURS, "tenant-1", "correlation-1")
    assert read.succeeded is True


def test_without_the_claim_the_evidence_names_the_caller() -> None:
    read = read_event(without(grid(), "data.claims"))
    assert isinstance(read, ResourceChanged)
    assert read.caller == "bbbb"


def test_a_dead_letter_is_read_like_the_event_in_it() -> None:
    letter = without(cloud(deadletterreason="MaxDeliveryAttemptsExceeded"), "time")
    read = read_event({**letter, "publishtime": "2026-11-01T12:00:00Z"})
    assert isinstance(read, ResourceChanged)
    assert read.at == AT


@pytest.mark.parametrize(
    "event_type",
    [
        "Microsoft.Resources.ResourceActionFailure",
        "Microsoft.Resources.ResourceDeleteCancel",
        "Microsoft.Storage.BlobCreated",
        "Microsoft.EventGrid.SubscriptionValidationEvent",
        "Microsoft.Resources.ResourceWriteSuccessX",
    ],
)
def test_what_changed_nothing_is_ignored_with_a_reason(event_type: str) -> None:
    read = read_event(grid(eventType=event_type))
    assert isinstance(read, Ignored)
    assert event_type in read.reason


@pytest.mark.parametrize("path", ["id", "eventType", "eventTime", "data", "data.operationName"])
def test_a_missing_field_is_named(path: str) -> None:
    with pytest.raises(MalformedEventError) as caught:
        read_event(without(grid(), path))
    # Without eventType, the event is taken for one of the other schema.
    assert caught.value.field == path.replace("eventType", "type")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": 7}, "id"),
        ({"id": "x" * 300}, "id"),
        ({"eventTime": "yesterday"}, "eventTime"),
        ({"eventTime": None}, "eventTime"),
        ({"data": "text"}, "data"),
        ({"data": {"resourceUri": 1, "operationName": ENDPOINT_DELETE}}, "data.resourceUri"),
        ({"data": {"resourceUri": f"{GROUP}/../x", "operationName": "a/b"}}, "data.resourceUri"),
        ({"data": {"resourceUri": BLOB_ENDPOINT, "operationName": "a b"}}, "data.operationName"),
        ({"data": {"operationName": ENDPOINT_DELETE}, "subject": "/x"}, "subject"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedEventError) as caught:
        read_event(grid(**changes))
    assert caught.value.field == field


@pytest.mark.parametrize("event", [[], "text", None, 7])
def test_what_is_no_object_is_malformed(event: object) -> None:
    with pytest.raises(MalformedEventError, match="event"):
        read_event(event)


# A small alphabet: building the whole of Unicode takes longer than the tests.
TEXT = st.text("aZ0/.:-{}% \x00\ud800é🙂", max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from([*grid(), *cloud()])
INNER = st.sampled_from([*grid()["data"]])


@given(
    changes=st.dictionaries(FIELDS, JSON, max_size=4),
    inner=st.dictionaries(INNER, JSON, max_size=4),
)
def test_no_event_raises_anything_but_malformed(
    changes: dict[str, Any], inner: dict[str, Any]
) -> None:
    for event in (grid(), cloud()):
        mixed = {**event, "data": {**event["data"], **inner}, **changes}
        try:
            read = read_event(mixed)
        except MalformedEventError:
            continue
        assert isinstance(read, ResourceChanged | Ignored)


@given(event=JSON)
def test_no_json_raises_anything_but_malformed(event: object) -> None:
    try:
        read = read_event(event)
    except MalformedEventError:
        return
    assert isinstance(read, ResourceChanged | Ignored)


def test_every_published_sample_is_read_or_ignored() -> None:
    samples = sorted(SAMPLES.glob("*.json"))
    if not samples:
        missing("events", "the published sample events are not beside the project")
    judges.ran("events", f"{len(samples)} events")
    changed: list[str] = []
    for sample in samples:
        text = sample.read_text().replace("{subscription-id}", SUBSCRIPTION.split("/")[2])
        for placeholder in ("resource-group", "namespace", "storage-name", "ID"):
            text = text.replace(f"{{{placeholder}}}", "x")
        read = read_event(json.loads(text))
        if isinstance(read, ResourceChanged):
            changed.append(sample.name.split(".")[1])
    assert sorted(changed) == sorted(
        ["resource_action_success", "resource_delete_success", "resource_write_success"] * 2
    )


@pytest.mark.parametrize(
    ("resource", "operation"),
    [
        (BLOB_ENDPOINT, ENDPOINT_DELETE),
        (BLOB_ENDPOINT.upper(), ENDPOINT_DELETE.upper()),
        (f"{BLOB_ENDPOINT}/privateDnsZoneGroups/default", WATCHES[1]),
        (f"{BLOB_ZONE}/A/mlstore", WATCHES[2]),
        (f"{AKS_ZONE}/A/aks-dns", WATCHES[2]),
        (BLOB_ZONE, WATCHES[3]),
        (SUBNET.rsplit("/", 2)[0], WATCHES[4]),
        (STORAGE, WATCHES[5]),
        (f"{STORAGE}/privateEndpointConnections/pe.1", WATCHES[6]),
        (WORKSPACE, WATCHES[7]),
        (COMPUTE, WATCHES[8]),
        (f"{REGISTRY}/providers/Microsoft.Authorization/roleAssignments/1", WATCHES[9]),
        (f"{STORAGE}/providers/Microsoft.Authorization/locks/keep", WATCHES[10]),
        (f"{GROUP}/providers/Microsoft.Authorization/locks/keep", WATCHES[10]),
        (CLUSTER, START),
        (GROUP, "Microsoft.Resources/subscriptions/resourceGroups/delete"),
    ],
)
def test_a_change_of_what_an_environment_rests_on_concerns_it(
    index: Index, resource: str, operation: str
) -> None:
    assert index.concerned(change(resource, operation)) == ("prod",)


@pytest.mark.parametrize(
    ("resource", "operation"),
    [
        (BLOB_ENDPOINT, f"{NETWORK}/privateEndpoints/read"),
        (BLOB_ENDPOINT.replace("pe-blob", "pe-blob-2"), ENDPOINT_DELETE),
        (BLOB_ENDPOINT.replace(SUBSCRIPTION, HUB), ENDPOINT_DELETE),
        (f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/1", WATCHES[9]),
        (f"{WORKSPACE}/providers/Microsoft.Authorization/roleAssignments/1", WATCHES[9]),
        (f"{GROUP}x", "Microsoft.Resources/subscriptions/resourceGroups/delete"),
        (GROUP, "Microsoft.Resources/subscriptions/resourceGroups/write"),
    ],
)
def test_other_changes_concern_nobody(index: Index, resource: str, operation: str) -> None:
    assert index.concerned(change(resource, operation)) == ()


def test_a_role_at_a_group_is_watched_for_everything_below_it(prod: Environment) -> None:
    environment = parse_manifest(manifest((f"scope: {REGISTRY}", f"scope: {GROUP}")), "f")
    assignment = "providers/Microsoft.Authorization/roleAssignments/1"
    index = Index([environment], WATCHES)
    for scope in (GROUP, REGISTRY):
        assert index.concerned(change(f"{scope}/{assignment}", WATCHES[9])) == ("prod",)
    assert index.concerned(change(f"{SUBSCRIPTION}/{assignment}", WATCHES[9])) == ()
    assert echo(change(f"{GROUP}/{assignment}", WATCHES[9], OURS), OURS, environment) is True
    assert echo(change(f"{GROUP}/{assignment}", WATCHES[9], OURS), OURS, prod) is False


def test_a_shared_hub_zone_concerns_every_environment_that_uses_it(prod: Environment) -> None:
    zone = f"{HUB}/resourceGroups/hub/providers/Microsoft.Network/privateDnsZones/z"
    twins = [parse_manifest(manifest((BLOB_ZONE, zone), name=name), "f") for name in ("b", "a")]
    found = Index([*twins, prod], WATCHES).concerned(change(f"{zone}/A/x", WATCHES[2]))
    assert found == ("a", "b")


@pytest.mark.parametrize(
    "resource",
    [
        BLOB_ENDPOINT,
        f"{BLOB_ENDPOINT}/privateDnsZoneGroups/default",
        f"{AKS_ZONE}/A/AKS-DNS",
        f"{REGISTRY}/providers/Microsoft.Authorization/roleAssignments/1",
        f"{STORAGE}/privateEndpointConnections/pe.1",
    ],
)
def test_our_own_write_of_what_we_own_is_an_echo(prod: Environment, resource: str) -> None:
    assert echo(change(resource, ENDPOINT_DELETE, OURS), OURS.upper(), prod) is True
    assert echo(change(resource, ENDPOINT_DELETE, "somebody"), OURS, prod) is False
    assert echo(change(resource, ENDPOINT_DELETE, ""), OURS, prod) is False
    assert echo(change(resource, ENDPOINT_DELETE, OURS), None, prod) is False


def test_our_own_write_for_another_environment_is_no_echo(prod: Environment) -> None:
    owns_not = (f"- id: {BLOB_ENDPOINT}\n", f"- id: {BLOB_ENDPOINT}\n    owned: false\n")
    guest = parse_manifest(manifest(owns_not), "guest.yaml")
    ours = change(BLOB_ENDPOINT, ENDPOINT_DELETE, OURS)
    assert echo(ours, OURS, prod) is True
    assert echo(ours, OURS, guest) is False
    assert echo(change(f"{BLOB_ZONE}/A/x", WATCHES[2], OURS), OURS, prod) is False


def test_a_start_gives_a_debt_for_each_endpoint_and_compute(prod: Environment) -> None:
    debts = restarts(change(CLUSTER.lower(), START), prod)
    assert [debt.target.text for debt in debts] == [CLUSTER_ENDPOINT, COMPUTE]
    assert {(debt.restart_at, debt.source, debt.proof) for debt in debts} == {
        (AT, "event event-1", "")
    }


def test_under_vnet_integration_only_computes_are_in_doubt() -> None:
    integrated = (f"- id: {CLUSTER}\n", f"- id: {CLUSTER}\n    vnetIntegration: true\n")
    environment = parse_manifest(manifest(integrated), "f")
    assert [debt.target.text for debt in restarts(change(CLUSTER, START), environment)] == [COMPUTE]


@pytest.mark.parametrize(
    ("resource", "operation"),
    [
        (CLUSTER, START.replace("start", "stop")),
        (CLUSTER, "Microsoft.ContainerService/managedClusters/write"),
        (f"{CLUSTER}2", START),
        (STORAGE, START),
    ],
)
def test_nothing_else_gives_a_debt(prod: Environment, resource: str, operation: str) -> None:
    assert restarts(change(resource, operation), prod) == ()
