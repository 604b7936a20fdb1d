"""Owns one attempt: the handshake with a new endpoint, and a batch sent to it; an outcome is a status or a reason."""

import json
from collections.abc import Mapping
from datetime import datetime

import httpx

from simulator.delivery import schedule
from simulator.delivery.storage import Plane, put_message
from simulator.delivery.subscriptions import CLOUD_EVENTS, Destination, Pending, Sort, Subscription
from simulator.wire import Json

TIMEOUT = 30.0
ORIGIN = "eventgrid.azure.net"
type Planes = Mapping[str, Plane]


def address(destination: Destination, planes: Planes) -> tuple[str, dict[str, str]]:
    """Return where a webhook or a function is reached, with the headers it wants; empty when nobody knows."""
    plane = planes.get(destination.resource_id.lower(), Plane())
    headers = {**dict(plane.headers), **dict(destination.headers)}
    return destination.endpoint or plane.endpoint, headers


def shake_hands(
    client: httpx.Client,
    subscription: Subscription,
    planes: Planes,
    *,
    code: str,
    at: str,
    event_id: str,
) -> None:
    """Ask a webhook whether it wants events; raises ValueError when it does not say so.

    A validation event in Event Grid's schema, OPTIONS for CloudEvents; functions and queues need none.
    """
    if subscription.destination.sort is not Sort.WEBHOOK:
        return
    url, headers = address(subscription.destination, planes)
    if subscription.schema == CLOUD_EVENTS:
        reply = client.options(url, headers={"WebHook-Request-Origin": ORIGIN, **headers})
        allowed = reply.headers.get("WebHook-Allowed-Origin", "")
        if not schedule.accepted(str(reply.status_code)) or allowed not in ("*", ORIGIN):
            raise ValueError(f"{url} did not allow the origin: {reply.status_code}")
        return
    event = _validation_event(code, at, event_id)
    told = {"aeg-event-type": "SubscriptionValidation", **headers}
    reply = client.post(url, json=[event], headers=told)
    welcome = schedule.accepted(str(reply.status_code))
    if not welcome or _json(reply).get("validationResponse") != code:
        raise ValueError(
            f"{url} did not return the validation code: {reply.status_code} {reply.text[:200]}"
        )


def send(
    client: httpx.Client,
    subscription: Subscription,
    pending: Pending,
    planes: Planes,
    now: datetime,
) -> str:
    """Send events once; returns the outcome."""
    try:
        if subscription.destination.sort is Sort.QUEUE:
            return _queued(client, subscription, pending, planes, now)
        return _posted(client, subscription, pending, planes)
    except httpx.TimeoutException:
        return schedule.TIMED_OUT
    except httpx.HTTPError:
        return schedule.NO_CONNECTION


def _posted(
    client: httpx.Client, subscription: Subscription, pending: Pending, planes: Planes
) -> str:
    url, wanted = address(subscription.destination, planes)
    if not url:
        return schedule.UNKNOWN_FUNCTION
    cloud = subscription.schema == CLOUD_EVENTS
    kind = "cloudevents-batch+json" if cloud else "json"
    headers = {
        "aeg-event-type": "Notification",
        "aeg-delivery-count": str(pending.attempts - 1),
        "aeg-subscription-name": subscription.title.upper(),
        "Content-Type": f"application/{kind}; charset=utf-8",
        **wanted,
    }
    raw = json.dumps([subscription.written(e) for e in pending.events]).encode()
    return str(client.post(url, content=raw, headers=headers).status_code)


def _queued(
    client: httpx.Client,
    subscription: Subscription,
    pending: Pending,
    planes: Planes,
    now: datetime,
) -> str:
    destination = subscription.destination
    plane = planes.get(destination.resource_id.lower())
    if plane is None or not plane.queue:
        return schedule.NO_CONNECTION
    statuses = [
        put_message(client, plane, destination.queue, subscription.written(e), now)
        for e in pending.events
    ]
    failed = [s for s in statuses if not schedule.accepted(str(s))]
    return str(failed[0] if failed else 200)


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
