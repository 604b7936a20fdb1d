"""Owns the engine: events in, deliveries out, at least once, in no order that can be relied on.

The retry schedule is Azure's, divided by the cloud's speed. One thread a subscription, so that a slow endpoint delays
only itself. Subscriptions come from the control API or are ARM resources, which are looked at when one of them changes.
"""

import threading
import time
from pathlib import Path

import httpx

from simulator.clock import stamp
from simulator.cloud import Cloud
from simulator.delivery import destinations, letters, schedule
from simulator.delivery.storage import Plane
from simulator.delivery.subscriptions import Pending, Subscription, from_control, from_resource
from simulator.errors import bad_request
from simulator.faults import Mischief
from simulator.providers.event_grid import TYPES, source_of
from simulator.store import Resource
from simulator.wire import Json

HANDSHAKE_TIMEOUT = 10.0


class EventGrid:
    """Delivers a cloud's events to its subscriptions; `planes` says where the data of resources really is."""

    def __init__(self, cloud: Cloud, *, dead_letters: Path | None = None) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.planes: dict[str, Plane] = {}
        self._cloud = cloud
        self._folder = dead_letters
        self._wake = threading.Condition()
        self._held: list[Json] = []
        self._stopped = False
        cloud.subscribe_in_process(self._emitted)

    def start(self) -> None:
        """Accept work, again after a stop, for the subscriptions that are resources too."""
        self._stopped = False
        self._cloud.context.on_subscribe = self._validate_resource
        self._follow_resources()

    def stop(self) -> None:
        """End every delivery thread; what is pending stays undelivered."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()

    def subscribe(self, body: Json) -> Subscription:
        """Validate the endpoint and deliver to it from now on; raises ValueError when it does not answer."""
        subscription = from_control(body)
        self._shake_hands(subscription)
        self._begin(subscription)
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

    # -- subscriptions ------------------------------------------------------------------------------------

    def _begin(self, subscription: Subscription) -> None:
        with self._wake:
            self.subscriptions[subscription.name] = subscription
            self._wake.notify_all()
        threading.Thread(
            target=self._deliver,
            args=(subscription,),
            name=f"events-{subscription.title}",
            daemon=True,
        ).start()

    def _shake_hands(self, subscription: Subscription) -> None:
        chance, now = self._cloud.context.chance, self._cloud.context.now()
        with httpx.Client(timeout=HANDSHAKE_TIMEOUT, trust_env=False) as client:
            code, event_id = chance.guid(), chance.guid()
            destinations.shake_hands(
                client, subscription, self.planes, code=code, at=stamp(now), event_id=event_id
            )

    def _validate_resource(self, resource: Resource) -> None:
        """Shake hands while a subscription is being made and begin; raises ArmError as Event Grid does."""
        subscription = from_resource(resource, source_of(self._cloud.context, resource))
        try:
            self._shake_hands(subscription)
        except (ValueError, httpx.HTTPError) as error:
            raise bad_request(
                "Url validation",
                f"Webhook validation handshake failed for {resource.name}: {error}",
            ) from error
        self._renew(subscription)

    def _follow_resources(self) -> None:
        """Begin, renew and end deliveries as the resources say."""
        context = self._cloud.context
        found = {r.id: r for kind in TYPES for r in context.store.of_type(kind)}
        for name in [n for n in self.subscriptions if n.startswith("/") and n not in found]:
            self.unsubscribe(name)
        for name, resource in found.items():
            known = self.subscriptions.get(name)
            ready = resource.properties.get("provisioningState") == "Succeeded"
            if ready and (known is None or known.etag != resource.hidden.get("etag")):
                self._renew(from_resource(resource, source_of(context, resource)))

    def _renew(self, fresh: Subscription) -> None:
        """Begin a subscription; what waits for its former form goes on."""
        known = self.subscriptions.get(fresh.name)
        if known:
            fresh.queue, fresh.dead = known.queue, known.dead
            fresh.delivered, fresh.failed_attempts = known.delivered, known.failed_attempts
        self._begin(fresh)

    # -- events in ----------------------------------------------------------------------------------------

    def _emitted(self, event: Json) -> None:
        faults = self._cloud.faults
        operation = str(event["data"]["operationName"])
        if operation.lower().startswith("microsoft.eventgrid/"):
            self._follow_resources()
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

    # -- deliveries out -----------------------------------------------------------------------------------

    def _deliver(self, subscription: Subscription) -> None:
        with httpx.Client(timeout=destinations.TIMEOUT, trust_env=False) as client:
            while True:
                pending = self._next(subscription)
                if pending is None:
                    return
                if pending.burial:
                    self._bury(client, subscription, pending)
                    continue
                pending.attempts += 1
                now = self._cloud.context.clock.now()
                outcome = destinations.send(client, subscription, pending, self.planes, now)
                with self._wake:
                    self._conclude(subscription, pending, outcome)
                    subscription.in_flight = 0
                    self._wake.notify_all()

    def _next(self, subscription: Subscription) -> Pending | None:
        with self._wake:
            while not self._stopped and self.subscriptions.get(subscription.name) is subscription:
                now = time.monotonic()
                due = [p for p in subscription.queue if _due(subscription, p) <= now]
                if due:
                    return self._take(subscription, due)
                soonest = min((_due(subscription, p) for p in subscription.queue), default=now + 1)
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
        if first.burial:
            return first
        merged = Pending(
            [e for p in chosen for e in p.events], first.due, first.first, first.attempts
        )
        subscription.in_flight = len(merged.events)
        return merged

    def _conclude(self, subscription: Subscription, pending: Pending, outcome: str) -> None:
        if schedule.accepted(outcome):
            subscription.delivered += len(pending.events)
            subscription.paused_until = 0.0
            return
        subscription.failed_attempts += 1
        pending.outcome = outcome
        speed, now = self._cloud.context.speed, time.monotonic()
        subscription.paused_until = now + schedule.probation(outcome) / speed
        age = (now - pending.first) * speed
        pending.burial = schedule.verdict(outcome, pending.attempts, age, subscription.policy)
        wait = schedule.wait(outcome, pending.attempts)
        pending.due = now + (schedule.BURIAL_DELAY if pending.burial else wait) / speed
        subscription.queue.append(pending)

    def _bury(self, client: httpx.Client, subscription: Subscription, pending: Pending) -> None:
        now = self._cloud.context.clock.now()
        found = [
            letters.letter(e, subscription.schema, pending.burial, pending, stamp(now))
            for e in pending.events
        ]
        if self._folder:
            letters.into_folder(self._folder, subscription, found)
        cemetery = subscription.cemetery
        plane = self.planes.get(cemetery.resource_id.lower()) if cemetery else None
        if plane:
            try:
                letters.into_container(client, plane, subscription, found, now)
            except httpx.HTTPError as error:
                # An unreachable container: Event Grid drops such letters after four hours.
                found = [one | {"deadLetterReason": f"dropped: {error}"} for one in found]
        with self._wake:
            subscription.dead += found


def _due(subscription: Subscription, pending: Pending) -> float:
    return pending.due if pending.burial else max(pending.due, subscription.paused_until)
