"""With ``--json`` standard output is one document, and everything for people is on standard error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import Result

from tests.cli.world import World

OPEN = {"properties": {"publicNetworkAccess": "Enabled"}}


def document(done: Result) -> Any:  # noqa: ANN401 - JSON
    """The one document; whatever else was said is on standard error."""
    return json.loads(done.stdout)


def test_a_capture_as_json_holds_the_manifest_and_what_a_person_should_know(world: World) -> None:
    world.does("PATCH", world.plan.storage, OPEN)
    done = world.relink("capture", "-w", world.plan.workspace, "--json")
    assert done.exit_code == 0, done.output
    told = document(done)
    assert told["manifest"].startswith("# yaml-language-server")
    assert told["file"] is None
    assert [each["resource"] for each in told["remarks"]] == [world.plan.storage]
    assert told["unread"] == []
    assert told["sections"]["privateEndpoints"] == 7


def test_all_captures_as_json_are_a_list_of_files(world: World) -> None:
    done = world.relink("capture", "--all", "--out", str(world.folder / "all"), "--json")
    assert done.exit_code == 0, done.output
    (told,) = document(done)
    assert told["manifest"] is None
    assert told["file"].endswith("prod-mlw.yaml")


def test_an_update_asks_a_person_and_is_no_document(world: World) -> None:
    file = world.captured()
    done = world.relink("capture", "--update", str(file), "--json")
    assert done.exit_code == 64
    assert "relink diff FILE --json" in done.stderr


def test_a_reconcile_as_json_is_the_runs_record(world: World) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.storage, OPEN)
    done = world.relink("reconcile", str(file), "--json")
    assert done.exit_code == 0, done.output
    record = document(done)
    assert record["outcome"] == "Repaired"
    assert [told["kind"] for told in record["outcomes"]] == ["Repaired"]
    assert "PublicAccessEnabled" in done.stderr, "what is asked about is shown to the person"


def test_a_graph_as_json_has_boxes_and_lines(world: World) -> None:
    told = document(world.relink("graph", str(world.captured()), "--json"))
    boxes = {box["id"] for box in told["boxes"]}
    assert world.plan.cluster in boxes
    assert all({line["from"], line["to"]} <= boxes for line in told["lines"])


@pytest.mark.slow
def test_a_rehearsal_as_json_says_how_each_incident_ended(world: World) -> None:
    file = world.captured()
    done = world.relink("rehearse", str(file), "--incident", "endpoint-deleted", "--json")
    assert done.exit_code == 0, done.output
    told = document(done)
    (played,) = told["played"]
    assert (played["incident"], played["good"], played["outcome"]) == (
        "endpoint-deleted",
        True,
        "Repaired",
    )
    assert played["hurt"]
