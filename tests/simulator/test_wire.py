import json
from datetime import timedelta

import pytest

from simulator.cloud import Cloud
from simulator.directory import RELINK, TOKEN_LIFETIME
from simulator.sandbox import START, VERSION, Sandbox
from simulator.wire import Request, Response


def send(
    cloud: Cloud, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Response:
    token = {"Authorization": f"Bearer {cloud.token(RELINK)}"}
    return cloud.handle(Request(method, url, token | (headers or {}), body))


def test_a_missing_api_version_is_refused_in_azures_words(world: Sandbox) -> None:
    reply = send(world.cloud, "GET", world.plan.storage)
    assert reply.status == 400
    assert reply.json()["error"]["code"] == "MissingApiVersionParameter"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "AuthenticationFailed"),
        ({"Authorization": "Bearer a.b.c"}, "InvalidAuthenticationToken"),
    ],
    ids=["missing", "unknown"],
)
def test_a_bad_token_is_refused(world: Sandbox, header: dict[str, str], code: str) -> None:
    reply = world.cloud.handle(Request("GET", f"{world.plan.storage}?{VERSION}", header))
    assert (reply.status, reply.json()["error"]["code"]) == (401, code)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


def test_an_expired_token_is_refused(world: Sandbox) -> None:
    token = {"Authorization": f"Bearer {world.cloud.token(RELINK)}"}
    world.clock.advance((TOKEN_LIFETIME + timedelta(seconds=1)).total_seconds())
    assert (
        world.cloud.handle(Request("GET", f"{world.plan.storage}?{VERSION}", token)).status == 401
    )


def test_ids_are_compared_without_case_and_keep_the_casing_of_creation(world: Sandbox) -> None:
    shouted = world.plan.storage.upper().replace("/SUBSCRIPTIONS/", "/subscriptions/")
    assert world.ok("GET", shouted)["id"] == world.plan.storage


def test_what_does_not_exist_is_not_found_in_azures_words(world: Sandbox) -> None:
    missing = world.call("GET", world.plan.storage + "x")
    assert (missing.status, missing.json()["error"]["code"]) == (404, "ResourceNotFound")
    group = world.call("GET", world.plan.storage.replace("prod-ml", "nowhere"))
    assert (group.status, group.json()["error"]["code"]) == (404, "ResourceGroupNotFound")


def test_deleting_what_does_not_exist_is_answered_with_204(world: Sandbox) -> None:
    assert world.call("DELETE", world.blob_endpoint + "x").status == 204


def test_every_answer_carries_request_and_correlation_ids(world: Sandbox) -> None:
    correlation = {"x-ms-correlation-request-id": "0f1e2d3c-0000-4000-8000-000000000000"}
    reply = send(world.cloud, "GET", f"{world.plan.storage}?{VERSION}", correlation)
    assert reply.headers["x-ms-request-id"]
    assert (
        reply.headers["x-ms-correlation-request-id"] == correlation["x-ms-correlation-request-id"]
    )


def test_a_body_that_is_no_json_is_refused(world: Sandbox) -> None:
    reply = send(world.cloud, "PATCH", f"{world.plan.storage}?{VERSION}", body=b"{")
    assert reply.json()["error"]["code"] == "InvalidRequestContent"


def test_lists_come_in_pages_that_next_link_joins() -> None:
    world = Sandbox(page_size=2)
    group = f"/subscriptions/{world.plan.subscription}/resourceGroups/prod-ml"
    address: str | None = f"{group}/providers/Microsoft.Network/privateEndpoints?{VERSION}"
    names, pages = [], 0
    while address:
        page = world.cloud.call("GET", address.removeprefix("https://management.azure.com")).json()
        names += [e["name"] for e in page["value"]]
        address, pages = page.get("nextLink"), pages + 1
    assert pages == 3
    assert len(set(names)) == len(names) == 5


def test_a_record_is_written_only_when_its_etag_matches(world: Sandbox) -> None:
    record = world.cluster_record
    etag = world.body(record)["etag"]
    body = json.dumps(
        {"properties": {"ttl": 60, "aRecords": [{"ipv4Address": "10.0.0.9"}]}}
    ).encode()
    url = f"{record}?{VERSION}"
    assert send(world.cloud, "PUT", url, {"If-Match": 'W/"other"'}, body).status == 412
    assert send(world.cloud, "PUT", url, {"If-None-Match": "*"}, body).status == 412
    assert send(world.cloud, "PUT", url, {"If-Match": etag}, body).status == 200
    assert send(world.cloud, "PUT", url, {"If-Match": etag}, body).status == 412


def test_retry_after_follows_the_speed_but_is_never_zero(world: Sandbox) -> None:
    fast = Cloud(world.clock, speed=1000)
    fast.load([{"id": world.plan.cluster, "location": "westeurope", "properties": {}}])
    slow = world.call("POST", f"{world.plan.cluster}/stop").headers["Retry-After"]
    assert slow == "15"
    assert fast.call("POST", f"{world.plan.cluster}/stop?{VERSION}").headers["Retry-After"] == "1"


def test_operations_end_in_the_order_of_their_due_times_at_those_times(world: Sandbox) -> None:
    world.ok("POST", f"{world.plan.cluster}/stop")
    world.ok("PATCH", world.plan.registry, {"tags": {"a": "b"}})
    world.clock.advance(1000)
    world.cloud.advance()
    ends = [(e["subject"], e["eventTime"]) for e in world.cloud.events]
    assert [s for s, _ in ends] == [world.plan.registry, world.plan.cluster]
    assert ends[1][1].startswith((START + timedelta(seconds=180)).strftime("%Y-%m-%dT%H:%M:%S"))


def test_one_seed_gives_one_history() -> None:
    def history() -> list[str]:
        world = Sandbox(seed=3)
        world.restart()
        world.remake(world.cluster_endpoint)
        return [json.dumps(e) for e in world.cloud.events]

    assert history() == history()


def test_a_snapshot_brings_everything_back(world: Sandbox) -> None:
    before = world.cloud.snapshot()
    world.restart()
    world.cloud.restore(before)
    assert world.status(world.cluster_endpoint) == "Approved"
    assert world.alive(world.compute)
    assert world.cloud.events == []


def test_subscription_wide_lists_and_filters(world: Sandbox) -> None:
    base = f"/subscriptions/{world.plan.subscription}"
    vaults = world.ok("GET", f"{base}/providers/Microsoft.KeyVault/vaults")["value"]
    assert [v["id"] for v in vaults] == [world.plan.vault]
    found = world.ok(
        "GET", f"{base}/resources", query="&$filter=resourceType eq 'Microsoft.KeyVault/vaults'"
    )
    assert [r["id"] for r in found["value"]] == [world.plan.vault]
    groups = world.ok("GET", f"{base}/resourceGroups")["value"]
    assert {"prod-hub", "prod-spoke", "prod-ml"} <= {g["name"] for g in groups}


def test_doubled_slashes_are_one(world: Sandbox) -> None:
    assert world.ok("GET", "/" + world.plan.vault)["id"] == world.plan.vault
    assert (
        world.cloud.handle(Request("GET", "//metadata/endpoints?api-version=2022-09-01")).status
        == 200
    )
