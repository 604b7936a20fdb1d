"""``relink runs`` and ``relink show``: what earlier runs found and did."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shell import counted, shell_of

if TYPE_CHECKING:
    from shared.model.json import JsonObject

EXAMPLES = """\b
Examples:
  relink runs
  relink runs --environment prod --limit 5 --json
"""
SHOW_EXAMPLES = """\b
Examples:
  relink show last
  relink show 4f1c2a90 --json | jq '.units'
"""
_MOST_ASIDE = 20
_Records = Annotated[
    Path | None,
    typer.Option(help="Folder of records; else RELINK_RECORDS, else .relink/records here."),
]


def runs(
    ctx: typer.Context,
    *,
    records: _Records = None,
    environment: Annotated[str | None, typer.Option(help="Of this environment only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> None:
    """List recorded runs, the newest first."""
    from cli.history import open_records  # noqa: PLC0415 - --help must stay quick

    shell = shell_of(ctx)
    with open_records(records) as kept:
        found = [summary(record) for record in kept.runs(environment, limit)]
        aside = kept.set_aside(_MOST_ASIDE)
    for lost in aside:
        shell.warn(f"set aside, as it cannot be used: {lost.key}: {lost.why}")
    if as_json:
        shell.document(found)
        return
    if not found:
        shell.note("no runs are recorded here")
    width = max((len(str(each["environment"])) for each in found), default=0)
    for each in found:
        shell.say(
            f"{str(each['startedAt'])[:19]}  {each['environment']!s:{width}}  "
            f"{each['outcome']!s:16}  {each['cause']!s:8}  {each['seconds']:6.1f} s  "
            f"{counted(each['findings'], 'finding')}, {counted(each['units'], 'unit')}  {each['id']}"
        )


def show(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="A run's id, its beginning, or 'last'.")],
    *,
    records: _Records = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole record.")] = False,
) -> None:
    """Show one run: why it ran, what it found, what it did step by step, how it ended.

    Exit status 0: it ended well; 2: drift was left; 1: it failed.
    """
    from cli.history import find_run, open_records  # noqa: PLC0415 - --help must stay quick
    from cli.showing import show_history, show_record, status_of  # noqa: PLC0415 - the same

    shell = shell_of(ctx)
    with open_records(records) as kept:
        record = find_run(kept, run)
    if as_json:
        shell.document(record)
        raise typer.Exit(status_of(record))
    show_history(shell, record)
    show_record(shell, record)
    raise typer.Exit(status_of(record))


def summary(record: JsonObject) -> dict[str, Any]:
    """A run in one row."""
    began, ended = (datetime.fromisoformat(record[name]) for name in ("startedAt", "finishedAt"))
    return {
        "id": record["id"],
        "environment": record["environment"],
        "outcome": record["outcome"],
        "cause": record["trigger"]["cause"],
        "startedAt": record["startedAt"],
        "seconds": round((ended - began).total_seconds(), 1),
        "findings": len(record["outcomes"]),
        "units": len(record["units"]),
    }
