"""The real Azure CLI, logged in to a simulated Azure of its own, and Relink beside it.

Collected only where `RELINK_AZ` names the CLI: `make az-test` does.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.local_azure import end, start_host, start_simulator
from devhost.environment import child_environment
from simulator.directory import OPERATOR, TENANT
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan

AZ = os.environ.get("RELINK_AZ", "")
ROOT = Path(__file__).parents[2]
PLAN = Plan("prod")
ONE_COMMAND = 280.0
LONG_ENOUGH = 180.0
collect_ignore_glob = [] if AZ else ["test_*.py"]


@dataclass(slots=True)
class Cli:
    """`az`, with a configuration folder of its own."""

    environ: Mapping[str, str]
    said: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        """Run a command that must succeed; its output as JSON, None when it prints nothing."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"az {' '.join(arguments)}: {done.stderr[-3000:]}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments: str) -> str:
        """Run a command that must fail; what it says."""
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        self.said.append(" ".join(arguments))
        command = [AZ, *arguments, "--output", "json"]
        return subprocess.run(
            command,
            env=dict(self.environ),
            capture_output=True,
            text=True,
            timeout=ONE_COMMAND,
            check=False,
        )


@dataclass(frozen=True, slots=True)
class Azure:
    """A simulated Azure in a process of its own."""

    directory: Path
    exports: Mapping[str, str]
    processes: list[subprocess.Popen[bytes]]

    @property
    def endpoint(self) -> str:
        """ARM's address."""
        return self.exports["RELINK_ARM_ENDPOINT"]

    def state(self, resource_id: str) -> Any:  # noqa: ANN401 - JSON
        """What the simulator alone knows; None for what does not exist."""
        found = httpx.get(
            f"{self.exports['SIMULATOR_CONTROL']}/state{resource_id}", trust_env=False
        )
        return found.json() if found.status_code == 200 else None


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    directory = tmp_path_factory.mktemp("az")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        exports = start_simulator(directory, private_inference(), processes)
        yield Azure(directory, exports, processes)
    finally:
        end(processes)


@pytest.fixture(scope="session")
def manifest(azure: Azure) -> Path:
    """What `relink capture` wrote of the environment before anybody touched it."""
    file = azure.directory / "manifests" / "prod.yaml"
    file.parent.mkdir()
    command = [str(ROOT / ".venv/bin/relink"), "capture", "--workspace", PLAN.workspace]
    command += ["--name", "prod", "--out", str(file)]
    environ = child_environment(azure.exports)
    subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, timeout=120)
    return file


@pytest.fixture(scope="session")
def az(azure: Azure, manifest: Path) -> Cli:
    """The CLI, logged in as the operator, once the manifest is captured."""
    assert manifest.exists()
    settings = {
        "AZURE_CONFIG_DIR": str(azure.directory / "config"),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
        "AZURE_CORE_NO_COLOR": "true",
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_LOGIN_EXPERIENCE_V2": "off",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        "REQUESTS_CA_BUNDLE": azure.exports["REQUESTS_CA_BUNDLE"],
        "PYTHONWARNINGS": "ignore",
    }
    cli = Cli(child_environment(settings))
    base = azure.endpoint
    places = ["resource-manager", "active-directory-resource-id"]
    places += ["active-directory-graph-resource-id", "management"]
    endpoints = [part for name in places for part in (f"--endpoint-{name}", f"{base}/")]
    cli("cloud", "register", "--name", "Simulated", "--endpoint-active-directory", base, *endpoints)
    cli("cloud", "set", "--name", "Simulated")
    who = ["--username", OPERATOR.app_id, "--password", "any", "--tenant", TENANT]
    [account] = cli("login", "--service-principal", *who)
    assert account["id"] == PLAN.subscription
    return cli


@pytest.fixture(scope="session")
def relink(azure: Azure, manifest: Path) -> Iterator[httpx.Client]:
    """The app on the embedded host, with the captured manifest."""
    assert manifest.exists()
    environ = child_environment(azure.exports)
    with start_host(azure.directory, environ, azure.processes) as app:
        yield app


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + LONG_ENOUGH
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.5)
