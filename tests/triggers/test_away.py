"""Stores that are gone, hang or hold nonsense: requests are answered, health says so, the loop goes on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from durabletask.entities import EntityInstanceId

from shared.manifests import ManifestSource
from shared.model.codec import dump
from shared.records import FolderStore, Records, Store, StoreUnavailableError
from shared.records.bounded import BoundedStore
from shared.triggers.events import take_in
from shared.triggers.intake import Intake
from shared.triggers.sweep import sweep_all
from shared.workflow.delivering import Line, following, joined, tried
from shared.workflow.outbox import Delivery
from tests.core.builders import CLUSTER, NOW, environment
from tests.triggers.client import Entity, FakeClient, body_of, is_problem, request
from tests.triggers.test_http import call, stage
from tests.triggers.test_intake import START, event
from tests.triggers.test_intake import stage as intake_stage
from tests.workflow.world import World, wish, world


class Hanging(FolderStore):
    """Hangs in every call until it is let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.go = threading.Event()

    def read(self, key: str) -> Any:  # noqa: ANN401 - as the store's
        self.go.wait(120)
        return super().read(key)

    def _files(self, prefix: str) -> Any:  # noqa: ANN401 - the same
        self.go.wait(120)
        return super()._files(prefix)


@asynccontextmanager
async def loop_that_goes_on() -> AsyncIterator[None]:
    """The event loop is never held for long."""
    gaps = [0.0]

    async def tick() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - began)

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
    assert max(gaps) < 6


def with_records(here: World, store: Store) -> World:
    records = Records(BoundedStore(store), here.clock)
    here.services = replace(here.services, records=records)
    return here


async def test_requests_are_answered_while_the_records_hang(tmp_path: Path) -> None:
    """More of them than there are threads, and health at once beside them."""
    here = stage(tmp_path)
    here.run(wish())
    store = Hanging(tmp_path / "records")
    with_records(here, store)
    waiting: list[asyncio.Task[func.HttpResponse]] = []
    asked: dict[str, dict[str, Any]] = {
        "list_environments": {},
        "show_environment": {"name": "prod"},
        "pause_environment": {"name": "prod"},
        "show_run": {"id": "run-1"},
        "approve_run": {"id": "run-1"},
    }
    began = time.monotonic()
    async with loop_that_goes_on():
        for _ in range(6):
            waiting += [
                asyncio.create_task(call(here, name, request(**route)))
                for name, route in asked.items()
            ]
        await asyncio.sleep(0.5)
        health = body_of(await call(here, "health", request()))
        assert time.monotonic() - began < 9
        answers = await asyncio.gather(*waiting)
    assert time.monotonic() - began < 30
    assert (health["status"], health["away"], health["setAside"]) == ("degraded", ["records"], None)
    for each in answers:
        is_problem(each, 503)
    store.go.set()


async def test_health_tells_a_store_that_is_gone_from_one_that_is_in_order(tmp_path: Path) -> None:
    here = stage(tmp_path)
    source = ManifestSource(FolderStore(tmp_path / "gone"), None, here.services.settings)
    here.services = replace(here.services, manifests=source)
    answer = await call(here, "health", request())
    told = body_of(answer)
    assert (answer.status_code, told["status"], told["away"]) == (200, "degraded", ["manifests"])
    assert told["environments"] is None
    is_problem(await call(here, "list_environments", request()), 503)


async def test_health_counts_what_was_set_aside(tmp_path: Path) -> None:
    here = stage(tmp_path)
    here.records.pause("prod", "ada", "")
    (tmp_path / "records/environments/prod/pause.json").write_bytes(b"{")
    assert here.records.paused("prod") is not None
    told = body_of(await call(here, "health", request()))
    assert (told["status"], told["setAside"]) == ("degraded", 1)


class Lost(FakeClient):
    async def get_entity(self, entity_id: EntityInstanceId) -> Entity | None:
        raise ConnectionError(f"{entity_id} is out of reach")


async def test_health_says_that_the_engine_is_away(tmp_path: Path) -> None:
    told = body_of(await call(stage(tmp_path), "health", request(), Lost()))
    assert (told["status"], told["away"], told["undelivered"]) == ("degraded", ["hub"], None)


async def test_health_tells_what_could_not_be_delivered_and_since_when(tmp_path: Path) -> None:
    client = FakeClient()
    line = joined(joined(Line(), "prod", 2, NOW), "other", 3, NOW)
    line = tried(line, following(line, NOW), Delivery(2, "away"), NOW)
    client.states["webhook"] = dump(line)
    told = body_of(await call(stage(tmp_path), "health", request(), client))
    assert told["status"] == "degraded"
    assert told["undelivered"] == {"webhook": {"messages": 5, "since": NOW.isoformat()}}


async def test_health_is_answered_while_the_engine_hangs(tmp_path: Path) -> None:
    class Silent(FakeClient):
        async def get_entity(self, entity_id: EntityInstanceId) -> Entity | None:
            await asyncio.sleep(120)
            return await super().get_entity(entity_id)

    began = time.monotonic()
    told = body_of(await call(stage(tmp_path), "health", request(), Silent()))
    assert time.monotonic() - began < 10
    assert (told["status"], told["away"], told["undelivered"]) == ("degraded", ["hub"], None)


def test_an_event_while_the_manifests_never_could_be_read_comes_again(tmp_path: Path) -> None:
    here = intake_stage(tmp_path)
    source = ManifestSource(FolderStore(tmp_path / "gone"), None, here.services.settings)
    intake = Intake(replace(here.services, manifests=source))
    with pytest.raises(StoreUnavailableError):
        intake.take(event(CLUSTER, START))
    assert intake.services.records.rejected_events().counts == {}


async def test_an_event_comes_again_when_its_debts_cannot_be_kept_in_time(tmp_path: Path) -> None:
    here = with_records(intake_stage(tmp_path), store := Hanging(tmp_path / "records"))
    async with loop_that_goes_on():
        with pytest.raises(StoreUnavailableError):
            await take_in(Intake(here.services), event(CLUSTER, START), FakeClient())  # type: ignore[arg-type]
    store.go.set()


# --- the sweep ---------------------------------------------------------------


def two(tmp_path: Path, **more: Any) -> World:  # noqa: ANN401 - of the services
    here = world(tmp_path, [], environment(), environment(name="test"))
    here.services = replace(here.services, **more)
    return here


async def test_every_environment_is_swept_while_records_and_letters_hang(tmp_path: Path) -> None:
    letters, records = Hanging(tmp_path / "letters"), Hanging(tmp_path / "records")
    swept: list[Mapping[str, Any]] = []
    here = two(tmp_path, dead_letters=BoundedStore(letters), swept=swept.append)
    with_records(here, records)
    client = FakeClient()
    began = time.monotonic()
    async with loop_that_goes_on():
        await sweep_all(Intake(here.services), client)  # type: ignore[arg-type]
    assert time.monotonic() - began < 90
    assert {told["environment"] for _, told, _ in client.scheduled} == {"prod", "test"}
    assert swept[0]["failed"] == 2
    letters.go.set()
    records.go.set()


class Stubborn(FolderStore):
    """Some letters cannot be read, whatever is tried."""

    def read(self, key: str) -> Any:  # noqa: ANN401 - as the store's
        if key.startswith("bad/"):
            raise StoreUnavailableError(f"{key} is archived")
        return super().read(key)


async def test_letters_that_stay_keep_no_newer_ones_from_being_read(tmp_path: Path) -> None:
    letters = Stubborn(tmp_path / "letters")
    place = tmp_path / "letters/bad"
    place.mkdir(parents=True)
    for number in range(700):
        (place / f"{number:04}.json").write_bytes(b"[]")
    letters.write("good.json", b"[]")
    here, client = two(tmp_path, dead_letters=letters), FakeClient()
    for _ in range(2):
        await sweep_all(Intake(here.services), client)  # type: ignore[arg-type]
    assert letters.read("good.json") is None
    assert len(list(letters.keys("bad/"))) == 700


async def test_a_letter_of_no_events_is_kept_aside(tmp_path: Path) -> None:
    letters = FolderStore(tmp_path / "letters")
    letters.write("sub/1.json", b"[" * 100_000)
    here = two(tmp_path, dead_letters=letters)
    await sweep_all(Intake(here.services), FakeClient())  # type: ignore[arg-type]
    assert list(letters.keys()) == []
    assert [each.key for each in here.records.set_aside()] == ["dead-letters/sub/1.json"]
    assert sum(here.records.rejected_events().counts.values()) == 1


# --- bodies and ids -----------------------------------------------------------

BODIES = {
    "deep": b"[" * 9000,
    "deep-field": b'{"reason": ' + b"[" * 9000,
    "no-text": b'{"reason": "\xff"}',
    "half": b'{"reason": "\\ud800"}',
    "cut": b"{",
    "list": b"[]",
    "number": b"7",
    "endless-number": b"9" * 9000,
    "nan": b'{"reason": NaN}',
    "twice": b'{"reason": 1, "reason": 2}',
    "html": b"<p>",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(
    "route", ["reconcile_environment", "pause_environment", "resume_environment", "approve_run"]
)
async def test_a_body_of_anything_is_refused_with_its_reason(
    tmp_path: Path, route: str, body: bytes
) -> None:
    here = stage(tmp_path)
    here.run(wish())
    told = is_problem(await call(here, route, request(body, name="prod", id="run-1")), 400)
    assert told["errors"]


@pytest.mark.parametrize("route", ["reconcile_environment", "pause_environment", "approve_run"])
async def test_a_body_that_is_too_large_is_refused(tmp_path: Path, route: str) -> None:
    here = stage(tmp_path)
    here.run(wish())
    large = b'{"reason": "' + b"x" * 20_000 + b'"}'
    told = is_problem(await call(here, route, request(large, name="prod", id="run-1")), 413)
    assert "allowed are 10000" in told["detail"]


@pytest.mark.parametrize(
    "name", ["", "\ud800", "\x00", "x" * 100_000, "../prod", "a/b", "%00", "\U0001f600", "-", "."]
)
async def test_odd_names_and_ids_are_not_found(tmp_path: Path, name: str) -> None:
    here = stage(tmp_path)
    for route in ("show_environment", "reconcile_environment", "pause_environment"):
        assert len(is_problem(await call(here, route, request(name=name)), 404)["detail"]) < 1000
    for route in ("show_run", "approve_run", "reject_run"):
        assert len(is_problem(await call(here, route, request(id=name)), 404)["detail"]) < 1000


async def test_an_environment_whose_records_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    here = world(tmp_path, (), environment(), environment(name="test"))

    class Sick(FolderStore):
        def read(self, key: str) -> Any:  # noqa: ANN401 - as the store's
            if key.startswith("environments/prod/"):
                raise StoreUnavailableError(f"cannot read '{key}' now")
            return super().read(key)

    with_records(here, Sick(tmp_path / "records"))
    listed = body_of(await call(here, "list_environments", request()))["environments"]
    told = {each["name"]: each for each in listed}
    assert "cannot read" in told["prod"]["unread"]
    assert "paused" not in told["prod"]
    assert told["test"]["paused"] is None
