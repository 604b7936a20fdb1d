"""Owns what remediators share that only report: a difference for a person, and no units."""

from __future__ import annotations

from collections.abc import Sequence

from shared.model.actual import Actual
from shared.model.environment import Environment
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.plan import Unit
from shared.remediation.differences import Difference


def reported(reason: str, *seen: Evidence, command: str = "", why: str = "ByHand") -> Difference:
    """A difference that a person settles, with the command that does it where there is one."""
    return Difference(reason, seen, "", Disposition.REPORT, why, command)


def no_units(_: Environment, __: Actual, ___: Sequence[Finding]) -> Sequence[Unit]:
    """The plan of a remediator that writes nothing."""
    return ()
