"""``relink rehearse``: incidents on a copy of the environment, and the report of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.comparing import compare
from cli.main import app
from cli.rehearsal.incidents import INCIDENTS
from cli.rehearsal.picture import draw
from cli.rehearsal.play import copy_of
from cli.rehearsal.report import html, markdown
from cli.rehearsal.story import Hurt, Played, Story, hurts
from cli.topology import topology_of
from cli.world import world_of
from shared.manifests import parse_manifest
from shared.model.resource_id import ResourceId
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from tests.shared.declared import BLOB_ENDPOINT, CLUSTER_ENDPOINT, STORAGE, manifest

BLOB, AKS = ResourceId.parse(BLOB_ENDPOINT), ResourceId.parse(CLUSTER_ENDPOINT)
BEGAN = datetime(2026, 11, 1, 9, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("shell")


def relink(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, list(arguments))


def written(folder: Path, *edits: tuple[str, str]) -> str:
    """The path of the test manifest with edits."""
    file = folder / "prod.yaml"
    file.write_text(manifest(*edits))
    return str(file)


def told(*hurt: Hurt, problems: tuple[str, ...] = ()) -> Story:
    """A story of one incident, and of one that could not be played."""
    played = Played(
        "endpoint-deleted", "An <endpoint> | is deleted", "as before", "Repaired", 2, 4.2, hurt,
        problems, ("  1.0 s  event <b>",),
    )  # fmt: skip
    skipped = Played("cluster-restart", "A restart", "as before", skipped="no cluster")
    return Story("prod", "abc", 60.0, (played, skipped), ("left out: an Arc cluster",))


def record(at: str, kind: str, ended: str = "") -> dict[str, object]:
    """A run's record, as far as a story reads it."""
    finding = {"reason": "EndpointMissing", "resource": BLOB_ENDPOINT, "key": "k"}
    timings = [{"endedAt": ended}] if ended else []
    return {
        "rounds": [{"at": at, "plan": {"units": [{"id": "u", "findings": ["k"]}]}}],
        "outcomes": [{"kind": kind, "finding": finding}],
        "units": [{"unit": "u", "timings": timings}],
    }


@pytest.mark.slow
def test_incidents_on_a_copy_end_as_they_should_and_are_reported(tmp_path: Path) -> None:
    names = ("endpoint-deleted", "worker-killed", "group-deleted")
    chosen = [word for name in names for word in ("--incident", name)]
    report = tmp_path / "report"
    done = relink("rehearse", written(tmp_path), *chosen, "--plain", "--report", str(report))
    assert done.exit_code == 0, done.output
    for name in names:
        assert f"✔ {name}" in done.stdout
    text = (report / "report.md").read_text()
    assert "3 of 3 incidents ended as they should" in text
    assert "EndpointMissing" in text
    page = (report / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "pe-blob" in page


@pytest.mark.slow
def test_an_incident_that_relink_may_not_repair_is_a_failed_rehearsal(tmp_path: Path) -> None:
    file = written(tmp_path, ("name: prod\n", "name: prod\nmaxDestructiveUnits: 0\n"))
    done = relink("rehearse", file, "--incident", "cluster-restart", "--plain")
    assert done.exit_code == 1, done.output
    assert "✘ cluster-restart" in done.stdout
    assert "ended Blocked" in done.stdout


def test_an_unknown_incident_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = relink("rehearse", written(tmp_path), "--incident", "earthquake")
    assert done.exit_code == 64
    assert "found 'earthquake'" in done.stderr
    assert "cluster-restart, endpoint-deleted" in done.stderr


def test_every_incident_is_named_in_the_help() -> None:
    shown = " ".join(relink("rehearse", "--help").stdout.split())
    assert all(each.name in shown for each in INCIDENTS)


def test_a_copy_is_played_without_mode_and_window_and_says_so() -> None:
    text = manifest(
        ("name: prod\n", "name: prod\nmode: observe\nwindow: {start: '01:00', end: '02:00'}\n")
    )
    declared = parse_manifest(text, "prod.yaml")
    copied, notes = copy_of(declared)
    assert copied.mode == "remediate"
    assert copied.window is None
    assert any("mode: observe" in note for note in notes)
    assert {d.section for d in compare(declared, copied, whole=True)} == {""}


def test_a_copy_keeps_arc_computes() -> None:
    aks, arc = (
        "Microsoft.ContainerService/managedClusters",
        "Microsoft.Kubernetes/connectedClusters",
    )
    text = manifest((aks, arc))
    declared = parse_manifest(text, "prod.yaml")
    copied, _ = copy_of(declared)
    assert copied.computes == declared.computes
    cloud = Cloud(VirtualClock(datetime(2026, 11, 2, tzinfo=UTC)))
    cloud.load(list(world_of(copied).resources))
    assert cloud.get(copied.computes[0].id.text) is not None


def test_a_copy_leaves_endpoints_to_unknown_targets_out_and_names_them() -> None:
    server = STORAGE.replace("Microsoft.Storage/storageAccounts", "Microsoft.Sql/servers")
    lead = "privateLinkServiceId: "
    copied, notes = copy_of(
        parse_manifest(manifest((f"{lead}{STORAGE}", f"{lead}{server}")), "prod.yaml")
    )
    assert [e.id.text for e in copied.private_endpoints] == [CLUSTER_ENDPOINT]
    assert any("its target is not simulated" in note for note in notes)


def test_a_resource_is_back_when_the_last_run_repaired_it() -> None:
    records = [
        record("2026-11-01T09:00:02+00:00", "Deferred"),
        record("2026-11-01T09:00:08+00:00", "Repaired", "2026-11-01T09:00:11+00:00"),
    ]
    (hurt,) = hurts(records, BEGAN)
    assert (hurt.found_after, hurt.back_after, hurt.outcome) == (2.0, 11.0, "Repaired")
    (broken,) = hurts(records[:1], BEGAN)
    assert (broken.back_after, broken.outcome) == (None, "Deferred")


def test_a_suspicion_that_was_refuted_hurt_nothing() -> None:
    assert hurts([record("2026-11-01T09:00:02+00:00", "NotNeeded")], BEGAN) == ()


def test_the_picture_shows_what_broke_and_what_came_back() -> None:
    topology = topology_of(parse_manifest(manifest(), "prod.yaml"))
    hurt = {
        BLOB: Hurt(BLOB, ("EndpointMissing",), 1.0, 9.0, "Repaired"),
        AKS: Hurt(AKS, ("EndpointStale",), 1.0, None, "Blocked"),
    }
    picture = draw(topology, hurt)
    root = ET.fromstring(picture)  # noqa: S314 - our own picture
    words = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    for name in ("pe-blob", "pe-aks", "aks", "inference", "vnet", "mlstore"):
        assert name in words
    assert "back after 9 s" in words
    assert "Blocked" in words
    assert "#cf222e" in picture
    assert "#cf222e" not in draw(topology, {})


def test_the_report_escapes_what_it_shows_and_names_what_was_not_played() -> None:
    story = told(Hurt(BLOB, ("EndpointMissing",), 1.0, 9.0, "Repaired"))
    page = html(story, topology_of(parse_manifest(manifest(), "prod.yaml")))
    assert "An &lt;endpoint&gt;" in page
    assert "event &lt;b&gt;" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    text = markdown(story)
    assert "An <endpoint> \\| is deleted | as it should | Repaired | 2 | 4.2 |" in text
    assert "| privateEndpoints pe-blob | EndpointMissing | 1.0 s | 9.0 s |".lower() in text.lower()
    assert "Not played: no cluster." in text
    assert "left out: an Arc cluster" in text


def test_a_story_is_good_only_if_something_was_played_and_nothing_went_wrong() -> None:
    assert told().good
    assert not told(problems=("it is still gone",)).good
    assert not Story("prod", "abc", 60.0, told().played[1:]).good
