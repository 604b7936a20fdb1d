"""Owns the delivery of what waits in the ledgers: to each destination by itself, in order, at least once.

A message is entered before it is sent and let go of after, so whatever dies in between, it goes out
again under the same id. One that a destination will never take is dropped, counted and logged, and the
next one goes out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from shared.ledger import Ledger, delivered, notice
from shared.records import StoreError
from shared.workflow.announcing import enter, ledger_of
from shared.workflow.services import NotToldError, RefusedError, Services

_LOG = logging.getLogger("relink.workflow")
_ALL_TIME: Final = timedelta(seconds=20)
_MOST_AT_ONCE: Final = 50
"""Far below what a topic takes in one request (1 MB); an event of ours has about 1 KB."""


class Destination(StrEnum):
    """Where messages go; each has a delivery of its own."""

    WEBHOOK = "webhook"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many messages are left for a destination, and why not even the first of them went out."""

    left: int
    problem: str = ""


def waiting(ledger: Ledger) -> Mapping[str, int]:
    """How many messages wait for each destination that has any."""
    counts = {Destination.WEBHOOK: len(ledger.notices), Destination.TOPIC: len(ledger.owed)}
    return {destination.value: count for destination, count in counts.items() if count}


def deliver(services: Services, destination: Destination, environment: str) -> Delivery:
    """Send what waits of one environment: one notice, or one batch of events. Never raises.

    Takes two calls of the destination at most, so no longer than twice their deadline.
    """
    left = 1
    try:
        ledger = ledger_of(services, environment)
        left = waiting(ledger).get(destination, 0)
        if left:
            done, refused = _send(services, destination, ledger)
            ledger = enter(
                services, environment, lambda kept: delivered(kept, done, refused=refused)
            )
        return Delivery(waiting(ledger).get(destination, 0))
    except (NotToldError, StoreError) as error:
        _LOG.error("%s; %d messages about %s wait", error, left, environment)
        return Delivery(left, str(error))
    except Exception as error:  # noqa: BLE001 - a defect here must not end the deliveries
        _LOG.exception("%d messages about %s could not be sent; they wait", left, environment)
        return Delivery(left, type(error).__name__)


def deliver_all(services: Services, environment: str) -> tuple[Delivery, ...]:
    """Send what waits of one environment, as far as each destination takes it in time. Never raises.

    For those who have no outbox of their own that goes on later: the command line.
    """
    return tuple(_exhaust(services, destination, environment) for destination in Destination)


def _exhaust(services: Services, destination: Destination, environment: str) -> Delivery:
    until = services.clock() + _ALL_TIME
    found = deliver(services, destination, environment)
    while found.left and not found.problem and services.clock() < until:
        found = deliver(services, destination, environment)
    return found


def _send(
    services: Services, destination: Destination, ledger: Ledger
) -> tuple[Sequence[str], int]:
    """Send the first of what waits: the ids that need no more be sent, and how many were refused."""
    match destination:
        case Destination.WEBHOOK:
            run = ledger.notices[0]
            record = services.records.run(run)
            if record is None:
                _LOG.error("run %s was to be told of and has no record any more", run)
                return (run,), 1
            return (run,), _refused(services.notify, notice(record), f"the notice of run {run}")
        case Destination.TOPIC:
            batch = ledger.owed[:_MOST_AT_ONCE]
            try:
                _ = services.publish and services.publish(batch)
            except RefusedError:
                batch = batch[:1]  # one that cannot be read must not take the others along
                what = f"event {batch[0]['id']} of {batch[0]['type']}"
                return (batch[0]["id"],), _refused(services.publish, batch, what)
            return [event["id"] for event in batch], 0


def _refused[T](send: Callable[[T], None] | None, message: T, what: str) -> int:
    """Send one message; 1 when it will never be taken, which is logged, else 0."""
    try:
        if send is not None:
            send(message)
    except RefusedError as error:
        _LOG.error("%s is dropped: %s", what, error)
        return 1
    return 0
