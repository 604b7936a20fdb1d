"""``relink rehearse``: a copy of one's own environment lives through incidents."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shell import CommandError, Shell, Status, UsageProblem, shell_of

if TYPE_CHECKING:
    from cli.demo.show import Show
    from cli.rehearsal.incidents import Incident
    from cli.rehearsal.story import Story
    from shared.model.environment import Environment

EXAMPLES = """\b
Examples:
  relink rehearse prod.yaml
  relink rehearse prod.yaml --incident cluster-restart --incident worker-killed
  relink rehearse prod.yaml --report rehearsal
  relink rehearse prod.yaml --json > rehearsal.json
"""


_PAGES = ("report.md", "report.html")


def rehearse(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A manifest (*.yaml).")],
    *,
    incident: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Incident to play; may be given again. Else all."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write report.md and report.html there.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite an earlier report in --report.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="How each ended, as one JSON document.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, no colours.")] = False,
    keep: Annotated[
        Path | None, typer.Option(help="A new or empty folder to leave logs and records in.")
    ] = None,
) -> None:
    """Play incidents on a simulated copy of the environment, with the real app. Touches no Azure.

    Incidents: cluster-restart, endpoint-deleted, public-access, trusted-services, throttled-arm,
    worker-killed, group-deleted. Exit status 0: each ended as it should; 1: one did not.
    """
    from cli.demo.azure import DemoError  # noqa: PLC0415 - --help must stay quick
    from cli.files import check_empty, check_target, make_folder  # noqa: PLC0415 - the same
    from cli.session import read_file  # noqa: PLC0415 - the same

    shell = shell_of(ctx).beside(document=as_json)
    declared = read_file(file)
    chosen = _chosen(incident or ())
    if keep is not None:
        check_empty(keep, "--keep")
    if report is not None:
        make_folder(report, "--report")
        for page in _PAGES:
            check_target(report / page, "--report", force=force)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relink-")))
        from cli.rehearsal.play import copy_of  # noqa: PLC0415 - --help must stay quick
        from cli.rehearsal.play import rehearse as played  # noqa: PLC0415 - the same

        try:
            story = played(declared, chosen, folder.absolute(), _show(shell, plain=plain))
        except (DemoError, ValueError) as error:
            raise CommandError("the rehearsal broke off:", *str(error).splitlines()) from error
    environment, _ = copy_of(declared.environment)
    if report is not None:
        _write(shell, report, story, environment)
    if as_json:
        shell.document(_document(story))
    else:
        _tell(shell, story)
    raise typer.Exit(Status.GOOD if story.good else Status.ERROR)


def _chosen(names: tuple[str, ...] | list[str]) -> tuple[Incident, ...]:
    from cli.rehearsal.incidents import INCIDENTS  # noqa: PLC0415 - --help must stay quick

    known = {each.name: each for each in INCIDENTS}
    for name in names:
        if name not in known:
            raise UsageProblem(f"--incident: found '{name[:80]}'", f"allowed: {', '.join(known)}")
    return tuple(known[name] for name in names) or INCIDENTS


def _show(shell: Shell, *, plain: bool) -> Show:
    from rich.console import Console  # noqa: PLC0415 - --help must stay quick

    from cli.demo.show import Show  # noqa: PLC0415 - the same

    if shell.quiet:
        return Show(Console(quiet=True))
    return Show(replace(shell, plain=plain).out)


def _document(story: Story) -> dict[str, object]:
    played = [
        {
            "incident": each.name,
            "wanted": each.wanted,
            "good": each.good,
            "skipped": each.skipped,
            "outcome": each.outcome,
            "writes": each.writes,
            "seconds": round(each.seconds, 1),
            "problems": list(each.problems),
            "hurt": [
                {
                    "resource": hurt.resource.text,
                    "reasons": list(hurt.reasons),
                    "foundAfter": round(hurt.found_after, 1),
                    "backAfter": None if hurt.back_after is None else round(hurt.back_after, 1),
                    "outcome": hurt.outcome,
                }
                for hurt in each.hurt
            ],
        }
        for each in story.played
    ]
    return {
        "environment": story.environment,
        "manifestVersion": story.version,
        "good": story.good,
        "played": played,
        "notes": list(story.notes),
    }


def _tell(shell: Shell, story: Story) -> None:
    shell.say("")
    for each in story.played:
        words = f"skipped: {each.skipped}" if each.skipped else f"{each.outcome}: {each.wanted}"
        mark = "-" if each.skipped else "✔" if each.good else "✘"
        style = "" if each.skipped else "green" if each.good else "red"
        shell.say(f"{mark} {each.name:18}{each.seconds:6.1f} s  {words}", style)


def _write(shell: Shell, folder: Path, story: Story, environment: Environment) -> None:
    from cli.files import write_file  # noqa: PLC0415 - --help must stay quick
    from cli.rehearsal.report import html, markdown  # noqa: PLC0415 - the same
    from cli.topology import topology_of  # noqa: PLC0415 - the same

    texts = (markdown(story), html(story, topology_of(environment)))
    pages = [folder / page for page in _PAGES]
    for page, text in zip(pages, texts, strict=True):
        write_file(page, text, option="--report")
    shell.note(f"wrote {' and '.join(map(str, pages))}")
