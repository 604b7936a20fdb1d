"""Owns what every step is carried out with: clients, the time, and what the plan was made on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.azure.clients import Clients
from shared.model.actual import Found, Observation, Question, Read
from shared.model.json import JsonObject
from shared.model.resource_id import ResourceId

_FRESH: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Room:
    """``observed`` are the answers that the plan was made on, perhaps minutes old."""

    clients: Clients
    clock: Callable[[], datetime]
    observed: Mapping[Read, Observation]

    def seen(self, resource: ResourceId) -> JsonObject | None:
        """The body that the plan was made on."""
        found = self.observed.get(Read(Question.GET, resource))
        return found.body if isinstance(found, Found) else None

    def fresh(self, resource: ResourceId) -> JsonObject | None:
        """The same if it was read so recently that reading again would tell nothing new."""
        found = self.observed.get(Read(Question.GET, resource))
        recent = isinstance(found, Found) and abs(self.clock() - found.at) < _FRESH
        return found.body if recent and isinstance(found, Found) else None
