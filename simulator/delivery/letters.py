"""Owns dead letters: the documented envelope, and the folder or container that takes them."""

import json
from datetime import datetime
from pathlib import Path

import httpx

from simulator.delivery.storage import Plane, put_blob
from simulator.delivery.subscriptions import CLOUD_EVENTS, Pending, Subscription
from simulator.events import as_cloud_event
from simulator.wire import Json


def letter(event: Json, schema: str, reason: str, pending: Pending, at: str) -> Json:
    """Wrap an event in its envelope; names are lower-case in CloudEvents."""
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


def into_folder(folder: Path, subscription: Subscription, letters: list[Json]) -> None:
    """Write a file a letter."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in letters:
        path = folder / f"{subscription.title}-{one['id']}.json"
        path.write_text(json.dumps([one]), encoding="utf-8")


def into_container(
    client: httpx.Client,
    plane: Plane,
    subscription: Subscription,
    letters: list[Json],
    now: datetime,
) -> bool:
    """Put one blob with all letters under SUBSCRIPTION/year/month/day/hour; tells whether it was taken."""
    if subscription.cemetery is None:
        return False
    day = f"{now.year}/{now.month}/{now.day}/{now.hour}"
    name = f"{subscription.title.upper()}/{day}/{letters[0]['id']}.json"
    status = put_blob(client, plane, subscription.cemetery.container, name, letters, now=now)
    return status < 300  # noqa: PLR2004 - the end of HTTP's successes
