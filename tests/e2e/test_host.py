"""The app on its real host: keys, Event Grid deliveries, run status, approval and pause over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from devhost.child import wait_until
from shared.records import FolderStore, Records
from simulator.clock import SystemClock
from tests.e2e.portrait import differences, portrait
from tests.e2e.rig import Rig, open_rig, subscribe

pytestmark = pytest.mark.slow

WEBHOOK = "/runtime/webhooks/eventgrid?functionName=resource_changed"
ROUTES = [
    ("GET", "/api/environments"),
    ("GET", "/api/environments/prod"),
    ("POST", "/api/environments/prod/reconcile"),
    ("POST", "/api/environments/prod/pause"),
    ("POST", "/api/environments/prod/resume"),
    ("GET", "/api/runs/some"),
    ("POST", "/api/runs/some/approve"),
    ("POST", "/api/runs/some/reject"),
    ("POST", WEBHOOK),
    ("OPTIONS", WEBHOOK),
    ("POST", "/admin/functions/sweep"),
]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = open_rig(tmp_path_factory.mktemp("host"), modes={"private_endpoint": "approve"})
    yield rig
    rig.close()


@pytest.fixture(autouse=True)
def settled(rig: Rig) -> None:
    rig.forgive()
    rig.until_calm()


def records(rig: Rig) -> Records:
    return Records(FolderStore(rig.host.place / "records"), SystemClock().now)


def runs(rig: Rig) -> list[str]:
    return [record["id"] for record in records(rig).runs("prod", 1000)]


def open_vault(rig: Rig) -> None:
    rig.person("PATCH", rig.ids.vault, {"properties": {"publicNetworkAccess": "Enabled"}})


def closed(rig: Rig, resource: str) -> bool:
    body = rig.cloud.get(resource)
    return body is not None and body["properties"]["publicNetworkAccess"] == "Disabled"


def status(rig: Rig, run: str) -> dict[str, Any]:
    return dict(rig.host.http.get(f"/api/runs/{run}").json())


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_the_key_nothing_is_told_or_done(
    method: str, path: str, key: str, rig: Rig
) -> None:
    headers = {"x-functions-key": key} if key else {}
    answer = httpx.request(method, rig.host.url + path, headers=headers, content=b"{}")
    assert answer.status_code == 401
    assert "prod" not in answer.text


def test_health_needs_no_key_and_names_nothing(rig: Rig) -> None:
    answer = httpx.get(f"{rig.host.url}/api/health")
    told = answer.json()
    assert (told.pop("status"), told.pop("away"), told.pop("environments")) == ("ok", [], 1)
    assert told == {"manifestProblems": 0, "setAside": 0, "undelivered": {}}


def test_both_handshakes_are_answered(rig: Rig) -> None:
    validation = [
        {
            "id": "1",
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "subject": "",
            "data": {"validationCode": "c0de"},
            "eventTime": "2026-11-02T09:00:00Z",
            "dataVersion": "2",
        }
    ]
    headers = {"aeg-event-type": "SubscriptionValidation"}
    answer = rig.host.http.post(WEBHOOK, json=validation, headers=headers)
    assert answer.json() == {"validationResponse": "c0de"}
    answer = rig.host.http.options(WEBHOOK, headers={"WebHook-Request-Origin": "eventgrid.azure"})
    assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure"


@pytest.mark.parametrize("schema", ["EventGridSchema", "CloudEventSchemaV1_0"])
def test_events_in_either_schema_and_in_batches_start_a_repair(schema: str, rig: Rig) -> None:
    rig.server.event_grid.unsubscribe("relink")
    subscribe(rig, "only", schema, maxEventsPerBatch=50)
    try:
        before = portrait(rig.cloud)
        open_vault(rig)
        wait_until(lambda: closed(rig, rig.ids.vault))
        rig.until_calm()
        assert differences(before, portrait(rig.cloud)) == []
    finally:
        rig.server.event_grid.unsubscribe("only")
        subscribe(rig, "relink", "EventGridSchema")


def test_an_event_delivered_again_and_again_is_one_run(rig: Rig) -> None:
    subscribe(rig, "again", "CloudEventSchemaV1_0", duplicate=3, maxEventsPerBatch=10)
    try:
        known, since = runs(rig), len(rig.cloud.writes())
        open_vault(rig)
        wait_until(lambda: closed(rig, rig.ids.vault))
        rig.until_calm()
    finally:
        rig.server.event_grid.unsubscribe("again")
    new = [run for run in runs(rig) if run not in known]
    assert len(new) == 1
    assert len(rig.written(since)) == 1


def test_bad_elements_of_a_batch_are_counted_and_the_good_one_is_taken(rig: Rig) -> None:
    known = runs(rig)
    good = {
        "id": "by-hand",
        "subject": rig.ids.storage,
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-11-02T09:00:00Z",
        "dataVersion": "2",
        "data": {
            "resourceUri": rig.ids.storage,
            "operationName": "Microsoft.Storage/storageAccounts/write",
        },
    }
    bad = {**good, "id": "bad", "data": {"operationName": "?"}}
    answer = rig.host.http.post(WEBHOOK, json=[7, {"id": "x"}, bad, good])
    assert answer.status_code == 200
    truncated = json.dumps([good]).encode()[:-20]
    assert rig.host.http.post(WEBHOOK, content=truncated).status_code == 400
    wait_until(lambda: len(runs(rig)) == len(known) + 1)
    assert any("operationName" in e.reason for e in records(rig).rejected_events().newest)


def test_a_request_is_queued_then_running_or_merged_then_finished(rig: Rig) -> None:
    rig.host.http.post("/api/environments/prod/pause", json={"reason": "a test"})
    registry = rig.ids.registry
    rig.person("PATCH", registry, {"properties": {"publicNetworkAccess": "Enabled"}})
    first = rig.reconcile(reason="one").json()["id"]
    second = rig.reconcile(reason="two", remediators=["network_access"]).json()["id"]
    wait_until(lambda: status(rig, second).get("status") == "queued")
    assert not closed(rig, registry)

    resumed = rig.host.http.post("/api/environments/prod/resume", json={})
    assert resumed.json()["paused"] is None

    seen: set[str] = set()

    def ended() -> bool:
        for run in (first, second):
            seen.add(str(status(rig, run).get("status")))
        return "finished" in seen and "merged" in seen

    wait_until(ended)
    assert "running" in seen
    record = rig.finished(second)
    assert {first, second} <= set(record["trigger"]["requests"])
    assert record["outcome"] == "Repaired"
    assert closed(rig, registry)


def test_while_paused_events_change_nothing(rig: Rig) -> None:
    paused = rig.host.http.post("/api/environments/prod/pause", json={"reason": "hands off"})
    assert paused.json()["paused"]["reason"] == "hands off"
    since = len(rig.cloud.writes())
    open_vault(rig)
    wait_until(lambda: rig.environment()["queue"]["pending"])
    assert rig.written(since) == []
    rig.host.http.post("/api/environments/prod/resume", json={})
    wait_until(lambda: closed(rig, rig.ids.vault))


def awaiting(rig: Rig) -> str | None:
    """The run whose plan waits for a person."""
    last = rig.environment()["approval"]
    return str(last["run"]) if last and last["state"] == "waiting" else None


def test_a_plan_waits_for_approval_and_is_carried_out_by_another_run(rig: Rig) -> None:
    before = portrait(rig.cloud)
    blob = rig.ids.id("ml", "Microsoft.Network/privateEndpoints/prod-blob-pe")
    rig.person("DELETE", blob)
    run = wait_until(lambda: awaiting(rig))
    assert run is not None
    rig.finished(run)
    assert rig.cloud.get(blob) is None

    answer = rig.host.http.post(f"/api/runs/{run}/approve", json={"reason": "go on"})

    assert answer.status_code == 202
    assert answer.json()["approval"]["by"]
    record = rig.finished(answer.headers["location"].rsplit("/", 1)[1])
    assert record["outcome"] == "Repaired"
    assert record["trigger"]["cause"] == "approval"
    rig.until_calm()
    assert differences(before, portrait(rig.cloud)) == []
    again = rig.host.http.post(f"/api/runs/{run}/approve", json={})
    assert again.status_code in {404, 409}
    assert again.headers["content-type"] == "application/problem+json"


def test_what_is_asked_wrongly_is_refused_with_the_field(rig: Rig) -> None:
    http = rig.host.http
    unknown = http.post("/api/environments/nope/reconcile", json={})
    wrong = rig.reconcile(dryRun="x")
    surplus = rig.reconcile(dry=True)
    assert (unknown.status_code, wrong.status_code, surplus.status_code) == (404, 400, 400)
    for answer, word in ((unknown, "nope"), (wrong, "dryRun"), (surplus, "dry")):
        assert answer.headers["content-type"] == "application/problem+json"
        assert word in answer.text
    assert http.get("/api/runs/nope").status_code == 404
