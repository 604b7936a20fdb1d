"""Owns debts: suspicions that a restart broke something, one per target, paid one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.model.json import fingerprint
from shared.model.resource_id import ResourceId


@dataclass(frozen=True, slots=True)
class Debt:
    """``target`` (an endpoint or a compute) may be dead since ``cluster`` restarted.

    ``restart_at`` is what the source says (an event's time, the activity log's); ``proof`` is
    empty while it is a suspicion, and says what proved the restart once something has. A debt is
    acted on only with evidence read at that moment of the target itself.
    """

    target: ResourceId
    cluster: ResourceId
    restart_at: datetime
    source: str
    proof: str = ""

    @property
    def id(self) -> str:
        """One id per target and restart: the same restart told twice is one debt."""
        return fingerprint([self.target.key, self.restart_at.isoformat(timespec="seconds")])
