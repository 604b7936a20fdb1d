"""Owns what must outlive a run, in a folder or a blob container; decides nothing.

``Records`` is the whole of it, typed. Everything passes through ``shared.model.codec``; a document
that cannot be read is reported (``Records.corrupt``) and skipped.
"""

from __future__ import annotations

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
        super().__init__(Documents(store), clock)

    def corrupt(self) -> tuple[Corrupt, ...]:
        """The documents that could not be read so far, by key."""
        return tuple(self.documents.corrupt[key] for key in sorted(self.documents.corrupt))
