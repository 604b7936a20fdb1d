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
from shared.model.states import Phase, phase_of
from shared.model.step import PutResource

_RECORD: Final = "microsoft.network/privatednszones/a"
_LINK: Final = "microsoft.network/privatednszones/virtualnetworklinks"
_ALLOWED: Final = frozenset(
    {
        _RECORD,
        _LINK,
        "microsoft.network/privateendpoints",
        "microsoft.network/privateendpoints/privatednszonegroups",
        "microsoft.network/networksecuritygroups/securityrules",
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
    if step.resource.type in {_RECORD, _LINK}:
        return _put_guarded(room, step, body)
    try:
        answer = ask(partial(operation, room.clients, step.resource, sent(body)))
    except Terminal as error:
        if error.code.lower() == "roleassignmentexists":
            return Done(note="already assigned")
        raise
    return progress_of(room, step, answer, changes=step.changes)


def _put_guarded(room: Room, step: PutResource, body: JsonObject) -> Progress:
    """Write a record set or a link over the version read just now, or only if there is none.

    Private DNS honours If-Match (domain.md 5). Tags and a record's metadata stay unless ``body``
    says them.
    """
    live = fetch(room.clients, step.resource)
    same = _record if step.resource.type == _RECORD else _link
    writable = _with_own(live or {}, body)
    if live is not None and same(live) == same(writable) and phase_of(live) is not Phase.BAD:
        return Done(note="already in order")
    operation: Any = kind_of(step.resource).put
    etag = str(live.get("etag") or "") if live is not None else ""
    wanted = partial(operation, room.clients, step.resource, sent(writable), etag=etag or None)
    return progress_of(room, step, ask(wanted), changes=step.changes)


def _with_own(live: JsonObject, body: JsonObject) -> dict[str, Any]:
    writable = {name: value for name, value in body.items() if name != "etag"}
    tags, metadata = dig(live, "tags"), dig(live, "properties.metadata")
    if tags and dig(writable, "tags") is None:
        writable["tags"] = tags
    if metadata and dig(writable, "properties.metadata") is None:
        writable["properties"] = {**writable["properties"], "metadata": metadata}
    return writable


def _record(body: JsonObject) -> tuple[object, ...]:
    addresses = [
        str(dig(record, "ipv4Address")) for record in dig(body, "properties.aRecords") or ()
    ]
    return sorted(addresses), dig(body, "properties.ttl"), dig(body, "properties.metadata") or {}


def _link(body: JsonObject) -> tuple[object, ...]:
    return (
        str(dig(body, "properties.virtualNetwork.id") or "").lower(),
        bool(dig(body, "properties.registrationEnabled")),
        str(dig(body, "properties.resolutionPolicy") or "Default").lower(),
    )
