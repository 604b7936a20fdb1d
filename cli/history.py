"""Owns reading records at the command line: where they are, which runs there were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cli.session import open_services
from cli.shell import CommandError
from shared.model.json import JsonObject
from shared.records import Records

_FOLDERS: Final = (".relink/records", ".relink")
"""Where ``relink host`` and ``relink reconcile`` leave records by themselves."""
_SEARCHED: Final = 1000


@contextmanager
def open_records(chosen: Path | None) -> Iterator[Records]:
    """The records at ``chosen``, else at RELINK_RECORDS, else beside the caller.

    Raises:
        CommandError: when there is no such folder.
    """
    with open_services(_address(chosen)) as services:
        yield services.records


def _address(chosen: Path | None) -> str:
    named = os.environ.get("RELINK_RECORDS", "").strip()
    if chosen is None and named:
        return named
    tried = [chosen] if chosen is not None else [Path(name) for name in _FOLDERS]
    for folder in tried:
        if folder.is_dir():
            return folder.absolute().as_uri()
    raise CommandError(
        f"no records at {' or '.join(map(str, tried))}",
        "name the folder with --records, or set RELINK_RECORDS",
    )


def find_run(records: Records, wanted: str) -> JsonObject:
    """The run with this id, or with the one id that begins so; ``last`` is the newest.

    Raises:
        CommandError: when none, or more than one, is meant.
    """
    if wanted == "last":
        found = records.runs(limit=1)
    elif (exact := records.run(wanted)) is not None:
        return exact
    else:
        found = tuple(r for r in records.runs(limit=_SEARCHED) if r["id"].startswith(wanted))
    if not found:
        raise CommandError(f"no run is called '{wanted[:80]}'", "relink runs lists them")
    if len(found) > 1:
        raise CommandError(
            f"{len(found)} runs begin with '{wanted}'", *(r["id"] for r in found[:9])
        )
    return found[0]
