"""``relink host``: the app on this machine, with a task hub whose state outlives kill -9."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.shell import shell_of

EXAMPLES = """\b
Examples:
  RELINK_ENVIRONMENTS=file:///etc/relink relink host
  relink host --port 0 --state /var/lib/relink
"""
APP = Path(__file__).resolve().parents[2]
"""Where ``function_app.py`` is: the repository's root, or what was installed."""


def host(
    ctx: typer.Context,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 7071,
    state: Annotated[
        Path, typer.Option(help="Folder for everything that outlives the host.")
    ] = Path(".relink"),
) -> None:
    """Serve the app on this machine, as the Functions host would, until SIGINT or SIGTERM.

    Records go to RELINK_RECORDS, else to the folder 'records' in --state.
    """
    from cli.session import records_shown  # noqa: PLC0415 - --help must stay quick
    from devhost.main import serve  # noqa: PLC0415 - a host costs imports that --help needs not
    from shared.settings import Settings  # noqa: PLC0415 - the same

    folder = state.absolute()
    records = os.environ.get("RELINK_RECORDS", "").strip() or (folder / "records").as_uri()
    settings = Settings.read({**os.environ, "RELINK_RECORDS": records})
    shell_of(ctx).note(
        f"mode {settings.mode}, state in {folder}, records in {records_shown(records)}"
    )
    os.environ["RELINK_RECORDS"] = records  # it is the app's environment
    raise typer.Exit(serve(APP, folder, port))
