"""Owns the values that are known only when a step starts: an address, a new principal."""

from __future__ import annotations

from typing import Any, Final, assert_never

from shared.azure.errors import Transient
from shared.azure.questions import fetch
from shared.azure.room import Room
from shared.model.arm import ComputeView, EndpointView, InterfaceView
from shared.model.resource_id import ResourceId
from shared.model.step import Known, reference_of

_SOON: Final = 5.0


def resolved(room: Room, value: Any) -> Any:  # noqa: ANN401 - JSON
    """``value`` with every reference in it replaced by what it refers to, read now.

    Raises:
        Transient: ``ReferenceUnresolved`` while Azure does not show the value yet.
    """
    referred = reference_of(value)
    if referred is not None:
        return _known(room, *referred)
    if isinstance(value, dict):
        return {name: resolved(room, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(room, item) for item in value]
    return value


def _known(room: Room, resource: ResourceId, known: Known) -> str:
    match known:
        case Known.ADDRESS:
            found = address(room, resource)
        case Known.PRINCIPAL:
            found = ComputeView.of(fetch(room.clients, resource) or {}).principal
        case other:
            assert_never(other)
    if not found:
        raise Transient(
            "ReferenceUnresolved", f"{resource} shows no {known.value} yet", retry_after=_SOON
        )
    return found


def address(room: Room, endpoint: ResourceId) -> str:
    """The first private address of ``endpoint``'s interface; empty while there is none."""
    view = interface(room, EndpointView.of(fetch(room.clients, endpoint) or {}))
    return view.addresses[0] if view and view.addresses else ""


def interface(room: Room, endpoint: EndpointView) -> InterfaceView | None:
    """The interface of an endpoint, read now; nothing if it has none."""
    if endpoint.interface is None:
        return None
    body = fetch(room.clients, endpoint.interface)
    return InterfaceView.of(body) if body is not None else None
