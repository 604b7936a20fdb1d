"""Event Grid as resources of ARM: system topics, event subscriptions, their filters and where their events go."""

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.delivery import filters, schedule
from simulator.errors import ArmError
from simulator.sandbox import Sandbox
from simulator.server import Server
from simulator.wire import Json
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan
from tests.azurite import Azurite, azurite
from tests.simulator.webhooks import Webhook

__all__ = ["azurite"]

PLAN = Plan("prod")
SCOPE = f"/subscriptions/{PLAN.subscription}"
TOPIC = PLAN.id("ml", "Microsoft.EventGrid/systemTopics/changes")
SUBSCRIPTION = f"{TOPIC}/eventSubscriptions/relink"
FUNCTION = PLAN.id("ml", "Microsoft.Web/sites/relink/functions/resource_changed")
DEADLINE = 120.0
VAULTS: Json = {
    "operatorType": "StringBeginsWith",
    "key": "data.operationName",
    "values": ["Microsoft.KeyVault/", "Microsoft.ContainerService/"],
}


@pytest.fixture
def hook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Server]:
    cloud = Cloud(SystemClock(), speed=1000)
    cloud.load(private_inference())
    with Server(cloud, state_dir=tmp_path / "state") as server:
        yield server


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.02)


def put(server: Server, resource_id: str, body: Json) -> str:
    """Write a resource and return the state in which its operation leaves it."""
    reply = server.cloud.call("PUT", f"{resource_id}?api-version=2022-06-15", body)
    assert reply.status in (200, 201), reply.body
    until(lambda: state(server, resource_id) not in ("Creating", "Updating"))
    return state(server, resource_id)


def state(server: Server, resource_id: str) -> str:
    found = server.cloud.get(resource_id)
    assert found is not None
    return str(found["properties"]["provisioningState"])


def topic(server: Server) -> None:
    kind = "Microsoft.Resources.Subscriptions"
    body = {"location": "global", "properties": {"source": SCOPE, "topicType": kind}}
    assert put(server, TOPIC, body) == "Succeeded"


def webhook(url: str, **more: object) -> Json:
    destination = {"endpointType": "WebHook", "properties": {"endpointUrl": url}}
    return {"properties": {"destination": destination, **more}}


def touch(server: Server, target: str = PLAN.vault) -> None:
    body: Json = {"tags": {"touched": "yes"}}
    assert server.cloud.call("PATCH", f"{target}?api-version=2024-01-01", body).status == 200


def test_a_subscription_of_a_system_topic_delivers_what_its_filter_lets_through(
    azure: Server, hook: Webhook
) -> None:
    topic(azure)
    body = webhook(f"{hook.url}?code=secret", filter={"advancedFilters": [VAULTS]})
    assert put(azure, SUBSCRIPTION, body) == "Succeeded"
    touch(azure, PLAN.storage)
    touch(azure)
    until(lambda: hook.batches)
    assert [e["data"]["resourceProvider"] for e in hook.batches[0]] == ["Microsoft.KeyVault"]
    until(lambda: azure.event_grid.subscriptions[SUBSCRIPTION].delivered == 1)
    azure.cloud.call("DELETE", f"{SUBSCRIPTION}?api-version=2022-06-15")
    until(lambda: SUBSCRIPTION not in azure.event_grid.subscriptions)


def test_the_address_of_a_webhook_is_shown_without_its_secret(azure: Server, hook: Webhook) -> None:
    topic(azure)
    put(azure, SUBSCRIPTION, webhook(f"{hook.url}?code=secret"))
    shown = azure.cloud.get(SUBSCRIPTION)
    assert "secret" not in json.dumps(shown)
    whole = azure.cloud.call("POST", f"{SUBSCRIPTION}/getFullUrl?api-version=2022-06-15")
    assert whole.json() == {"endpointUrl": f"{hook.url}?code=secret"}


def test_a_webhook_that_does_not_consent_is_not_subscribed(azure: Server, hook: Webhook) -> None:
    topic(azure)
    hook.validates = False
    assert put(azure, SUBSCRIPTION, webhook(hook.url)) == "Failed"
    assert SUBSCRIPTION not in azure.event_grid.subscriptions


def test_a_subscription_of_a_group_hears_that_group_alone(azure: Server, hook: Webhook) -> None:
    scope = f"{SCOPE}/resourceGroups/prod-hub"
    name = f"{scope}/providers/Microsoft.EventGrid/eventSubscriptions/hub"
    assert put(azure, name, webhook(hook.url, eventDeliverySchema="CloudEventSchemaV1_0"))
    touch(azure)
    touch(azure, PLAN.network("hub"))

    def subjects() -> set[str]:
        return {e["subject"] for batch in hook.batches for e in batch}

    until(lambda: PLAN.network("hub") in subjects())
    assert subjects() <= {PLAN.network("hub"), name}


def test_a_function_is_reached_where_its_plane_says(azure: Server, hook: Webhook) -> None:
    topic(azure)
    plane = {"resourceId": FUNCTION, "endpoint": hook.url, "headers": {"x-functions-key": "k"}}
    control = f"{azure.exports['SIMULATOR_CONTROL']}/planes"
    assert httpx.post(control, json=plane, trust_env=False).status_code == 201
    inner = {"resourceId": FUNCTION, "maxEventsPerBatch": 1}
    destination = {"endpointType": "AzureFunction", "properties": inner}
    assert put(azure, SUBSCRIPTION, {"properties": {"destination": destination}}) == "Succeeded"
    touch(azure)
    until(lambda: hook.batches)
    assert hook.headers[0]["x-functions-key"] == "k"


def storage_plane(azurite: Azurite) -> Json:
    text = dict(p.split("=", 1) for p in azurite.connection_string.split(";") if p)
    account = text["AccountName"]
    return {
        "resourceId": PLAN.storage,
        "account": account,
        "key": text["AccountKey"],
        "blob": text["BlobEndpoint"],
        "queue": text["QueueEndpoint"],
    }


@pytest.mark.slow
def test_events_reach_a_storage_queue_as_base64(azure: Server, azurite: Azurite) -> None:
    topic(azure)
    control = f"{azure.exports['SIMULATOR_CONTROL']}/planes"
    httpx.post(control, json=storage_plane(azurite), trust_env=False).raise_for_status()
    inner = {"resourceId": PLAN.storage, "queueName": "changes"}
    destination = {"endpointType": "StorageQueue", "properties": inner}
    with QueueClient.from_connection_string(azurite.connection_string, "changes") as queue:
        queue.create_queue()
        assert put(azure, SUBSCRIPTION, {"properties": {"destination": destination}}) == "Succeeded"
        touch(azure)
        mine: list[Any] = []

        def arrived() -> bool:
            for message in queue.receive_messages():
                event = json.loads(base64.b64decode(message.content))
                mine.extend([event] if event["subject"] == PLAN.vault else [])
            return bool(mine)

        until(arrived)
        assert mine[0]["data"]["operationName"] == "Microsoft.KeyVault/vaults/write"
        queue.delete_queue()


@pytest.mark.slow
def test_dead_letters_go_to_a_container(azure: Server, azurite: Azurite, hook: Webhook) -> None:
    topic(azure)
    control = f"{azure.exports['SIMULATOR_CONTROL']}/planes"
    httpx.post(control, json=storage_plane(azurite), trust_env=False).raise_for_status()
    place = {"resourceId": PLAN.storage, "blobContainerName": "letters"}
    letters = {"endpointType": "StorageBlob", "properties": place}
    vaults = {"advancedFilters": [VAULTS]}
    body = webhook(hook.url, deadLetterDestination=letters, filter=vaults)
    assert put(azure, SUBSCRIPTION, body) == "Succeeded"
    hook.answers = [400]
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        container = blobs.get_container_client("letters")
        with contextlib.suppress(ResourceExistsError):
            container.create_container()
        touch(azure)
        until(lambda: list(container.list_blob_names()))
        [name] = container.list_blob_names()
        [letter] = json.loads(container.download_blob(name).readall())
        container.delete_container()
    assert name.startswith("RELINK/")
    assert letter["subject"] == PLAN.vault
    assert letter["deadLetterReason"] == "UndeliverableDueToResponse"
    assert (letter["deliveryAttempts"], letter["lastDeliveryOutcome"]) == (1, "400")


def test_an_endpoint_that_is_not_found_is_left_alone_with_new_events_too(
    azure: Server, hook: Webhook
) -> None:
    topic(azure)
    hook.answers = [404]
    vaults = {"advancedFilters": [VAULTS]}
    assert put(azure, SUBSCRIPTION, webhook(hook.url, filter=vaults)) == "Succeeded"
    subscription = azure.event_grid.subscriptions[SUBSCRIPTION]
    touch(azure)
    until(lambda: subscription.failed_attempts == 1)
    paused = subscription.paused_until - time.monotonic()
    assert 0 < paused <= 0.3
    touch(azure)
    until(lambda: subscription.delivered == 2)
    assert len(hook.batches) == 3


def test_the_schedule_is_azures() -> None:
    assert [schedule.wait("500", n) for n in (1, 2, 3, 4, 99)] == [10, 30, 60, 300, 43200]
    assert (schedule.wait("503", 1), schedule.wait("408", 1)) == (30, 120)
    policy = schedule.RetryPolicy(attempts=3, minutes=10)
    assert schedule.verdict("500", 3, 0, policy) == "MaxDeliveryAttemptsExceeded"
    assert schedule.verdict("500", 1, 601, policy) == "TimeToLiveExceeded"
    assert schedule.verdict("404", 1, 0, policy) == ""
    assert schedule.probation("404") == 300
    assert schedule.probation("500") == 0


EVENT: Json = {
    "subject": "/Subscriptions/S/x",
    "eventType": "Microsoft.Resources.ResourceWriteSuccess",
    "data": {"operationName": "Microsoft.Network/privateEndpoints/write", "count": 5, "ok": True},
}


@pytest.mark.parametrize(
    ("advanced", "holds"),
    [
        (("StringIn", "data.operationName", ["microsoft.network/privateendpoints/write"]), True),
        (("StringNotIn", "data.operationName", ["other"]), True),
        (("StringEndsWith", "data.operationName", ["/delete", "/write"]), True),
        (("StringContains", "data.operationName", ["storage"]), False),
        (("StringNotContains", "data.missing", ["x"]), True),
        (("StringIn", "data.missing", ["x"]), False),
        (("NumberGreaterThanOrEquals", "data.count", 5), True),
        (("NumberIn", "data.count", [1, 5]), True),
        (("NumberInRange", "data.count", [[1, 4]]), False),
        (("BoolEquals", "data.ok", True), True),
        (("IsNotNull", "data.count", None), True),
        (("IsNullOrUndefined", "data.count", None), False),
    ],
    ids=str,
)
def test_advanced_filters_hold_as_documented(
    advanced: tuple[str, str, object],
    holds: bool,  # noqa: FBT001 - a parameter of the table above
) -> None:
    operator, key, wanted = advanced
    one: Json = {"operatorType": operator, "key": key}
    one |= {"values" if isinstance(wanted, list) else "value": wanted}
    assert filters.matches({"advancedFilters": [one]}, EVENT) is holds


def test_subjects_and_types_are_filtered_without_case_unless_told() -> None:
    assert filters.matches({"subjectBeginsWith": "/subscriptions/s"}, EVENT)
    strict = {"subjectBeginsWith": "/subscriptions/s", "isSubjectCaseSensitive": True}
    assert not filters.matches(strict, EVENT)
    deleted = ["Microsoft.Resources.ResourceDeleteSuccess"]
    assert not filters.matches({"includedEventTypes": deleted}, EVENT)


def test_more_than_25_values_over_all_filters_are_refused() -> None:
    one = {"operatorType": "StringIn", "key": "subject", "values": [str(n) for n in range(13)]}
    filters.check({"advancedFilters": [one]})
    with pytest.raises(ArmError, match="25 values"):
        filters.check({"advancedFilters": [one, one]})


def test_a_source_has_one_system_topic(world: Sandbox) -> None:
    kind = "Microsoft.Resources.Subscriptions"
    body = {"location": "global", "properties": {"source": SCOPE, "topicType": kind}}
    world.done("PUT", TOPIC, body)
    assert world.call("PUT", f"{TOPIC}-2", body).status == 400
    assert len(world.ok("GET", TOPIC.rsplit("/", 1)[0])["value"]) == 1
