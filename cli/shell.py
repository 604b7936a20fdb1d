"""Owns how the commands speak: two consoles, how errors look, what the exit statuses mean.

Results go to standard output, everything else to standard error. Colours are rich's business, which
honours ``NO_COLOR`` and leaves them out when the output is no terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


class Status(IntEnum):
    """Exit statuses that scripts rely on."""

    GOOD = 0  # in sync, repaired, valid, done
    ERROR = 1  # nothing can be said, or something failed
    DRIFT = 2  # there is drift, and nothing failed


class CommandError(Exception):
    """A command cannot go on. ``lines`` say why and what to do; no stack trace is shown."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass
class Shell:
    """Where a command speaks. ``quiet``: results and errors only; ``debug``: stack traces.

    ``aside``: lines for people go to standard error as well, as the result is one JSON document.
    """

    quiet: bool = False
    debug: bool = False
    aside: bool = False

    @cached_property
    def out(self) -> Console:
        """Standard output, for results."""
        from rich.console import Console  # noqa: PLC0415 - rich costs 100 ms that --help needs not

        return Console(highlight=False, soft_wrap=True, stderr=self.aside)

    @cached_property
    def err(self) -> Console:
        """Standard error, for progress, warnings and errors."""
        from rich.console import Console  # noqa: PLC0415 - rich costs 100 ms that --help needs not

        return Console(stderr=True, highlight=False, soft_wrap=True)

    def beside(self, *, document: bool) -> Shell:
        """A shell for people beside a JSON document on standard output; this one without."""
        return replace(self, aside=True) if document else self

    def document(self, value: object) -> None:
        """The result as one JSON document on standard output."""
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))

    def say(self, text: str, style: str = "") -> None:
        """A line of the result; ``text`` is no markup."""
        self.out.print(_styled(text, style))

    def note(self, text: str, style: str = "dim") -> None:
        """A line about what goes on; quiet leaves it out."""
        if not self.quiet:
            self.err.print(_styled(text, style))

    def warn(self, text: str) -> None:
        """Something that a person should know, though the command goes on."""
        self.err.print(_styled(f"warning: {text}", "yellow"))

    def complain(self, text: str) -> None:
        """A problem in words of its own."""
        self.err.print(_styled(text, "red"))

    def fail(self, *lines: str) -> None:
        """Why the command ends."""
        for at, line in enumerate(lines):
            self.complain(f"error: {line}" if not at else f"  {line}")


def _styled(text: str, style: str) -> Text:
    """``text`` as it is: never read as markup, its style ending where it ends."""
    from rich.text import Text  # noqa: PLC0415 - rich costs 100 ms that --help needs not

    return Text(text, style)


def shell_of(ctx: typer.Context) -> Shell:
    """The shell that the main callback made."""
    found = ctx.find_object(Shell)
    return found if found is not None else Shell()


@contextmanager
def spoken_errors(shell: Shell) -> Iterator[None]:
    """Turn what a command raises into lines on standard error and exit status 1.

    With ``--debug`` the exception goes through, so that its stack trace is seen.
    """
    try:
        yield
    except CommandError as error:
        shell.fail(*error.lines)
    except Exception as error:
        if shell.debug or not _ours_to_speak(error):
            raise
        shell.fail(*_lines(error))
    else:
        return
    raise typer.Exit(Status.ERROR)


def _ours_to_speak(error: Exception) -> bool:
    """Usage errors and exits belong to typer."""
    return not isinstance(error, typer.Exit | typer.Abort) and not hasattr(error, "exit_code")


def _lines(error: Exception) -> tuple[str, ...]:
    """Errors of ours explain themselves; any other is named, as it is a defect."""
    name = type(error).__name__
    ours = type(error).__module__.split(".")[0] in {"shared", "devhost", "cli", "remediators"}
    if ours and name in {"SettingsError", "ManifestError"}:
        return (f"{name.removesuffix('Error').lower()}:", *str(error).splitlines())
    if ours:
        return tuple(str(error).splitlines())
    return (f"{name}: {error}", "this should not happen; --debug before the command shows where")
