"""Owns what it looks like when a resource has got where it was sent: one look, no waiting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, assert_never

from shared.azure.polling import SOON, missing
from shared.azure.questions import fetch
from shared.azure.references import interface
from shared.azure.room import Room
from shared.model.arm import APPROVED, SUCCEEDED, EndpointView, provisioning_state
from shared.model.json import JsonObject, canonical, dig
from shared.model.progress import Done, Progress, Refused, Waiting
from shared.model.states import Phase, phase
from shared.model.step import AwaitState, Condition

_LOST: Final = frozenset({"rejected", "disconnected"})


def await_state(room: Room, step: AwaitState, token: Mapping[str, Any] | None = None) -> Progress:
    """Look once whether ``step.condition`` holds. ``token`` is that of the look before.

    Raises:
        RemediationError: the resource could not be read.
    """
    body = fetch(room.clients, step.resource)
    match step.condition:
        case Condition.GONE:
            return Done() if body is None else _later(room, step)
        case Condition.SUCCEEDED:
            return _absent(room, step, token) if body is None else _succeeded(room, step, body)
        case Condition.APPROVED:
            return _absent(room, step, token) if body is None else _approved(room, step, body)
        case other:
            assert_never(other)


def _succeeded(room: Room, step: AwaitState, body: JsonObject) -> Progress:
    state = provisioning_state(body)
    if phase(state) is Phase.BAD:
        return _failed(step, state, body)
    return Done() if state == SUCCEEDED else _later(room, step)


def _approved(room: Room, step: AwaitState, body: JsonObject) -> Progress:
    """Succeeded, Approved and with an address (domain.md 4: Pending waits for the target's owner)."""
    view = EndpointView.of(body)
    if view.connection == "pending" and view.state == SUCCEEDED:
        text = (
            f"{step.resource}: the connection to {view.target} is Pending; its owner must approve"
        )
        return Refused("TargetApproval", text, blocked=True)
    if view.connection in _LOST:
        text = f"{step.resource}: found the connection {view.connection}, expected Approved"
        return Refused(
            "ConnectionLost", f"{text} ({view.description})" if view.description else text
        )
    if phase(view.state) is Phase.BAD:
        return _failed(step, view.state, body)
    if view.state != SUCCEEDED or view.connection != APPROVED:
        return _later(room, step)
    found = interface(room, view)
    return Done() if found is not None and found.addresses else _later(room, step)


def _absent(room: Room, step: AwaitState, token: Mapping[str, Any] | None) -> Progress:
    return missing(room, step, token or _later(room, step).token)


def _failed(step: AwaitState, state: str, body: JsonObject) -> Refused:
    errors = dig(body, "properties.provisioningErrors") or ()
    told = f": {canonical(errors)[:400]}" if errors else ""
    return Refused("ProvisioningFailed", f"{step.resource} is '{state}', expected Succeeded{told}")


def _later(room: Room, step: AwaitState) -> Waiting:
    url = f"{room.clients.config.endpoint}{step.resource.text}"
    return Waiting({"url": url, "kind": "state", "since": room.clock().isoformat()}, SOON)
