"""A served simulator for the real clients over https, and one under a virtual clock."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.azure.config import ArmConfig
from shared.azure.credentials import credential
from shared.azure.gateway import Azure
from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.context import State
from simulator.sandbox import Sandbox
from simulator.server import Server
from simulator.worlds import private_inference
from tests.azure.wires import Bench, Canned, over_canned, over_cloud


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, State]]:
    cloud = Cloud(SystemClock(), speed=2000, page_size=2)
    cloud.load(private_inference())
    with Server(cloud, state_dir=tmp_path_factory.mktemp("azure")) as server:
        yield server, cloud.snapshot()
        gc.collect()  # urllib3 closes a pool's connections when the pool is collected


@pytest.fixture
def bench(served: tuple[Server, State], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The real clients over https, with a managed identity, at 2000 times Azure's pace."""
    server, state = served
    server.cloud.restore(state)
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID"):
        monkeypatch.setenv(name, server.exports[name])
    exports = server.exports
    config = ArmConfig.of("public", exports["RELINK_ARM_ENDPOINT"], exports["RELINK_CA_BUNDLE"])
    identity = credential(config)
    azure = Azure(config, identity, lambda: datetime.now(UTC))
    yield Bench(azure, server.cloud, None)
    azure.close()
    identity.close()


@pytest.fixture
def virtual() -> Bench:
    """The same clients and simulator without a socket, under a virtual clock at Azure's pace."""
    world = Sandbox()
    return Bench(over_cloud(world.cloud), world.cloud, world.clock)


@pytest.fixture
def canned() -> Canned:
    return Canned()


@pytest.fixture
def scripted(canned: Canned) -> Azure:
    return over_canned(canned)
