"""Owns what a look has read so far, while it waits for the answers that it lacks.

Kept in the run's papers: whichever worker looks again asks only for what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError

from shared.model.actual import Absent, Found, Observation, Read
from shared.model.codec import dump, load
from shared.records import Records, StoreError


@dataclass(frozen=True, slots=True)
class Kept:
    """The answers of a look that began at ``since`` and was taken ``tries`` times."""

    since: datetime
    tries: int = 0
    found: tuple[tuple[Read, Found], ...] = ()
    absent: tuple[tuple[Read, Absent], ...] = ()

    def answers(self) -> dict[Read, Observation]:
        """What need not be read again."""
        return {**dict(self.found), **dict(self.absent)}

    def more(self, answers: Mapping[Read, Observation]) -> Kept:
        """After another try that ended with ``answers``."""
        return replace(
            self,
            tries=self.tries + 1,
            found=tuple((r, a) for r, a in answers.items() if isinstance(a, Found)),
            absent=tuple((r, a) for r, a in answers.items() if isinstance(a, Absent)),
        )


def kept_answers(records: Records, run: str, number: int) -> Kept | None:
    """What round ``number`` of a run has read so far, if it waits."""
    paper = records.paper(run, _name(number))
    try:
        return load(Kept, paper) if paper is not None else None
    except ValidationError:
        return None  # of another version: everything is read again


def keep_answers(records: Records, run: str, number: int, kept: Kept) -> bool:
    """Keep them; False where they cannot be kept, so that there is nothing to wait with."""
    try:
        records.put_paper(run, _name(number), dump(kept))
    except StoreError:
        return False
    return True


def _name(number: int) -> str:
    return f"answers-{number}"
