"""``relink diff``: what differs between two manifests, or between a manifest and what is live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shell import CommandError, Shell, Status, counted, shell_of

if TYPE_CHECKING:
    from cli.comparing import Difference
    from shared.model.environment import Environment

EXAMPLES = """\b
Examples:
  relink diff prod.yaml live
  relink diff yesterday.yaml prod.yaml --json
"""
LIVE = "live"
_LONGEST = 160


def diff(
    ctx: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help="A manifest, or 'live'.")],
    after: Annotated[str, typer.Argument(metavar="B", help="A manifest, or 'live'.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show what differs, resource by resource. 'live' is what a capture would write now.

    Exit status 0: nothing differs; 2: something does; 1: nothing can be said.
    """
    from cli.comparing import compare  # noqa: PLC0415 - --help must stay quick

    shell = shell_of(ctx)
    if before == after == LIVE:
        raise CommandError("A and B are both 'live'", "one of them is a manifest")
    sides = _sides(shell, before, after)
    found = compare(*sides, whole=LIVE not in (before, after))
    if as_json:
        shell.document([difference_json(each) for each in found])
    else:
        show_differences(shell, found)
        shell.note(counted(len(found), "difference") if found else "nothing differs")
    raise typer.Exit(Status.DRIFT if found else Status.GOOD)


def _sides(shell: Shell, before: str, after: str) -> tuple[Environment, Environment]:
    from cli.session import read_file  # noqa: PLC0415 - --help must stay quick

    read = {name: read_file(Path(name)).environment for name in (before, after) if name != LIVE}
    if LIVE in (before, after):
        (declared,) = read.values()
        read[LIVE] = live_beside(shell, declared)
    return read[before], read[after]


def live_beside(shell: Shell, declared: Environment) -> Environment:
    """What is live around the workspaces that a manifest declares."""
    from cli.live import as_environment, door, read_live  # noqa: PLC0415 - --help must stay quick

    if not declared.workspaces:
        raise CommandError(f"'{declared.name}' declares no workspace, so nothing leads to the rest")
    with door() as azure:
        draft = read_live(shell, azure, declared.name, [each.id for each in declared.workspaces])
    for part in draft.unread:
        shell.warn(f"not read, so it may seem to be gone: {part}")
    return as_environment(draft)


def show_differences(shell: Shell, found: tuple[Difference, ...]) -> None:
    """Each resource with its differences, one side red and the other green."""
    told = ""
    for each in found:
        if each.resource != told and each.resource:
            told = each.resource
            shell.say(f"{each.section}  {each.name}", "bold")
            shell.say(f"  {each.resource}", "dim")
        if each.resource and not each.field:
            only = "only in A" if each.after is None else "only in B"
            shell.say(f"  {only}", "red" if each.after is None else "green")
            continue
        shell.say(f"  {each.where}")
        shell.say(f"    - {_shown(each.before)}", "red")
        shell.say(f"    + {_shown(each.after)}", "green")


def difference_json(each: Difference) -> dict[str, object]:
    """A difference for scripts."""
    return {
        "section": each.section,
        "resource": each.resource,
        "field": each.where,
        "before": each.before,
        "after": each.after,
    }


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
