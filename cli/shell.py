"""Owns how the commands speak: two consoles, how errors look, what the exit statuses mean.

Results go to standard output, everything else to standard error. Colours are rich's business, which
honours ``NO_COLOR`` and leaves them out when the output is no terminal. A reader that goes away
(``| head``, a closed terminal) never ends a command: a run must not break off inside of a unit.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


class Status(IntEnum):
    """Exit statuses that scripts rely on."""

    GOOD = 0  # in sync, repaired, valid, done
    ERROR = 1  # nothing can be said, or something failed
    DRIFT = 2  # there is drift, and nothing failed
    USAGE = 64  # the command line itself is wrong (EX_USAGE of sysexits.h)
    INTERRUPTED = 130  # Ctrl-C: 128 + SIGINT


class CommandError(Exception):
    """A command cannot go on. ``lines`` say why and what to do; no stack trace is shown."""

    status = Status.ERROR

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class UsageProblem(CommandError):  # noqa: N818 - typer's own UsageError is another thing
    """The command line itself is wrong; nothing was read."""

    status = Status.USAGE


class _Steady:
    """A standard stream whose reader may go away.

    What is written after that is dropped. Standard error is only ever commentary, so no failure of
    it matters; a result that cannot be written (a full disk) is an error.
    """

    def __init__(self, stream: IO[str], *, result: bool) -> None:
        self._stream = stream
        self._result = result

    def write(self, text: str) -> int:
        """Write, or drop what nobody reads."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """The same for what is buffered."""
        self._try(self._stream.flush)

    def _try(self, act: Any) -> None:  # noqa: ANN401 - a call whose answer nobody wants
        try:
            act()
        except BrokenPipeError:
            self._divert()
        except OSError as error:
            self._divert()
            if self._result:
                raise CommandError(
                    f"the result could not be written to standard output: {error.strerror}"
                ) from error

    def _divert(self) -> None:
        """Let the rest go nowhere, what the interpreter flushes at its end included."""
        with suppress(OSError, ValueError):  # a stream without a descriptor has nothing to divert
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)


def steady_streams() -> None:
    """Give closed standard streams a place, and let no character stop a command.

    A closed descriptor would be given to the next file or socket that is opened, and written to.
    """
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - it lives as long as the process
        elif name != "stdin":
            stream.reconfigure(errors="backslashreplace")


@dataclass
class Shell:
    """Where a command speaks. ``quiet``: results and errors only; ``debug``: stack traces.

    ``aside``: lines for people go to standard error as well, as the result is one JSON document.
    ``scripted``: ``--json`` was given, so that an error is a JSON document, too. ``plain``: no
    colours and no rows that change, even on a terminal.
    """

    quiet: bool = False
    debug: bool = False
    aside: bool = False
    scripted: bool = False
    plain: bool = False

    @cached_property
    def out(self) -> Console:
        """Standard output, for results."""
        return self.err if self.aside else self._console(_Steady(sys.stdout, result=True))

    @cached_property
    def err(self) -> Console:
        """Standard error, for progress, warnings and errors."""
        return self._console(_Steady(sys.stderr, result=False))

    def _console(self, stream: _Steady) -> Console:
        from rich.console import Console  # noqa: PLC0415 - rich costs 100 ms that --help needs not

        never = False if self.plain else None
        return Console(
            file=cast("IO[str]", stream),
            force_terminal=never,
            no_color=self.plain or None,
            highlight=False,
            soft_wrap=True,
        )

    def beside(self, *, document: bool) -> Shell:
        """A shell for people beside a JSON document on standard output; this one without."""
        return replace(self, aside=True) if document else self

    def document(self, value: object) -> None:
        """The result as one JSON document on standard output."""
        self.text(json.dumps(value, indent=2, ensure_ascii=False, default=str))

    def text(self, text: str, end: str = "\n") -> None:
        """The result as it is, on standard output: no wrapping, no colours."""
        stream = _Steady(sys.stdout, result=True)
        stream.write(text + end)
        stream.flush()

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


def counted(number: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shell_of(ctx: typer.Context) -> Shell:
    """The shell that the main callback made."""
    found = ctx.find_object(Shell)
    return found if found is not None else Shell()


@contextmanager
def spoken_errors(shell: Shell) -> Iterator[None]:
    """Turn what a command raises into lines on standard error and an exit status.

    With ``--json`` the error is a document on standard output as well. With ``--debug`` the
    exception goes through, so that its stack trace is seen.
    """
    lines: tuple[str, ...]
    try:
        yield
    except (KeyboardInterrupt, typer.Abort):
        lines, status = ("interrupted",), Status.INTERRUPTED
    except CommandError as error:
        lines, status = error.lines, error.status
    except Exception as error:
        if shell.debug or not _ours_to_speak(error):
            raise
        lines, status = _lines(error), Status.ERROR
    else:
        return
    shell.fail(*lines)
    if shell.scripted:
        with suppress(CommandError):  # it cannot be written, and has been said above
            shell.document({"error": error_json(lines)})
    raise typer.Exit(status)


@dataclass(slots=True)
class Attempt:
    """How one of several went; ``lines`` say why it failed."""

    lines: tuple[str, ...] = ()
    failed: bool = field(default=False)


@contextmanager
def one_of_many(shell: Shell) -> Iterator[Attempt]:
    """Let one of several fail by itself: its error is said, and the others go on."""
    attempt = Attempt()
    try:
        yield attempt
    except Exception as error:
        if shell.debug or not _ours_to_speak(error):
            raise
        lines = error.lines if isinstance(error, CommandError) else _lines(error)
        attempt.lines, attempt.failed = lines, True
        shell.fail(*lines)


def error_json(lines: tuple[str, ...]) -> dict[str, object]:
    """An error for scripts."""
    return {"message": lines[0] if lines else "", "details": list(lines[1:])}


def _ours_to_speak(error: Exception) -> bool:
    """Usage errors and exits belong to typer."""
    return not isinstance(error, typer.Exit | typer.Abort) and not hasattr(error, "exit_code")


def _lines(error: Exception) -> tuple[str, ...]:
    """Errors of ours explain themselves; any other is named, as it is a defect."""
    name = type(error).__name__
    ours = type(error).__module__.split(".")[0] in {"shared", "devhost", "cli", "remediators"}
    if ours and name in {"SettingsError", "ManifestError"}:
        what = "these settings cannot be used:" if name == "SettingsError" else "manifest:"
        return (what, *str(error).splitlines())
    if ours:
        return tuple(str(error).splitlines()) or (name,)
    if isinstance(error, OSError) and error.filename is not None:
        return (f"{error.filename}: {error.strerror}",)
    return (f"{name}: {error}", "this is a defect of Relink; --debug shows where it arose")
