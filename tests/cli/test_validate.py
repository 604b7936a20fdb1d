"""``relink validate`` and ``relink schema``: what is wrong, where, and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.shared.declared import OWNER, line_of, manifest

pytestmark = pytest.mark.usefixtures("shell")


def relink(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, list(arguments))


def written(folder: Path, text: str, name: str = "prod.yaml") -> str:
    """The path of a manifest with this text."""
    file = folder / name
    file.write_text(text)
    return str(file)


def test_a_valid_manifest_says_so_on_standard_error(tmp_path: Path) -> None:
    done = relink("validate", written(tmp_path, manifest()))
    assert done.exit_code == 0
    assert "environment 'prod' is valid" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("trustedServices: true", "trustedServices: 'yes'", "storageAccounts[0]", "valid boolean"),
        ("zoneGroup:", "zonegroup:", "privateEndpoints[0].zonegroup", "did you mean 'zoneGroup'?"),
        ("groupIds: [blob]", "groupIds: [blob", "", "is not YAML"),
        ("7f951dda-4ed3-4680-a7ca-43fe172d538d", OWNER, "roles[0].role", "AcrPull"),
        ("name: prod", "name: all", "name", "none of all"),
    ],
    ids=["wrong-type", "misspelt-key", "no-yaml", "forbidden-role", "taken-name"],
)
def test_a_problem_has_file_line_column_and_field(
    tmp_path: Path, old: str, new: str, field: str, words: str
) -> None:
    text = manifest((old, new))
    file = written(tmp_path, text)
    done = relink("validate", file)
    assert done.exit_code == 1
    assert f"{file}:" in done.stderr
    assert field in done.stderr
    assert words in done.stderr
    if field:
        last = new.splitlines()[0]
        assert f"{file}:{line_of(text, last)}:" in done.stderr


def test_an_id_outside_of_the_scopes_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/other"
    monkeypatch.setenv("RELINK_SCOPES", scope)
    done = relink("validate", written(tmp_path, manifest()))
    assert done.exit_code == 1
    assert "is outside of RELINK_SCOPES" in done.stderr


def test_two_manifests_that_own_one_resource_are_a_problem_of_both(tmp_path: Path) -> None:
    first = written(tmp_path, manifest())
    second = written(tmp_path, manifest(name="second"), "second.yaml")
    done = relink("validate", first, second)
    assert done.exit_code == 1
    assert f"is owned by {second} as well" in done.stderr
    assert f"is owned by {first} as well" in done.stderr
    assert relink("validate", first).exit_code == 0


def test_problems_as_json(tmp_path: Path) -> None:
    file = written(tmp_path, manifest(("kind: Environment", "kind: Environmental")))
    done = relink("validate", file, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["valid"] is False
    (problem,) = told["problems"]
    assert problem["file"] == file
    assert (problem["line"], problem["field"]) == (2, "kind")
    assert problem["found"] == "'Environmental'"


@pytest.mark.parametrize(
    ("name", "words"),
    [("none.yaml", "no such file"), ("prod.json", "ends with .yaml or .yml")],
    ids=["missing", "other-name"],
)
def test_what_is_no_manifest_file_is_refused(tmp_path: Path, name: str, words: str) -> None:
    file = tmp_path / name
    if name == "prod.json":
        file.write_text("{}")
    done = relink("validate", str(file))
    assert done.exit_code == 1
    assert words in done.stderr


def test_the_schema_knows_every_section(tmp_path: Path) -> None:
    done = relink("schema")
    assert done.exit_code == 0
    assert {"workspaces", "privateEndpoints", "computes"} <= set(
        json.loads(done.stdout)["properties"]
    )
    assert not list(tmp_path.iterdir())


def test_the_published_schema_is_the_one_in_force() -> None:
    """Out of step: relink schema > docs/environment.schema.json."""
    published = Path(__file__).parents[2] / "docs/environment.schema.json"
    assert published.read_text() == relink("schema").stdout
