"""Owns steps: the calls that a plan consists of, as data. Nothing here calls anything.

A step names its resource and its change field by field. A value that is known only when an
earlier step is done stands in a body as a reference (``reference``), and is resolved by whoever
carries the step out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from shared.model.json import JsonObject
from shared.model.resource_id import ResourceId

REFERENCE: Final = "$relink.reference"


class Known(StrEnum):
    """What a reference stands for."""

    ADDRESS = "address"  # the private IP address of a private endpoint's interface
    PRINCIPAL = "principal"  # the principal id of a resource's system-assigned identity


class Condition(StrEnum):
    """What an ``AwaitState`` waits for."""

    APPROVED = "approved"  # every connection of the endpoint is Approved and it has an address
    SUCCEEDED = "succeeded"  # provisioningState is Succeeded
    GONE = "gone"  # the resource answers 404


class EditKind(StrEnum):
    """How an owned field is put right."""

    SET = "set"  # the field gets the value
    SET_AGAIN = "set-again"  # it is written even where it holds the value: the last write wins
    ADD_WORD = "add-word"  # a comma list gets the word ("AzureServices"), "None" gives way
    ADD_ITEM = "add-item"  # a list gets the object, unless one with the same id or service is there


@dataclass(frozen=True, slots=True)
class Change:
    """One field, before and after, for people and records."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Edit:
    """One owned field of a PATCH. ``path`` is dotted ("properties.networkAcls.bypass").

    ``whole`` names the enclosing object that Azure replaces as a whole (domain.md 5): it is read
    just before, edited, and sent back complete. Empty: the field is sent alone.
    """

    path: str
    kind: EditKind
    value: Any
    whole: str = ""


@dataclass(frozen=True, slots=True)
class PutResource:
    """Create or replace ``resource`` with ``body`` (complete and writable, may hold references)."""

    resource: ResourceId
    body: JsonObject
    changes: tuple[Change, ...] = ()
    kind: Literal["PutResource"] = "PutResource"


@dataclass(frozen=True, slots=True)
class PatchResource:
    """Read, edit and write the owned fields of ``resource``, leaving every other as it is."""

    resource: ResourceId
    edits: tuple[Edit, ...]
    changes: tuple[Change, ...] = ()
    kind: Literal["PatchResource"] = "PatchResource"


@dataclass(frozen=True, slots=True)
class DeleteResource:
    """Delete ``resource`` if it still is the ``incarnation`` that was judged.

    An empty incarnation means that the kind has none (a role assignment, whose name is unique).
    """

    resource: ResourceId
    incarnation: str = ""
    changes: tuple[Change, ...] = ()
    kind: Literal["DeleteResource"] = "DeleteResource"


@dataclass(frozen=True, slots=True)
class InvokeAction:
    """POST ``action`` to ``resource``."""

    resource: ResourceId
    action: str
    body: JsonObject
    changes: tuple[Change, ...] = ()
    kind: Literal["InvokeAction"] = "InvokeAction"


@dataclass(frozen=True, slots=True)
class AttachCompute:
    """Attach the Kubernetes compute ``resource`` with the recorded ``body``, unchanged."""

    resource: ResourceId
    body: JsonObject
    changes: tuple[Change, ...] = ()
    kind: Literal["AttachCompute"] = "AttachCompute"


@dataclass(frozen=True, slots=True)
class DetachCompute:
    """Detach (never delete) the compute if it still is the ``incarnation`` that was judged."""

    resource: ResourceId
    incarnation: str
    changes: tuple[Change, ...] = ()
    kind: Literal["DetachCompute"] = "DetachCompute"


@dataclass(frozen=True, slots=True)
class AwaitState:
    """Look at ``resource`` until ``condition`` holds; what blocks it for good ends the unit."""

    resource: ResourceId
    condition: Condition
    changes: tuple[Change, ...] = ()
    kind: Literal["AwaitState"] = "AwaitState"


type Step = (
    PutResource
    | PatchResource
    | DeleteResource
    | InvokeAction
    | AttachCompute
    | DetachCompute
    | AwaitState
)

DESTRUCTIVE: Final = (DeleteResource, DetachCompute)


def reference(resource: ResourceId, known: Known) -> dict[str, str]:
    """A value known only later: "the address of this endpoint", "the principal of this compute"."""
    return {REFERENCE: known.value, "resource": resource.text}


def reference_of(value: object) -> tuple[ResourceId, Known] | None:
    """What ``value`` refers to, if it is a reference."""
    if isinstance(value, dict) and REFERENCE in value:
        return ResourceId.parse(value["resource"]), Known(value[REFERENCE])
    return None
