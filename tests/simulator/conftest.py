"""A sandbox under a virtual clock, and a served cloud for the SDKs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.context import State
from simulator.sandbox import Sandbox
from simulator.server import Server
from simulator.worlds import private_inference


@pytest.fixture
def world() -> Sandbox:
    return Sandbox()


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("record") / "exchanges.jsonl"


@pytest.fixture(scope="session")
def serving(
    tmp_path_factory: pytest.TempPathFactory, recording: Path
) -> Iterator[tuple[Server, State]]:
    cloud = Cloud(SystemClock(), speed=200, record=recording)
    cloud.load(private_inference())
    with Server(cloud, state_dir=tmp_path_factory.mktemp("state")) as server:
        yield server, cloud.snapshot()


@pytest.fixture
def served(serving: tuple[Server, State]) -> Server:
    """The served cloud as it was loaded, whatever other tests did to it."""
    server, state = serving
    server.cloud.restore(state)
    return server
