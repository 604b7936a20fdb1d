"""Owns a served Azure with the commands in front of it, for the tests beside."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cli.main import app
from simulator.cloud import Cloud
from simulator.sandbox import VERSION
from simulator.worlds.plan import Plan


@dataclass(slots=True)
class World:
    """A served Azure, what a person does to it, and the commands."""

    cloud: Cloud
    folder: Path
    plan: Plan
    exports: Mapping[str, str]
    """What leads a command to the served Azure."""

    def relink(self, *arguments: str, answer: str | None = None) -> Result:
        """Run a command; ``answer`` is typed when it asks."""
        return CliRunner().invoke(app, list(arguments), input=answer)

    def captured(self, name: str = "prod.yaml", *more: str) -> Path:
        """A manifest of what is live now."""
        file = self.folder / name
        done = self.relink("capture", "-w", self.plan.workspace, "--out", str(file), *more)
        assert done.exit_code == 0, done.output
        return file

    def does(self, method: str, resource: str, body: dict[str, Any] | None = None) -> None:
        """A person's change, until its operation has ended."""
        reply = self.cloud.call(method, f"{resource}?{VERSION}", body)
        assert reply.status < 300, reply.body
        self.settle()

    def settle(self) -> None:
        """Let every operation end: the server's own clock does it, fast."""
        waited = threading.Event()
        for _ in range(400):
            if self.cloud.next_due() is None:
                return
            waited.wait(0.05)
        raise AssertionError("operations did not end")

    def restart(self) -> None:
        """Stop and start the cluster."""
        self.does("POST", f"{self.plan.cluster}/stop")
        self.does("POST", f"{self.plan.cluster}/start")

    def body(self, resource: str) -> dict[str, Any]:
        """What a GET shows."""
        found = self.cloud.get(resource)
        assert found is not None
        return found

    def endpoint(self, name: str, group: str = "ml") -> str:
        """The id of a private endpoint."""
        return self.plan.id(group, f"Microsoft.Network/privateEndpoints/prod-{name}-pe")


def parsed(result: Result) -> Any:  # noqa: ANN401 - JSON
    """The JSON that a command printed."""
    return json.loads(result.stdout)


def now() -> datetime:
    """The time, for records."""
    return datetime.now(UTC)
