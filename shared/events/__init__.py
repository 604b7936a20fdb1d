"""Owns the way from an Event Grid event to environments and debts; reads no network and no clock."""

from shared.events.index import Index, watched_by
from shared.events.meaning import echo, restarts
from shared.events.reading import (
    ChangeKind,
    Ignored,
    MalformedEventError,
    ResourceChanged,
    read_event,
)

__all__ = [
    "ChangeKind",
    "Ignored",
    "Index",
    "MalformedEventError",
    "ResourceChanged",
    "echo",
    "read_event",
    "restarts",
    "watched_by",
]
