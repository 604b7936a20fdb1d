"""Owns the ids of wishes: where a run's id is made."""

from __future__ import annotations

import uuid
from typing import Final

_EVENTS: Final = uuid.UUID("5d9c2f3e-7b0a-5a55-9c46-2f6f3d0f6d1c")


def new_id() -> str:
    """A fresh id, for what a person or a timer asks for."""
    return str(uuid.uuid4())  # noqa: TID251 - ids come from the triggers


def event_id(environment: str, event: str) -> str:
    """The same id for the same event in the same environment, however often it is delivered."""
    return str(uuid.uuid5(_EVENTS, f"{environment}\n{event}"))
