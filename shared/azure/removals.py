"""Owns what Relink deletes: a closed list, each checked to be the one that was judged."""

from __future__ import annotations

from functools import partial
from typing import Final

from shared.azure.errors import Terminal
from shared.azure.kinds import kind_of
from shared.azure.polling import gone, leaving, progress_of
from shared.azure.questions import absent, fetch
from shared.azure.references import interface
from shared.azure.room import Room
from shared.azure.wire import Answer, ask
from shared.model.arm import EndpointView
from shared.model.json import dig
from shared.model.progress import Done, Progress
from shared.model.step import DeleteResource

GONE_ALREADY: Final = "already gone"
ANOTHER: Final = "another incarnation; left alone"


def delete(room: Room, step: DeleteResource) -> Progress:
    """Delete, if it still is the one that was judged.

    Raises:
        RemediationError: a type that Relink never deletes, or what Azure answered.
    """
    match step.resource.type:
        case "microsoft.network/privateendpoints":
            return _delete_endpoint(room, step)
        case "microsoft.network/virtualnetworks/virtualnetworkpeerings":
            return _delete_peering(room, step)
        case "microsoft.authorization/roleassignments":
            return _send(room, step)
        case other:
            raise Terminal("UnsupportedStep", f"a '{other}' is never deleted by Relink")


def _delete_endpoint(room: Room, step: DeleteResource) -> Progress:
    """Delete the endpoint whose interface has the resourceGuid ``step.incarnation`` (domain.md 4).

    An endpoint that failed before it got an interface has no incarnation; it is deleted only while
    it is Failed, so that a second delivery cannot meet its successor.
    """
    body = fetch(room.clients, step.resource)
    if body is None:
        return Done(note=GONE_ALREADY)
    view = EndpointView.of(body)
    found = interface(room, view)
    guid = found.guid if found is not None else ""
    if guid.lower() != step.incarnation.lower() or (not guid and view.state != "failed"):
        return Done(note=ANOTHER)
    if leaving(body):
        return gone(room, step)
    return _send(room, step)


def _delete_peering(room: Room, step: DeleteResource) -> Progress:
    """Delete the peering that was judged, unless it is Connected by now: then it is not broken.

    Both are compared, as a peering made again may get its predecessor's resourceGuid.
    """
    body = fetch(room.clients, step.resource)
    if body is None:
        return Done(note=GONE_ALREADY)
    guid = str(dig(body, "properties.resourceGuid") or "").lower()
    connected = str(dig(body, "properties.peeringState") or "").lower() == "connected"
    if connected or not guid or guid != step.incarnation.lower():
        return Done(note=ANOTHER)
    if leaving(body):
        return gone(room, step)
    return _send(room, step)


def _send(room: Room, step: DeleteResource) -> Progress:
    operation = kind_of(step.resource).delete
    if operation is None:
        raise Terminal("UnsupportedStep", f"a '{step.resource.type}' is never deleted by Relink")
    try:
        answer: Answer = ask(partial(operation, room.clients, step.resource))
    except Terminal as error:
        if absent(error):
            return Done(note=GONE_ALREADY)
        raise
    note = GONE_ALREADY if answer.status == 204 else ""  # noqa: PLR2004 - No Content
    return progress_of(room, step, answer, changes=step.changes, note=note)
