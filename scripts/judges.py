"""Who judges the project beside its own tests, and which of them ran.

    python scripts/judges.py              prints the table; exit 1 when one that is at hand did not run
    python scripts/judges.py --stopped    the same of a gate that stopped before its end; always 0

A judge that ran says so with `ran`, one that could not with `absent`; each leaves a file in build/judges. At hand is what
lies in `../shared`, and what can be installed where that folder is present: a machine without it skips, with the reason.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
REPORTS = ROOT / "build" / "judges"
# Name: what it judges.
JUDGES = {
    "conformance": "Azure's OpenAPI documents",
    "azurite": "Azurite, Azure's storage",
    "kql": "Microsoft's KQL parser",
    "bicep": "Microsoft's Bicep compiler",
    "bicep-check": "its stand-in, with Azure's types",
    "events": "published sample events",
    "package": "the package with its own requirements",
}
# Not part of the gate: what, and why.
ELSEWHERE = {
    "Azure's command line (az)": "`make az-test` runs it by itself: ten minutes",
    "a browser": "no test drives one yet",
    "recordings of Azure": "no test compares with ../shared/recordings yet",
}


def ran(name: str, how: str) -> None:
    """Note that a judge judged, and with what."""
    _note(name, "ran", how)


def absent(name: str, why: str) -> None:
    """Note that a judge could not be had, and why. It stays noted when another process could."""
    _note(name, "not-run", why)


def _note(name: str, what: str, words: str) -> None:
    if name not in JUDGES:
        raise KeyError(f"{name} is no judge of {__name__}")
    REPORTS.mkdir(parents=True, exist_ok=True)
    draft = REPORTS / f"{name}.{os.getpid()}.draft"
    draft.write_text(words, encoding="utf-8")
    draft.rename(REPORTS / f"{name}.{what}")


def rows(reports: Path, otherwise: str) -> list[tuple[str, bool, str]]:
    """Return, for each judge: what it judges, whether it ran, how or why not."""
    return [(words, *_row(reports, name, otherwise)) for name, words in JUDGES.items()]


def _row(reports: Path, name: str, otherwise: str) -> tuple[bool, str]:
    for what, judged in (("not-run", False), ("ran", True)):
        report = reports / f"{name}.{what}"
        if report.is_file():
            return judged, report.read_text(encoding="utf-8").strip() or otherwise
    return False, otherwise


def main(*arguments: str) -> int:
    """Print the table."""
    stopped, here = "--stopped" in arguments, SHARED.is_dir()
    otherwise = "nothing asked it" if here else "../shared is absent"
    found = rows(REPORTS, "the gate stopped before" if stopped else otherwise)
    table = [*found, *((what, False, why) for what, why in ELSEWHERE.items())]
    width = max(len(what) for what, _, _ in table)
    for what, judged, why in table:
        first, *more = why.splitlines()
        print(f"  {what:{width}}  {'ran' if judged else 'not run':7}  {first}")
        for line in more:
            print(f"  {'':{width}}           {line}")
    missing = [what for what, judged, _ in found if not judged]
    if not missing or stopped or not here:
        return 0
    print(f"at hand, and did not judge: {', '.join(missing)}")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
