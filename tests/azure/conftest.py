"""A served simulator for the real clients over https, and one under a virtual clock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.azure.config import ArmConfig
from shared.azure.credentials import credential
from shared.azure.gateway import Azure
from shared.model.progress import Progress
from shared.model.resource_id import ResourceId
from shared.model.step import Step
from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.context import State
from simulator.sandbox import Sandbox
from simulator.server import Server
from simulator.worlds import private_inference

sys.path.insert(0, str(Path(__file__).parent))

from wires import Canned, carry, over_canned, over_cloud


class Bench:
    """A gateway, the cloud behind it, and the ids of the environment ``prod``."""

    def __init__(self, azure: Azure, cloud: Cloud, clock: object) -> None:
        self.azure, self.cloud = azure, cloud
        self._clock = clock
        self.places = Sandbox().plan

    def id(self, text: str) -> ResourceId:
        return ResourceId.parse(text)

    @property
    def endpoint(self) -> ResourceId:
        return self.id(self.places.id("ml", "Microsoft.Network/privateEndpoints/prod-blob-pe"))

    @property
    def cluster_endpoint(self) -> ResourceId:
        return self.id(self.places.id("hub", "Microsoft.Network/privateEndpoints/prod-aks-pe"))

    @property
    def cluster(self) -> ResourceId:
        return self.id(self.places.cluster)

    @property
    def compute(self) -> ResourceId:
        return self.id(f"{self.places.workspace}/computes/k8s-a")

    @property
    def subscription(self) -> ResourceId:
        return self.id(f"/subscriptions/{self.places.subscription}")

    def live(self, resource: ResourceId) -> dict[str, object]:
        body = self.cloud.get(resource.text)
        assert body is not None, f"{resource} is not there"
        return body

    def human(self, method: str, resource: ResourceId, body: object = None, query: str = "") -> int:
        url = f"{resource.text}?api-version=2024-01-01{query}"
        status = self.cloud.call(method, url, body).status  # type: ignore[arg-type]
        assert status < 300, f"{method} {resource}: {status}"
        self.settle()
        return status

    def settle(self) -> None:
        while self.cloud.next_due() is not None:
            self.tick(1.0)
            self.cloud.advance()

    def tick(self, seconds: float) -> None:
        if hasattr(self._clock, "advance"):
            self._clock.advance(seconds)
        else:
            threading.Event().wait(0.02)

    def carry(self, step: Step) -> Progress:
        return carry(self.azure, step, self.tick)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, State]]:
    cloud = Cloud(SystemClock(), speed=2000, page_size=2)
    cloud.load(private_inference())
    with Server(cloud, state_dir=tmp_path_factory.mktemp("azure")) as server:
        yield server, cloud.snapshot()


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
