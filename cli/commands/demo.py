"""``relink demo``: a simulated private environment breaks and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.shell import UsageProblem

EXAMPLES = """\b
Examples:
  relink demo
  relink demo --plain --only 1 --only 3
"""


def demo(
    *,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, no colours.")] = False,
    only: Annotated[list[int] | None, typer.Option(help="Scenes to play, by number.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="A new or empty folder to leave logs and records in.")
    ] = None,
) -> None:
    """Watch Relink repair a simulated environment. Needs no Azure."""
    from cli.demo.play import run_demo  # noqa: PLC0415 - --help must stay quick
    from cli.demo.scenes import SCENES  # noqa: PLC0415 - the same
    from cli.files import check_empty  # noqa: PLC0415 - the same

    numbers = [scene.number for scene in SCENES]
    for number in only or ():
        if number not in numbers:
            raise UsageProblem(f"--only: found {number}, allowed: {', '.join(map(str, numbers))}")
    if keep is not None:
        check_empty(keep, "--keep")
    raise typer.Exit(run_demo(plain=plain, only=tuple(only or ()), keep=keep))
