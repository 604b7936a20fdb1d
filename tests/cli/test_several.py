"""Several manifests, and folders of them: none that fails stops another; the worst decides."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from simulator.faults import Fault, Mischief
from simulator.sandbox import VERSION
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan
from tests.cli.world import World, parsed

pytestmark = pytest.mark.filterwarnings(
    "ignore", "error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning"
)

OPEN = {"properties": {"publicNetworkAccess": "Enabled"}}
LAB = Plan("lab")


@pytest.fixture
def folder(world: World) -> Path:
    """Two environments, and a file that is no manifest in the middle."""
    world.cloud.load(private_inference(prefix="lab", computes=1))
    found = world.folder / "environments"
    done = world.relink("capture", "--all", "--out", str(found))
    assert done.exit_code == 0, done.output
    (found / "middle.yaml").write_text("kind: Other")
    return found


def test_a_bad_manifest_stops_no_plan(world: World, folder: Path) -> None:
    world.does("PATCH", world.plan.storage, OPEN)
    done = world.relink("plan", str(folder))
    assert done.exit_code == 1
    assert "lab-mlw" in done.stdout
    assert "in sync" in done.stdout
    assert "PublicAccessEnabled  prodmlst" in done.stdout
    assert "middle.yaml" in done.stderr
    assert "3 manifests: 1 in order, 1 with drift, 1 failed" in done.stderr
    (folder / "middle.yaml").unlink()
    assert world.relink("plan", str(folder)).exit_code == 2
    assert world.relink("plan", str(folder / "lab-mlw.yaml")).exit_code == 0


def test_an_environment_that_fails_stops_no_other(world: World, folder: Path) -> None:
    world.does("PATCH", world.plan.storage, OPEN)
    listed = world.cloud.call("GET", f"{LAB.vault}/privateEndpointConnections?{VERSION}")
    (connection,) = listed.json()["value"]
    world.does("DELETE", connection["id"])
    done = world.relink("reconcile", str(folder), "--json")  # nobody can be asked about the lab
    assert done.exit_code == 1
    by_name = {each.get("environment", each.get("file")): each for each in parsed(done)}
    assert set(by_name) == {"lab-mlw", "prod-mlw", str(folder / "middle.yaml")}
    assert "nobody can be asked here" in by_name["lab-mlw"]["error"]["message"]
    assert "middle.yaml cannot be used" in by_name[str(folder / "middle.yaml")]["error"]["message"]
    assert by_name["prod-mlw"]["outcome"] == "Repaired"
    assert world.body(world.plan.storage)["properties"]["publicNetworkAccess"] == "Disabled"


def test_an_environment_that_cannot_be_read_stops_no_other(world: World, folder: Path) -> None:
    world.does("PATCH", world.plan.storage, OPEN)
    fault = Fault(
        Mischief.ERROR, path="/resourcegroups/lab-", status=403, code="AuthorizationFailed",
        times=None,
    )  # fmt: skip
    world.cloud.add_fault(fault)
    try:
        done = world.relink("reconcile", str(folder), "--yes", "--json")
    finally:
        world.cloud.clear_faults()
    assert done.exit_code == 1
    outcomes = {each.get("environment"): each.get("outcome") for each in parsed(done)}
    assert outcomes["prod-mlw"] == "Repaired"
    assert outcomes["lab-mlw"] == "Blocked"


def test_a_missing_file_stops_no_validation(world: World, folder: Path) -> None:
    good = str(folder / "lab-mlw.yaml")
    done = world.relink("validate", "none.yaml", good, str(folder), good)
    assert done.exit_code == 1
    assert "none.yaml: no such file" in done.stderr
    assert "environment 'lab-mlw' is valid" in done.stderr
    assert "environment 'prod-mlw' is valid" in done.stderr
    told = parsed(world.relink("validate", "none.yaml", str(folder), "--json"))
    assert told["environments"] == ["lab-mlw", "prod-mlw"]
    assert not told["valid"]


def test_after_an_interrupt_the_next_environment_is_not_begun(world: World, folder: Path) -> None:
    for plan in (LAB, world.plan):
        world.does("PATCH", plan.storage, OPEN)
    sent: list[str] = []

    def interrupt(event: dict[str, object]) -> None:
        """A cancelled pipeline, as soon as the first environment is written to."""
        if "storageAccounts/write" in str(event) and not sent:
            sent.append("SIGTERM")
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    world.cloud.subscribe_in_process(interrupt)
    (folder / "middle.yaml").unlink()
    done = world.relink("reconcile", str(folder), "--yes")
    assert sent
    assert signal.getsignal(signal.SIGTERM) is before
    assert done.exit_code == 1, done.output
    assert "prod-mlw: not begun, as the run was interrupted" in done.stderr
    assert world.body(LAB.storage)["properties"]["publicNetworkAccess"] == "Disabled"
    assert world.body(world.plan.storage)["properties"]["publicNetworkAccess"] == "Enabled"
