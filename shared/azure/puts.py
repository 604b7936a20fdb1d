"""Owns the writing of whole resources, of the closed list of types that Relink makes."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from shared.azure.errors import Terminal
from shared.azure.kinds import kind_of
from shared.azure.polling import progress_of
from shared.azure.questions import fetch
from shared.azure.references import resolved
from shared.azure.room import Room
from shared.azure.wire import ask, sent
from shared.model.json import JsonObject, dig
from shared.model.progress import Done, Progress
from shared.model.step import PutResource

_RECORD: Final = "microsoft.network/privatednszones/a"
_ALLOWED: Final = frozenset(
    {
        _RECORD,
        "microsoft.network/privateendpoints",
        "microsoft.network/privateendpoints/privatednszonegroups",
        "microsoft.network/virtualnetworks/virtualnetworkpeerings",
        "microsoft.authorization/roleassignments",
    }
)


def put(room: Room, step: PutResource) -> Progress:
    """Write ``step.body`` once its references are known.

    Raises:
        RemediationError: a type that Relink does not make, or what Azure answered.
    """
    operation = kind_of(step.resource).put
    if step.resource.type not in _ALLOWED or operation is None:
        raise Terminal("UnsupportedStep", f"a '{step.resource.type}' is never put by Relink")
    body = resolved(room, dict(step.body))
    if step.resource.type == _RECORD:
        return _put_record(room, step, body)
    try:
        answer = ask(partial(operation, room.clients, step.resource, sent(body)))
    except Terminal as error:
        if error.code.lower() == "roleassignmentexists":
            return Done(note="already assigned")
        raise
    return progress_of(room, step, answer, changes=step.changes)


def _put_record(room: Room, step: PutResource, body: JsonObject) -> Progress:
    """Write a record set over the version read just now, or only if there is none (If-Match)."""
    live = fetch(room.clients, step.resource)
    if live is not None and _record(live) == _record(body):
        return Done(note="already in order")
    operation: Any = kind_of(step.resource).put
    etag = str(live.get("etag") or "") if live is not None else ""
    writable = {name: value for name, value in body.items() if name != "etag"}
    ask(partial(operation, room.clients, step.resource, sent(writable), etag=etag or None))
    return Done(step.changes)


def _record(body: JsonObject) -> tuple[list[str], object, object]:
    addresses = [
        str(dig(record, "ipv4Address")) for record in dig(body, "properties.aRecords") or ()
    ]
    return sorted(addresses), dig(body, "properties.ttl"), dig(body, "properties.metadata") or {}
