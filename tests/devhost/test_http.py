"""HTTP functions with the URLs, keys and errors of the Functions host."""

import ipaddress
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from devhost.child import HostProcess, wait_until
from devhost.environment import child_environment

APPS = Path(__file__).parent / "apps"
KEY = "a key for tests"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    directory = tmp_path_factory.mktemp("web")
    environ = {
        "MARKS": str(directory),
        "EVERY_SECOND": "0 0 0 1 1 *",
        "AzureWebJobs.switched_off.Disabled": "true",
    }
    with HostProcess(APPS / "web", directory / "state", key=KEY, environ=environ) as host:
        yield host


def test_a_function_gets_the_whole_request(host: HostProcess, http: httpx.Client) -> None:
    answer = http.post(
        f"{host.url}/v1/echo/a%20b/7?q=1&q2=%C3%A9", content=b"\xff\x00", headers={"x-sample": "s"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "method": "POST",
        "url": f"{host.url}/v1/echo/a%20b/7?q=1&q2=%C3%A9",
        "route": {"name": "a b", "n": "7"},
        "query": {"q": "1", "q2": "é"},
        "header": "s",
        "body": "\xff\x00",
    }


def test_an_optional_parameter_may_be_left_out(host: HostProcess, http: httpx.Client) -> None:
    assert http.get(f"{host.url}/v1/echo/a").json()["route"] == {"name": "a"}


def test_the_more_literal_route_wins(host: HostProcess, http: httpx.Client) -> None:
    answer = http.get(f"{host.url}/v1/echo/literal")
    assert answer.text == "the literal one"
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_catch_all_takes_slashes(host: HostProcess, http: httpx.Client) -> None:
    assert http.get(f"{host.url}/v1/files/a/b/c.txt").json() == "a/b/c.txt"


def test_bodies_are_binary(host: HostProcess, http: httpx.Client) -> None:
    body = bytes(range(256)) * 4096
    assert http.post(f"{host.url}/v1/binary", content=body).content == body[::-1]


def test_every_cookie_is_set(host: HostProcess, http: httpx.Client) -> None:
    answer = http.get(f"{host.url}/v1/cookie")
    assert answer.status_code == 204
    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2; HttpOnly"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/nothing"), ("GET", "/api/echo/a"), ("DELETE", "/v1/echo/a"), ("GET", "/v1/off")],
    ids=["unknown-route", "wrong-prefix", "method-nobody-takes", "disabled-function"],
)
def test_what_no_function_takes_is_not_found(
    host: HostProcess, http: httpx.Client, method: str, path: str
) -> None:
    assert http.request(method, host.url + path).status_code == 404


def test_a_function_that_raises_is_a_500_and_a_short_log(
    host: HostProcess, http: httpx.Client
) -> None:
    answer = http.get(f"{host.url}/v1/fails")
    assert (answer.status_code, answer.content) == (500, b"")
    log = host.log.read_text()
    assert "function fails (" in log
    assert "failed: RuntimeError: on purpose" in log
    assert "site-packages" not in log
    assert http.get(f"{host.url}/v1/health").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/echo/a",
        "/admin/host/status",
        "/admin/functions",
        "/runtime/webhooks/eventgrid?functionName=grid",
        "/runtime/webhooks/durabletask/instances/x",
    ],
)
@pytest.mark.parametrize("key", ["", "a key for test", "a key for tests2", "Á"])
def test_without_the_key_nothing_but_anonymous_functions_answers(
    host: HostProcess, path: str, key: str
) -> None:
    method = "POST" if "eventgrid" in path else "GET"
    separator = "&" if "?" in path else "?"
    answer = httpx.request(method, f"{host.url}{path}{separator}code={key}")
    assert answer.status_code == 401


def test_the_key_may_be_in_the_query(host: HostProcess) -> None:
    assert httpx.get(f"{host.url}/v1/echo/a", params={"code": KEY}).status_code == 200


def test_an_anonymous_function_wants_no_key(host: HostProcess) -> None:
    assert httpx.get(f"{host.url}/v1/health").json() == {"ok": True}


def test_a_foreign_host_name_is_refused(host: HostProcess, http: httpx.Client) -> None:
    answer = http.get(f"{host.url}/v1/health", headers={"host": "evil.example"})
    assert answer.status_code == 400


def test_the_host_tells_its_status_and_functions(host: HostProcess, http: httpx.Client) -> None:
    status = http.get(f"{host.url}/admin/host/status").json()
    assert status["state"] == "Running"
    assert "errors" not in status
    functions = http.get(f"{host.url}/admin/functions").json()
    assert {"name": "grid", "trigger": "eventGridTrigger"} in functions
    assert "switched_off" not in {function["name"] for function in functions}


def is_loopback(kernel_form: str) -> bool:
    """Of an address as /proc/net has it: words of four bytes, each turned round."""
    words = [bytes.fromhex(kernel_form[n : n + 8])[::-1] for n in range(0, len(kernel_form), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)  # how gRPC binds 127.0.0.1
    return (mapped or address) == ipaddress.ip_address("127.0.0.1")


def test_it_listens_on_loopback_alone(host: HostProcess) -> None:
    """Every listening socket of the process, from the kernel's own tables."""
    inodes = set()
    for link in Path(f"/proc/{host.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in the meantime
            inodes.add(link.readlink().name)
    listening = [
        fields
        for table in ("tcp", "tcp6")
        for fields in map(str.split, Path("/proc/net", table).read_text().splitlines()[1:])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes
    ]
    ports = {int(fields[1].rpartition(":")[2], 16) for fields in listening}
    assert urlsplit(host.url).port in ports
    assert len(ports) == 2  # and the task hub's
    assert all(is_loopback(fields[1].partition(":")[0]) for fields in listening)


def test_a_random_key_is_made_printed_and_kept(tmp_path: Path) -> None:
    environ = {"MARKS": str(tmp_path), "EVERY_SECOND": "0 0 0 1 1 *"}
    with HostProcess(APPS / "web", tmp_path / "state", key="", environ=environ) as host:
        kept = tmp_path / "state" / "host-key"
        key = kept.read_text().strip()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert len(key) > 30
        printed = f"listening on {host.url}, key {key} (kept in {kept})"
        wait_until(lambda: printed in host.log.read_text())
        assert httpx.get(f"{host.url}/v1/echo/a", headers={"x-functions-key": key}).is_success
        assert json.loads((host.state / "host.json").read_text())["url"] == host.url


def test_a_port_in_use_ends_the_start_with_a_message(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "devhost", "--app", str(APPS / "web")),
                *("--port", str(port), "--state", str(tmp_path / "state")),
            ],
            env=child_environment({"MARKS": str(tmp_path), "EVERY_SECOND": "* * * * * *"}),
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ended.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be used" in ended.stdout


def test_a_request_takes_no_longer_than_it_has_to(host: HostProcess, http: httpx.Client) -> None:
    """Nagle's algorithm would add 40 ms to all but the first few."""
    took = []
    for _ in range(40):
        before = time.perf_counter()
        http.get(f"{host.url}/v1/health")
        took.append(time.perf_counter() - before)
    assert sorted(took)[10] < 0.03
