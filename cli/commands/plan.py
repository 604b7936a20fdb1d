"""``relink plan``: what differs and what would be done about it, changing nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shell import Shell, Status, shell_of

if TYPE_CHECKING:
    from shared.workflow.papers import Assessment
    from shared.workflow.services import Services

EXAMPLES = """\b
Examples:
  relink plan prod.yaml
  relink plan environments
  relink plan prod.yaml --json | jq '.units[].title'
"""


def plan(
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Manifests (*.yaml), or folders of them.")
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document; a list of them for several.")
    ] = False,
    records: Annotated[
        Path | None,
        typer.Option(
            help="Folder of earlier runs' records; else RELINK_RECORDS, else .relink/records here."
        ),
    ] = None,
) -> None:
    """Read Azure, show findings with evidence and the ordered plan. Changes nothing in Azure.

    Exit status 0: in sync; 2: drift; 1: nothing can be said. Of several environments, none that
    fails stops another, and the worst decides.
    """
    from cli.looking import drift  # noqa: PLC0415 - --help must stay quick
    from cli.session import open_services  # noqa: PLC0415 - the same
    from cli.several import choose, for_each  # noqa: PLC0415 - the same
    from cli.showing import assessment_json, show_assessment  # noqa: PLC0415 - the same

    shell = shell_of(ctx)
    chosen = choose(shell, files)
    with _records(records) as address, open_services(address, chosen.manifests) as services:

        def act(name: str) -> tuple[object, Status]:
            seen = _seen(shell, services, name)
            if not as_json:
                show_assessment(shell, seen)
            return assessment_json(seen), Status.DRIFT if drift(seen.findings) else Status.GOOD

        if chosen.manifests.environments:
            services.azure()  # signed in, or nothing can be said of any
        document, status = for_each(shell, chosen, act)
    if as_json:
        shell.document(document)
    raise typer.Exit(status)


@contextmanager
def _records(chosen: Path | None) -> Iterator[str]:
    """The records of earlier runs, if there are any; else none that are kept."""
    from cli.session import RECORDS, records_address, records_there  # noqa: PLC0415 - as above

    if records_address(chosen) != records_address(RECORDS) or RECORDS.exists():
        yield records_there(chosen)
        return
    with tempfile.TemporaryDirectory(prefix="relink-") as folder:
        yield Path(folder).as_uri()


def _seen(shell: Shell, services: Services, name: str) -> Assessment:
    """One look; without the records where they cannot be used, as a plan changes nothing."""
    from cli.looking import look  # noqa: PLC0415 - --help must stay quick
    from shared.records import FolderStore, Records, StoreError  # noqa: PLC0415 - the same

    try:
        return look(services, name, shell.note)
    except StoreError as error:
        shell.warn(
            f"the records cannot be used ({error}); this plan is made without them and leaves out"
            " earlier attempts, unfinished repairs and suspected restarts"
        )
    with tempfile.TemporaryDirectory(prefix="relink-") as folder:
        forgetful = Records(FolderStore(Path(folder)), services.clock)
        return look(replace(services, records=forgetful), name, shell.note)
