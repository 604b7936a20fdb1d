"""SIGKILL of the whole host, at moments chosen by the app's own marks, and a new start."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from durabletask.entities import EntityInstanceId

from devhost.child import HostProcess, wait_until
from devhost.errors import StartError

APPS = Path(__file__).parent / "apps"
KEY = "a key for tests"

type Hosts = Callable[..., HostProcess]
type Marks = Callable[[str], int]
type LetGo = Callable[[str], None]


def output(host: HostProcess, key: str) -> object:
    state = host.hub.wait_for_orchestration_completion(key, timeout=120)
    assert state is not None
    assert state.failure_details is None
    return json.loads(state.serialized_output or "null")


def counter(host: HostProcess, key: str) -> int | None:
    found = host.hub.get_entity(EntityInstanceId("Counter", key))
    state = found.get_state() if found else None
    return int(state) if state else None


def signal(host: HostProcess, key: str, operation: str, given: object, **more: datetime) -> None:
    host.hub.signal_entity(EntityInstanceId("Counter", key), operation, input=given, **more)


@dataclass
class Scene:
    """Work of every kind that was under way when the host was killed, and the host started anew."""

    host: HostProcess
    marks_at: Path
    keys: dict[str, list[str]]

    def marks(self, name: str) -> int:
        path = self.marks_at / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    def came_to(self, name: str) -> bool:
        return self.marks(name) == 1

    def let_go(self, name: str) -> None:
        (self.marks_at / f"{name}-go").touch()

    def begin(self, name: str, *inputs: object) -> None:
        new = [self.host.hub.schedule_new_orchestration(name, input=given) for given in inputs]
        self.keys[name] = new

    def post_events(self, count: int) -> None:
        for n in range(count):
            event = {"id": f"e{n}", "eventType": "t", "subject": "grid", "data": {}}
            answer = httpx.post(
                f"{self.host.url}/runtime/webhooks/eventgrid?functionName=on_event&code={KEY}",
                json=[event | {"eventTime": "2026-11-21T00:00:00Z", "dataVersion": "1"}],
            )
            assert answer.status_code == 200


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("crash")
    marks = directory / "marks"
    marks.mkdir()
    host = HostProcess(
        APPS / "features", directory / "state", key=KEY, environ={"MARKS": str(marks)}
    )
    scene = Scene(host.start(), marks, {})
    scene.begin("steps", "a")
    scene.begin("locking", *[{"key": "l", "mark": "locked", "seconds": 2.0}] * 2)
    signal(host, "e", "add", 100)
    wait_until(lambda: counter(host, "e") == 100)
    signal(host, "e", "slow_add", {"name": "e", "n": 1})
    for name in ("a-began", "e-began", "locked"):
        wait_until(partial(scene.came_to, name))
    for _ in range(3):
        signal(host, "e", "add", 10)
    signal(host, "l", "add", 10)
    signal(host, "d", "add", 1, signal_time=datetime.now(UTC) + timedelta(seconds=3))
    scene.begin("patient", 3)
    scene.begin("sleeper", {"name": "past", "seconds": 0.5})
    scene.begin("wait_for_event", None)
    for name in ("patient", "sleeper", "wait_for_event"):
        host.hub.wait_for_orchestration_start(scene.keys[name][0], timeout=120)
    scene.post_events(20)
    scene.begin("chain", *range(5))
    host.kill()
    host.start()
    yield scene
    host.kill()


def test_an_activity_that_was_running_is_delivered_again(scene: Scene) -> None:
    wait_until(lambda: scene.marks("a-began") == 2)
    scene.let_go("a")
    assert output(scene.host, scene.keys["steps"][0]) == "a done"
    # What had completed before the kill is not done again.
    assert [scene.marks(f"a-{step}") for step in ("first", "ended", "last")] == [1, 1, 1]


def test_orchestrations_that_were_just_accepted_run(scene: Scene) -> None:
    outputs = [output(scene.host, key) for key in scene.keys["chain"]]
    assert outputs == [[n, n + 1, n + 2] for n in range(5)]


def test_events_that_were_answered_with_200_are_all_there(scene: Scene) -> None:
    wait_until(lambda: counter(scene.host, "grid") == 20)
    assert counter(scene.host, "grid") == 20


def test_an_entity_s_state_and_its_queued_operations_survive(scene: Scene) -> None:
    wait_until(lambda: scene.marks("e-began") == 2)
    assert counter(scene.host, "e") == 100
    scene.let_go("e")
    wait_until(lambda: counter(scene.host, "e") == 131)
    assert scene.marks("e-began") == 2


def test_a_lock_and_those_who_wait_for_it_survive(scene: Scene) -> None:
    for key in scene.keys["locking"]:
        pair = output(scene.host, key)
        assert isinstance(pair, list)
        before, after = pair
        assert after == before + 1
    wait_until(lambda: counter(scene.host, "l") == 12)
    assert scene.marks("locked") >= 2


def test_a_delayed_signal_survives(scene: Scene) -> None:
    wait_until(lambda: counter(scene.host, "d") == 1)
    assert counter(scene.host, "d") == 1


def test_a_timer_that_is_due_meanwhile_fires_once(scene: Scene) -> None:
    assert output(scene.host, scene.keys["sleeper"][0]) == "past"
    assert scene.marks("past") == 1


def test_one_who_waits_for_an_event_still_gets_it(scene: Scene) -> None:
    key = scene.keys["wait_for_event"][0]
    scene.host.hub.raise_orchestration_event(key, "approval", data=1)
    assert output(scene.host, key) == 1


def test_a_child_and_its_timer_complete_their_parent(scene: Scene) -> None:
    assert float(str(output(scene.host, scene.keys["patient"][0]))) >= 3


def test_a_state_directory_serves_one_host_only(scene: Scene) -> None:
    second = HostProcess(APPS / "features", scene.host.state, key=KEY)
    with pytest.raises(StartError, match="in use by another host"):
        second.start()


def test_the_state_is_private(scene: Scene) -> None:
    assert scene.host.state.stat().st_mode & 0o077 == 0


def test_killed_again_and_again_it_still_completes(
    hosts: Hosts, marks: Marks, let_go: LetGo
) -> None:
    def begun(times: int) -> bool:
        return marks("b-began") == times

    host = hosts("features").start()
    key = host.hub.schedule_new_orchestration("steps", input="b")
    for n in (1, 2):
        wait_until(partial(begun, n))
        host.kill()
        host.start()
    let_go("b")
    assert output(host, key) == "b done"
    assert marks("b-last") == 1


def test_sigterm_lets_a_running_call_end_and_keeps_its_result(
    hosts: Hosts, marks: Marks, let_go: LetGo
) -> None:
    host = hosts("features").start()
    key = host.hub.schedule_new_orchestration("steps", input="t")
    wait_until(lambda: marks("t-began") == 1)
    let_go("t")
    assert host.stop() == 0
    assert not (host.state / "host.json").exists()
    assert marks("t-ended") == 1
    host.start()
    assert output(host, key) == "t done"
    assert marks("t-began") == 1


def test_sigterm_drops_a_call_that_does_not_end(hosts: Hosts, marks: Marks, let_go: LetGo) -> None:
    host = hosts("features", grace=0.5).start()
    key = host.hub.schedule_new_orchestration("steps", input="u")
    wait_until(lambda: marks("u-began") == 1)
    before = time.monotonic()
    assert host.stop() == 0
    assert time.monotonic() - before < 60
    assert "dropped" in host.log.read_text()
    host.start()
    wait_until(lambda: marks("u-began") == 2)
    let_go("u")
    assert output(host, key) == "u done"
