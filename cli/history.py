"""Owns reading records at the command line: where they are, which runs there were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cli.session import open_services, records_there
from cli.shell import CommandError
from shared.model.json import JsonObject
from shared.records import Records

_SEARCHED: Final = 1000


@contextmanager
def open_records(chosen: Path | None) -> Iterator[Records]:
    """The records where ``records_address`` says that they are.

    Raises:
        CommandError: when there is no such folder.
    """
    with open_services(records_there(chosen)) as services:
        yield services.records


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
        if wanted == "last":
            raise CommandError("no run is recorded here yet", "relink reconcile FILE makes one")
        raise CommandError(f"no run is called '{wanted[:80]}'", "relink runs lists them")
    if len(found) > 1:
        raise CommandError(
            f"{len(found)} runs begin with '{wanted}'", *(r["id"] for r in found[:9])
        )
    return found[0]
