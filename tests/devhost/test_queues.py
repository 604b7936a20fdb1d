"""Queue functions against a real Azurite."""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from devhost import queues
from devhost.calls import Calls
from devhost.child import HostProcess, wait_until
from devhost.queues import Clients, Queue, QueueOptions
from devhost.settings import HostSettings
from devhost.worker import Answer, Datum, Failure, Function, Trigger
from tests.azurite import Azurite, azurite

__all__ = ["azurite"]

APPS = Path(__file__).parent / "apps"
KEY = "a key for tests"
FUNCTION = Function("take", "id", Trigger.QUEUE, {"name": "message"}, ())
OPTIONS = QueueOptions(
    batch=4, most_dequeues=2, longest_pause=0.2, retry_after=0.0, base64=True, hidden=1
)


class Recorder(Calls):
    """Stands in for the worker: notes the bodies and does as it is told."""

    def __init__(self, seconds: float = 0.0, *, fails: bool = False) -> None:
        self.bodies: list[str] = []
        self.counts: list[str] = []
        self._seconds, self._fails = seconds, fails

    async def run(
        self, function: Function, value: Datum, metadata: Mapping[str, Datum] | None = None
    ) -> Answer:
        assert function is FUNCTION
        self.bodies.append(value.value)
        self.counts.append((metadata or {})["DequeueCount"].value)
        await asyncio.sleep(self._seconds)
        return Answer(None, Failure("E", "on purpose", "") if self._fails else None)


class Dead:
    """A queue that fails without a word, then hangs until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = threading.Event()

    def receive_messages(self, **_: object) -> list[object]:
        self.asked += 1
        if self.asked == 1:
            raise TimeoutError
        self.go.wait(60)
        return []


async def test_a_queue_that_fails_without_a_word_or_hangs_ends_nothing_but_its_own_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queues, "_LONGEST_CALL", 0.1)
    monkeypatch.setattr(queues, "_AFTER_ERROR", 0.1)
    dead = Dead()
    queue = Queue(FUNCTION, Clients(dead, dead), OPTIONS)
    taking = asyncio.create_task(queue.run(Recorder()))
    async with asyncio.timeout(20):
        while dead.asked < 4:  # noqa: ASYNC110 -- asked from threads
            await asyncio.sleep(0.02)
        queue.stop()
        await taking
        await queue.close()
    dead.go.set()
    assert dead.asked >= 4


@pytest.fixture
def clients(azurite: Azurite) -> Clients:
    name = f"q{uuid4().hex}"
    made = [
        QueueClient.from_connection_string(azurite.connection_string, each)
        for each in (name, f"{name}-poison")
    ]
    made[0].create_queue()
    return Clients(*made)


def send(clients: Clients, text: str) -> None:
    clients.queue.send_message(base64.b64encode(text.encode()).decode())


def count(client: QueueClient) -> int:
    """Messages, hidden ones included."""
    return int(client.get_queue_properties().approximate_message_count or 0)


def poisoned(clients: Clients) -> list[str]:
    try:
        return [message.content for message in clients.poison.peek_messages(32)]
    except ResourceNotFoundError:
        return []


async def serve(
    clients: Clients, calls: Recorder, done: Callable[[], bool], options: QueueOptions = OPTIONS
) -> None:
    """Serve the queue until something is true."""
    queue = Queue(FUNCTION, clients, options)
    running = asyncio.ensure_future(queue.run(calls))
    await asyncio.to_thread(wait_until, done)
    queue.stop()
    await running
    await queue.close()


def test_each_message_is_taken_once_and_deleted(clients: Clients) -> None:
    for n in range(20):
        send(clients, f"é{n}")
    calls = Recorder(0.01)
    asyncio.run(serve(clients, calls, lambda: count(clients.queue) == 0))
    assert sorted(calls.bodies) == sorted(f"é{n}" for n in range(20))
    assert set(calls.counts) == {"1"}


def test_a_message_stays_hidden_while_its_function_runs(clients: Clients) -> None:
    send(clients, "long")
    calls = Recorder(2.5)
    asyncio.run(serve(clients, calls, lambda: count(clients.queue) == 0))
    assert calls.bodies == ["long"]


def test_a_message_whose_function_fails_ends_in_the_poison_queue(clients: Clients) -> None:
    send(clients, "bad")
    calls = Recorder(fails=True)
    asyncio.run(serve(clients, calls, lambda: bool(poisoned(clients))))
    assert calls.counts == ["1", "2"]
    assert poisoned(clients) == [base64.b64encode(b"bad").decode()]
    assert count(clients.queue) == 0


def test_a_message_that_is_not_base64_ends_in_the_poison_queue(clients: Clients) -> None:
    clients.queue.send_message("<not base64>")
    send(clients, "good")
    calls = Recorder()
    asyncio.run(serve(clients, calls, lambda: bool(poisoned(clients)) and bool(calls.bodies)))
    assert poisoned(clients) == ["<not base64>"]
    assert calls.bodies == ["good"]


def test_messages_may_be_plain_text(clients: Clients) -> None:
    settings = HostSettings({"extensions": {"queues": {"messageEncoding": "none"}}}, {})
    clients.queue.send_message("plain <&> text")
    calls = Recorder()
    options = QueueOptions.read(settings)
    asyncio.run(serve(clients, calls, lambda: bool(calls.bodies), options))
    assert calls.bodies == ["plain <&> text"]


def test_a_message_of_a_host_that_died_appears_again(clients: Clients) -> None:
    async def die() -> None:
        queue = Queue(FUNCTION, clients, OPTIONS)
        running = asyncio.ensure_future(queue.run(calls))
        await asyncio.to_thread(wait_until, lambda: bool(calls.bodies))
        running.cancel()  # and nothing is told to the queue any more

    calls = Recorder(60)
    send(clients, "again")
    asyncio.run(die())
    second = Recorder()
    asyncio.run(serve(clients, second, lambda: count(clients.queue) == 0))
    assert second.bodies == ["again"]
    assert int(second.counts[0]) >= 2


def test_the_host_serves_queue_functions(azurite: Azurite, tmp_path: Path) -> None:
    def taken() -> list[Any]:
        path = tmp_path / "taken"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    name = f"q{uuid4().hex}"
    environ = {"MARKS": str(tmp_path), "QUEUE": name, "STORE": azurite.connection_string}
    with HostProcess(APPS / "queue", tmp_path / "state", key=KEY, environ=environ) as host:
        queue = QueueClient.from_connection_string(azurite.connection_string, name)
        queue.create_queue()  # the host does not mind that it was not there
        send(Clients(queue, None), "hello")
        wait_until(lambda: taken() == [["hello", 1, True]])
        send(Clients(queue, None), "bad")
        wait_until(lambda: taken()[1:] == [["bad", 1, True], ["bad", 2, True]])
        wait_until(lambda: count(queue) == 0)
        status = httpx.get(f"{host.url}/admin/host/status", params={"code": KEY}).json()
        assert "function never: the connection NOT_SET is not set" in status["errors"][0]


def test_a_message_that_killed_its_host_too_often_is_not_tried_again(clients: Clients) -> None:
    send(clients, "deadly")
    for _ in range(OPTIONS.most_dequeues):
        assert list(clients.queue.receive_messages(visibility_timeout=1))
        wait_until(lambda: clients.queue.peek_messages(1))
    calls = Recorder()
    asyncio.run(serve(clients, calls, lambda: bool(poisoned(clients))))
    assert calls.bodies == []
