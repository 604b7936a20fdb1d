"""Owns the entry point ``relink``: the list of commands and the options that all of them take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.commands import (
    capture,
    demo,
    diff,
    explain,
    graph,
    host,
    permissions,
    plan,
    reconcile,
    rehearse,
    runs,
    schema,
    validate,
    world,
)
from cli.shell import Shell, Status, error_json, spoken_errors, steady_streams

_EVERYWHERE = ("--quiet", "--debug")
_SCRIPTED = "relink.scripted"
_HELP = """Keeps private Azure ML inference on AKS connected.

Reads Azure, compares it with a manifest, and puts back what differs.

\b
  relink capture --workspace ID --out prod.yaml   write a manifest of what is live
  relink plan prod.yaml                           show what differs; changes nothing
  relink reconcile prod.yaml                      repair it
  relink rehearse prod.yaml                       live through incidents on a copy of it
  relink host                                     run the app on this machine

\b
Records of runs go to --records, else RELINK_RECORDS, else .relink/records in this folder.
Exit status: 0 in sync or done, 1 failed, 2 drift, 64 wrong usage, 130 interrupted.
"""


class _Commands(TyperGroup):
    """The commands; ``--quiet`` and ``--debug`` may stand anywhere, and errors are spoken."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own
        """Take the options of all commands to the front."""
        stop = args.index("--") if "--" in args else len(args)
        moved = [arg for arg in args[:stop] if arg in _EVERYWHERE]
        rest = [arg for arg in args[:stop] if arg not in _EVERYWHERE]
        ctx.meta[_SCRIPTED] = "--json" in rest
        with _usage_status(ctx):
            return super().parse_args(ctx, [*moved, *rest, *args[stop:]])

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own
        """Run the command."""
        debug = bool(ctx.params.get("debug"))
        with _usage_status(ctx), spoken_errors(Shell(debug=debug, scripted=ctx.meta[_SCRIPTED])):
            return super().invoke(ctx)


_TYPERS_USAGE = 2


@contextmanager
def _usage_status(ctx: Any) -> Iterator[None]:  # noqa: ANN401 - typer's own
    """Usage errors are typer's to show; their status is 64, as 2 is drift."""
    try:
        yield
    except Exception as error:
        if getattr(error, "exit_code", None) == _TYPERS_USAGE and not isinstance(error, typer.Exit):
            error.exit_code = Status.USAGE  # type: ignore[attr-defined] # asked for just now
            if ctx.meta[_SCRIPTED]:
                message = str(getattr(error, "message", error))
                Shell().document({"error": error_json((message,))})
        raise


app = typer.Typer(
    name="relink",
    cls=_Commands,
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def everywhere(
    ctx: typer.Context,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="Results and errors only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Options that every command takes, before or after its name."""
    ctx.obj = Shell(quiet=quiet, debug=debug, scripted=ctx.meta.get(_SCRIPTED, False))


app.command(epilog=capture.EXAMPLES)(capture.capture)
app.command(epilog=validate.EXAMPLES)(validate.validate)
app.command(epilog=plan.EXAMPLES)(plan.plan)
app.command(epilog=reconcile.EXAMPLES)(reconcile.reconcile)
app.command(epilog=diff.EXAMPLES)(diff.diff)
app.command(epilog=graph.EXAMPLES)(graph.graph)
app.command(epilog=explain.EXAMPLES)(explain.explain)
app.command(epilog=runs.EXAMPLES)(runs.runs)
app.command(epilog=runs.SHOW_EXAMPLES)(runs.show)
app.command(epilog=host.EXAMPLES)(host.host)
app.command(epilog=permissions.EXAMPLES)(permissions.permissions)
app.command(epilog=schema.EXAMPLES)(schema.schema)
app.command(epilog=world.EXAMPLES)(world.world)
app.command(epilog=rehearse.EXAMPLES)(rehearse.rehearse)
app.command(epilog=demo.EXAMPLES)(demo.demo)


def main() -> None:
    """``relink``."""
    steady_streams()
    app()


if __name__ == "__main__":
    main()
