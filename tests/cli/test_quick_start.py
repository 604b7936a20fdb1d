"""The session of docs/quick-start.md, typed into a real shell: its output is what the page shows.

``RELINK_WRITE_QUICK_START=1`` writes what was shown into the page.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.environment import child_environment

PAGE = Path(__file__).parents[2] / "docs/quick-start.md"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_END = "--end-of-command--"
_VARIES = (
    (re.compile(r" *\d+(\.\d+)? s\b"), " # s"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<guid>"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "<hash>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:]+"), "<time>"),
    (re.compile(r"by \S+ \(command line\)"), "by somebody (command line)"),
    (re.compile(r" +$", re.MULTILINE), ""),
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shell")]


def steps(block: str) -> list[tuple[str, str]]:
    """Each command of a block with the output below it."""
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        found.append((command, output))
    return found


def masked(text: str) -> str:
    """The output without what is different each time."""
    for pattern, instead in _VARIES:
        text = pattern.sub(instead, text)
    return text.strip()


def recording() -> dict[str, str]:
    """Where the gate records what a simulated Azure is asked."""
    return {n: os.environ[n] for n in ("SIMULATOR_RECORD",) if n in os.environ}


class Terminal:
    """One shell that keeps its variables and folder from command to command."""

    def __init__(self, folder: Path) -> None:
        here = Path(sys.executable).parent
        environ = child_environment({"PYTHONUNBUFFERED": "1", "COLUMNS": "100", **recording()})
        environ |= {"PYTHONPATH": str(PAGE.parents[1]), "PATH": f"{here}:{environ['PATH']}"}
        self._shell = subprocess.Popen(
            ["bash", "--norc"], cwd=folder, env=environ, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def type(self, command: str) -> str:
        """Run a command and return what it shows."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{command}\necho {_END}\n")
        self._shell.stdin.flush()
        shown: list[str] = []
        for line in self._shell.stdout:
            if line.strip() == _END:
                return "".join(shown)
            shown.append(line)
        raise AssertionError(f"the shell ended at: {command}\n{''.join(shown)}")

    def close(self) -> None:
        """End the shell and what it left in the background."""
        os.killpg(self._shell.pid, signal.SIGTERM)
        self._shell.communicate(timeout=120)


def test_the_session_of_the_quick_start_shows_what_the_page_says(tmp_path: Path) -> None:
    page = PAGE.read_text()
    terminal = Terminal(tmp_path)
    fresh = page
    try:
        for block in _BLOCK.findall(page):
            told = "".join(f"$ {c}\n{terminal.type(c)}" for c, _ in steps(block))
            fresh = fresh.replace(block, told, 1)
    finally:
        terminal.close()
    if os.environ.get("RELINK_WRITE_QUICK_START"):
        PAGE.write_text(fresh)
    assert masked(fresh) == masked(page)
    assert (tmp_path / "rehearsal" / "report.html").is_file()
