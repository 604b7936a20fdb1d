"""``relink reconcile``: one run from a shell or a pipeline, without the app."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shell import CommandError, Shell, shell_of

if TYPE_CHECKING:
    from cli.looking import Questions
    from shared.model.json import JsonObject
    from shared.workflow.services import Services

EXAMPLES = """\b
Examples:
  relink reconcile prod.yaml
  relink reconcile prod.yaml --only network_access --yes
  relink reconcile prod.yaml --yes --json | jq .outcome
"""


def reconcile(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A manifest (*.yaml).")],
    *,
    only: Annotated[
        list[str] | None, typer.Option(help="Remediators to run, by name; may be given again.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The run's record as one JSON document.")
    ] = False,
    records: Annotated[
        Path | None,
        typer.Option(help="Folder for records; else RELINK_RECORDS, else .relink beside FILE."),
    ] = None,
) -> None:
    """Repair what differs from the manifest, and read again to prove it.

    Asks before anything is deleted or detached, and for everything in mode approve. Ctrl-C lets what has begun finish; run it again to
    go on. Exit status 0: in sync or repaired; 2: drift remains, nothing failed; 1: it failed.
    """
    from cli.session import (  # noqa: PLC0415 - --help must stay quick
        fixed,
        open_services,
        read_file,
        records_address,
    )
    from cli.showing import show_record, status_of  # noqa: PLC0415 - the same

    shell = shell_of(ctx).beside(document=as_json)
    declared = read_file(file)
    names = _known(only or ())
    address = records_address(records, file.absolute().parent / ".relink")
    with open_services(address, fixed(declared)) as services:
        record = _reconcile(shell, services, declared.environment.name, names, yes=yes)
    if as_json:
        shell.document(record)
    else:
        show_record(shell, record)
    raise typer.Exit(status_of(record))


def _reconcile(
    shell: Shell, services: Services, name: str, only: tuple[str, ...], *, yes: bool
) -> JsonObject:
    """Look, ask, run; and run again where the answer was the approval that was waited for."""
    from cli.looking import look, questions, wish  # noqa: PLC0415 - --help must stay quick
    from cli.running import approved, run  # noqa: PLC0415 - the same
    from cli.showing import show_assessment  # noqa: PLC0415 - the same

    confirmed: frozenset[str] | None = None
    agreed = yes
    if not yes:
        seen = look(services, name, shell.note, only)
        show_assessment(shell, seen)
        asked = questions(services, seen)
        agreed = _ask(shell, name, asked)
        confirmed = frozenset(unit.id for unit in (*asked.destructive, *asked.approvals))
    record = run(shell, services, wish(services, name, only, dry_run=False), confirmed)
    if agreed and (again := approved(services, record, only)) is not None:
        record = run(shell, services, again, confirmed)
    return record


def _known(only: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    from remediators import REMEDIATORS  # noqa: PLC0415 - --help must stay quick

    names = [remediator.name for remediator in REMEDIATORS]
    for name in only:
        if name not in names:
            raise CommandError(f"--only: found '{name}', allowed: {', '.join(names)}")
    return tuple(only)


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty()


def _ask(shell: Shell, name: str, asked: Questions) -> bool:
    """Whether a person agreed. What destroys begins only then; what waits for approval may wait."""
    if not asked.titles:
        return False
    if not can_ask():
        if not asked.destructive:
            return False
        raise CommandError(
            "these would delete or detach something, and nobody can be asked here:",
            *(unit.title for unit in asked.destructive),
            "nothing was changed; add --yes to agree in advance",
        )
    shell.say(f"\n{len(asked.titles)} of these delete or detach something, or want your approval:")
    for title in asked.titles:
        shell.say(f"  {title}", "bold yellow")
    if not typer.confirm(f"Repair {name}?"):
        raise CommandError("nothing was changed")
    return True
