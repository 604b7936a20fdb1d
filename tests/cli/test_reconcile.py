"""``relink plan`` and ``relink reconcile`` over a simulated Azure: from broken to in sync."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from cli.commands import reconcile as command
from shared.records import FolderStore, Records
from simulator.faults import Fault, Mischief
from tests.cli.world import World, now, parsed

# azure-ai-ml's own deprecations: threads of the reads raise them inside of an answer.
pytestmark = pytest.mark.filterwarnings(
    "ignore", "error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning"
)

OPEN = {"properties": {"publicNetworkAccess": "Enabled"}}


def break_much(world: World) -> None:
    """A restart of the cluster, a lost endpoint, open public access."""
    world.restart()
    world.does("DELETE", world.endpoint("blob"))
    world.does("PATCH", world.plan.storage, OPEN)


def test_what_was_captured_is_in_sync(world: World) -> None:
    file = world.captured()
    assert world.relink("validate", str(file)).exit_code == 0
    done = world.relink("plan", str(file))
    assert done.exit_code == 0, done.output
    assert "in sync" in done.stdout
    assert world.cloud.writes() == []


def test_a_plan_shows_findings_steps_and_order_and_changes_nothing(world: World) -> None:
    file = world.captured()
    break_much(world)
    world.cloud.exchanges.clear()
    done = world.relink("plan", str(file))
    assert done.exit_code == 2
    for part in (
        "EndpointMissing  prod-blob-pe",
        "publicNetworkAccess: Enabled → Disabled",
        "Replace private endpoint prod-aks-pe  [cluster_endpoint]  destructive",
        "Reattach compute k8s-a",
        "the address of prod-aks-pe",
        "guards: may go ahead",
    ):
        assert part in done.stdout
    assert world.cloud.writes() == []
    assert not list(world.folder.glob("**/.relink"))


def test_a_plan_as_json_has_every_finding_and_unit_in_order(world: World) -> None:
    file = world.captured()
    break_much(world)
    done = world.relink("plan", str(file), "--json")
    assert done.exit_code == 2
    told = parsed(done)
    assert told["inSync"] is False
    assert {finding["reason"] for finding in told["findings"]} >= {
        "EndpointMissing",
        "PublicAccessEnabled",
        "ComputeStale",
    }
    order = [unit["id"] for unit in told["units"]]
    for unit in told["units"]:
        assert all(order.index(name) < order.index(unit["id"]) for name in unit["after"])
        assert unit["verdict"]["why"] == "DryRun"
    assert json.loads(world.relink("plan", str(file), "--json").stdout)["planHash"]


def test_a_lock_is_the_guards_word_in_the_plan(world: World) -> None:
    file = world.captured()
    lock = f"{world.plan.storage}/providers/Microsoft.Authorization/locks/keep"
    world.does("PATCH", world.plan.storage, OPEN)
    world.does("PUT", lock, {"properties": {"level": "ReadOnly"}})
    done = world.relink("plan", str(file))
    assert done.exit_code == 2
    assert "guards: Blocked" in done.stdout
    assert "keep" in done.stdout


def test_a_broken_environment_comes_back_and_is_captured_as_before(world: World) -> None:
    file = world.captured()
    before = file.read_text()
    break_much(world)
    done = world.relink("reconcile", str(file), "--yes")
    assert done.exit_code == 0, done.output
    assert "prod-mlw: Repaired" in done.stdout
    for compute in ("k8s-a", "k8s-b"):
        seen = world.cloud.inspect(f"{world.plan.workspace}/computes/{compute}")
        assert seen is not None
        assert seen["alive"]
    assert world.captured("again.yaml").read_text() == before


def test_a_second_run_writes_nothing(world: World) -> None:
    file = world.captured()
    world.does("DELETE", world.endpoint("blob"))
    assert world.relink("reconcile", str(file), "--yes").exit_code == 0
    world.cloud.exchanges.clear()
    done = world.relink("reconcile", str(file), "--yes")
    assert done.exit_code == 0, done.output
    assert world.cloud.writes() == []


def test_every_run_leaves_a_record_in_the_folder_it_was_started_in(world: World) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.storage, OPEN)
    assert world.relink("reconcile", str(file)).exit_code == 0
    (record,) = Records(FolderStore(world.folder / ".relink/records"), now).runs("prod-mlw")
    assert record["outcome"] == "Repaired"
    assert record["trigger"]["by"].endswith("command line)")


def test_nothing_is_destroyed_where_nobody_can_be_asked(world: World) -> None:
    file = world.captured()
    break_much(world)
    world.cloud.exchanges.clear()
    done = world.relink("reconcile", str(file))
    assert done.exit_code == 1
    assert "nobody can be asked here" in done.stderr
    assert "Replace private endpoint prod-aks-pe" in done.stderr
    assert world.cloud.writes() == []


def test_what_destroys_nothing_needs_no_question(world: World) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.storage, OPEN)
    done = world.relink("reconcile", str(file))
    assert done.exit_code == 0, done.output
    assert world.body(world.plan.storage)["properties"]["publicNetworkAccess"] == "Disabled"


@pytest.mark.parametrize("answer", ["y\n", "n\n"], ids=["agreed", "declined"])
def test_a_person_is_asked_before_anything_is_destroyed(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    file = world.captured()
    world.does("POST", f"{world.plan.cluster}/stop")
    world.does("POST", f"{world.plan.cluster}/start")
    world.cloud.exchanges.clear()
    monkeypatch.setattr(command, "can_ask", lambda: True)
    done = world.relink("reconcile", str(file), answer=answer)
    assert "Repair prod-mlw?" in done.output
    assert done.exit_code == (0 if answer == "y\n" else 1), done.output
    assert bool(world.cloud.writes()) is (answer == "y\n")


def test_only_the_named_remediators_run(world: World) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.storage, OPEN)
    world.does("DELETE", world.endpoint("vault"))
    done = world.relink("reconcile", str(file), "--only", "network_access")
    assert done.exit_code == 0, done.output
    assert world.cloud.get(world.endpoint("vault")) is None
    assert world.relink("plan", str(file)).exit_code == 2


def test_an_unknown_remediator_is_refused(world: World) -> None:
    done = world.relink("reconcile", str(world.captured()), "--only", "everything")
    assert done.exit_code == 64
    assert "--only: found 'everything', allowed: " in done.stderr


@pytest.mark.parametrize("where", ["variable", "manifest"])
def test_observe_plans_and_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    file = world.captured()
    if where == "variable":
        monkeypatch.setenv("RELINK_MODE", "observe")
    else:
        file.write_text(file.read_text().replace("mode: remediate", "mode: observe"))
    world.does("PATCH", world.plan.storage, OPEN)
    world.cloud.exchanges.clear()
    done = world.relink("reconcile", str(file), "--yes")
    assert done.exit_code == 2
    assert "Planned (ObserveMode)" in done.stdout
    assert world.cloud.writes() == []


@pytest.mark.parametrize(
    ("agreeing", "status"), [(["--yes"], 0), ([], 2)], ids=["agreed", "nobody-asked"]
)
def test_mode_approve_waits_for_a_person_who_may_be_at_the_command_line(
    world: World, agreeing: list[str], status: int
) -> None:
    file = world.captured()
    file.write_text(file.read_text().replace("mode: remediate", "mode: approve"))
    world.does("PATCH", world.plan.storage, OPEN)
    world.cloud.exchanges.clear()
    done = world.relink("reconcile", str(file), *agreeing)
    assert done.exit_code == status, done.output
    assert bool(world.cloud.writes()) is bool(agreeing)
    if not agreeing:
        assert "AwaitingApproval" in done.stdout


def test_a_refused_step_fails_the_run_and_the_others_go_on(world: World) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.storage, OPEN)
    world.does("PATCH", world.plan.vault, OPEN)
    fault = Fault(
        Mischief.ERROR, method="PATCH", path="vaults", status=400, code="VaultIsOdd", times=None
    )
    world.cloud.add_fault(fault)
    try:
        done = world.relink("reconcile", str(file))
    finally:
        world.cloud.clear_faults()
    assert done.exit_code == 1, done.output
    assert "VaultIsOdd" in done.output
    assert world.body(world.plan.storage)["properties"]["publicNetworkAccess"] == "Disabled"


def test_drift_that_nobody_may_repair_remains_and_nothing_failed(world: World) -> None:
    file = world.captured()
    lock = f"{world.plan.storage}/providers/Microsoft.Authorization/locks/keep"
    world.does("PATCH", world.plan.storage, OPEN)
    world.does("PUT", lock, {"properties": {"level": "ReadOnly"}})
    done = world.relink("reconcile", str(file))
    assert done.exit_code == 2
    assert "Blocked" in done.stdout


def test_a_run_of_somebody_else_is_respected(world: World) -> None:
    file = world.captured()
    records = Records(FolderStore(world.folder / ".relink/records"), now)
    records.acquire_lease("prod-mlw", "the app", 600)
    world.does("PATCH", world.plan.storage, OPEN)
    world.cloud.exchanges.clear()
    done = world.relink("reconcile", str(file), "--yes")
    assert done.exit_code == 1
    assert "'the app' works on this environment until" in done.stderr
    assert world.cloud.writes() == []


def test_an_interrupted_run_finishes_what_it_began_and_the_next_goes_on(world: World) -> None:
    file = world.captured()
    world.restart()
    stopped = threading.Event()

    def interrupt(event: dict[str, object]) -> None:
        """Ctrl-C as soon as an endpoint is gone: in the middle of its replacement."""
        if "privateEndpoints/delete" in str(event) and not stopped.is_set():
            stopped.set()
            os.kill(os.getpid(), signal.SIGINT)

    world.cloud.subscribe_in_process(interrupt)
    done = world.relink("reconcile", str(file), "--yes")
    assert stopped.is_set()
    assert done.exit_code == 2, done.output
    assert "interrupted: what has begun is finished" in done.stderr
    assert "Repaired  EndpointDisconnected" in done.stdout
    assert "Deferred (Interrupted)  EndpointDisconnected" in done.stdout
    for endpoint in (world.endpoint("aks", "hub"), second(world)):
        assert world.cloud.get(endpoint) is not None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = world.relink("reconcile", str(file), "--yes")
    assert again.exit_code == 0, again.output
    seen = world.cloud.inspect(f"{world.plan.workspace}/computes/k8s-a")
    assert seen is not None
    assert seen["alive"]


def second(world: World) -> str:
    """The endpoint to the API server in the second network."""
    return world.plan.id("hub-2", "Microsoft.Network/privateEndpoints/prod-aks-pe-2")


def test_a_manifest_with_problems_is_not_acted_on(world: World) -> None:
    file = world.captured()
    file.write_text(file.read_text().replace("defaultAction: Deny", "defaultAction: Maybe", 1))
    for name in ("plan", "reconcile"):
        done = world.relink(name, str(file))
        assert done.exit_code == 1
        assert f"{file} cannot be used:" in done.stderr
        assert "storageAccounts[0].defaultAction" in done.stderr


def test_a_person_without_any_permission_gets_no_plan(world: World) -> None:
    file = world.captured()
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action="*"))
    try:
        done = world.relink("plan", str(file))
    finally:
        world.cloud.clear_faults()
    assert done.exit_code == 1
    assert "nothing of 'prod-mlw' could be read" in done.stderr


def test_records_go_where_they_are_told(world: World, tmp_path: Path) -> None:
    file = world.captured()
    elsewhere = tmp_path / "elsewhere"
    assert world.relink("reconcile", str(file), "--records", str(elsewhere)).exit_code == 0
    assert Records(FolderStore(elsewhere), now).runs("prod-mlw")
    assert not (file.parent / ".relink").exists()
