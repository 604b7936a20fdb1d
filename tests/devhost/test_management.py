"""The management URLs of orchestrations, as `create_check_status_response` hands them out."""

import json
import sqlite3
from collections.abc import Callable
from functools import partial

import httpx
import pytest

from devhost.child import HostProcess, wait_until


def begin(host: HostProcess, http: httpx.Client, name: str, given: object) -> dict[str, str]:
    """Start an orchestration over HTTP; returns its management URLs."""
    answer = http.post(f"{host.url}/api/start/{name}", json=given)
    assert answer.status_code == 202
    urls = answer.json()
    assert answer.headers["location"] == urls["statusQueryGetUri"]
    return dict(urls)


def final(url: str) -> httpx.Response:
    def over() -> httpx.Response | None:
        answer = httpx.get(url)
        return None if answer.status_code == 202 else answer

    answer = wait_until(over)
    assert answer is not None
    return answer


def test_the_status_is_told_without_the_host_key(features: HostProcess, http: httpx.Client) -> None:
    urls = begin(features, http, "chain", 1)
    assert "a%20key" not in json.dumps(urls)
    assert "a key" not in json.dumps(urls)
    told = final(urls["statusQueryGetUri"]).json()
    assert told["runtimeStatus"] == "Completed"
    assert (told["name"], told["instanceId"]) == ("chain", urls["id"])
    assert (told["input"], told["output"]) == (1, [1, 2, 3])
    assert told["customStatus"] == {"step": "done"}
    assert told["createdTime"].endswith("Z")


def test_the_key_of_the_status_opens_nothing_else(
    features: HostProcess, http: httpx.Client
) -> None:
    code = httpx.URL(begin(features, http, "chain", 1)["statusQueryGetUri"]).params["code"]
    for path in ("/admin/host/status", "/api/start/chain"):
        method = "POST" if "start" in path else "GET"
        assert httpx.request(method, features.url + path, params={"code": code}).status_code == 401


def test_an_orchestration_that_runs_is_202_until_an_event_ends_it(
    features: HostProcess, http: httpx.Client
) -> None:
    urls = begin(features, http, "wait_for_event", "go")
    running = httpx.get(urls["statusQueryGetUri"])
    assert running.status_code == 202
    assert running.headers["retry-after"]
    answer = httpx.post(urls["sendEventPostUri"].replace("{eventName}", "go"), json={"n": 1})
    assert answer.status_code == 202
    assert final(urls["statusQueryGetUri"]).json()["output"] == {"n": 1}


def test_an_orchestration_is_suspended_resumed_and_terminated(
    features: HostProcess, http: httpx.Client
) -> None:
    def has(status: str) -> bool:
        told = httpx.get(urls["statusQueryGetUri"]).json()
        return bool(told["runtimeStatus"] == status)

    urls = begin(features, http, "wait_for_event", "go")
    for verb, reached in (("suspend", "Suspended"), ("resume", "Running")):
        answer = httpx.post(urls[f"{verb}PostUri"].replace("{text}", "why"))
        assert answer.status_code == 202
        wait_until(partial(has, reached))
    assert httpx.post(urls["terminatePostUri"].replace("{text}", "enough")).status_code == 202
    assert final(urls["statusQueryGetUri"]).json()["output"] == "enough"
    assert has("Terminated")
    assert httpx.post(urls["terminatePostUri"]).status_code == 410


def test_a_failure_is_told_and_may_be_a_500(features: HostProcess, http: httpx.Client) -> None:
    url = begin(features, http, "failing", "over_quota")["statusQueryGetUri"]
    told = final(url).json()
    assert told["runtimeStatus"] == "Failed"
    assert "too many" in told["output"]
    assert httpx.get(f"{url}&returnInternalServerErrorOnFailure=true").status_code == 500


def test_a_purged_orchestration_is_not_found(features: HostProcess, http: httpx.Client) -> None:
    urls = begin(features, http, "chain", 1)
    final(urls["statusQueryGetUri"])
    assert httpx.delete(urls["purgeHistoryDeleteUri"]).json() == {"instancesDeleted": 1}
    assert httpx.get(urls["statusQueryGetUri"]).status_code == 404
    assert httpx.delete(urls["purgeHistoryDeleteUri"]).status_code == 404


@pytest.mark.parametrize("path", ["x", "x/terminate", "x/raiseEvent/go"])
def test_an_orchestration_that_does_not_exist_is_not_found(
    features: HostProcess, http: httpx.Client, path: str
) -> None:
    method = "POST" if "/" in path else "GET"
    url = f"{features.url}/runtime/webhooks/durabletask/instances/{path}"
    assert http.request(method, url).status_code == 404


def test_a_synchronous_function_may_start_and_wait(
    features: HostProcess, http: httpx.Client
) -> None:
    for n in range(3):
        answer = http.post(f"{features.url}/api/start-sync/chain", json=n)
        assert (answer.status_code, json.loads(answer.text)) == (200, [n, n + 1, n + 2])


def test_a_large_input_and_history_fit(features: HostProcess, http: httpx.Client) -> None:
    text = "x" * 6_000_000
    urls = begin(features, http, "catching", "echo")
    assert final(urls["statusQueryGetUri"]).status_code == 200
    urls = begin(features, http, "wait_for_event", text)
    assert httpx.get(urls["statusQueryGetUri"]).json()["input"] == text


def test_a_function_that_is_no_timer_or_event_is_not_run_by_hand(
    features: HostProcess, http: httpx.Client
) -> None:
    assert http.post(f"{features.url}/admin/functions/echo", json={}).status_code == 400
    assert http.post(f"{features.url}/admin/functions/nobody", json={}).status_code == 404


def test_a_host_that_cannot_write_its_state_ends(
    hosts: Callable[..., HostProcess], http: httpx.Client
) -> None:
    host = hosts("features").start()
    other = sqlite3.connect(host.state / "hub.db", isolation_level=None)
    other.execute("begin immediate")
    assert http.post(f"{host.url}/api/start/chain", json=1).status_code == 500
    assert wait_until(host.ended) == 1
    other.close()
    assert "the task hub could not be written" in host.log.read_text()
