"""Owns debts: suspicions that a restart broke something, one per target, paid one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.model.json import fingerprint
from shared.model.resource_id import ResourceId

SEEN: Final = "seen"
"""How the source of a debt begins that nobody told of: an endpoint showed it."""


@dataclass(frozen=True, slots=True)
class Debt:
    """``target`` (an endpoint or a compute) may be dead since ``cluster`` restarted.

    ``restart_at`` is what the source says (an event's time, the activity log's); ``proof`` is
    empty while it is a suspicion, and says what proved the restart once something has. A debt is
    acted on only with evidence read at that moment of the target itself.

    ``after`` is set once a link was seen to be gone that had been verified at that time: a restart
    came later than that for certain. Of a restart that was only ``seen``, ``restart_at`` is when it
    was seen, so it came between the two.
    """

    target: ResourceId
    cluster: ResourceId
    restart_at: datetime
    source: str
    proof: str = ""
    after: datetime | None = None

    @property
    def seen(self) -> bool:
        """Whether nobody told of the restart: an endpoint of the cluster showed it."""
        return self.source.startswith(SEEN)

    @property
    def id(self) -> str:
        """One id per target and restart: the same restart told twice is one debt."""
        return fingerprint([self.target.key, self.restart_at.isoformat(timespec="seconds")])
