"""``relink reconcile``: one run from a shell or a pipeline, without the app."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shell import CommandError, Shell, Status, UsageProblem, counted, shell_of

if TYPE_CHECKING:
    from cli.looking import Questions
    from shared.model.json import JsonObject
    from shared.workflow.services import Services

EXAMPLES = """\b
Examples:
  relink reconcile prod.yaml
  relink reconcile prod.yaml --only network_access --yes
  relink reconcile environments --yes
  relink reconcile prod.yaml --yes --json | jq .outcome
"""


def reconcile(
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Manifests (*.yaml), or folders of them.")
    ],
    *,
    only: Annotated[
        list[str] | None, typer.Option(help="Remediators to run, by name; may be given again.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; approve what waits for approval.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="The run's record as JSON; a list of records for several."),
    ] = False,
    records: Annotated[
        Path | None,
        typer.Option(help="Folder for records; else RELINK_RECORDS, else .relink/records here."),
    ] = None,
) -> None:
    """Repair what differs from the manifest, and read again to prove it.

    Asks before anything is deleted or detached, and for everything in mode approve, whoever asked
    for that approval first. Ctrl-C lets what has begun finish; run it again to go on. Exit status
    0: in sync or repaired; 2: drift remains, nothing failed; 1: it failed. Of several
    environments, none that fails stops another, and the worst decides.
    """
    from cli.session import (  # noqa: PLC0415 - --help must stay quick
        open_services,
        records_address,
        records_shown,
    )
    from cli.several import choose, for_each  # noqa: PLC0415 - the same
    from cli.showing import show_record, status_of  # noqa: PLC0415 - the same

    shell = shell_of(ctx).beside(document=as_json)
    names = _known(only or ())
    chosen = choose(shell, files)
    address = records_address(records)
    stop = threading.Event()
    with open_services(address, chosen.manifests) as services:

        def act(name: str) -> tuple[object, Status]:
            if stop.is_set():
                raise CommandError(f"{name}: not begun, as the run was interrupted")
            record = _reconcile(shell, services, name, names, stop, yes=yes)
            if not as_json:
                show_record(shell, record)
            _tell_approval(shell, services, record)
            return record, status_of(record)

        if chosen.manifests.environments:
            services.azure()  # signed in, or nothing can be done for any
        document, status = for_each(shell, chosen, act)
    if chosen.manifests.environments:
        shell.note(f"records: {records_shown(address)}")
    if as_json:
        shell.document(document)
    raise typer.Exit(status)


def _reconcile(
    shell: Shell,
    services: Services,
    name: str,
    only: tuple[str, ...],
    stop: threading.Event,
    *,
    yes: bool,
) -> JsonObject:
    """Look, ask, run; and run again where the answer was the approval that was waited for."""
    from cli.looking import look, questions, wish  # noqa: PLC0415 - --help must stay quick
    from cli.running import approved, run  # noqa: PLC0415 - the same
    from cli.showing import show_assessment  # noqa: PLC0415 - the same
    from shared.workflow.assess import LEASE_SECONDS  # noqa: PLC0415 - the same

    confirmed: frozenset[str] | None = None
    agreed = yes
    if not yes:
        seen = look(services, name, shell.note, only)
        show_assessment(shell, seen)
        asked = questions(services, seen)
        agreed = _ask(shell, name, asked)
        confirmed = frozenset(unit.id for unit in (*asked.destructive, *asked.approvals))
    trigger = wish(services, name, only, dry_run=False)
    # The run takes the lease itself, and waits for records that are away; a person is told at once.
    services.records.acquire_lease(name, trigger.id, LEASE_SECONDS)
    record = run(shell, services, trigger, confirmed, stop)
    if agreed and not stop.is_set():
        again = approved(services, record, only, confirmed)
        if again is not None:
            record = run(shell, services, again, confirmed, stop)
    return record


def _tell_approval(shell: Shell, services: Services, record: JsonObject) -> None:
    """What stands between the plan and its approval, and what to do about it."""
    from shared.records import ApprovalState  # noqa: PLC0415 - --help must stay quick

    asked = services.records.approval(record["environment"])
    hashes = {seen["approvalHash"] for seen in record["rounds"]}
    if asked is None or asked.plan_hash not in hashes or asked.until <= services.clock():
        return
    until = asked.until.isoformat(timespec="minutes")
    if asked.state is ApprovalState.REJECTED:
        when = asked.at.isoformat(timespec="minutes") if asked.at else "an unknown time"
        shell.warn(
            f"plan {asked.plan_hash} was rejected by {asked.by} at {when}; that stands until"
            f" {until}, then it is asked again"
        )
    elif asked.state is ApprovalState.WAITING:
        shell.note(
            f"plan {asked.plan_hash} waits for approval until {until} (asked by run {asked.run});"
            " relink reconcile --yes approves it"
        )


def _known(only: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    from remediators import REMEDIATORS  # noqa: PLC0415 - --help must stay quick

    names = [remediator.name for remediator in REMEDIATORS]
    for name in only:
        if name not in names:
            raise UsageProblem(f"--only: found '{name}', allowed: {', '.join(names)}")
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
            "these would delete, detach or overwrite something, and nobody can be asked here:",
            *(unit.title for unit in asked.destructive),
            "nothing was changed; add --yes to agree in advance",
        )
    many = counted(len(asked.titles), "repair")
    shell.say(f"\n{many} to confirm, destructive or awaiting your approval:")
    for title in asked.titles:
        shell.say(f"  {title}", "bold yellow")
    if not typer.confirm(f"Repair {name}?"):
        raise CommandError("nothing was changed")
    return True
