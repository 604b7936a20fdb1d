"""``relink world``: the copy that a manifest gives is captured as the same manifest again."""

import json

import pytest

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from tests.cli.world import World


def test_a_world_file_is_served_as_a_copy_of_the_environment(world: World) -> None:
    manifest, file = world.captured(), world.folder / "world.json"
    done = world.relink("world", str(manifest), "--out", str(file))
    assert done.exit_code == 0, done.output
    copy = Cloud(SystemClock())
    copy.load(json.loads(file.read_text(encoding="utf-8")))
    for resource in (world.plan.workspace, world.plan.cluster, world.endpoint("blob")):
        found = copy.get(resource)
        assert found is not None
        assert found["properties"]["provisioningState"] == "Succeeded"


def test_without_a_file_the_world_goes_to_the_terminal(world: World) -> None:
    done = world.relink("world", str(world.captured()))
    assert world.plan.workspace in {r["id"] for r in json.loads(done.stdout)}


@pytest.mark.parametrize("text", ["apiVersion: relink/v2\n", "- no manifest\n"])
def test_what_is_no_manifest_is_an_error(world: World, text: str) -> None:
    file = world.folder / "bad.yaml"
    file.write_text(text, encoding="utf-8")
    assert world.relink("world", str(file)).exit_code == 1
