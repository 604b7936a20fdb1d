"""Owns what must outlive a run, in a folder or a blob container; decides nothing.

``Records`` is the whole of it, typed. Everything passes through ``shared.model.codec``; a document
that cannot be used is set aside (``Records.set_aside``) and in nobody's way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from shared.model.attempt import Attempt
from shared.records.approvals import (
    ApprovalDecidedError,
    ApprovalError,
    ApprovalExpiredError,
    Approvals,
    ApprovalUnknownError,
)
from shared.records.documents import Documents, TooLargeError
from shared.records.folder import FolderStore
from shared.records.leases import Leases
from shared.records.manifests import ManifestMemory
from shared.records.obligations import Obligations
from shared.records.opening import open_store
from shared.records.runs import RunIsImmutableError, Runs
from shared.records.store import (
    Conflict,
    InvalidKeyError,
    Mark,
    Store,
    Stored,
    StoreError,
    StoreUnavailableError,
)
from shared.records.tallies import Tallies
from shared.records.values import (
    Approval,
    ApprovalState,
    Corrupt,
    Good,
    HeldBy,
    Lease,
    Pause,
    RejectedEvent,
    RejectedEvents,
)

__all__ = [
    "Approval",
    "ApprovalDecidedError",
    "ApprovalError",
    "ApprovalExpiredError",
    "ApprovalState",
    "ApprovalUnknownError",
    "Attempt",
    "Conflict",
    "Corrupt",
    "FolderStore",
    "Good",
    "HeldBy",
    "InvalidKeyError",
    "Lease",
    "Mark",
    "Pause",
    "Records",
    "RejectedEvent",
    "RejectedEvents",
    "RunIsImmutableError",
    "Store",
    "StoreError",
    "StoreUnavailableError",
    "Stored",
    "TooLargeError",
    "open_store",
]


class Records(Leases, Obligations, Runs, Approvals, Tallies, ManifestMemory):
    """Every record, typed. ``clock`` gives aware datetimes; nothing else is asked for the time."""

    __slots__ = ()

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        super().__init__(Documents(store, clock), clock)

    def set_aside(self, most: int = 50) -> tuple[Corrupt, ...]:
        """Documents that could not be used and wait for a person: where they lay, and why."""
        return self.documents.set_aside(most)

    def count_aside(self, most: int = 1000) -> int:
        """How many wait."""
        return self.documents.count_aside(most)

    def keep_aside(self, key: str, data: bytes, why: str) -> None:
        """Keep a document of another store that cannot be used."""
        self.documents.keep_aside(key, data, hashlib.sha256(data).hexdigest(), why)
