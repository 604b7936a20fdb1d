"""``relink world``: a manifest as plain ARM resources, for the simulated Azure to serve a copy of the environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.shell import CommandError, shell_of

EXAMPLES = """\b
Examples:
  relink world prod.yaml --out prod.json
  python -m simulator --world prod.json --speed 100
"""


def world(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A manifest (*.yaml).")],
    *,
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out if it exists.")] = False,
) -> None:
    """Turn a manifest into a world file: a JSON list of ARM resources, healthy. Reads no Azure.

    What a manifest does not say (address spaces, principals, SKUs) is made up.
    """
    from cli.files import check_target, write_file  # noqa: PLC0415 - --help must stay quick
    from cli.session import read_file  # noqa: PLC0415 - the same
    from cli.world import world_of  # noqa: PLC0415 - the same

    shell = shell_of(ctx)
    if out is not None:
        check_target(out, "--out", force=force)
    try:
        made = world_of(read_file(file).environment)
    except ValueError as error:
        raise CommandError(f"{file} cannot be simulated: {error}") from error
    for line in made.left_out:
        shell.warn(f"left out: {line}")
    text = json.dumps(made.resources, indent=1)
    if out is None:
        shell.text(text)
        return
    write_file(out, text + "\n", force=force)
    shell.note(f"wrote {len(made.resources)} resources to {out}")
