"""The task hub gone, slow or full of nonsense: what needs it says so in time, everything else goes on.

Ids are ``function-mood``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from durabletask.client import OrchestrationState
from durabletask.entities import EntityInstanceId

from shared.records import FolderStore
from shared.triggers import waiting
from shared.triggers.events import take_in
from shared.triggers.intake import Intake
from shared.triggers.sweep import sweep_all
from shared.triggers.waiting import EngineAwayError
from tests.core.builders import CLUSTER
from tests.triggers.client import Entity, FakeClient, body_of, is_problem, request
from tests.triggers.test_http import call, stage
from tests.triggers.test_http import waiting as undecided
from tests.triggers.test_intake import START, event
from tests.triggers.test_intake import stage as intake_stage
from tests.triggers.test_sweep import letter
from tests.triggers.test_sweep import stage as sweep_stage
from tests.workflow.world import wish


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ENGINE_SECONDS", 0.1)


@dataclass
class Sick(FakeClient):
    """An engine's client: ``gone`` raises, ``slow`` never answers, ``wrong`` has other states."""

    mood: str = "gone"
    calls: list[str] = field(default_factory=list)

    async def _asked(self, what: str) -> None:
        self.calls.append(what)
        if self.mood == "slow":
            await asyncio.sleep(3600)
        if self.mood == "gone":
            raise ConnectionError(f"{what}: the hub is out of reach")

    async def signal_entity(
        self,
        entity_id: EntityInstanceId,
        operation: str,
        *,
        input: object,  # noqa: A002 - durabletask's word
    ) -> None:
        await self._asked(f"signal {operation}")
        await super().signal_entity(entity_id, operation, input=input)

    async def get_entity(self, entity_id: EntityInstanceId) -> Entity | None:
        await self._asked(f"read {entity_id}")
        return Entity({"running": 5, "pending": "x", "turns": "x"})

    async def get_orchestration_state(self, instance_id: str) -> OrchestrationState | None:
        await self._asked(f"read {instance_id}")
        return await super().get_orchestration_state(instance_id)

    async def schedule_new_orchestration(self, name: str, *, input: Any, instance_id: str) -> str:  # noqa: A002, ANN401 - durabletask's word
        await self._asked(f"schedule {name}")
        return await super().schedule_new_orchestration(name, input=input, instance_id=instance_id)


NEED: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "show_environment": ({}, {"name": "prod"}, ("gone", "slow", "wrong")),
    "reconcile_environment": ({}, {"name": "prod"}, ("gone", "slow")),
    "reconcile_environment dry": ({"dryRun": True}, {"name": "prod"}, ("gone", "slow")),
    "pause_environment": ({}, {"name": "prod"}, ("gone", "slow")),
    "resume_environment": ({}, {"name": "prod"}, ("gone", "slow")),
    "show_run": ({}, {"id": "unheard-of"}, ("gone", "slow", "wrong")),
}
CASES = [(name, mood) for name, (_, _, moods) in NEED.items() for mood in moods]


@pytest.mark.parametrize(("name", "mood"), CASES, ids=[f"{n}-{m}" for n, m in CASES])
async def test_a_route_that_needs_the_hub_says_so_in_time(
    name: str, mood: str, tmp_path: Path
) -> None:
    here, client = stage(tmp_path), Sick(mood=mood)
    body, route, _ = NEED[name]
    began = time.monotonic()
    told = is_problem(
        await call(here, name.split(maxsplit=1)[0], request(body, **route), client), 503
    )
    assert "the task hub" in told["detail"]
    assert time.monotonic() - began < 10
    assert client.calls


@pytest.mark.parametrize("mood", ["gone", "slow", "wrong"])
async def test_what_needs_no_hub_is_answered(mood: str, tmp_path: Path) -> None:
    here, client = stage(tmp_path), Sick(mood=mood)
    here.run(wish())
    asked: dict[str, dict[str, Any]] = {"list_environments": {}, "show_run": {"id": "run-1"}}
    for name, route in asked.items():
        assert (await call(here, name, request(**route), client)).status_code == 200
    health = body_of(await call(here, "health", request(), client))
    assert (health["status"], health["away"], health["environments"]) == ("degraded", ["hub"], 1)


@pytest.mark.parametrize("mood", ["gone", "slow"])
async def test_a_pause_counts_though_the_queue_has_not_heard_of_it(
    mood: str, tmp_path: Path
) -> None:
    here = stage(tmp_path)
    is_problem(
        await call(here, "pause_environment", request({}, name="prod"), Sick(mood=mood)), 503
    )
    assert here.records.paused("prod") is not None


@pytest.mark.parametrize("mood", ["gone", "slow"])
async def test_a_yes_counts_though_the_queue_has_not_heard_of_it(mood: str, tmp_path: Path) -> None:
    here = undecided(tmp_path)
    yes = request({"reason": "ok"}, id="run-1")
    is_problem(await call(here, "approve_run", yes, Sick(mood=mood)), 503)
    approval = here.records.approval("prod")
    assert approval is not None
    assert approval.state == "approved"
    assert here.run(wish("run-2"))["units"], "the next look carries it out"


@pytest.mark.parametrize("mood", ["gone", "slow"])
async def test_an_event_comes_again_and_its_debts_are_kept(mood: str, tmp_path: Path) -> None:
    here = intake_stage(tmp_path)
    with pytest.raises(EngineAwayError):
        await take_in(Intake(here.services), event(CLUSTER, START), Sick(mood=mood))  # type: ignore[arg-type]
    assert here.services.records.debts("prod")


@pytest.mark.parametrize("mood", ["gone", "slow", "wrong"])
async def test_a_sweep_ends_tells_of_it_and_keeps_its_letters(mood: str, tmp_path: Path) -> None:
    letters, swept = FolderStore(tmp_path / "letters"), list[Mapping[str, Any]]()
    letters.write("sub/1.json", letter("e1"))
    here, client = sweep_stage(tmp_path, letters), Sick(mood=mood)
    here.services = replace(here.services, swept=swept.append)
    began = time.monotonic()
    await sweep_all(Intake(here.services), client)  # type: ignore[arg-type]
    assert time.monotonic() - began < 30
    assert (swept[0]["environments"], swept[0]["failed"]) == (2, 2)
    if mood == "wrong":  # a queue that cannot be shown can still be told
        assert {told["environment"] for _, told, _ in client.scheduled} == {"prod", "test"}
        assert list(letters.keys()) == []
    else:
        assert not client.scheduled
        assert list(letters.keys()) == ["sub/1.json"]
    await sweep_all(Intake(here.services), FakeClient(states=client.states))  # type: ignore[arg-type]
    assert list(letters.keys()) == []


@pytest.mark.parametrize("state", [{"running": 5}, {"pending": "x"}, {"lease_until": "never"}])
async def test_a_queue_whose_state_is_nonsense_begins_anew(
    state: dict[str, Any], tmp_path: Path
) -> None:
    here, client = stage(tmp_path), FakeClient(states={"prod": state})
    is_problem(await call(here, "show_environment", request(name="prod"), client), 503)
    answer = await call(here, "reconcile_environment", request({}, name="prod"), client)
    assert answer.status_code == 202
    assert [run for _, _, run in client.scheduled] == [body_of(answer)["id"]]
    assert client.queue().running == body_of(answer)["id"]
