"""The gate: the same commands by hand, in .ci/run and in the workflow; the workflow is pinned and may only read."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
GATE = ["make setup", "make check", "make test"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def make(*arguments: str) -> str:
    """What make prints. The variables of a make that runs these tests are kept from it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    environment.pop("MFLAGS", None)
    ran = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout


def test_the_local_gate_runs_set_up_checks_and_tests_in_this_order() -> None:
    steps = re.findall(r"^step (make \w+)", read(".ci/run"), flags=re.MULTILINE)
    assert [step for step in steps if step in GATE] == GATE


def test_the_workflow_runs_the_same_as_the_local_gate() -> None:
    job = YAML(typ="safe").load(read(".github/workflows/ci.yml"))["jobs"]["gate"]
    assert [step["run"] for step in job["steps"] if "run" in step] == GATE
    assert job["timeout-minutes"] <= 20


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_commit_and_names_its_version(path: Path) -> None:
    uses = re.findall(r"uses: *(.+)", path.read_text(encoding="utf-8"))
    assert uses
    assert [use for use in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", use)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read(path: Path) -> None:
    workflow = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())


def test_every_make_target_is_listed_by_help_and_declared() -> None:
    makefile = read("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    listing = make("help")
    assert set(re.findall(r"^ +make ([\w-]+) ", listing, flags=re.MULTILINE)) == targets
    (declared,) = re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert set(declared.split()) == targets


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench"])
def test_a_stranger_needs_no_set_up_before(target: str) -> None:
    assert make("--dry-run", target).splitlines()[0] == "scripts/setup"


@pytest.mark.parametrize("name", ["scripts/setup", "scripts/lock", "scripts/python313", ".ci/run"])
def test_a_script_can_be_run_and_parses(name: str) -> None:
    script = ROOT / name
    assert script.stat().st_mode & 0o111
    shell = "bash" if "bash" in script.read_text(encoding="utf-8").splitlines()[0] else "sh"
    parsed = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert parsed.stderr == ""
    assert parsed.returncode == 0


def test_every_file_that_the_contributing_guide_links_to_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", read("CONTRIBUTING.md"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_decision_records_are_numbered_without_gaps_and_say_what_they_must() -> None:
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(len(records)))
    for record in records:
        text = record.read_text(encoding="utf-8")
        headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Rejected", "The way back"]
        assert re.search(r"^- Date: (\d{4}-\d\d-\d\d|YYYY-MM-DD)$", text, flags=re.MULTILINE)
