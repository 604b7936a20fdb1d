"""``relink capture``: the manifest of what is live, so that nobody types ids."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shell import CommandError, Shell, shell_of

if TYPE_CHECKING:
    from shared.capture import Draft
    from shared.model.actual import Actual
    from shared.model.resource_id import ResourceId
    from shared.workflow.services import AzureGateway

EXAMPLES = """\b
Examples:
  relink capture --workspace /subscriptions/…/workspaces/prod-mlw --out prod.yaml
  relink capture --workspace ID --workspace OTHER --name shared-cluster > shared.yaml
"""
ROUNDS = 20
_SUBSCRIPTION = re.compile(r"/subscriptions/[0-9a-f-]{36}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def capture(
    ctx: typer.Context,
    workspace: Annotated[
        list[str], typer.Option("--workspace", "-w", help="Resource id; may be given again.")
    ],
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the environment; else made of the workspace's.")
    ] = None,
) -> None:
    """Write the manifest of a live environment. Reads Azure and changes nothing.

    What contradicts a private environment is written as it is, marked in the file and listed on
    standard error. So is what could not be read, with the permission that is missing.
    """
    from shared.capture import draw, name_for, write  # noqa: PLC0415 - --help must stay quick

    shell = shell_of(ctx)
    workspaces = [_workspace(text) for text in workspace]
    if name is not None and not _NAME.fullmatch(name):
        raise CommandError(f"--name: found '{name[:80]}'", f"allowed is {_NAME.pattern}")
    actual = _read(shell, workspaces)
    draft = draw(name or name_for(workspaces[0]), workspaces, actual)
    text = write(draft)
    if out is None:
        shell.out.out(text, end="", highlight=False)
    else:
        out.write_text(text, encoding="utf-8")
    _tell(shell, draft, text, out)


def _workspace(text: str) -> ResourceId:
    from shared.model.resource_id import ResourceId  # noqa: PLC0415 - --help must stay quick

    found = ResourceId.maybe(text)
    if found is None or found.type != "microsoft.machinelearningservices/workspaces":
        raise CommandError(
            f"--workspace: found '{text[:200]}'",
            "allowed is /subscriptions/<guid>/resourceGroups/<group>/providers/"
            "Microsoft.MachineLearningServices/workspaces/<name>",
        )
    return found


def _read(shell: Shell, workspaces: list[ResourceId]) -> Actual:
    from cli.session import open_services  # noqa: PLC0415 - --help must stay quick

    with (
        tempfile.TemporaryDirectory(prefix="relink-") as folder,
        open_services(Path(folder).as_uri()) as services,
    ):
        actual = _walk(shell, services.azure(), workspaces)
    for each in workspaces:
        if actual.body(each) is None:
            raise CommandError(f"{each} cannot be read: {_why(actual, each)}")
    return actual


def _walk(shell: Shell, azure: AzureGateway, workspaces: list[ResourceId]) -> Actual:
    """Ask until there is nothing left to ask. A bad token or a wrong id ends it at the first."""
    from cli.session import patiently  # noqa: PLC0415 - --help must stay quick
    from shared.capture import needed  # noqa: PLC0415 - the same
    from shared.model.actual import Actual, Observation, Question, Read  # noqa: PLC0415 - the same

    answers: dict[Read, Observation] = {}
    wanted = frozenset(Read(Question.GET, each) for each in workspaces)
    for _ in range(ROUNDS):
        if not wanted or (answers and Actual(answers).body(workspaces[0]) is None):
            break
        shell.note(f"reading {len(wanted)} more ({len(answers)} so far)")
        answers.update(patiently(lambda: azure.read(wanted), shell.note))  # noqa: B023 - called now
        wanted = needed(workspaces, Actual(answers))
    return Actual(answers)


def _why(actual: Actual, workspace: ResourceId) -> str:
    from shared.model.actual import Absent, Unreadable  # noqa: PLC0415 - --help must stay quick

    match actual.answer(workspace):
        case Absent():
            return "it does not exist (404)"
        case Unreadable(code=code, action=action, message=message):
            return f"{code}; missing: {action}" if action else f"{code}: {message}"
        case _:
            return "it was not read"


def _tell(shell: Shell, draft: Draft, text: str, out: Path | None) -> None:
    """What a person should know, and whether the file would be accepted as it is."""
    for remark in draft.remarks:
        shell.warn(str(remark))
    for part in draft.unread:
        shell.warn(f"not captured: {part}")
    for problem in _problems(text, out):
        shell.warn(f"not valid yet: {problem}")
    counts = ", ".join(f"{len(s.items)} {s.key}" for s in draft.sections if s.items)
    shell.note(f"captured environment '{draft.name}': {counts}")


def _problems(text: str, out: Path | None) -> list[str]:
    """What keeps the file from being used as it is; ids out of reach are one problem."""
    from cli.session import read_files  # noqa: PLC0415 - --help must stay quick

    with tempfile.TemporaryDirectory(prefix="relink-") as folder:
        file = Path(folder) / "captured.yaml"
        file.write_text(text, encoding="utf-8")
        found = read_files([file]).problems
    shown = str(out) if out else "standard output"
    outside = [problem for problem in found if "outside of RELINK_SCOPES" in problem.message]
    told = [str(p).replace(str(file), shown) for p in found if p not in outside]
    if outside:
        reach = ",".join(sorted(set(_SUBSCRIPTION.findall(text.lower()))))
        told.append(
            f"{len(outside)} ids lie outside of the scopes; let them in: RELINK_SCOPES={reach}"
        )
    return told
