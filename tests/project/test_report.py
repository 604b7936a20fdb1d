"""What a run of the tests says of its order and its skips, in a run of pytest of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.environment import child_environment

ROOT = Path(__file__).parents[2]
TESTS = """
import random
import pytest

@pytest.mark.parametrize("number", range(8))
def test_it(number):
    print("\\nran", number, random.random())

@pytest.mark.parametrize("number", range(5))
def test_beside(number):
    pytest.skip("the checker is not\\nbeside the project")

@pytest.mark.skipif(True, reason="w" * 200)
def test_long():
    pass
"""
FAILING = "\ndef test_wrong():\n    assert False\n"
OPTIONS = ["-q", "-p", "tests.report", "-p", "no:cacheprovider", "-W", "ignore"]


def run(folder: Path, code: str, *options: str) -> list[str]:
    (folder / "test_it.py").write_text(code)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, *options, "--rootdir", str(folder), "test_it.py"],
        env=child_environment({"PYTHONPATH": str(ROOT)}),
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return (ran.stdout + ran.stderr).splitlines()


def test_what_is_skipped_is_one_line(tmp_path: Path) -> None:
    said = run(tmp_path, TESTS)
    (line,) = [each for each in said if "skipped" in each and " in " not in each]
    assert line == f"skipped 6: 5 the checker is not beside the project; 1 {'w' * 100}…"


def test_nothing_skipped_is_no_line(tmp_path: Path) -> None:
    assert not [line for line in run(tmp_path, "def test_it(): pass\n") if "skipped" in line]


@pytest.mark.parametrize("jobs", ["0", "2"])
def test_the_order_is_drawn_said_at_the_head_and_repeated_after_a_failure(
    tmp_path: Path, jobs: str
) -> None:
    said = run(tmp_path, TESTS + FAILING, "-n", jobs)
    assert re.fullmatch(rf"order: TEST_JOBS={jobs} TEST_SEED=\d+", said[0])
    assert said[1:].count(said[0]) == 1
    passing = run(tmp_path, TESTS, "-n", jobs)
    assert passing[0] != said[0]
    assert passing[1:].count(passing[0]) == 0


def ran(said: list[str]) -> list[str]:
    return [" ".join(line.split()[:2]) for line in said if line.startswith("ran ")]


def test_a_seed_gives_the_same_order_again_and_another_another(tmp_path: Path) -> None:
    first, again, other = (
        run(tmp_path, TESTS, "-s", "-p", "randomly", f"--randomly-seed={seed}")
        for seed in (7, 7, 8)
    )
    written = [f"ran {number}" for number in range(8)]
    assert ran(first) == ran(again)
    assert sorted(ran(first)) == written
    assert len({tuple(ran(each)) for each in (first, other)} | {tuple(written)}) == 3
    assert first[0] == "order: TEST_JOBS=0 TEST_SEED=7"


def test_the_order_as_written_can_be_had(tmp_path: Path) -> None:
    said = run(tmp_path, TESTS, "-s", "-p", "no:randomly")
    assert said[0] == "order: as written, no further processes"
    assert ran(said) == [f"ran {number}" for number in range(8)]


def test_chance_is_not_seeded_before_each_test(tmp_path: Path) -> None:
    said = run(tmp_path, TESTS, "-s")
    assert len({line.split()[2] for line in said if line.startswith("ran ")}) == 8
