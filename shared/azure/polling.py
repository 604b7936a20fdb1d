"""Owns how a long-running operation is followed: one look at a time, by tokens of plain JSON.

A token is ``{"url", "kind", "since"}``, ``note`` and ``changes`` for the step's end, and ``missing``:
since when the resource answers 404. ARM's
protocols: Azure-AsyncOperation (a status, its error inside HTTP 200), Location (202 until it is
over), and the resource's own provisioningState (domain.md 4, 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, assert_never

from shared.azure import arm
from shared.azure.errors import RemediationError, Terminal, Transient, operation_error, retry_after
from shared.azure.questions import asked_again, fetch
from shared.azure.room import Room
from shared.azure.wire import Answer
from shared.model.arm import SUCCEEDED, moment, provisioning_state
from shared.model.codec import dump, load
from shared.model.json import JsonObject
from shared.model.progress import Done, Progress, Refused, Retry, Waiting
from shared.model.states import Phase, phase, phase_of
from shared.model.step import Change, DeleteResource, DetachCompute, Step

SOON: Final = 5.0
_GONE_FOR: Final = timedelta(seconds=30)
"""How long what was written may answer 404 before somebody counts as having deleted it."""


class Polled(StrEnum):
    """What a token's address is."""

    OPERATION = "operation"  # Azure-AsyncOperation: a status document
    LOCATION = "location"  # answers 202 until the operation is over
    RESOURCE = "resource"  # the resource itself: its provisioningState
    GONE = "gone"  # the resource itself: until it answers 404


def progress_of(
    room: Room, step: Step, answer: Answer, *, changes: tuple[Change, ...] = (), note: str = ""
) -> Progress:
    """What the answer to a write means: done, or where to look next.

    Raises:
        Terminal: ``ForeignAddress`` when the address to look at is not ARM's.
    """
    after = retry_after(answer.headers)
    operation = answer.headers.get("azure-asyncoperation")
    location = answer.headers.get("location")
    if operation:
        return Waiting(_token(room, Polled.OPERATION, operation, changes, note), after)
    if answer.status == 202 and location:  # noqa: PLR2004 - Accepted
        return Waiting(_token(room, Polled.LOCATION, location, changes, note), after)
    if answer.status == 202 and _removes(step):  # noqa: PLR2004 - Accepted
        return gone(room, step)
    if answer.status == 202 or unsettled(answer.body):  # noqa: PLR2004 - Accepted
        return Waiting(_token(room, Polled.RESOURCE, _own(room, step), changes, note), after)
    if phase_of(answer.body) is Phase.BAD:
        return _settled(room, step, {"note": note, "changes": dump(changes)}, answer.body)
    return Done(changes, note)


def gone(room: Room, step: Step) -> Waiting:
    """Wait for the resource of ``step`` to leave, without having been told where to look."""
    return Waiting(_token(room, Polled.GONE, _own(room, step), (), ""), SOON)


def settling(room: Room, step: Step, note: str = "") -> Waiting:
    """Wait for the resource of ``step``, on which an operation is under way already."""
    return Waiting(_token(room, Polled.RESOURCE, _own(room, step), (), note), SOON)


def leaving(body: JsonObject) -> bool:
    """Whether the resource is on its way out."""
    return phase_of(body) is Phase.LEAVING


def look(room: Room, step: Step, token: Mapping[str, Any]) -> Progress:
    """Look once at ``token``'s address.

    Raises:
        RemediationError: the look itself failed (not the operation): look again, or refuse.
    """
    _checked(room, str(token["url"]))
    match Polled(token["kind"]):
        case Polled.OPERATION:
            return _look_at_operation(room, step, token)
        case Polled.LOCATION:
            return _look_at_location(room, step, token)
        case Polled.RESOURCE:
            return _look_at_resource(room, step, token)
        case Polled.GONE:
            return _look_for_absence(room, step, token)
        case other:
            assert_never(other)


def _look_at_operation(room: Room, step: Step, token: Mapping[str, Any]) -> Progress:
    try:
        answer = arm.look(room.clients, str(token["url"]))
    except Terminal as error:
        return _without_operation(room, step, token, error)
    status = str(answer.body.get("status") or "")
    if phase(status) is Phase.BAD:
        return _ended_badly(step, operation_error(answer.body.get("error"), status))
    if status.lower() == SUCCEEDED or (not status and answer.status != 202):  # noqa: PLR2004 - Accepted
        return _done(token)
    return Waiting(dict(token), retry_after(answer.headers))


def _look_at_location(room: Room, step: Step, token: Mapping[str, Any]) -> Progress:
    try:
        answer = arm.look(room.clients, str(token["url"]))
    except Terminal as error:
        return _without_operation(room, step, token, error)
    if answer.status == 202:  # noqa: PLR2004 - Accepted
        return Waiting(dict(token), retry_after(answer.headers))
    status = str(answer.body.get("status") or "")
    if phase(status) is Phase.BAD:
        return _ended_badly(step, operation_error(answer.body.get("error"), status))
    if not _removes(step) and phase_of(answer.body) is Phase.BAD:
        return _settled(room, step, token, answer.body)
    return _done(token)


def _without_operation(
    room: Room, step: Step, token: Mapping[str, Any], error: Terminal
) -> Progress:
    """The address answered with an error: 404 is no verdict, the resource has to be asked.

    Raises:
        Transient: it did not answer at all; the operation goes on as it does.
    """
    again = asked_again(error)
    if isinstance(again, Transient) and error.why != "NotFound":
        raise again from error
    if error.why != "NotFound":
        return _ended_badly(step, error)
    if not _removes(step):
        return _look_at_resource(room, step, token)
    if fetch(room.clients, step.resource) is None:
        return _done(token)
    return Retry(SOON, "OperationLost", f"{step.kind} {step.resource}: it is still there")


def _look_at_resource(room: Room, step: Step, token: Mapping[str, Any]) -> Progress:
    body = fetch(room.clients, step.resource)
    return missing(room, step, token) if body is None else _settled(room, step, token, body)


def missing(room: Room, step: Step, token: Mapping[str, Any]) -> Progress:
    """What was written, or seen, answers 404: look again, for a while.

    ARM may not know yet what it has just accepted; what stays away has been deleted, and no wait
    brings it back. The next assessment says what is missing then.
    """
    now = room.clock()
    first = moment(token.get("missing")) or now
    if now - first < _GONE_FOR:
        return Waiting({**token, "missing": first.isoformat()}, SOON)
    text = f"{step.kind} {step.resource}: not found since {first.isoformat()}; it was deleted meanwhile"
    return Refused("DeletedMeanwhile", text)


def _settled(room: Room, step: Step, token: Mapping[str, Any], body: JsonObject) -> Progress:
    """What the provisioningState of ``body`` says about the step."""
    found = phase_of(body)
    if found is Phase.BAD:
        state = provisioning_state(body)
        text = f"{step.kind} {step.resource}: found '{state}', expected 'Succeeded'"
        return Refused("ProvisioningFailed", text)
    if found is Phase.GOOD:
        return _done(token)
    waiting = dict(token) if "url" in token else settling(room, step).token
    return Waiting({name: value for name, value in waiting.items() if name != "missing"}, SOON)


def _look_for_absence(room: Room, step: Step, token: Mapping[str, Any]) -> Progress:
    body = fetch(room.clients, step.resource)
    if body is None:
        return _done(token)
    if leaving(body):
        return Waiting(dict(token), SOON)
    return Retry(SOON, "StillThere", f"{step.kind} {step.resource}: it is no longer leaving")


def _ended_badly(step: Step, error: RemediationError) -> Progress:
    text = f"{step.kind} {step.resource}: the operation ended with {error}"
    if isinstance(error, Transient):
        return Retry(error.retry_after, error.code, text)
    blocked = isinstance(error, Terminal) and error.blocked
    return Refused(error.why if isinstance(error, Terminal) else error.code, text, blocked)


def _done(token: Mapping[str, Any]) -> Done:
    changes = tuple(load(Change, change) for change in token.get("changes") or ())
    return Done(changes, str(token.get("note") or ""))


def _token(
    room: Room, kind: Polled, url: str, changes: tuple[Change, ...], note: str
) -> dict[str, Any]:
    token: dict[str, Any] = {
        "url": _checked(room, url),
        "kind": kind.value,
        "since": room.clock().isoformat(),
    }
    if note:
        token["note"] = note
    if changes:
        token["changes"] = dump(changes)
    return token


def _checked(room: Room, url: str) -> str:
    """``url`` if it is on ARM's own origin: a token is sent there."""
    if not room.clients.config.owns(url):
        expected = room.clients.config.endpoint
        raise Terminal("ForeignAddress", f"found the poll address {url[:200]}, expected {expected}")
    return url


def _own(room: Room, step: Step) -> str:
    return f"{room.clients.config.endpoint}{step.resource.text}"


def unsettled(body: JsonObject) -> bool:
    """Whether an operation is under way on the resource."""
    return phase_of(body) not in {Phase.GOOD, Phase.BAD}


def _removes(step: Step) -> bool:
    return isinstance(step, DeleteResource | DetachCompute)
