"""The command line in this process, against a simulated Azure over https."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.context import State
from simulator.server import Server
from simulator.worlds import private_inference
from simulator.worlds.plan import SUBSCRIPTION, Plan
from tests.cli.world import World

SPEED = 400.0


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, State]]:
    cloud = Cloud(SystemClock(), speed=SPEED, page_size=5)
    cloud.load(private_inference(cluster_endpoints=2))
    with Server(cloud, state_dir=tmp_path_factory.mktemp("azure")) as server:
        yield server, cloud.snapshot()
        gc.collect()  # urllib3 closes a pool's connections when the pool is collected


@pytest.fixture
def world(served: tuple[Server, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A healthy environment, and a shell whose variables lead to it."""
    server, state = served
    server.cloud.restore(state)
    server.cloud.exchanges.clear()
    plain_shell(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for name, value in server.exports.items():
        monkeypatch.setenv(name, value)
    plan = Plan("prod", SUBSCRIPTION, "westeurope")
    return World(server.cloud, tmp_path, plan, server.exports)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell without any of our variables."""
    plain_shell(monkeypatch)


def plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every variable away that the commands read."""
    for name in (
        "RELINK_ENVIRONMENTS",
        "RELINK_RECORDS",
        "RELINK_SCOPES",
        "RELINK_MODE",
        "RELINK_CLOUD",
        "RELINK_NOTIFY_URL",
        "RELINK_SETTLE_SECONDS",
        "FORCE_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
