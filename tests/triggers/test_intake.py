"""Events on their way in: debts, wishes, echoes, bad ones, and those of another tenant."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from shared.model.trigger import Cause
from shared.records import StoreUnavailableError
from shared.triggers.events import as_mapping, parsed, take_in
from shared.triggers.intake import Intake
from tests.core.builders import (
    CLUSTER,
    CLUSTER_ENDPOINT,
    COMPUTE,
    ENDPOINT,
    NOW,
    STORAGE,
    declared,
    environment,
    rid,
    tiny,
)
from tests.triggers.client import FakeClient
from tests.workflow.world import World, world

OURS = "aaaaaaaa-0000-0000-0000-000000000001"
TENANT = "bbbbbbbb-0000-0000-0000-000000000001"
START = "Microsoft.ContainerService/managedClusters/start/action"
DELETED = "Microsoft.Network/privateEndpoints/delete"
WRITTEN = "Microsoft.Storage/storageAccounts/write"
KINDS = {"delete": "Delete", "write": "Write", "action": "Action"}


def event(
    resource: str = ENDPOINT, operation: str = DELETED, id_: str = "e1", **told: object
) -> dict[str, Any]:
    kind = KINDS[operation.rsplit("/", 1)[1]]
    return {
        "id": id_,
        "subject": resource,
        "eventType": f"Microsoft.Resources.Resource{kind}Success",
        "eventTime": NOW.isoformat(),
        "data": {
            "resourceUri": resource,
            "operationName": operation,
            "tenantId": TENANT,
            **told,
        },
    }


GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/apps/providers"
MANAGEMENT = (
    "/providers/Microsoft.Management/managementGroups/corp/providers/Microsoft.Authorization"
)


def by(principal: str) -> dict[str, Any]:
    return {"claims": {"http://schemas.microsoft.com/identity/claims/objectidentifier": principal}}


def stage(tmp_path: Path, **settings: str) -> World:
    quick = replace(tiny(name="urgent"), watches=(WRITTEN,), urgent=True)
    slow = replace(tiny(), watches=(DELETED, START))
    return world(tmp_path, [slow, quick], **settings)


def test_an_event_becomes_a_wish_to_look_at_what_it_names(tmp_path: Path) -> None:
    (wish,) = Intake(stage(tmp_path).services).take(event())
    assert (wish.environment, wish.cause, wish.resources) == ("prod", Cause.EVENT, (rid(ENDPOINT),))
    assert not wish.urgent
    assert (wish.notices[0].event, wish.notices[0].operation) == ("e1", DELETED)


def test_the_same_event_is_the_same_wish_and_another_is_another(tmp_path: Path) -> None:
    intake = Intake(stage(tmp_path).services)
    first, again = intake.take(event()), intake.take(event())
    assert first[0].id == again[0].id
    assert intake.take(event(id_="e2"))[0].id != first[0].id


def test_closing_public_access_is_urgent(tmp_path: Path) -> None:
    (wish,) = Intake(stage(tmp_path).services).take(
        event(
            STORAGE, WRITTEN.upper().replace("MICROSOFT", "Microsoft").replace("/WRITE", "/write")
        )
    )
    assert wish.urgent


@pytest.mark.parametrize(
    "raw",
    [
        event(operation="Microsoft.Compute/virtualMachines/write"),
        event(ENDPOINT.replace("000000000001", "000000000009")),
        {**event(), "eventType": "Microsoft.Resources.ResourceDeleteFailure"},
        {**event(), "eventType": "Microsoft.Storage.BlobCreated"},
        event(f"{GROUP}/Microsoft.Insights/components/Our dashboard (old)", "x.y/components/write"),
        event(f"{STORAGE}/blobServices/default/containers/$logs", "Microsoft.Storage/a/b/write"),
        event(f"{MANAGEMENT}/policyDefinitions/d", "Microsoft.Authorization/p/write"),
        event(f"{MANAGEMENT}/locks/l", DELETED),
        {**event("$unread"), "data": {"operationName": "A.b/c/write", "resourceUri": None}},
    ],
    ids=[
        "unwatched",
        "another-subscription",
        "failed",
        "another-kind",
        "name-with-spaces",
        "name-with-dollar",
        "management-group",
        "watched-but-in-no-subscription",
        "unwatched-without-id",
    ],
)
def test_what_concerns_nobody_starts_nothing_and_is_no_fault(
    tmp_path: Path, raw: dict[str, Any]
) -> None:
    intake = Intake(stage(tmp_path).services)
    assert intake.take(raw) == ()
    assert intake.services.records.rejected_events().counts == {}


@pytest.mark.parametrize("empty", [None, ""], ids=["null", "empty"])
def test_an_event_whose_id_is_empty_is_read_by_its_subject(
    tmp_path: Path, empty: str | None
) -> None:
    intake = Intake(stage(tmp_path).services)
    (wish,) = intake.take(event(resourceUri=empty))
    assert wish.resources == (rid(ENDPOINT),)
    assert intake.services.records.rejected_events().counts == {}


@pytest.mark.parametrize(
    "raw",
    [
        {"unreadable": "[{"},
        {**event(), "data": None},
        event(f"{ENDPOINT}/../../secrets"),
        {**event(), "eventTime": "yesterday"},
        {**event(), "id": "x" * 5000},
    ],
    ids=["no-json", "no-data", "climbing-id", "no-time", "endless-id"],
)
def test_a_bad_event_is_counted_and_stops_nobody(tmp_path: Path, raw: dict[str, Any]) -> None:
    intake = Intake(stage(tmp_path).services)
    assert intake.take(raw) == ()
    assert sum(intake.services.records.rejected_events().counts.values()) == 1
    assert len(intake.take(event())) == 1


def test_our_own_write_starts_no_run_where_we_wrote(tmp_path: Path) -> None:
    intake = Intake(stage(tmp_path, RELINK_PRINCIPAL_ID=OURS).services)
    assert intake.take(event(**by(OURS))) == ()
    assert len(intake.take(event(id_="e2", **by(TENANT)))) == 1


def test_without_our_own_id_nothing_is_an_echo(tmp_path: Path) -> None:
    assert len(Intake(stage(tmp_path).services).take(event(**by(OURS)))) == 1


@pytest.mark.parametrize("mode", ["remediate", "observe", "off"])
def test_debts_are_taken_in_every_mode(tmp_path: Path, mode: str) -> None:
    intake = Intake(stage(tmp_path, RELINK_MODE=mode).services)
    wishes = intake.take(event(CLUSTER, START))
    owed = intake.services.records.debts("prod")
    assert {debt.target for debt in owed} == {rid(CLUSTER_ENDPOINT), rid(COMPUTE)}
    assert {debt.restart_at for debt in owed} == {NOW}
    assert len(wishes) == (0 if mode == "off" else 1)


def test_debts_are_taken_of_our_own_start_and_in_a_pause(tmp_path: Path) -> None:
    here = stage(tmp_path, RELINK_PRINCIPAL_ID=OURS)
    here.records.pause("prod", "ann", "")
    Intake(here.services).take(event(CLUSTER, START, **by(OURS)))
    assert len(here.records.debts("prod")) == 2


def test_a_debt_is_stored_before_the_event_is_answered(tmp_path: Path) -> None:
    """A store that is away fails the delivery, so that Event Grid brings the event again."""
    here = stage(tmp_path)
    intake = Intake(here.services)

    class Away:
        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any call of a store
            raise StoreUnavailableError(name)

    object.__setattr__(here.records.documents, "store", Away())
    with pytest.raises(StoreUnavailableError):
        intake.take(event(CLUSTER, START))


def ours(tmp_path: Path, **settings: str) -> World:
    return world(
        tmp_path,
        [replace(tiny(), watches=(DELETED, START))],
        environment(tenant=TENANT.upper()),
        environment(name="open"),
        **settings,
    )


def test_an_event_of_another_tenant_is_refused_and_counted(tmp_path: Path) -> None:
    here = ours(tmp_path)
    wishes = Intake(here.services).take(event(CLUSTER, START, tenantId=OURS))
    assert [wish.environment for wish in wishes] == ["open"]
    assert here.records.debts("prod") == ()
    assert here.records.rejected_events().counts == {"data.tenantId: another tenant": 1}


def test_an_event_of_our_own_tenant_or_of_none_is_taken(tmp_path: Path) -> None:
    intake = Intake(ours(tmp_path).services)
    assert len(intake.take(event(tenantId=TENANT))) == 2
    assert len(intake.take(event(id_="e2", tenantId=None))) == 2


def test_a_tenant_is_a_guid() -> None:
    with pytest.raises(ValueError, match="tenant"):
        environment(tenant="contoso.com")
    assert "tenant" not in declared()


def test_the_index_follows_a_changed_manifest(tmp_path: Path) -> None:
    here = stage(tmp_path)
    intake = Intake(here.services)
    assert len(intake.take(event())) == 1
    here.manifests.edit("prod", "v2", private_endpoints=())
    assert intake.take(event(id_="e2")) == ()


@pytest.mark.parametrize(
    ("message", "count"),
    [
        (json.dumps(event()).encode(), 1),
        (json.dumps([event(), event(id_="e2")]).encode(), 2),
        (b"[]", 0),
    ],
    ids=["one", "array", "empty"],
)
def test_a_message_holds_one_event_or_an_array(message: bytes, count: int) -> None:
    assert len(parsed(message)) == count


@pytest.mark.parametrize(
    "message", [b"[{", b"\xff\xfe", b"", b"7", b'"text"', b"[" * 100_000], ids=range(6)
)
def test_a_message_that_is_no_event_becomes_one_that_is_counted(
    tmp_path: Path, message: bytes
) -> None:
    intake = Intake(stage(tmp_path).services)
    for raw in parsed(message):
        assert intake.take(raw) == ()
    assert sum(intake.services.records.rejected_events().counts.values()) == 1


def test_a_bad_event_in_an_array_leaves_the_others() -> None:
    found = parsed(json.dumps([event(), 7, event(id_="e2")]).encode())
    assert [each.get("id") for each in found] == ["e1", None, "e2"]


def test_both_schemas_of_the_worker_become_the_same_wish(tmp_path: Path) -> None:
    raw = event()
    when = datetime.fromisoformat(raw["eventTime"]).astimezone(UTC)
    grid = func.EventGridEvent(
        id="e1",
        data=raw["data"],
        topic="t",
        subject=ENDPOINT,
        event_type=raw["eventType"],
        event_time=when,
        data_version="2",
    )
    cloud = func.CloudEvent(
        id="e1",
        source="t",
        type=raw["eventType"],
        specversion="1.0",
        data=raw["data"],
        time=when,
        subject=ENDPOINT,
    )
    intake = Intake(stage(tmp_path).services)
    (one,), (other,) = intake.take(as_mapping(grid)), intake.take(as_mapping(cloud))
    assert one == other


async def test_a_burst_becomes_one_run_per_environment(tmp_path: Path) -> None:
    client, intake = FakeClient(), Intake(stage(tmp_path).services)
    for number in range(5):
        await take_in(intake, event(id_=f"e{number}"), client)  # type: ignore[arg-type]
        await take_in(intake, event(id_=f"e{number}"), client)  # type: ignore[arg-type]
    assert client.scheduled == []
    assert len(client.reminders) == 1
    pending = client.queue().pending
    assert pending is not None
    assert len(pending.requests) == 5


async def test_an_urgent_event_starts_its_run_at_once(tmp_path: Path) -> None:
    client, intake = FakeClient(), Intake(stage(tmp_path).services)
    await take_in(intake, event(STORAGE, WRITTEN), client)  # type: ignore[arg-type]
    assert [name for name, _, _ in client.scheduled] == ["reconcile"]
