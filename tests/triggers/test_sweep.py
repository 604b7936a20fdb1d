"""The sweep: everything is looked at, dead runs are freed, dead letters come in after all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from durabletask.client import OrchestrationStatus

from shared.model.trigger import Cause
from shared.records import FolderStore, Store
from shared.triggers.intake import Intake
from shared.triggers.sweep import dead_letters, sweep_all
from tests.core.builders import ENDPOINT, environment, rid, tiny
from tests.triggers.client import FakeClient
from tests.triggers.test_intake import DELETED, event
from tests.workflow.world import World, world


def stage(tmp_path: Path, letters: Store | None = None) -> World:
    here = world(
        tmp_path,
        [replace(tiny(), watches=(DELETED,))],
        environment(),
        environment(name="test", privateEndpoints=[], computes=[]),
    )
    here.services = replace(here.services, dead_letters=letters)
    return here


async def swept(here: World, client: FakeClient, *, past_due: bool = False) -> None:
    await sweep_all(Intake(here.services), client, past_due=past_due)  # type: ignore[arg-type]


async def test_every_environment_is_looked_at_whole(tmp_path: Path) -> None:
    client = FakeClient()
    await swept(stage(tmp_path), client)
    wanted = [message for _, message, _ in client.scheduled]
    assert {each["environment"] for each in wanted} == {"prod", "test"}
    assert {each["cause"] for each in wanted} == {Cause.SWEEP}
    assert all(each["resources"] is None for each in wanted)


async def test_a_sweep_that_comes_late_says_so(tmp_path: Path) -> None:
    client = FakeClient()
    await swept(stage(tmp_path), client, past_due=True)
    assert "past due" in client.scheduled[0][1]["note"]


async def test_one_bad_environment_does_not_keep_the_others_from_being_swept(
    tmp_path: Path,
) -> None:
    client = FakeClient(broken={"prod"})
    await swept(stage(tmp_path), client)
    assert [message["environment"] for _, message, _ in client.scheduled] == ["test"]


async def silent(here: World, client: FakeClient) -> str:
    """A run that was not heard of for longer than its lease; its id."""
    await swept(here, client)
    run = client.queue().running
    here.records.acquire_lease("prod", run, 3600)
    here.clock.at += timedelta(minutes=31)
    return run


@pytest.mark.parametrize(
    "status",
    [
        OrchestrationStatus.FAILED,
        OrchestrationStatus.TERMINATED,
        OrchestrationStatus.COMPLETED,
        None,
    ],
)
async def test_a_run_that_the_engine_does_not_run_is_freed(
    tmp_path: Path, status: OrchestrationStatus | None
) -> None:
    here, client = stage(tmp_path), FakeClient()
    dead = await silent(here, client)
    if status is None:
        del client.instances[dead]
    else:
        client.instances[dead] = status
    await swept(here, client)
    after = client.queue()
    assert after.running not in {"", dead}
    assert dead in after.taken
    assert here.records.lease("prod") is None


async def test_a_dead_run_beside_a_living_one_is_freed_alone(tmp_path: Path) -> None:
    here, client = stage(tmp_path), FakeClient()
    main = await silent(here, client)
    await swept(here, client)
    aside = client.queue().beside
    assert aside != ""
    here.records.acquire_lease("prod", aside, 3600, beside=True)
    here.clock.at += timedelta(minutes=31)
    client.instances[aside] = OrchestrationStatus.FAILED
    await swept(here, client)
    assert client.queue().running == main
    assert client.queue().beside not in {"", aside}
    assert here.records.lease("prod") is not None
    assert here.records.lease("prod", beside=True) is None


@pytest.mark.parametrize(
    "status",
    [OrchestrationStatus.RUNNING, OrchestrationStatus.PENDING, OrchestrationStatus.SUSPENDED],
)
async def test_a_living_run_is_left_alone_however_long_it_was_silent(
    tmp_path: Path, status: OrchestrationStatus
) -> None:
    here, client = stage(tmp_path), FakeClient()
    run = await silent(here, client)
    client.instances[run] = status
    await swept(here, client)
    assert client.queue().running == run
    assert client.queue().pending is not None
    assert here.records.lease("prod") is not None


async def test_a_run_within_its_lease_is_not_even_asked_for(tmp_path: Path) -> None:
    here, client = stage(tmp_path), FakeClient()
    await swept(here, client)
    run = client.queue().running
    client.instances[run] = OrchestrationStatus.FAILED
    here.clock.at += timedelta(minutes=29)
    await swept(here, client)
    assert client.queue().running == run


# --- dead letters ---------------------------------------------------------------


def letter(*ids: str) -> bytes:
    why = {"deadLetterReason": "MaxDeliveryAttemptsExceeded", "deliveryAttempts": 30}
    return json.dumps([{**event(id_=each), **why} for each in ids]).encode()


async def test_a_dead_letter_is_taken_in_and_goes(tmp_path: Path) -> None:
    letters = FolderStore(tmp_path / "letters")
    letters.write("sub/2026/1.json", letter("e1", "e2"))
    here, client = stage(tmp_path, letters), FakeClient()
    assert dead_letters(here.services) == [
        {"key": "sub/2026/1.json", "reasons": ["MaxDeliveryAttemptsExceeded"]}
    ]
    await swept(here, client)
    assert list(letters.keys("")) == []
    (first,) = [told for _, told, _ in client.scheduled if told["environment"] == "prod"]
    assert {notice["event"] for notice in first["notices"]} == {"e1", "e2"}


async def test_a_letter_that_is_no_event_is_counted_and_goes(tmp_path: Path) -> None:
    letters = FolderStore(tmp_path / "letters")
    letters.write("1.json", b"[{truncated")
    letters.write("2.json", letter("e1"))
    here, client = stage(tmp_path, letters), FakeClient()
    await swept(here, client)
    assert list(letters.keys("")) == []
    assert sum(here.records.rejected_events().counts.values()) == 1


async def test_a_letter_that_could_not_be_taken_in_stays(tmp_path: Path) -> None:
    letters = FolderStore(tmp_path / "letters")
    letters.write("1.json", letter("e1"))
    here, client = stage(tmp_path, letters), FakeClient(broken={"prod"})
    await swept(here, client)
    assert list(letters.keys("")) == ["1.json"]
    client.broken.clear()
    await swept(here, client)
    assert list(letters.keys("")) == []


async def test_a_letter_of_what_was_delivered_after_all_starts_nothing_twice(
    tmp_path: Path,
) -> None:
    letters = FolderStore(tmp_path / "letters")
    here, client = stage(tmp_path, letters), FakeClient()
    letters.write("1.json", letter("e1"))
    await swept(here, client)
    before = len(client.queue().recent)
    letters.write("2.json", letter("e1"))
    await swept(here, client)
    assert len(client.queue().recent) == before + 1  # the second sweep's own wish
    assert rid(ENDPOINT)
