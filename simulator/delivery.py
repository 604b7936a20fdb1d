"""Owns Event Grid's delivery: handshakes, batches, both schemas, retries, dead letters (domain facts, section 1.4).

At least once, in no order that can be relied on. Success is 200 to 204 and nothing else. The retry schedule is Azure's,
divided by the cloud's speed. One thread a subscription, so that a slow endpoint delays only itself.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from simulator.clock import stamp
from simulator.cloud import Cloud
from simulator.events import as_cloud_event
from simulator.faults import Mischief
from simulator.wire import Json

SCHEDULE = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0)
TIME_TO_LIVE = 24 * 3600.0
MOST_ATTEMPTS = 30
TIMEOUT = 30.0
ACCEPTED = frozenset({200, 201, 202, 203, 204})
NEVER_RETRIED = frozenset({400, 401, 403, 413})
CLOUD_EVENTS = "CloudEventSchemaV1_0"
EVENT_GRID = "EventGridSchema"


@dataclass(slots=True)
class Pending:
    """Events that travel together, with what became of them so far; `due` is of the monotonic clock."""

    events: list[Json]
    due: float
    first: float
    attempts: int = 0
    outcome: str = ""


@dataclass(slots=True)
class Subscription:
    """One event subscription and its delivery counts."""

    name: str
    endpoint: str
    schema: str = EVENT_GRID
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    batch: int = 1
    operations: tuple[str, ...] = ()
    duplicate: int = 1
    shuffle: bool = False
    delivered: int = 0
    failed_attempts: int = 0
    dead: list[Json] = field(default_factory=list)
    queue: list[Pending] = field(default_factory=list)
    in_flight: int = 0

    def wants(self, event: Json) -> bool:
        """Apply the filter on data.operationName, as a list of prefixes compared without case."""
        name = str(event["data"]["operationName"]).lower()
        return not self.operations or name.startswith(tuple(o.lower() for o in self.operations))

    def view(self) -> Json:
        """Return what the control API shows."""
        return {
            "name": self.name,
            "endpoint": self.endpoint,
            "schema": self.schema,
            "maxEventsPerBatch": self.batch,
            "operations": list(self.operations),
            "delivered": self.delivered,
            "failedAttempts": self.failed_attempts,
            "pending": sum(len(p.events) for p in self.queue) + self.in_flight,
            "deadLettered": len(self.dead),
        }


class EventGrid:
    """Delivers a cloud's events to its subscriptions."""

    def __init__(self, cloud: Cloud, *, dead_letters: Path | None = None) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self._cloud = cloud
        self._folder = dead_letters
        self._wake = threading.Condition()
        self._held: list[Json] = []
        self._stopped = False
        cloud.subscribe_in_process(self._emitted)

    def start(self) -> None:
        """Accept work again after a stop."""
        self._stopped = False

    def stop(self) -> None:
        """End every delivery thread; what is pending stays undelivered."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()

    def subscribe(self, body: Json) -> Subscription:
        """Validate the endpoint and deliver to it from now on; raises ValueError when it does not answer."""
        known = {
            "name",
            "endpoint",
            "schema",
            "headers",
            "maxEventsPerBatch",
            "operations",
            "duplicate",
            "shuffle",
        }
        if set(body) - known or not {"name", "endpoint"} <= set(body):
            raise ValueError(f"a subscription has name and endpoint and may have {sorted(known)}")
        subscription = Subscription(
            name=str(body["name"]),
            endpoint=str(body["endpoint"]),
            schema=str(body.get("schema", EVENT_GRID)),
            headers=dict(body.get("headers") or {}),
            batch=int(body.get("maxEventsPerBatch", 1)),
            operations=tuple(body.get("operations") or ()),
            duplicate=max(1, int(body.get("duplicate", 1))),
            shuffle=bool(body.get("shuffle", False)),
        )
        if subscription.schema not in (EVENT_GRID, CLOUD_EVENTS):
            raise ValueError(
                f"the schema is {EVENT_GRID} or {CLOUD_EVENTS}, not {subscription.schema}"
            )
        self._validate(subscription)
        with self._wake:
            self.subscriptions[subscription.name] = subscription
        threading.Thread(
            target=self._deliver,
            args=(subscription,),
            name=f"events-{subscription.name}",
            daemon=True,
        ).start()
        return subscription

    def unsubscribe(self, name: str) -> None:
        """Stop delivering to a subscription; an unknown name raises KeyError."""
        with self._wake:
            del self.subscriptions[name]
            self._wake.notify_all()

    def release(self) -> None:
        """Hand over what a hold-events fault kept back, once it is gone."""
        if self._cloud.faults.in_force(Mischief.HOLD_EVENTS):
            return
        with self._wake:
            held, self._held = self._held, []
        for event in held:
            self._enqueue(event)

    def _emitted(self, event: Json) -> None:
        faults = self._cloud.faults
        operation = str(event["data"]["operationName"])
        where = ("", str(event["subject"]), operation)
        if faults.in_force(Mischief.HOLD_EVENTS):
            self._held.append(event)
            return
        self.release()
        if faults.strike(Mischief.LOSE_EVENTS, *where):
            return
        copies = 2 if faults.strike(Mischief.DUPLICATE_EVENTS, *where) else 1
        for _ in range(copies):
            self._enqueue(event)

    def _enqueue(self, event: Json) -> None:
        now = time.monotonic()
        with self._wake:
            for subscription in self.subscriptions.values():
                if subscription.wants(event):
                    subscription.queue += [
                        Pending([event], now, now) for _ in range(subscription.duplicate)
                    ]
            self._wake.notify_all()

    def _validate(self, subscription: Subscription) -> None:
        """Shake hands: a validation event in Event Grid's schema, OPTIONS for CloudEvents."""
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            if subscription.schema == CLOUD_EVENTS:
                origin = {"WebHook-Request-Origin": "eventgrid.azure.net", **subscription.headers}
                reply = client.options(subscription.endpoint, headers=origin)
                allowed = reply.headers.get("WebHook-Allowed-Origin", "")
                if reply.status_code not in ACCEPTED or allowed not in ("*", "eventgrid.azure.net"):
                    raise ValueError(
                        f"{subscription.endpoint} did not allow the origin: {reply.status_code}"
                    )
                return
            code = self._cloud.context.chance.guid()
            event = _validation_event(
                code, stamp(self._cloud.context.now()), self._cloud.context.chance.guid()
            )
            headers = {"aeg-event-type": "SubscriptionValidation", **subscription.headers}
            reply = client.post(subscription.endpoint, json=[event], headers=headers)
            answered = (
                _json(reply).get("validationResponse") if reply.status_code in ACCEPTED else None
            )
            if answered != code:
                raise ValueError(
                    f"{subscription.endpoint} did not return the validation code: {reply.status_code} {reply.text[:200]}"
                )

    def _deliver(self, subscription: Subscription) -> None:
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            while True:
                pending = self._next(subscription)
                if pending is None:
                    return
                status = self._attempt(client, subscription, pending)
                with self._wake:
                    self._conclude(subscription, pending, status)
                    subscription.in_flight = 0
                    self._wake.notify_all()

    def _next(self, subscription: Subscription) -> Pending | None:
        with self._wake:
            while not self._stopped and self.subscriptions.get(subscription.name) is subscription:
                now = time.monotonic()
                due = [p for p in subscription.queue if p.due <= now]
                if due:
                    return self._take(subscription, due)
                soonest = min((p.due for p in subscription.queue), default=now + 1.0)
                self._wake.wait(timeout=max(0.001, min(1.0, soonest - now)))
        return None

    def _take(self, subscription: Subscription, due: list[Pending]) -> Pending:
        shuffled = subscription.shuffle or self._cloud.faults.in_force(Mischief.SHUFFLE_EVENTS)
        order = self._cloud.context.chance.shuffled(due) if shuffled else due
        first = order[0]
        fresh = [p for p in order if p.attempts == 0][: subscription.batch]
        chosen = fresh if first.attempts == 0 else [first]
        for pending in chosen:
            subscription.queue.remove(pending)
        merged = Pending(
            [e for p in chosen for e in p.events], first.due, first.first, first.attempts
        )
        subscription.in_flight = len(merged.events)
        return merged

    def _attempt(self, client: httpx.Client, subscription: Subscription, pending: Pending) -> str:
        pending.attempts += 1
        headers = {
            "aeg-event-type": "Notification",
            "aeg-delivery-count": str(pending.attempts - 1),
        }
        headers |= {"aeg-subscription-name": subscription.name.upper(), **subscription.headers}
        events: list[Any] = pending.events
        if subscription.schema == CLOUD_EVENTS:
            events = [as_cloud_event(e) for e in events]
            headers["Content-Type"] = "application/cloudevents-batch+json; charset=utf-8"
        else:
            headers["Content-Type"] = "application/json; charset=utf-8"
        try:
            raw = json.dumps(events).encode()
            return str(client.post(subscription.endpoint, content=raw, headers=headers).status_code)
        except httpx.TimeoutException:
            return "TimedOut"
        except httpx.HTTPError:
            return "SocketError"

    def _conclude(self, subscription: Subscription, pending: Pending, status: str) -> None:
        if status.isdigit() and int(status) in ACCEPTED:
            subscription.delivered += len(pending.events)
            return
        subscription.failed_attempts += 1
        pending.outcome = status
        speed = self._cloud.context.speed
        now = time.monotonic()
        if status.isdigit() and int(status) in NEVER_RETRIED:
            self._bury(subscription, pending, "UndeliverableDueToResponse")
        elif pending.attempts >= MOST_ATTEMPTS:
            self._bury(subscription, pending, "MaxDeliveryAttemptsExceeded")
        elif now - pending.first > TIME_TO_LIVE / speed:
            self._bury(subscription, pending, "TimeToLiveExceeded")
        else:
            wait = SCHEDULE[min(pending.attempts, len(SCHEDULE)) - 1] / speed
            pending.due = now + wait
            subscription.queue.append(pending)

    def _bury(self, subscription: Subscription, pending: Pending, reason: str) -> None:
        at = stamp(self._cloud.context.clock.now())
        for event in pending.events:
            letter = dead_letter(event, subscription.schema, reason, pending, at)
            subscription.dead.append(letter)
            if self._folder:
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"{subscription.name}-{event['id']}.json"
                path.write_text(json.dumps([letter]), encoding="utf-8")


def dead_letter(event: Json, schema: str, reason: str, pending: Pending, at: str) -> Json:
    """Wrap an event in the documented envelope; names are lower-case in CloudEvents."""
    envelope: Json = {
        "deadLetterReason": reason,
        "deliveryAttempts": pending.attempts,
        "lastDeliveryOutcome": pending.outcome,
        "publishTime": event["eventTime"],
        "lastDeliveryAttemptTime": at,
    }
    if schema == CLOUD_EVENTS:
        return as_cloud_event(event) | {k.lower(): v for k, v in envelope.items()}
    return event | envelope


def _validation_event(code: str, at: str, event_id: str) -> Json:
    return {
        "id": event_id,
        "topic": "",
        "subject": "",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": at,
        "metadataVersion": "1",
        "dataVersion": "2",
        "data": {"validationCode": code, "validationUrl": ""},
    }


def _json(reply: httpx.Response) -> Json:
    try:
        body = reply.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
