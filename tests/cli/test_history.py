"""``relink diff``, ``graph``, ``explain``, ``runs`` and ``show``: what reads and never writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands.explain import _GUARDS
from cli.main import app
from tests.cli.world import World, parsed
from tests.shared.declared import manifest

ROOT = Path(__file__).parents[2]
OPEN = {"properties": {"publicNetworkAccess": "Enabled"}}

pytestmark = [
    pytest.mark.usefixtures("shell"),
    pytest.mark.filterwarnings(
        "ignore", "error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning"
    ),
]


def relink(*arguments: str) -> Result:
    """Run a command that needs no Azure."""
    return CliRunner().invoke(app, list(arguments))


def written(folder: Path, name: str, *edits: tuple[str, str]) -> str:
    """The path of the test manifest with edits."""
    file = folder / name
    file.write_text(manifest(*edits))
    return str(file)


def test_two_manifests_that_say_the_same_do_not_differ(tmp_path: Path) -> None:
    before = written(tmp_path, "a.yaml")
    after = written(tmp_path, "b.yaml", ("Microsoft.Storage", "microsoft.storage"))
    done = relink("diff", before, after)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "nothing differs" in done.stderr


def test_two_manifests_differ_field_by_field(tmp_path: Path) -> None:
    before = written(tmp_path, "a.yaml")
    after = written(
        tmp_path, "b.yaml", ("name: prod\n", "name: second\n"), ("trustedServices: true", "")
    )
    done = relink("diff", before, after, "--json")
    assert done.exit_code == 2
    told = parsed(done)
    assert ("name", "prod", "second") in [(d["field"], d["before"], d["after"]) for d in told]
    (trusted,) = [d for d in told if d["field"] == "trustedServices"]
    assert (trusted["section"], trusted["before"], trusted["after"]) == (
        "storageAccounts",
        True,
        None,
    )


def test_live_differs_from_the_manifest_where_somebody_changed_it(world: World) -> None:
    file = world.captured()
    assert world.relink("diff", str(file), "live").exit_code == 0
    world.does("PATCH", world.plan.storage, OPEN)
    world.does("DELETE", world.endpoint("blob"))
    world.cloud.exchanges.clear()
    done = world.relink("diff", str(file), "live")
    assert done.exit_code == 2
    assert "storageAccounts  prodmlst" in done.stdout
    assert "    - Disabled\n    + Enabled" in done.stdout
    assert "privateEndpoints  prod-blob-pe" in done.stdout
    assert "only in A" in done.stdout
    assert world.cloud.writes() == []


def test_live_cannot_be_compared_with_itself() -> None:
    done = relink("diff", "live", "live")
    assert done.exit_code == 1
    assert "one of them is a manifest" in done.stderr


def test_a_graph_shows_what_leads_to_what(tmp_path: Path) -> None:
    done = relink("graph", written(tmp_path, "prod.yaml"))
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "flowchart LR"
    key = {
        name: re.search(rf'(n\d+)\W+"{name}', done.stdout)
        for name in ("pe-aks", "aks", "inference", "vnet", "mlstore", "pe-blob")
    }
    assert all(key.values()), key
    found = {name: match[1] for name, match in key.items() if match}
    assert f"  {found['pe-aks']} --> {found['aks']}" in lines
    assert f"  {found['pe-blob']} --> {found['mlstore']}" in lines
    assert f"  {found['inference']} -->|attached from| {found['aks']}" in lines


def test_every_part_of_a_captured_environment_is_in_its_graph(world: World) -> None:
    file = world.captured()
    shown = world.relink("graph", str(file)).stdout
    for name in ("prod-aks-pe-2", "prod-hub-2-vnet", "prod-mlw", "k8s-b", "prodmlacr", "prod-mlkv"):
        assert f'"{name}' in shown


@pytest.mark.parametrize("word", ["EndpointStale", "endpoint_stale", "endpoint-stale"])
def test_a_reason_is_explained_in_any_casing(word: str) -> None:
    done = relink("explain", word)
    assert done.exit_code == 0
    assert "EndpointStale  (cluster_endpoint)" in done.stdout
    assert "made before the cluster's last restart" in done.stdout


def test_a_reason_of_several_remediators_is_explained_for_each() -> None:
    told = parsed(relink("explain", "EndpointMissing", "--json"))
    assert [entry["of"] for entry in told] == ["private_endpoint", "cluster_endpoint"]


def test_a_misspelt_reason_gets_a_suggestion() -> None:
    done = relink("explain", "EndpointStail")
    assert done.exit_code == 1
    assert "did you mean: EndpointStale" in done.stderr


def test_every_word_of_the_guards_is_explained() -> None:
    text = "".join((ROOT / f"shared/{name}.py").read_text() for name in ("guards", "remaking"))
    said = set(re.findall(r'(?:OutcomeKind\.\w+|kind), "([A-Z]\w+)"', text))
    said |= set(re.findall(r'return "([A-Z][a-z]+[A-Z]\w+)", ', text))
    said -= {"TargetGone"}
    assert said
    assert said <= set(_GUARDS)


def test_runs_are_listed_and_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.storage, OPEN)
    assert world.relink("reconcile", str(file), "--yes").exit_code == 0
    monkeypatch.chdir(world.folder)
    (row,) = parsed(world.relink("runs", "--json"))
    assert (row["environment"], row["outcome"], row["cause"]) == ("prod-mlw", "Repaired", "manual")
    plain = world.relink("runs", "--environment", "prod-mlw")
    assert row["id"] in plain.stdout
    for wanted in ("last", row["id"], row["id"][:8]):
        done = world.relink("show", wanted)
        assert done.exit_code == 0, done.output
        assert "PatchResource prodmlst" in done.stdout
        assert "Repaired  PublicAccessEnabled  prodmlst" in done.stdout
    whole = json.loads(world.relink("show", "last", "--json").stdout)
    assert whole["id"] == row["id"]
    missing = world.relink("show", "none-such")
    assert missing.exit_code == 1
    assert "no run is called 'none-such'" in missing.stderr


def test_no_records_are_no_stack_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = relink("runs")
    assert done.exit_code == 1
    assert f"no records: the folder {tmp_path / '.relink/records'} does not exist" in done.stderr


def test_runs_tells_what_was_set_aside(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "newest").mkdir()
    (tmp_path / "newest/1~run-1.json").write_text("{}")
    (tmp_path / "runs/run-1.json").write_text("{")
    done = relink("runs", "--records", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "runs/run-1.json" in done.stderr.replace("\n", "")
