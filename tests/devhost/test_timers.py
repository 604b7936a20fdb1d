"""Timer functions."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.child import HostProcess, wait_until
from devhost.errors import StartError
from devhost.settings import HostSettings
from devhost.timers import Schedule, read_schedule
from devhost.worker import Function, Trigger

APPS = Path(__file__).parent / "apps"
KEY = "a key for tests"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "next_"),
    [
        ("0 */5 * * * *", "2026-11-21T10:03:20", "2026-11-21T10:05:00"),
        ("30 0 9 * * 1-5", "2026-11-21T10:00:00", "2026-11-23T09:00:30"),
        ("*/10 * * * * *", "2026-11-21T10:00:00", "2026-11-21T10:00:10"),
        ("*/15 * * * *", "2026-11-21T10:00:00", "2026-11-21T10:15:00"),
        ("0 0 0 13 * Fri", "2026-11-21T10:00:00", "2027-08-13T00:00:00"),
        ("00:30:00", "2026-11-21T10:00:00", "2026-11-21T10:30:00"),
    ],
)
def test_the_next_time_of_a_schedule(schedule: str, after: str, next_: str) -> None:
    assert Schedule(schedule).after(at(after)) == at(next_)


def timer(schedule: str) -> Function:
    return Function("sweep", "id", Trigger.TIMER, {"name": "t", "schedule": schedule}, ())


@pytest.mark.parametrize("schedule", ["", "every day", "61 * * * * *", "* * * *", "00:00:00"])
def test_what_is_no_schedule_is_refused_by_name(schedule: str) -> None:
    with pytest.raises(StartError, match="function sweep"):
        read_schedule(timer(schedule), HostSettings({}, {}))


def test_a_schedule_may_be_an_app_setting() -> None:
    settings = HostSettings({}, {"WHEN": "0 0 * * * *"})
    assert read_schedule(timer("%WHEN%"), settings).text == "0 0 * * * *"
    with pytest.raises(StartError, match="function sweep: %NEVER% names an app setting"):
        read_schedule(timer("%NEVER%"), settings)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[], HostProcess]]:
    made: list[HostProcess] = []

    def start() -> HostProcess:
        environ = {"MARKS": str(tmp_path), "EVERY_SECOND": "* * * * * *"}
        host = HostProcess(APPS / "web", tmp_path / "state", key=KEY, environ=environ)
        made.append(host.start())
        return host

    yield start
    for host in made:
        host.kill()


def test_timers_fire_and_tell_once_what_was_missed(
    make: Callable[[], HostProcess], tmp_path: Path
) -> None:
    def told(name: str) -> list[Any]:
        path = tmp_path / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    host = make()
    wait_until(lambda: len(told("tick")) >= 2)
    # Once a second, not twice: each fires in a second of its own.
    assert len({int(when) for _, when in told("tick")}) == len(told("tick"))
    assert not any(past_due for past_due, _ in told("tick"))
    assert told("yearly") == [False]
    host.kill()
    missed = len(told("tick"))
    time.sleep(1.1)  # a schedule is missed meanwhile
    host = make()
    wait_until(lambda: len(told("tick")) >= missed + 2)
    assert [past_due for past_due, _ in told("tick")[missed : missed + 2]] == [True, False]
    assert told("yearly") == [False, False]
    answer = httpx.post(
        f"{host.url}/admin/functions/yearly", json={}, headers={"x-functions-key": KEY}
    )
    assert answer.status_code == 202
    wait_until(lambda: len(told("yearly")) == 3)
    assert httpx.post(f"{host.url}/admin/functions/yearly", json={}).status_code == 401
