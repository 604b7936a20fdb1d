"""Owns what can be said of a manifest that is wrong: where, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. ``line`` and ``column`` count from 1; 0 means the file as a whole.

    ``field`` is a path such as ``privateEndpoints[0].body``; empty for the manifest as a whole.
    """

    file: str
    line: int
    column: int
    field: str
    found: str
    allowed: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        field = f" {self.field}:" if self.field else ""
        allowed = f"; allowed: {self.allowed}" if self.allowed else ""
        found = f" (found: {self.found}{allowed})" if self.found else allowed
        return f"{place}:{field} {self.message}{found}"


class ManifestError(ValueError):
    """A manifest cannot be used; ``problems`` has all that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda each: (each.line, each.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
