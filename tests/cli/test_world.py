"""The world that a rehearsal plays in: it is what the manifest declares."""

from __future__ import annotations

import json
from pathlib import Path

from cli.world import world_of
from shared.manifests import parse_manifest
from shared.model.resource_id import ResourceId
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.sandbox import START
from tests.cli.capturing import captured
from tests.cli.world import World
from tests.e2e.catalogue import whole
from tests.shared.declared import manifest


def loaded(text: str) -> Cloud:
    """A simulated Azure with the world of a manifest in it."""
    cloud = Cloud(VirtualClock(START))
    cloud.load(list(world_of(parse_manifest(text, "prod.yaml")).resources))
    return cloud


def test_a_hand_written_manifest_becomes_a_world(shell: None) -> None:
    del shell
    cloud = loaded(manifest())
    environment = parse_manifest(manifest(), "prod.yaml")
    for part in environment.parts():
        assert cloud.get(part.id.text) is not None, part.id
    for compute in environment.computes:
        seen = cloud.inspect(compute.id.text)
        assert seen is not None
        assert seen["alive"]


def test_the_world_of_a_captured_manifest_is_captured_as_the_same_manifest(world: World) -> None:
    file = world.captured()
    before = file.read_text()
    made = world_of(parse_manifest(before, "prod.yaml"))
    assert made.left_out == ()
    world.cloud.restore(Cloud(world.cloud.context.clock).snapshot())
    world.cloud.load(json.loads(json.dumps(made.resources)))
    assert world.captured("again.yaml").read_text() == before
    assert world.relink("plan", str(file)).exit_code == 0


def test_the_world_of_everything_that_can_be_declared_is_captured_as_the_same_manifest(
    tmp_path: Path,
) -> None:
    stage = whole(tmp_path)
    workspaces = [ResourceId.parse(stage.ids.workspace)]
    before = captured(stage, workspaces)
    made = world_of(parse_manifest(before, "prod.yaml"))
    assert made.left_out == ()
    stage.cloud.restore(Cloud(stage.clock).snapshot())
    stage.cloud.load(json.loads(json.dumps(made.resources)))
    assert captured(stage, workspaces) == before
    assert stage.run()["outcome"] == "InSync"
