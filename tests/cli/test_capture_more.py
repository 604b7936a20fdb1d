"""``relink capture --all`` and ``--update``: workspaces that nobody named, changes that were meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.comparing import compare
from cli.finding import group
from cli.updating import rewritten
from shared.manifests import parse_manifest
from shared.model.actual import Actual
from shared.model.resource_id import ResourceId
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan
from tests.capture.live import CLUSTER, WORKSPACE, Answers
from tests.cli.world import World
from tests.shared.declared import manifest

OPEN = {"properties": {"publicNetworkAccess": "Enabled"}}


def test_capture_all_writes_a_manifest_an_environment(world: World) -> None:
    world.cloud.load(private_inference(prefix="lab", computes=1))
    folder = world.folder / "environments"
    done = world.relink("capture", "--all", "--out", str(folder))
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in folder.glob("*.yaml")) == ["lab-mlw.yaml", "prod-mlw.yaml"]
    assert (folder / "prod-mlw.yaml").read_text() == world.captured().read_text()
    checked = world.relink("validate", *(str(file) for file in folder.glob("*.yaml")))
    assert checked.exit_code == 0, checked.output
    again = world.relink("capture", "--all", "--out", str(folder))
    assert "exists and is left alone" in again.stderr


def test_workspaces_that_share_a_cluster_are_one_environment() -> None:
    other = ResourceId.parse(f"{WORKSPACE}-2")
    alone = ResourceId.parse(f"{WORKSPACE}-3")
    answers = Answers()
    for each in (other, alone):
        answers.get(each, {"properties": {}})
    elsewhere = str(CLUSTER) + "-2"
    answers.list(other, "computes", [{"properties": {"resourceId": str(CLUSTER).upper()}}])
    answers.list(alone, "computes", [{"properties": {"resourceId": elsewhere}}])
    found = group([WORKSPACE, other, alone], Actual(dict(answers.said)))
    assert found == ((WORKSPACE, other), (alone,))


def test_several_workspaces_are_captured_into_one_manifest(world: World) -> None:
    world.cloud.load(private_inference(prefix="lab", computes=1))
    lab = Plan("lab").workspace
    done = world.relink("capture", "-w", world.plan.workspace, "-w", lab, "--name", "both")
    assert done.exit_code == 0, done.output
    environment = parse_manifest(done.stdout, "both.yaml")
    assert [w.id.name for w in environment.workspaces] == ["lab-mlw", "prod-mlw"]
    assert len(environment.clusters) == 2


def test_a_compute_of_another_workspace_on_a_captured_cluster_is_named(world: World) -> None:
    more = private_inference(prefix="lab", computes=1)
    for each in more:
        if "/computes/k8s" in each["id"]:
            each["properties"]["resourceId"] = world.plan.cluster
    world.cloud.load(more)
    lab = Plan("lab").workspace
    done = world.relink("capture", "-w", world.plan.workspace)
    assert done.exit_code == 0, done.output
    assert f"{lab}/computes/k8s-a is attached from a captured cluster" in done.stderr
    assert f"add --workspace {lab}" in done.stderr
    both = world.relink("capture", "-w", world.plan.workspace, "-w", lab)
    assert "attached from a captured cluster" not in both.stderr


def test_an_update_without_anybody_to_ask_shows_and_changes_nothing(world: World) -> None:
    file = world.captured()
    before = file.read_text()
    assert world.relink("capture", "--update", str(file)).exit_code == 0
    world.does("PATCH", world.plan.storage, OPEN)
    done = world.relink("capture", "--update", str(file))
    assert done.exit_code == 2
    assert "    - Disabled\n    + Enabled" in done.stdout
    assert file.read_text() == before


def test_an_accepted_change_is_taken_over_and_nothing_else_is_touched(world: World) -> None:
    file = world.captured()
    text = file.read_text().replace("mode: remediate", "mode: observe  # until Friday")
    file.write_text(text)
    world.does("PATCH", world.plan.storage, OPEN)
    done = world.relink("capture", "--update", str(file), "--yes")
    assert done.exit_code == 0, done.output
    lines = [
        (old, new)
        for old, new in zip(text.splitlines(), file.read_text().splitlines(), strict=True)
        if old != new
    ]
    assert lines == [("    publicNetworkAccess: Disabled", "    publicNetworkAccess: Enabled")]
    assert world.relink("diff", str(file), "live").exit_code == 0


def test_what_could_not_be_read_is_not_taken_for_gone(world: World) -> None:
    from simulator.faults import Fault, Mischief  # noqa: PLC0415 - this test alone breaks reads

    file = world.captured()
    before = file.read_text()
    action = "Microsoft.Network/privateEndpoints/read"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    try:
        done = world.relink("capture", "--update", str(file), "--yes")
    finally:
        world.cloud.clear_faults()
    assert done.exit_code == 2
    assert "that seem to be gone are kept, as not all was read" in done.stderr
    assert parse_manifest(file.read_text(), "x").private_endpoints == (
        parse_manifest(before, "x").private_endpoints
    )


def test_comments_and_order_survive_an_accepted_difference() -> None:
    text = "# by hand\n" + manifest()
    before = parse_manifest(text, "a.yaml")
    other = manifest(("location: westeurope", "location: northeurope"))
    taken = compare(before, parse_manifest(other, "b.yaml"), whole=False)
    fresh = rewritten(text, taken)
    assert fresh.startswith("# by hand\n")
    assert parse_manifest(fresh, "c.yaml") == parse_manifest(other, "b.yaml")
    assert len(fresh.splitlines()) == len(text.splitlines())


def test_an_accepted_addition_and_removal_are_written() -> None:
    text = manifest()
    before = parse_manifest(text, "a.yaml")
    kept = before.private_endpoints[1:]
    after = before.model_copy(update={"private_endpoints": kept})
    without = rewritten(text, compare(before, after, whole=False))
    assert parse_manifest(without, "b.yaml").private_endpoints == kept
    back = rewritten(without, compare(after, before, whole=False))
    assert {e.id for e in parse_manifest(back, "c.yaml").private_endpoints} == {
        e.id for e in before.private_endpoints
    }


@pytest.mark.parametrize("arguments", [(), ("--all", "--update", "x.yaml")], ids=["none", "two"])
def test_capture_wants_to_be_told_what_to_capture(world: World, arguments: tuple[str, ...]) -> None:
    done = world.relink("capture", *arguments)
    assert done.exit_code == 64
    assert "one of --workspace, --all and --update" in done.stderr


def test_the_schema_lies_beside_what_was_captured(world: World) -> None:
    file = world.captured()
    first = file.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=environment.schema.json"
    published = Path(__file__).parents[2] / "docs/environment.schema.json"
    assert (file.parent / "environment.schema.json").read_text() == published.read_text()
