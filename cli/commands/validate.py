"""``relink validate``: what is wrong with manifests, to the line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.shell import Status, shell_of

EXAMPLES = """\b
Examples:
  relink validate prod.yaml
  relink validate environments --json
"""


def validate(
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Manifests (*.yaml), or folders of them.")
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check manifests, each by itself and against the others. Reads no Azure.

    One that is wrong stops no other. Exit status 0: all are valid; 1: problems, as file:line:column: field: what is wrong.
    """
    from cli.session import problem_json, read_files  # noqa: PLC0415 - --help must stay quick

    shell = shell_of(ctx)
    manifests = read_files(files)
    if as_json:
        document = {
            "valid": not manifests.problems,
            "environments": sorted(manifests.environments),
            "problems": [problem_json(problem) for problem in manifests.problems],
        }
        shell.document(document)
    else:
        for problem in manifests.problems:
            shell.complain(str(problem))
        bad = {problem.file for problem in manifests.problems}
        for name, declared in sorted(manifests.environments.items()):
            if declared.source not in bad:
                shell.note(
                    f"{declared.source}: environment '{name}' is valid (version {declared.version})"
                )
    raise typer.Exit(Status.ERROR if manifests.problems else Status.GOOD)
