"""Owns leases and pauses: who may work on an environment, and whether anybody may.

A lease is held by a name (a run's id, a command line's) and ends by itself, so that a killed holder
frees the environment. Times are those of whoever writes; a lease has ended for others only when it
has by more than ``SKEW``, which is how far clocks may differ. There are two kinds, independent of
each other: that of the environment's main run, and with ``beside`` that of the run beside it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from shared.records.shelf import Shelf
from shared.records.store import Conflict
from shared.records.values import HeldBy, Lease, Pause

SKEW: Final = timedelta(seconds=60)
_TRIES: Final = 20
_FRESH: Final = 0.9
"""A lease of our own with more than this part of its time left is not written again."""


class Leases(Shelf):
    """Leases and pauses of environments."""

    __slots__ = ()

    def acquire_lease(
        self, environment: str, holder: str, seconds: float, *, beside: bool = False
    ) -> Lease | HeldBy:
        """Take the lease, take over one that has ended, or renew our own."""
        key = self._lease_key(environment, beside=beside)
        fresh = self._fresh(key, holder, seconds)
        if fresh is not None:
            return fresh
        now = self.clock()
        wanted = Lease(environment, holder, now + timedelta(seconds=seconds))

        def decide(current: Lease | None) -> Lease | None:
            free = current is None or current.holder == holder or current.until + SKEW <= now
            return wanted if free else None

        taken = self.documents.change(Lease, key, decide)
        if taken is not None:
            return taken
        held = self._held(key)
        return held or self.acquire_lease(environment, holder, seconds, beside=beside)

    def renew_lease(
        self, environment: str, holder: str, seconds: float, *, beside: bool = False
    ) -> Lease | HeldBy | None:
        """Keep our own lease, even one that has ended as long as nobody else took it.

        ``HeldBy`` says who did; None says that there is no lease any more (it was released, or
        the sweep freed it), so the holder has to stop or acquire it anew.
        """
        key = self._lease_key(environment, beside=beside)
        fresh = self._fresh(key, holder, seconds)
        if fresh is not None:
            return fresh
        wanted = Lease(environment, holder, self.clock() + timedelta(seconds=seconds))

        def decide(current: Lease | None) -> Lease | None:
            return wanted if current is not None and current.holder == holder else None

        renewed = self.documents.change(Lease, key, decide)
        return renewed or self._held(key)

    def release_lease(self, environment: str, holder: str, *, beside: bool = False) -> bool:
        """Give up the lease; whether it was ``holder``'s to give up."""
        key = self._lease_key(environment, beside=beside)
        for _ in range(_TRIES):
            version = self.documents.version(Lease, key)
            if version is None or version.value is None or version.value.holder != holder:
                return False
            try:
                self.documents.store.delete(key, if_match=version.etag)
            except Conflict:
                continue
            return True
        raise Conflict(f"{key} changed {_TRIES} times while it was to be released")

    def lease(self, environment: str, *, beside: bool = False) -> Lease | None:
        """The lease as it stands, ended or not."""
        return self.documents.get(Lease, self._lease_key(environment, beside=beside))

    def holder(self, environment: str, *, beside: bool = False) -> str:
        """Who holds the lease now; nobody once it has ended by every clock."""
        current = self.lease(environment, beside=beside)
        return current.holder if current and current.until + SKEW > self.clock() else ""

    def pause(self, environment: str, by: str, reason: str) -> Pause:
        """Stop acting on the environment until somebody resumes; a standing pause stays."""
        wanted = Pause(by, reason, self.clock())

        def decide(current: Pause | None) -> Pause:
            return current if current and current.resumed_at is None else wanted

        return self.documents.change(Pause, self.key(environment, "pause"), decide) or wanted

    def paused(self, environment: str) -> Pause | None:
        """The pause in force."""
        pause = self.documents.get(Pause, self.key(environment, "pause"))
        return pause if pause and pause.resumed_at is None else None

    def resume(self, environment: str, by: str) -> Pause | None:
        """End the pause, naming who did; nothing when there is none."""

        def decide(current: Pause | None) -> Pause | None:
            if current is None or current.resumed_at is not None:
                return None
            return replace(current, resumed_by=by, resumed_at=self.clock())

        return self.documents.change(Pause, self.key(environment, "pause"), decide)

    def _lease_key(self, environment: str, *, beside: bool) -> str:
        return self.key(environment, "lease-beside" if beside else "lease")

    def _fresh(self, key: str, holder: str, seconds: float) -> Lease | None:
        """Our own lease if it was written a moment ago: every look at a step wants it renewed."""
        current = self.documents.get(Lease, key)
        until = self.clock() + timedelta(seconds=seconds * _FRESH)
        ours = current is not None and current.holder == holder and current.until >= until
        return current if ours else None

    def _held(self, key: str) -> HeldBy | None:
        current = self.documents.get(Lease, key)
        return HeldBy(current.holder, current.until + SKEW) if current else None
