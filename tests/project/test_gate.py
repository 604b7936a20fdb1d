"""The gate: the same commands by hand, in .ci/run and in the workflow; the workflow is pinned and may only read."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from scripts import judges

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


class Gate:
    """The gate of a small project, whose make targets are what a test makes of them."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "project"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        for name in (".ci/run", "scripts/judges.py"):
            (self.home / name).parent.mkdir(parents=True)
            shutil.copy(ROOT / name, self.home / name)
        self.write("setup", f"mkdir -p .venv/bin && ln -s {sys.executable} .venv/bin/python")
        self.write("check", "echo checked in $$PWD")
        self.write(
            "test", "echo '3 passed, 1 skipped in 12.34s (0:00:12)'; echo $$TEST_JOBS $$TEST_SEED"
        )
        self.write("conformance", "echo judged")
        self.git("init", "--quiet")

    def write(self, target: str, recipe: str) -> None:
        with (self.home / "Makefile").open("a", encoding="utf-8") as makefile:
            makefile.write(f"{target}:\n\t@{recipe}\n")

    def git(self, *arguments: str) -> None:
        who = [
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.invalid",
            "-c",
            "commit.gpgsign=false",
        ]
        subprocess.run(["git", *who, *arguments], cwd=self.home, check=True, timeout=60)

    def run(self, **environment: str) -> tuple[int, list[str]]:
        """Commits everything and runs the gate; its exit status and what it said."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "all")
        return self.again(**environment)

    def again(self, **environment: str) -> tuple[int, list[str]]:
        dropped = ("MAKE", "MFLAGS", "TEST_", "GIT_", "RELINK_", "COV")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        ran = subprocess.run(
            ["bash", ".ci/run"],
            cwd=self.home,
            env={**kept, "TMPDIR": str(self.temporary), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert list(self.temporary.iterdir()) == []
        return ran.returncode, ran.stdout.splitlines()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_the_gate_judges_a_clean_clone_and_leaves_nothing_behind(gate: Gate) -> None:
    assert gate.run()[0] == 0
    (gate.home / "Makefile").write_text("check:\n\tfalse\n", encoding="utf-8")
    status, said = gate.again()
    assert status == 0, said
    assert "what is not committed is left out" in said
    (place,) = [line for line in said if line.startswith("checked in")]
    assert str(gate.temporary) in place
    assert not (gate.home / ".venv").exists()


def test_the_order_is_drawn_printed_and_repeatable(gate: Gate) -> None:
    _, said = gate.run()
    jobs, seed = re.findall(r"order TEST_JOBS=([0234]) TEST_SEED=(\d+)$", said[0])[0]
    assert f"{jobs} {seed}" in said
    status, said = gate.again(TEST_JOBS="4", TEST_SEED="17")
    assert (status, said[0].partition("order ")[2]) == (0, "TEST_JOBS=4 TEST_SEED=17")
    assert "4 17" in said


def test_the_end_is_the_table_and_pytests_closing_line(gate: Gate) -> None:
    status, said = gate.run()
    assert status == 0
    table = said[said.index("=== judges") :]
    assert len([line for line in table if "  not run  ../shared is absent" in line]) >= 7
    assert "=== tests: 3 passed, 1 skipped in 12.34s (0:00:12)" in table
    assert said[-1].startswith("=== passed in ")


def test_the_first_step_that_fails_is_the_last_and_the_table_still_comes(gate: Gate) -> None:
    makefile = (gate.home / "Makefile").read_text(encoding="utf-8")
    failing = makefile.replace("echo $$TEST_JOBS", "exit 1; echo $$TEST_JOBS")
    (gate.home / "Makefile").write_text(failing, encoding="utf-8")
    status, said = gate.run(TEST_JOBS="0", TEST_SEED="5")
    assert status != 0
    assert "judged" not in said
    assert any("not run  the gate stopped before" in line for line in said)
    assert "=== tests: 3 passed, 1 skipped in 12.34s (0:00:12)" in said
    assert re.fullmatch(r"=== failed after \d+ s, order TEST_JOBS=0 TEST_SEED=5", said[-1])


def test_a_judge_at_hand_that_did_not_run_fails_the_gate(gate: Gate) -> None:
    (gate.home.parent / "shared").mkdir()
    status, said = gate.run()
    assert status == 1
    assert any(line.startswith("at hand, and did not judge: ") for line in said)
    names = " ".join(judges.JUDGES)
    note = (
        f"for each in {names}; do mkdir -p build/judges; echo well > build/judges/$$each.ran; done"
    )
    makefile = (gate.home / "Makefile").read_text(encoding="utf-8")
    (gate.home / "Makefile").write_text(makefile.replace("echo judged", note), encoding="utf-8")
    status, said = gate.run()
    assert status == 0, said
    assert len([line for line in said if line.endswith("  ran      well")]) == len(judges.JUDGES)
