"""Owns how Event Grid writes into a storage account's queues and containers: REST with a shared key.

The account's resource is simulated, its data is not: a real emulator takes it, at the addresses that a plane names.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

import httpx

from simulator.wire import Json

VERSION = "2021-08-06"


@dataclass(frozen=True, slots=True)
class Plane:
    """Where the data of a resource really is: of an account its services, of a function its webhook."""

    blob: str = ""
    queue: str = ""
    account: str = ""
    key: str = ""
    endpoint: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def plane_from(body: Json) -> Plane:
    """Read a plane from JSON; raises ValueError for a member that is unknown."""
    given = dict(body)
    headers = tuple((str(k), str(v)) for k, v in (given.pop("headers", None) or {}).items())
    try:
        return Plane(**given, headers=headers)
    except TypeError as error:
        known = sorted(Plane.__dataclass_fields__)
        raise ValueError(f"a plane has {known}, not {sorted(body)}") from error


def put_message(client: httpx.Client, plane: Plane, queue: str, event: Json, now: datetime) -> int:
    """Put one event into a queue, as base64 text like Event Grid; returns the HTTP status."""
    text = base64.b64encode(json.dumps(event).encode()).decode()
    body = f"<QueueMessage><MessageText>{escape(text)}</MessageText></QueueMessage>".encode()
    path = f"/{queue}/messages"
    headers = _signed(plane, "POST", path, body, now=now, more={"content-type": "application/xml"})
    return client.post(f"{plane.queue}{path}", content=body, headers=headers).status_code


def put_blob(
    client: httpx.Client,
    plane: Plane,
    container: str,
    name: str,
    letters: list[Json],
    *,
    now: datetime,
) -> int:
    """Put dead letters into a container; returns the HTTP status."""
    body = json.dumps(letters).encode()
    path = f"/{container}/{name}"
    more = {"content-type": "application/json", "x-ms-blob-type": "BlockBlob"}
    headers = _signed(plane, "PUT", path, body, now=now, more=more)
    return client.put(f"{plane.blob}{path}", content=body, headers=headers).status_code


def _signed(
    plane: Plane, method: str, path: str, body: bytes, *, now: datetime, more: dict[str, str]
) -> dict[str, str]:
    """Return the headers of a request with its signature (Shared Key, 2015-02-21 and later)."""
    service = plane.blob if method == "PUT" else plane.queue
    date = format_datetime(now.astimezone(UTC), usegmt=True)
    ours = {"x-ms-date": date, "x-ms-version": VERSION}
    ours |= {k: v for k, v in more.items() if k.startswith("x-ms-")}
    written = "".join(f"{k}:{ours[k]}\n" for k in sorted(ours))
    # Emulators have the account in the path of the address, and so once more in what is signed.
    resource = f"/{plane.account}{httpx.URL(service).path.rstrip('/')}{path}"
    lines = [method, "", "", str(len(body)), "", more["content-type"], "", "", "", "", "", ""]
    signed = "\n".join(lines) + "\n" + written + resource
    digest = hmac.new(base64.b64decode(plane.key), signed.encode(), hashlib.sha256).digest()
    signature = f"SharedKey {plane.account}:{base64.b64encode(digest).decode()}"
    return {**more, **ours, "Authorization": signature}
