"""``relink plan``: what differs and what would be done about it, changing nothing."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from cli.shell import Status, shell_of

EXAMPLES = """\b
Examples:
  relink plan prod.yaml
  relink plan prod.yaml --json | jq '.units[].title'
"""


def plan(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A manifest (*.yaml).")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    records: Annotated[
        Path | None,
        typer.Option(help="Folder of earlier runs' records; else RELINK_RECORDS, else none."),
    ] = None,
) -> None:
    """Read Azure, show findings with evidence and the ordered plan. Changes nothing in Azure.

    Exit status 0: in sync; 2: drift; 1: nothing can be said.
    """
    from cli.looking import drift, look  # noqa: PLC0415 - --help must stay quick
    from cli.session import fixed, open_services, read_file, records_address  # noqa: PLC0415 - same
    from cli.showing import assessment_json, show_assessment  # noqa: PLC0415 - the same

    shell = shell_of(ctx)
    declared = read_file(file)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relink-")))
        address = records_address(records, folder)
        services = stack.enter_context(open_services(address, fixed(declared)))
        seen = look(services, declared.environment.name, shell.note)
    if as_json:
        shell.out.out(json.dumps(assessment_json(seen), indent=2, ensure_ascii=False))
    else:
        show_assessment(shell, seen)
    raise typer.Exit(Status.DRIFT if drift(seen.findings) else Status.GOOD)
