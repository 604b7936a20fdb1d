"""Event Grid's delivery to a real socket, and the control API that arranges it."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.server import Server
from simulator.wire import Json
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan
from tests.simulator.webhooks import Webhook

PLAN = Plan("prod", "00000000-0000-0000-0000-000000000001", "westeurope")
DEADLINE = 120.0


@pytest.fixture
def hook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Server]:
    cloud = Cloud(SystemClock(), speed=500)
    cloud.load(private_inference())
    with Server(cloud, state_dir=tmp_path / "state", dead_letters=tmp_path / "dead") as server:
        yield server


def control(server: Server, method: str, path: str, body: Json | None = None) -> Any:  # noqa: ANN401 - JSON
    address = f"{server.exports['SIMULATOR_CONTROL']}/{path}"
    reply = httpx.request(method, address, json=body, trust_env=False, timeout=120)
    assert reply.status_code < 300, reply.text
    return reply.json() if reply.content else None


def subscribe(server: Server, hook: Webhook, **more: object) -> None:
    control(server, "POST", "subscriptions", {"name": "test", "endpoint": hook.url, **more})


def touch(server: Server, tag: str = "x") -> None:
    url = f"{PLAN.vault}?api-version=2024-01-01"
    done = control(
        server, "POST", "call", {"method": "PATCH", "url": url, "body": {"tags": {"t": tag}}}
    )
    assert done["status"] == 200


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.01)


def state(server: Server) -> Json:
    [only] = control(server, "GET", "subscriptions")
    return dict(only)


def test_an_event_arrives_as_an_array_with_its_type_in_a_header(
    azure: Server, hook: Webhook
) -> None:
    subscribe(azure, hook, headers={"x-functions-key": "k"})
    touch(azure)
    until(lambda: hook.batches)
    assert hook.headers[0]["aeg-event-type"] == "Notification"
    assert hook.headers[0]["x-functions-key"] == "k"
    assert [e["data"]["operationName"] for e in hook.batches[0]] == [
        "Microsoft.KeyVault/vaults/write"
    ]
    until(lambda: state(azure)["delivered"] == 1)


def test_cloud_events_have_their_own_shape(azure: Server, hook: Webhook) -> None:
    subscribe(azure, hook, schema="CloudEventSchemaV1_0")
    touch(azure)
    until(lambda: hook.batches)
    event = hook.batches[0][0]
    assert (event["specversion"], event["type"]) == (
        "1.0",
        "Microsoft.Resources.ResourceWriteSuccess",
    )
    assert event["source"] == f"/subscriptions/{PLAN.subscription}"
    assert "dataVersion" not in event


def test_an_endpoint_that_does_not_return_the_code_is_not_subscribed(
    azure: Server, hook: Webhook
) -> None:
    hook.validates = False
    address = f"{azure.exports['SIMULATOR_CONTROL']}/subscriptions"
    body = {"name": "test", "endpoint": hook.url}
    assert httpx.post(address, json=body, trust_env=False).status_code == 400
    assert control(azure, "GET", "subscriptions") == []


def test_an_event_is_delivered_again_until_it_is_accepted(azure: Server, hook: Webhook) -> None:
    subscribe(azure, hook)
    hook.answers = [500, 302, 204]
    touch(azure)
    until(lambda: state(azure)["delivered"] == 1)
    assert len(hook.batches) == 3
    assert len({b[0]["id"] for b in hook.batches}) == 1
    assert [h["aeg-delivery-count"] for h in hook.headers] == ["0", "1", "2"]


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_some_answers_are_final_and_go_to_the_dead_letters(
    azure: Server, hook: Webhook, status: int, tmp_path: Path
) -> None:
    subscribe(azure, hook)
    hook.answers = [status]
    touch(azure)
    until(lambda: state(azure)["deadLettered"] == 1)
    [file] = (tmp_path / "dead").iterdir()
    [letter] = json.loads(file.read_text(encoding="utf-8"))
    assert (letter["deliveryAttempts"], letter["lastDeliveryOutcome"]) == (1, str(status))
    assert letter["data"]["operationName"] == "Microsoft.KeyVault/vaults/write"


def test_events_come_doubled_in_batches_and_filtered(azure: Server, hook: Webhook) -> None:
    subscribe(
        azure,
        hook,
        duplicate=2,
        maxEventsPerBatch=10,
        shuffle=True,
        operations=["microsoft.keyvault/"],
    )
    url = f"{PLAN.storage}?api-version=2024-01-01"
    control(azure, "POST", "call", {"method": "PATCH", "url": url, "body": {"tags": {}}})
    for number in range(3):
        touch(azure, str(number))
    until(lambda: state(azure)["delivered"] == 6)
    events = [e for batch in hook.batches for e in batch]
    assert len({e["id"] for e in events}) == 3
    assert {e["data"]["resourceProvider"] for e in events} == {"Microsoft.KeyVault"}


def test_held_events_arrive_when_the_hold_ends_and_lost_ones_never(
    azure: Server, hook: Webhook
) -> None:
    subscribe(azure, hook)
    control(azure, "POST", "faults", {"kind": "hold-events", "times": None})
    touch(azure, "held")
    assert state(azure)["pending"] == 0
    control(azure, "DELETE", "faults")
    until(lambda: len(hook.batches) == 1)
    control(azure, "POST", "faults", {"kind": "lose-events"})
    touch(azure, "lost")
    touch(azure, "heard")
    until(lambda: len(hook.batches) == 2)
    assert len(control(azure, "GET", "events")) == 3


def test_the_control_api_shows_state_exchanges_and_health(azure: Server) -> None:
    compute = f"{PLAN.workspace}/computes/k8s-a"
    assert control(azure, "GET", f"state{compute}")["alive"] is True
    touch(azure)
    assert control(azure, "GET", "exchanges")[-1]["caller"] == "human"
    assert control(azure, "GET", "health")["status"] == "ok"


def test_the_control_port_answers_to_loopback_names_only(azure: Server) -> None:
    address = f"{azure.exports['SIMULATOR_CONTROL']}/health"
    foreign = httpx.get(address, headers={"Host": "evil.example"}, trust_env=False)
    assert foreign.status_code == 421


def test_both_ports_are_bound_to_loopback_only(azure: Server) -> None:
    addresses = [azure.exports["RELINK_ARM_ENDPOINT"], azure.exports["SIMULATOR_CONTROL"]]
    assert [httpx.URL(a).host for a in addresses] == ["127.0.0.1"] * 2
    ports = {httpx.URL(a).port for a in addresses}
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    bound = {tuple(line.split()[1].split(":")) for line in lines if line.split()[3] == "0A"}
    assert {host for host, port in bound if int(port, 16) in ports} == {"0100007F"}
