"""Judges recorded exchanges with the simulated Azure by Azure's published OpenAPI documents.

    python scripts/conformance.py                      records tests and demo if the simulator changed, then judges
    python scripts/conformance.py --judge FILE...      judges these files alone

The judge (`validate.mjs` over oav) and the documents lie in a folder beside the project, `../shared`, or
where RELINK_CONFORMANCE says. oav comes from npm, once, into a cache folder. Where there is no such folder, that is
said and the exit status is 0. Exit 1: an exchange is invalid, too few operations were seen, or oav cannot be installed.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scripts import judges
from scripts.node_packages import Node, NodeMissingError, cache_folder, provide

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "build" / "conformance"
FEWEST_OPERATIONS = 80
JUDGE_SECONDS = 900
RECORD_SECONDS = 1800
RECORDED_TESTS = ("tests/simulator", "tests/azure", "tests/cli", "tests/e2e")
# What is forgiven whom, each entry with its reason. The judge prints those that forgave nothing: take them out.
FORGIVEN = Path(__file__).with_name("conformance-forgiven.json")
# Whose requests are judged to the letter.
STRICT = "relink"
# A simulated Azure that runs faster divides waits, below the minimum that some documents give.
SHORTEST_WAIT = 10
# What differs between exchanges that are alike: ids, times, addresses, tags of versions, names made up by tests.
_VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)?|\b\d+\.\d+\.\d+\.\d+\b|[0-9a-f]{8,}|\d+",
    re.IGNORECASE,
)
_VERDICT = '{"valid'
_TOLD = ("GET ", "PUT ", "POST ", "PATCH ", "DELETE ", "HEAD ", "forgave nothing", _VERDICT)


class JudgeMissingError(Exception):
    """The judge cannot be had here; the message says why."""


def main() -> int:
    """Record if needed, judge, say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--show", type=int, default=20, help="how many violations are shown")
    chosen = parser.parse_args()
    report = chosen.judge is None
    try:
        command, node = provided_judge()
    except (JudgeMissingError, NodeMissingError) as why:
        print(f"conformance: {why}")
        if report:
            judges.absent("conformance", str(why))
        return int(isinstance(why, NodeMissingError))
    print(f"conformance: judged by oav on {node}", flush=True)
    files = chosen.judge or recorded()
    distinct = files[0].with_suffix(".distinct.jsonl")
    seen, kept = write_distinct(files, distinct)
    print(f"conformance: {seen} exchanges recorded, {kept} of them distinct")
    failed = judge(command, distinct, chosen.show, FEWEST_OPERATIONS if report else 0)
    if report:
        judges.ran("conformance", f"{kept} exchanges, oav on {node}")
    return failed


def provided_judge() -> tuple[list[str], Node]:
    """Return how the judge is started and on what, after installing what it needs; raises JudgeMissingError or NodeMissingError.

    The judge is used as it is: its files are copied beside oav, since a module is looked for where its importer lies.
    """
    folder = Path(os.environ.get("RELINK_CONFORMANCE") or judges.SHARED / "conformance").resolve()
    files = [folder / name for name in ("validate.mjs", "package.json", "newer-properties.json")]
    if not all(file.is_file() for file in files):
        raise JudgeMissingError(
            "skipped, there is no folder with the judge; RELINK_CONFORMANCE may name one"
        )
    bench = cache_folder("conformance", files) / "judge"
    node = provide(bench, files)
    with contextlib.suppress(FileExistsError):
        (bench.parent / "specs").symlink_to(folder.parent / "specs", target_is_directory=True)
    return [node.program, str(bench / "validate.mjs")], node


def recorded() -> list[Path]:
    """Return the records of the tests and of the demo, made now where there are none."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    tests, demo = RECORDS / "tests.jsonl", RECORDS / "demo.jsonl"
    python = [sys.executable, "-m"]
    if is_stale(tests):
        options = ["-q", "--numprocesses=2", "--dist=loadfile", "--no-header"]
        record([*python, "pytest", *RECORDED_TESTS, *options], tests)
    if is_stale(demo):
        record([*python, "cli", "demo"], demo)
    return [tests, demo]


def is_stale(file: Path) -> bool:
    """Tell whether the simulator changed since a record was made, or there is none."""
    if not file.exists():
        return True
    written = file.stat().st_mtime
    return any(source.stat().st_mtime > written for source in (ROOT / "simulator").rglob("*.py"))


def record(command: list[str], file: Path) -> None:
    """Run a command that records its exchanges; one that fails leaves no record and ends the program."""
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    print(f"conformance: recording {' '.join(command[2:4])}", flush=True)
    environ = {**os.environ, "SIMULATOR_RECORD": str(draft)}
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=RECORD_SECONDS,
    )
    if ran.returncode or not draft.exists():
        sys.exit(f"{ran.stdout[-3000:]}{ran.stderr[-2000:]}\nconformance: {command} failed")
    draft.rename(file)


def write_distinct(files: Iterable[Path], target: Path) -> tuple[int, int]:
    """Write the exchanges that differ in more than ids and times; returns how many were read and written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    keys: set[bytes] = set()
    seen = 0
    with target.open("w", encoding="utf-8") as out:
        for line in lines(files):
            seen += 1
            exchange = json.loads(line)
            key = likeness(exchange)
            if key not in keys:
                keys.add(key)
                out.write(json.dumps(as_judged(exchange)) + "\n")
    return seen, len(keys)


def as_judged(exchange: dict[str, Any]) -> dict[str, Any]:
    """Return an exchange as the judge can read it.

    Its path is spelled as the resource's own id, since ARM compares without case and forgives doubled slashes; its
    query has no slashes, which the judge would take for a path; a wait that was scaled is left out.
    """
    path, mark, query = exchange["url"].partition("?")
    path = re.sub("/+", "/", path)
    body = exchange["responseBody"]
    own = str(body.get("id", "")) if isinstance(body, dict) else ""
    path = own if own.lower() == path.lower() else path
    headers = {
        name: value
        for name, value in exchange["responseHeaders"].items()
        if name.lower() != "retry-after" or int(value) >= SHORTEST_WAIT
    }
    url = f"{path}{mark}{query.replace('/', '%2F')}"
    return {**exchange, "url": url, "responseHeaders": headers}


def lines(files: Iterable[Path]) -> Iterator[str]:
    """Yield the lines of the files."""
    for file in files:
        with file.open(encoding="utf-8") as opened:
            yield from opened


def likeness(exchange: dict[str, Any]) -> bytes:
    """Return what exchanges that are alike have in common: everything but ids, times, numbers and headers."""
    told = [exchange[k] for k in ("method", "url", "requestBody", "status", "responseBody")]
    told.append(exchange.get("caller", STRICT) == STRICT)
    return hashlib.sha256(_VOLATILE.sub("#", json.dumps(told)).encode()).digest()


def judge(command: list[str], file: Path, show: int, fewest: int) -> int:
    """Run the judge; returns 0 when nothing is invalid and enough operations were seen."""
    ran = subprocess.run(
        [*command, str(file), "--show", str(show), "--forgive", str(FORGIVEN)],
        capture_output=True,
        text=True,
        check=False,
        timeout=JUDGE_SECONDS,
    )
    told = [line for line in ran.stdout.splitlines() if line.startswith(_TOLD)]
    if not told or not told[-1].startswith(_VERDICT):
        print(f"conformance: the judge broke off. {ran.stdout[-1000:]}{ran.stderr[-3000:]}")
        return 1
    print("\n".join(told))
    operations = int(json.loads(told[-1])["operations"])
    if operations < fewest:
        print(f"conformance: {operations} distinct operations, {fewest} are wanted")
        return 1
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
