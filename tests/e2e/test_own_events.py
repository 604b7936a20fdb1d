"""Relink's own events, whole: real clients and identity, simulated Azure, a topic that knows who may send."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.local_azure import end, start_simulator
from remediators import REMEDIATORS
from shared.composition import compose, system_clock
from shared.model.codec import dump
from shared.model.json import JsonObject
from shared.model.trigger import Cause, Trigger
from shared.workflow.activities import ACTIVITIES
from shared.workflow.inline import Engine, RealTime
from shared.workflow.outbox import deliver_all
from shared.workflow.services import Services
from simulator.directory import RELINK
from simulator.roles import DATA_SENDER
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan
from tests.e2e.stage import declared

PLAN = Plan("prod")
TOPIC = PLAN.id("ml", "Microsoft.EventGrid/topics/evgt-relink")
ROLES = f"/subscriptions/{PLAN.subscription}/providers/Microsoft.Authorization/roleDefinitions"
SENDER = f"{TOPIC}/providers/Microsoft.Authorization/roleAssignments/{PLAN.guid('sender')}"


@dataclass
class Stage:
    """A served Azure with a topic, and Relink put together from its settings."""

    control: str
    services: Services
    runs: int = 0

    def run(self) -> JsonObject:
        """One run of everything, in real time; its record."""
        self.runs += 1
        wish = Trigger(f"run-{self.runs}", "prod", Cause.SWEEP, system_clock())
        engine = Engine(lambda name, m: ACTIVITIES[name](self.services, m), RealTime(system_clock))
        engine.run("reconcile", dump(wish), wish.id)
        deliver_all(self.services, "prod")
        record = self.services.records.run(wish.id)
        assert record is not None
        return record

    def open_storage(self) -> None:
        """Somebody opens the storage account."""
        body = {"properties": {"publicNetworkAccess": "Enabled"}}
        assert self.person("PATCH", f"{PLAN.storage}?api-version=2024-01-01", body) == 200

    def may_send(self) -> None:
        """Somebody gives Relink the role on the topic."""
        properties = {
            "roleDefinitionId": f"{ROLES}/{DATA_SENDER}",
            "principalId": RELINK.object_id,
            "principalType": "ServicePrincipal",
        }
        url = f"{SENDER}?api-version=2022-04-01"
        assert self.person("PUT", url, {"properties": properties}) == 201

    def person(self, method: str, url: str, body: JsonObject) -> int:
        """A person's request; its status."""
        told = {"method": method, "url": url, "body": dict(body)}
        answer = httpx.post(f"{self.control}/call", json=told, trust_env=False)
        return int(answer.raise_for_status().json()["status"])

    def heard(self) -> list[tuple[str, str]]:
        """Run and type of what the topic took."""
        events = _state(self.control)["hidden"].get("events", [])
        return [(event["data"]["run"], event["type"]) for event in events]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    resources = private_inference(prefix="prod")
    topic = {
        "id": TOPIC,
        "location": "westeurope",
        "properties": {"inputSchema": "CloudEventSchemaV1_0"},
    }
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "prod.yaml").write_text(json.dumps(declared(resources, "prod")), encoding="utf-8")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        exports = start_simulator(tmp_path, [*resources, topic], processes)
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        shown = _state(exports["SIMULATOR_CONTROL"])["resource"]
        own = {
            "RELINK_ENVIRONMENTS": folder.as_uri(),
            "RELINK_RECORDS": (tmp_path / "records").as_uri(),
            "RELINK_MODE": "remediate",
            "RELINK_EVENT_TOPIC": shown["properties"]["endpoint"],
        }
        yield Stage(exports["SIMULATOR_CONTROL"], compose({**exports, **own}, REMEDIATORS))
    finally:
        end(processes)


def _state(control: str) -> Any:  # noqa: ANN401 - JSON
    """The topic, with what only the simulator knows of it."""
    return httpx.get(f"{control}/state{TOPIC}", trust_env=False).raise_for_status().json()


def test_who_listens_to_the_topic_hears_of_drift_and_repair(stage: Stage) -> None:
    stage.may_send()
    stage.run()
    stage.open_storage()
    assert stage.run()["outcome"] == "Repaired"
    assert stage.heard() == [("run-2", "Relink.DriftFound"), ("run-2", "Relink.Repaired")]


def test_without_the_role_the_repair_is_made_and_told_once_the_role_is_given(stage: Stage) -> None:
    stage.open_storage()
    assert stage.run()["outcome"] == "Repaired"
    assert stage.heard() == []
    stage.may_send()
    stage.run()
    assert stage.heard() == [("run-1", "Relink.DriftFound"), ("run-1", "Relink.Repaired")]
