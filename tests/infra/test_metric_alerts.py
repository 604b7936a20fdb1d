"""The metric alerts of the templates, on what a simulated Event Grid counts when it loses events."""

from __future__ import annotations

import json
import operator
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.delivery.storage import plane_from
from simulator.server import Server
from simulator.wire import Json
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan
from tests.infra.shared_folder import INFRA
from tests.simulator.webhooks import Webhook

BICEP = (INFRA / "modules/event-subscriptions.bicep").read_text(encoding="utf-8")
OPERATIONS = json.loads((INFRA / "operations.json").read_text(encoding="utf-8"))
PLAN = Plan("prod")
TOPIC = PLAN.id("ml", "Microsoft.EventGrid/systemTopics/changes")
DEADLINE = 120.0
# "Supported metrics for Microsoft.EventGrid/systemTopics" (Azure Monitor's reference, July 2026): name
# to aggregation; every one of them in grains of a minute.
METRICS = {
    "AdvancedFilterEvaluationCount": "Total",
    "DeadLetteredCount": "Total",
    "DeliveryAttemptFailCount": "Total",
    "DeliverySuccessCount": "Total",
    "DestinationProcessingDurationInMs": "Average",
    "DroppedEventCount": "Total",
    "MatchedEventCount": "Total",
    "PublishFailCount": "Total",
    "PublishSuccessCount": "Total",
    "PublishSuccessLatencyInMs": "Total",
    "ServerDeliverySuccessRate": "Total",
    "UnmatchedEventCount": "Total",
}
COMPARED: dict[str, Callable[[float, float], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqual": operator.ge,
    "LessThan": operator.lt,
}


def rules() -> dict[str, dict[str, str]]:
    """The rules by name; what all of them share is written once in the template."""
    shared = {
        name: re.findall(rf"{name}: '?([\w.]+)'?$", BICEP, re.MULTILINE)[-1]
        for name in (
            "operator",
            "threshold",
            "timeAggregation",
            "windowSize",
            "evaluationFrequency",
        )
    }
    losses = re.findall(r"\{ name: '([\w-]+)', metric: '(\w+)', severity: (\d)", BICEP)
    return {name: {**shared, "metric": metric, "severity": n} for name, metric, n in losses}


RULES = rules()


def fires(rule: dict[str, str], counted: dict[str, int]) -> bool:
    """Whether a rule fires on what was counted in its window."""
    assert rule["timeAggregation"] == "Total"
    return COMPARED[rule["operator"]](counted[rule["metric"]], float(rule["threshold"]))


@pytest.fixture
def hook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def azure(tmp_path: Path, hook: Webhook) -> Iterator[Server]:
    """A simulated Azure with the topic and the event subscriptions as the template filters them."""
    cloud = Cloud(SystemClock(), speed=1000)
    cloud.load(private_inference())
    with Server(cloud, state_dir=tmp_path / "state") as server:
        kind = "Microsoft.Resources.Subscriptions"
        source = f"/subscriptions/{PLAN.subscription}"
        put(
            server,
            TOPIC,
            {"location": "global", "properties": {"source": source, "topicType": kind}},
        )
        for group in OPERATIONS:
            put(server, f"{TOPIC}/eventSubscriptions/{group['name']}", subscription(hook, group))
        yield server


def subscription(hook: Webhook, group: Json) -> Json:
    key = "data.operationName"
    named = {"operatorType": "StringIn", "key": key, "values": group["operations"]}
    place = {"resourceId": PLAN.storage, "blobContainerName": "deadletters"}
    return {
        "properties": {
            "eventDeliverySchema": "CloudEventSchemaV1_0",
            "filter": {"advancedFilters": [named]},
            "destination": {"endpointType": "WebHook", "properties": {"endpointUrl": hook.url}},
            "deadLetterDestination": {"endpointType": "StorageBlob", "properties": place},
        }
    }


def put(server: Server, resource_id: str, body: Json) -> None:
    url = f"{resource_id}?api-version=2022-06-15"
    assert server.cloud.call("PUT", url, body).status in {200, 201}
    done = '"provisioningState": "Succeeded"', '"provisioningState":"Succeeded"'
    until(lambda: any(each in server.cloud.call("GET", url).body.decode() for each in done))


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.02)


def changed(server: Server) -> None:
    """A change that Relink watches."""
    body: Json = {"properties": {"publicNetworkAccess": "Enabled"}}
    assert server.cloud.call("PATCH", f"{PLAN.vault}?api-version=2023-07-01", body).status == 200


def counted(server: Server) -> dict[str, int]:
    """Event Grid's metrics of the topic, as far as its simulation counts."""
    mine = [each for each in server.event_grid.subscriptions.values() if TOPIC in each.name]
    letters = [letter for each in mine for letter in each.dead]
    dropped = sum(str(each.get("deadLetterReason")).startswith("dropped") for each in letters)
    return {
        "DeliverySuccessCount": sum(each.delivered for each in mine),
        "DeadLetteredCount": len(letters) - dropped,
        "DroppedEventCount": dropped,
    }


def names(counted: dict[str, int]) -> set[str]:
    return {name for name, rule in RULES.items() if fires(rule, counted)}


def test_no_metric_alert_fires_while_events_are_delivered(azure: Server) -> None:
    changed(azure)
    until(lambda: counted(azure)["DeliverySuccessCount"])
    assert names(counted(azure)) == set()


def test_events_that_are_refused_for_good_fire_the_alert_on_dead_letters(
    azure: Server, hook: Webhook
) -> None:
    hook.answers = [413]
    changed(azure)
    until(lambda: counted(azure)["DeadLetteredCount"])
    assert names(counted(azure)) == {"dead-letters"}


def test_letters_that_no_container_takes_fire_the_alert_on_dropped_events(
    azure: Server, hook: Webhook
) -> None:
    with socket.socket() as taken:  # bound and not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}/account"
        plane: Any = {"account": "account", "key": "a2V5", "blob": away, "queue": away}
        azure.event_grid.planes[PLAN.storage.lower()] = plane_from(plane)
        hook.answers = [413]
        changed(azure)
        until(lambda: counted(azure)["DroppedEventCount"])
    assert names(counted(azure)) == {"dropped-events"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_asks_for_a_metric_that_the_topic_has(name: str) -> None:
    rule = RULES[name]
    assert METRICS[rule["metric"]] == rule["timeAggregation"]
    assert "'Microsoft.EventGrid/systemTopics'" in BICEP
    assert (rule["windowSize"], rule["evaluationFrequency"]) == ("PT5M", "PT5M")
    assert rule["severity"] == "1"
