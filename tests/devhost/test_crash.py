"""SIGKILL of the whole host, at moments chosen by the app's own marks, and a new start."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from durabletask.entities import EntityInstanceId

from devhost.errors import StartError
from devhost.process import HostProcess, wait_until

type Hosts = Callable[..., HostProcess]
type Marks = Callable[[str], int]
type LetGo = Callable[[str], None]


def again(hosts: Hosts, killed: HostProcess) -> HostProcess:
    killed.kill()
    return hosts("features").start()


def output(host: HostProcess, key: str) -> object:
    state = host.hub.wait_for_orchestration_completion(key, timeout=15)
    assert state is not None
    assert state.failure_details is None
    return json.loads(state.serialized_output or "null")


def counter(host: HostProcess, key: str) -> int | None:
    found = host.hub.get_entity(EntityInstanceId("Counter", key))
    state = found.get_state() if found else None
    return int(state) if state else None


def test_an_activity_that_was_running_is_delivered_again(
    hosts: Hosts, marks: Marks, let_go: LetGo
) -> None:
    host = hosts("features").start()
    key = host.hub.schedule_new_orchestration("steps", input="a")
    wait_until(lambda: marks("a-began") == 1, 10)
    host = again(hosts, host)
    wait_until(lambda: marks("a-began") == 2, 10)
    let_go("a")
    assert output(host, key) == "a done"
    # What had completed before the kill is not done again.
    assert (marks("a-first"), marks("a-ended"), marks("a-last")) == (1, 1, 1)


def test_killed_again_and_again_it_still_completes(
    hosts: Hosts, marks: Marks, let_go: LetGo
) -> None:
    host = hosts("features").start()
    key = host.hub.schedule_new_orchestration("steps", input="b")
    for n in (1, 2):
        wait_until(lambda n=n: marks("b-began") == n, 10)
        host = again(hosts, host)
    let_go("b")
    assert output(host, key) == "b done"
    assert marks("b-last") == 1


def test_an_orchestration_that_was_accepted_runs_after_a_kill_at_once(hosts: Hosts) -> None:
    host = hosts("features").start()
    keys = [host.hub.schedule_new_orchestration("chain", input=n) for n in range(5)]
    host = again(hosts, host)
    assert [output(host, key) for key in keys] == [[n, n + 1, n + 2] for n in range(5)]


def test_timers_and_children_survive(hosts: Hosts, marks: Marks) -> None:
    host = hosts("features").start()
    past = host.hub.schedule_new_orchestration("sleeper", input={"name": "past", "seconds": 0.5})
    later = host.hub.schedule_new_orchestration("patient", input=3)
    waiting = host.hub.schedule_new_orchestration("wait_for_event")
    started = time.monotonic()
    for key in (past, later, waiting):
        host.hub.wait_for_orchestration_start(key, timeout=5)
    host = again(hosts, host)
    assert output(host, past) == "past"
    assert marks("past") == 1
    host.hub.raise_orchestration_event(waiting, "approval", data=1)
    assert output(host, waiting) == 1
    assert float(str(output(host, later))) >= 3
    assert time.monotonic() - started >= 2.5


def test_an_entity_s_state_and_its_queued_operations_survive(
    hosts: Hosts, marks: Marks, let_go: LetGo
) -> None:
    host = hosts("features").start()
    entity = EntityInstanceId("Counter", "e")
    host.hub.signal_entity(entity, "add", input=100)
    wait_until(lambda: counter(host, "e") == 100, 5)
    host.hub.signal_entity(entity, "slow_add", input={"name": "e", "n": 1})
    wait_until(lambda: marks("e-began") == 1, 5)
    for _ in range(3):
        host.hub.signal_entity(entity, "add", input=10)
    host = again(hosts, host)
    assert counter(host, "e") == 100
    wait_until(lambda: marks("e-began") == 2, 10)
    let_go("e")
    wait_until(lambda: counter(host, "e") == 131, 10)


def test_a_lock_and_those_who_wait_for_it_survive(hosts: Hosts, marks: Marks) -> None:
    host = hosts("features").start()
    order = {"key": "l", "mark": "locked", "seconds": 1.0}
    keys = [host.hub.schedule_new_orchestration("locking", input=order) for _ in range(2)]
    wait_until(lambda: marks("locked") == 1, 5)
    host.hub.signal_entity(EntityInstanceId("Counter", "l"), "add", input=10)
    host = again(hosts, host)
    for before, after in (output(host, key) for key in keys):  # type: ignore[misc]
        assert after == before + 1
    wait_until(lambda: counter(host, "l") == 12, 10)


def test_a_delayed_signal_survives(hosts: Hosts) -> None:
    host = hosts("features").start()
    due = datetime.now(UTC) + timedelta(seconds=0.3)
    host.hub.signal_entity(EntityInstanceId("Counter", "d"), "add", input=1, signal_time=due)
    host = again(hosts, host)
    wait_until(lambda: counter(host, "d") == 1, 10)


def test_an_event_that_was_answered_with_200_is_never_lost(
    hosts: Hosts, http: httpx.Client
) -> None:
    host = hosts("features").start()
    for n in range(20):
        event = {"id": f"e{n}", "eventType": "t", "subject": "grid", "data": {}}
        answer = http.post(
            f"{host.url}/runtime/webhooks/eventgrid?functionName=on_event",
            json=[event | {"eventTime": "2026-11-21T00:00:00Z", "dataVersion": "1"}],
        )
        assert answer.status_code == 200
    host = again(hosts, host)
    wait_until(lambda: counter(host, "grid") == 20, 10)


def test_sigterm_lets_a_running_call_end_and_keeps_its_result(
    hosts: Hosts, marks: Marks, let_go: LetGo
) -> None:
    host = hosts("features").start()
    key = host.hub.schedule_new_orchestration("steps", input="t")
    wait_until(lambda: marks("t-began") == 1, 10)
    let_go("t")
    assert host.stop() == 0
    assert not (host.state / "host.json").exists()
    assert marks("t-ended") == 1
    host = hosts("features").start()
    assert output(host, key) == "t done"
    assert marks("t-began") == 1


def test_sigterm_drops_a_call_that_does_not_end(hosts: Hosts, marks: Marks, let_go: LetGo) -> None:
    host = hosts("features").start()
    key = host.hub.schedule_new_orchestration("steps", input="u")
    wait_until(lambda: marks("u-began") == 1, 10)
    before = time.monotonic()
    assert host.stop() == 0
    assert time.monotonic() - before < 12
    assert "dropped" in host.log.read_text()
    host = hosts("features").start()
    wait_until(lambda: marks("u-began") == 2, 10)
    let_go("u")
    assert output(host, key) == "u done"


def test_a_state_directory_serves_one_host_only(hosts: Hosts) -> None:
    hosts("features").start()
    with pytest.raises(StartError, match="in use by another host"):
        hosts("features").start()


def test_the_state_is_private(hosts: Hosts, tmp_path: Path) -> None:
    hosts("features").start()
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
