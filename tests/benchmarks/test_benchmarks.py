import json
import subprocess
import sys
from pathlib import Path

from benchmarks.__main__ import chosen
from benchmarks.catalogue import BENCHMARKS
from benchmarks.measure import Benchmark, Measure, keep, middle
from devhost.environment import child_environment

ROOT = Path(__file__).parents[2]
FIELDS = {"name", "value", "unit", "goal", "method"}


def test_one_benchmark_runs_alone_and_writes_the_results_file(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--only", "index-imports", "--out", str(out)]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (entry,) = json.loads(out.read_text())
    assert set(entry) == FIELDS
    assert (entry["name"], entry["value"], entry["goal"]) == ("index-imports", 0, 0)
    assert "index-imports" in ended.stdout


def test_the_kept_results_have_the_fields_of_every_benchmark() -> None:
    entries = json.loads((ROOT / "benchmarks/results.json").read_text())
    assert [set(entry) >= FIELDS for entry in entries] == [True] * len(entries)
    assert {entry["name"] for entry in entries} == {n for b in BENCHMARKS for n in b.names}
    assert all(entry["method"] and isinstance(entry["value"], int | float) for entry in entries)


def test_a_new_measurement_takes_the_place_of_the_old_one_and_leaves_the_others(
    tmp_path: Path,
) -> None:
    out = tmp_path / "results.json"
    keep(out, [Measure("a", 1, "s", "how"), Measure("b", 2, "s", "how")])
    keep(out, [middle("a", [5.0, 3.0, 4.0], "s", "how", goal=4)])
    first, second = json.loads(out.read_text())
    assert (first["name"], first["value"], first["min"], first["max"]) == ("a", 4, 3, 5)
    assert (second["name"], second["value"], second["goal"]) == ("b", 2, None)


def test_a_goal_is_met_up_to_its_value_and_open_without_one() -> None:
    measures = [Measure("a", value, "s", "how", goal=1.05) for value in (1.0, 1.05, 1.06)]
    assert [measure.met for measure in measures] == [True, True, False]
    assert Measure("a", 1, "s", "how").met is None


def test_one_name_runs_the_smallest_benchmark_that_gives_it_and_all_runs_none_twice() -> None:
    def nothing(_: Path) -> list[Measure]:
        return []

    both, one = Benchmark(("a", "b"), nothing), Benchmark(("a",), nothing)
    assert chosen([both, one], "a") == (one,)
    assert chosen([both, one], "b") == (both,)
    assert chosen([both, one], None) == (both,)
