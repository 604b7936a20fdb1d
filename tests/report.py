"""Owns what a run of the tests says of itself: the order at its head, and at its end the skips and the order again.

A pytest plugin. The order is pytest-randomly's, by a seed that every process of the run gets; the
plugin would also seed `random` before each test, which is switched off here: the project's chances
are arguments, and hypothesis keeps its own.
"""

from __future__ import annotations

from collections import Counter

import pytest

_LONGEST = 100


def pytest_configure(config: pytest.Config) -> None:
    """Leave the order to pytest-randomly, and nothing else."""
    if hasattr(config.option, "randomly_reset_seed"):
        config.option.randomly_reset_seed = False


def order(config: pytest.Config) -> str:
    """How the tests are ordered, and what repeats it."""
    processes = getattr(config.option, "numprocesses", None) or 0
    seed = getattr(config.option, "randomly_seed", None)
    if seed is None or not config.option.randomly_reorganize:
        return f"order: as written, {processes or 'no'} further processes"
    return f"order: TEST_JOBS={processes} TEST_SEED={seed}"


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Say the order first, even where --quiet leaves pytest's own head out."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        terminal.write_line(order(session.config))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """One line for all that was skipped, and after a failure what repeats the order."""
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if skipped:
        reasons = "; ".join(f"{number} {reason}" for reason, number in skipped.most_common())
        terminalreporter.write_line(f"skipped {skipped.total()}: {reasons}", yellow=True)
    if exitstatus != pytest.ExitCode.OK:
        terminalreporter.write_line(order(config), red=True)


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped, in a part of a line."""
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    words = " ".join(told.removeprefix("Skipped: ").split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
