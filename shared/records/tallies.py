"""Owns small memories: attempts on a resource, watermarks, events that could not be read.

All of them are bounded, whatever arrives.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from shared.model.attempt import Attempt
from shared.model.json import clean
from shared.model.resource_id import ResourceId
from shared.records.documents import segment
from shared.records.shelf import Shelf
from shared.records.values import RejectedEvent, RejectedEvents, Tries
from shared.redaction import redacted

_REMEMBERED: Final = timedelta(hours=24)
_SKEW: Final = timedelta(days=1)
_MOST_ATTEMPTS: Final = 50
_MOST_SAMPLES: Final = 20
_MOST_REASONS: Final = 64
_LONGEST_SAMPLE: Final = 2000
_LONGEST_REASON: Final = 200
_REJECTED: Final = "events/rejected.json"
_LOG: Final = logging.getLogger("relink.records")


class Tallies(Shelf):
    """Attempts, watermarks and rejected events."""

    __slots__ = ()

    def note_attempt(
        self, environment: str, resource: ResourceId, at: datetime, *, ok: bool
    ) -> None:
        """Remember a try; the last day's and at most 50 a resource are kept."""

        def decide(current: Tries | None) -> Tries:
            earlier = current.attempts if current else ()
            tried = sorted([*earlier, Attempt(at, ok)], key=lambda attempt: attempt.at)
            return Tries(resource, self._recent(tuple(tried))[-_MOST_ATTEMPTS:])

        key = self.resource_key(environment, "attempts", resource)
        self.documents.change(Tries, key, decide)

    def attempts(self, environment: str) -> dict[ResourceId, tuple[Attempt, ...]]:
        """The tries of the last 24 hours by resource, oldest first."""
        tries = self.documents.all(Tries, self.prefix(environment, "attempts"))
        recent = ((each.resource, self._recent(each.attempts)) for each in tries)
        return {resource: attempts for resource, attempts in recent if attempts}

    def forget_attempts(self, environment: str, resource: ResourceId | None = None) -> None:
        """A person released the hold-off of one resource, or of all."""
        if resource is None:
            self.documents.drop_all(self.prefix(environment, "attempts"))
        else:
            self.documents.drop(self.resource_key(environment, "attempts", resource))

    def watermark(self, environment: str, name: str) -> datetime | None:
        """Up to when something has been looked through; one in the future holds for nothing."""
        kept = self.documents.get(datetime, self._watermark(environment, name))
        return kept if kept is not None and self._past(kept) else None

    def set_watermark(self, environment: str, name: str, at: datetime) -> None:
        """Move a watermark forward; it never goes back, unless from the future."""

        def decide(current: datetime | None) -> datetime | None:
            return at if current is None or at > current or not self._past(current) else None

        self.documents.change(datetime, self._watermark(environment, name), decide)

    def note_rejected_event(self, reason: str, sample: object) -> None:
        """Count an event that could not be read. Never raises: an event is not worth a failure.

        What cannot be written now (others count as well, the store is away) is written with the
        next one, or when somebody asks. It is lost only with the process.
        """
        text = clean(reason)[:_LONGEST_REASON]
        event = RejectedEvent(text, _excerpt(sample), self.clock())
        waiting = self.documents.waiting
        with waiting.lock:
            waiting.value = _added(RejectedEvents({text: 1}, (event,)), waiting.value)
        self._count_waiting(text)

    def rejected_events(self) -> RejectedEvents:
        """How many events could not be read, and the newest of them."""
        self._count_waiting("")
        return self.documents.get(RejectedEvents, _REJECTED) or RejectedEvents()

    def _count_waiting(self, reason: str) -> None:
        """Write down what waits; one thread does it for all, until nothing waits any more."""
        waiting = self.documents.waiting
        while waiting.value.counts and waiting.writing.acquire(blocking=False):
            with waiting.lock:
                fresh, waiting.value = waiting.value, RejectedEvents()
            try:
                self.documents.change(RejectedEvents, _REJECTED, partial(_added, fresh))
            except Exception as error:  # noqa: BLE001 - whatever it is, the events wait
                with waiting.lock:
                    waiting.value = _added(waiting.value, fresh)
                _LOG.warning("Rejected events wait to be counted (%s): %s", error, reason)
                return
            finally:
                waiting.writing.release()

    def _watermark(self, environment: str, name: str) -> str:
        return self.key(environment, "watermarks", segment(name))

    def _past(self, at: datetime) -> bool:
        return at <= self.clock() + _SKEW

    def _recent(self, attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
        """Those of the last day; one in the future never was."""
        oldest = self.clock() - _REMEMBERED
        return tuple(each for each in attempts if each.at > oldest and self._past(each.at))


def _added(fresh: RejectedEvents, old: RejectedEvents | None) -> RejectedEvents:
    """Both, the fresh ones first, within the bounds of one document."""
    counts = dict(old.counts) if old else {}
    for reason, number in fresh.counts.items():
        known = reason in counts or len(counts) < _MOST_REASONS
        name = reason if known else "other"
        counts[name] = counts.get(name, 0) + number
    newest = (*fresh.newest, *(old.newest if old else ()))
    return RejectedEvents(counts, newest[:_MOST_SAMPLES])


def _excerpt(sample: object) -> str:
    try:
        text = sample if isinstance(sample, str) else json.dumps(sample, default=repr)
    except (ValueError, TypeError, RecursionError):
        text = repr(type(sample))
    # Surrogates from broken JSON escapes cannot be written as UTF-8.
    return redacted(text)[:_LONGEST_SAMPLE].encode(errors="replace").decode()
