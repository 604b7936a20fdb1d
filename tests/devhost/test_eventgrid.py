"""The Event Grid webhook."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.child import HostProcess

APPS = Path(__file__).parent / "apps"
KEY = "a key for tests"

type Told = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    directory = tmp_path_factory.mktemp("grid")
    environ = {"MARKS": str(directory), "EVERY_SECOND": "0 0 0 1 1 *"}
    with HostProcess(APPS / "web", directory / "state", key=KEY, environ=environ) as host:
        yield host


@pytest.fixture
def told(host: HostProcess) -> Told:
    """What a function told since the test began."""
    directory = host.state.parent

    def lines(name: str) -> list[Any]:
        path = directory / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    before = {name: len(lines(name)) for name in ("grid", "batches")}
    return lambda name: lines(name)[before[name] :]


def url(host: HostProcess, function: str = "grid") -> str:
    return f"{host.url}/runtime/webhooks/eventgrid?functionName={function}&code={KEY}"


def event(**changed: object) -> dict[str, object]:
    usual = {
        "id": "1",
        "topic": "/subscriptions/s",
        "subject": "/sub",
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-11-21T10:00:00.1234567Z",
        "data": {"a": 1},
        "dataVersion": "2",
        "metadataVersion": "1",
    }
    return usual | changed


def cloud_event(**changed: object) -> dict[str, object]:
    usual = {
        "specversion": "1.0",
        "id": "c",
        "source": "/subscriptions/s",
        "subject": "/sub",
        "type": "Microsoft.Resources.ResourceWriteSuccess",
        "time": "2026-11-21T10:00:00Z",
        "data": {"a": 2},
    }
    return usual | changed


def test_each_event_of_a_batch_reaches_the_function(host: HostProcess, told: Told) -> None:
    batch = [event(id=str(n)) for n in range(40)]
    answer = httpx.post(url(host), json=batch)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 40, "rejected": 0})
    assert sorted(int(each[1]) for each in told("grid")) == list(range(40))


def test_both_schemas_arrive_as_what_they_are(host: HostProcess, told: Told) -> None:
    assert httpx.post(url(host), json=[event()]).is_success
    assert httpx.post(url(host), json=cloud_event()).is_success
    assert told("grid") == [
        ["EventGridEvent", "1", "/sub", {"a": 1}],
        ["CloudEvent", "c", "/sub", {"a": 2}],
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 200_000, b'{"data":' * 100_000],
    ids=["empty", "cut", "no-text", "deep-list", "deep-object"],
)
def test_a_body_that_is_no_json_is_refused_for_good(host: HostProcess, body: bytes) -> None:
    """400, which Event Grid does not try again; a 500 would bring it back for a day."""
    answer = httpx.post(url(host), content=body)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_function_may_take_the_batch_as_a_whole(host: HostProcess, told: Told) -> None:
    answer = httpx.post(url(host, "batches"), json=[event(id="x"), 7, event(id="y")])
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (2, 1)
    assert told("batches") == [["x", "y"]]


@pytest.mark.parametrize(
    "bad",
    [
        7,
        None,
        "text",
        [],
        {},
        event(id=None),
        event(eventType=""),
        cloud_event(type=3),
        event(eventTime="yesterday"),
    ],
    ids=str,
)
def test_a_bad_event_is_counted_and_the_others_carry_on(
    host: HostProcess, told: Told, bad: object
) -> None:
    answer = httpx.post(url(host), json=[event(id="before"), bad, event(id="after")])
    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (2, 1)
    assert answer.json()["reasons"]
    assert {each[1] for each in told("grid")} == {"before", "after"}


def test_a_function_that_fails_makes_event_grid_deliver_again(
    host: HostProcess, told: Told
) -> None:
    answer = httpx.post(url(host), json=[event(subject="/fails"), event(id="other")])
    assert answer.status_code == 500
    assert [each[1] for each in told("grid")] == ["other"]


def test_the_subscription_handshake_is_answered(host: HostProcess, told: Told) -> None:
    asked = event(
        eventType="Microsoft.EventGrid.SubscriptionValidationEvent",
        data={"validationCode": "the-code", "validationUrl": "https://example.org"},
    )
    answer = httpx.post(
        url(host), json=[asked], headers={"aeg-event-type": "SubscriptionValidation"}
    )
    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "the-code"})
    assert told("grid") == []


def test_the_handshake_of_cloud_events_is_answered(host: HostProcess) -> None:
    asked = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    answer = httpx.options(url(host), headers=asked)
    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert httpx.options(url(host)).status_code == 400


@pytest.mark.parametrize("name", ["nobody", "", "echo"])
def test_a_name_that_is_no_event_grid_function_is_not_found(host: HostProcess, name: str) -> None:
    assert httpx.post(url(host, name), json=[event()]).status_code == 404


def test_the_name_is_compared_without_case(host: HostProcess) -> None:
    assert httpx.post(url(host, "GRID"), json=[event()]).status_code == 200


def test_a_batch_over_one_megabyte_is_refused(host: HostProcess, told: Told) -> None:
    answer = httpx.post(url(host), json=[event(data="x" * 1024 * 1024)])
    assert answer.status_code == 413
    assert httpx.post(url(host), json=[event(data="x" * 1000 * 1000)]).status_code == 200
    assert len(told("grid")) == 1
