"""``relink capture``: the manifest of what is live, so that nobody types ids."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shell import Shell, Status, UsageProblem, error_json, one_of_many, shell_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.capture import Draft
    from shared.model.resource_id import ResourceId
    from shared.workflow.services import AzureGateway

EXAMPLES = """\b
Examples:
  relink capture --workspace /subscriptions/…/workspaces/prod-mlw --out prod.yaml
  relink capture --workspace ID --workspace OTHER --name shared-cluster > shared.yaml
  relink capture --all --out environments
  relink capture --update prod.yaml
  relink capture --workspace ID --out prod.yaml --force
  relink capture --all --out environments --json > captured.json
"""
_SUBSCRIPTION = re.compile(r"/subscriptions/[0-9a-f-]{36}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def capture(
    ctx: typer.Context,
    *,
    workspace: Annotated[
        list[str] | None,
        typer.Option("--workspace", "-w", help="Resource id; may be given again."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every workspace in reach; --out is a folder then.")
    ] = False,
    update: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Show what differs from FILE, write what is accepted."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept every difference.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write; else standard output (--all: this folder).")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that exist; else they are left alone.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="Name of the environment; else made of the workspace's.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="What was captured, remarked on and left out, as JSON.")
    ] = False,
) -> None:
    """Write the manifest of a live environment. Reads Azure and changes nothing.

    What contradicts a private environment is written as it is, marked in the file and listed on
    standard error. So is what could not be read, with the permission that is missing.
    """
    shell = shell_of(ctx).beside(document=as_json)
    if sum((bool(workspace), everything, update is not None)) != 1:
        raise UsageProblem("one of --workspace, --all and --update says what to capture")
    if update is not None and (out is not None or force):
        raise UsageProblem("--update writes its own FILE; --out and --force go with --workspace")
    if everything and name is not None:
        raise UsageProblem("--name: with --all each environment is named after its workspace")
    if update is not None and as_json:
        raise UsageProblem("--json: --update asks a person", "relink diff FILE --json compares")
    if update is not None:
        from cli.updating import update_file  # noqa: PLC0415 - --help must stay quick

        raise typer.Exit(update_file(shell, update, accept_all=yes))
    if name is not None and not _NAME.fullmatch(name):
        raise UsageProblem(f"--name: found '{name[:80]}'", f"allowed is {_NAME.pattern}")
    if everything:
        raise typer.Exit(_capture_all(shell, out, force=force))
    _capture(shell, [_workspace(text) for text in workspace or ()], name, out, force=force)


def _document(draft: Draft, text: str, out: Path | None) -> dict[str, object]:
    """What was captured; the manifest itself where it went to no file."""
    remarks = [{"resource": each.resource.text, "text": each.text} for each in draft.remarks]
    return {
        "environment": draft.name,
        "file": str(out) if out else None,
        "manifest": None if out else text,
        "remarks": remarks,
        "unread": list(draft.unread),
        "problems": _problems(text, out),
        "sections": {s.key: len(s.items) for s in draft.sections if s.items},
    }


def _capture(
    shell: Shell,
    workspaces: Sequence[ResourceId],
    name: str | None,
    out: Path | None,
    *,
    force: bool,
) -> None:
    from cli.files import check_target  # noqa: PLC0415 - --help must stay quick
    from cli.live import door, read_live  # noqa: PLC0415 - --help must stay quick
    from shared.capture import name_for, write  # noqa: PLC0415 - the same

    if out is not None:
        merge = f"relink capture --update {out} shows what differs and merges what you accept"
        check_target(out, "--out", force=force, instead=merge)
    with door() as azure:
        draft = read_live(shell, azure, name or name_for(workspaces[0]), workspaces)
        _tell_neighbours(shell, azure, draft, workspaces)
    text = write(draft)
    if out is not None:
        _write(out, text, force=force)
    if shell.aside:
        shell.document(_document(draft, text, out))
        return
    if out is None:
        shell.text(text, end="")
    _tell(shell, draft, text, out)


def _tell_neighbours(
    shell: Shell, azure: AzureGateway, draft: Draft, workspaces: Sequence[ResourceId]
) -> None:
    """Name the computes that share a captured cluster and are not captured with it."""
    from cli.finding import neighbours  # noqa: PLC0415 - --help must stay quick
    from cli.session import patiently  # noqa: PLC0415 - the same
    from shared.azure.errors import RemediationError  # noqa: PLC0415 - the same
    from shared.model.resource_id import ResourceId  # noqa: PLC0415 - the same

    bodies = [item.body for part in draft.sections if part.key == "clusters" for item in part.items]
    clusters = [ResourceId.parse(body["id"]) for body in bodies]
    try:
        found = patiently(lambda: neighbours(azure, workspaces, clusters), shell.note)
    except RemediationError as error:
        shell.warn(f"whether other workspaces use the same clusters is not known: {error}")
        return
    for each in found:
        owner = each.text.rpartition("/computes/")[0]
        shell.warn(
            f"{each} is attached from a captured cluster and is not captured;"
            f" add --workspace {owner}"
        )


def _capture_all(shell: Shell, out: Path | None, *, force: bool) -> Status:
    """A manifest for each environment: workspaces that share a cluster are one.

    One that cannot be captured, or whose file exists, does not stop the others.
    """
    from cli.files import make_folder  # noqa: PLC0415 - --help must stay quick
    from cli.finding import find_environments  # noqa: PLC0415 - the same
    from cli.live import door, read_live  # noqa: PLC0415 - the same
    from shared.capture import name_for, write  # noqa: PLC0415 - the same

    folder = out or Path()
    make_folder(folder, "--out")
    taken: set[str] = set()
    failed = False
    told: list[dict[str, object]] = []
    with door() as azure:
        for workspaces in find_environments(shell, azure):
            name = _free(name_for(workspaces[0]), taken)
            file = folder / f"{name}.yaml"
            if file.exists() and not force:
                shell.warn(
                    f"{file} exists and is left alone; relink capture --update {file} compares"
                    " and merges, --force overwrites"
                )
                told.append({"environment": name, "file": str(file), "written": False})
                continue
            with one_of_many(shell) as tried:
                draft = read_live(shell, azure, name, workspaces)
                text = write(draft)
                _write(file, text, force=force)
            if tried.failed:
                failed = True
                told.append(
                    {"environment": name, "file": str(file), "error": error_json(tried.lines)}
                )
                continue
            told.append(_document(draft, text, file) if shell.aside else {})
            if not shell.aside:
                shell.say(str(file))
                _tell(shell, draft, text, file)
    if shell.aside:
        shell.document(told)
    return Status.ERROR if failed else Status.GOOD


def _write(file: Path, text: str, *, force: bool) -> None:
    """The manifest, and beside it the schema that its first line leads editors to."""
    from cli.commands.schema import schema_text  # noqa: PLC0415 - --help must stay quick
    from cli.files import write_file  # noqa: PLC0415 - the same
    from shared.capture import SCHEMA_FILE  # noqa: PLC0415 - the same

    write_file(file, text, force=force)
    beside = file.parent / SCHEMA_FILE
    if file.is_file() and not beside.exists():
        write_file(beside, schema_text() + "\n")


def _free(name: str, taken: set[str]) -> str:
    """``name``, or with a number behind it when another environment has it."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name[:59]}-{number}"
    taken.add(found)
    return found


def _workspace(text: str) -> ResourceId:
    from shared.model.resource_id import ResourceId  # noqa: PLC0415 - --help must stay quick

    found = ResourceId.maybe(text)
    if found is None or found.type != "microsoft.machinelearningservices/workspaces":
        raise UsageProblem(
            f"--workspace: found '{text[:200]}'",
            "allowed is /subscriptions/<guid>/resourceGroups/<group>/providers/"
            "Microsoft.MachineLearningServices/workspaces/<name>",
        )
    return found


def _tell(shell: Shell, draft: Draft, text: str, out: Path | None) -> None:
    """What a person should know, and whether the file would be accepted as it is."""
    for remark in draft.remarks:
        shell.warn(str(remark))
    for part in draft.unread:
        shell.warn(f"not captured: {part}")
    for problem in _problems(text, out):
        shell.warn(f"not valid yet: {problem}")
    counts = ", ".join(f"{s.key} {len(s.items)}" for s in draft.sections if s.items)
    shell.note(f"captured environment '{draft.name}': {counts}")


def _problems(text: str, out: Path | None) -> list[str]:
    """What keeps the file from being used as it is; ids out of reach are one problem."""
    from cli.live import problems_of  # noqa: PLC0415 - --help must stay quick

    found = problems_of(text, str(out) if out else "standard output")
    told = [problem for problem in found if "outside of RELINK_SCOPES" not in problem]
    if outside := len(found) - len(told):
        reach = ",".join(sorted(set(_SUBSCRIPTION.findall(text.lower()))))
        told.append(f"{outside} ids lie outside of the scopes; let them in: RELINK_SCOPES={reach}")
    return told
