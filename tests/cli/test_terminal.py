"""What asks a person, asked at a real (pseudo) terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from devhost.environment import child_environment
from shared.manifests import parse_manifest
from simulator.sandbox import VERSION
from tests.cli.world import World

ROOT = Path(__file__).parents[2]
OPEN = {"properties": {"publicNetworkAccess": "Enabled"}}


def answered(world: World, answers: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """A command whose questions a person at a terminal answers, one a line."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answers.encode())
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            stdin=theirs,
            capture_output=True,
            env=child_environment({**world.exports, "PYTHONPATH": str(ROOT)}),
            timeout=240,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_an_update_takes_over_what_is_accepted_and_leaves_the_rest(world: World) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.storage, OPEN)
    world.does("PATCH", world.plan.vault, OPEN)
    done = answered(world, "y\nn\n", "capture", "--update", str(file))
    assert done.returncode == 2, done.stderr
    assert done.stdout.count(b"Update the manifest to B, the live value?") == 2
    manifest = parse_manifest(file.read_text(), "prod.yaml")
    assert manifest.storage_accounts[0].public_network_access == "Enabled"
    assert manifest.key_vaults[0].public_network_access == "Disabled"


def test_a_repair_that_destroys_begins_only_after_a_yes(world: World) -> None:
    file = world.captured()
    connections = f"{world.plan.vault}/privateEndpointConnections"
    (connection,) = world.cloud.call("GET", f"{connections}?{VERSION}").json()["value"]
    world.does("DELETE", connection["id"])
    world.cloud.exchanges.clear()
    refused = answered(world, "n\n", "reconcile", str(file))
    assert refused.returncode == 1
    assert b"nothing was changed" in refused.stderr
    assert world.cloud.writes() == []
    agreed = answered(world, "y\n", "reconcile", str(file))
    assert agreed.returncode == 0, agreed.stderr
    assert b"Repaired  EndpointDisconnected" in agreed.stdout
