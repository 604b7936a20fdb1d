"""Owns what carrying out a step can come to: done, still going, try again, or refused for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from shared.model.step import Change


@dataclass(frozen=True, slots=True)
class Done:
    """The step is finished. ``note`` says what was left alone or restored on the way."""

    changes: tuple[Change, ...] = ()
    note: str = ""
    kind: Literal["Done"] = "Done"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Azure is at work: look again with ``token`` after ``after`` seconds (its Retry-After)."""

    token: dict[str, Any] = field(default_factory=dict)
    after: float = 10.0
    kind: Literal["Waiting"] = "Waiting"


@dataclass(frozen=True, slots=True)
class Retry:
    """Azure refused for now (throttled, busy, 5xx): start the step again after ``after`` seconds."""

    after: float
    code: str
    message: str
    kind: Literal["Retry"] = "Retry"


@dataclass(frozen=True, slots=True)
class Refused:
    """Azure refused for good. ``blocked`` tells "a person must act" from "it went wrong".

    ``why`` is a CamelCase reason (MissingPermission, ScopeLocked, TargetApproval, …), ``message``
    says what was attempted, on what, what was found and what to do.
    """

    why: str
    message: str
    blocked: bool = False
    kind: Literal["Refused"] = "Refused"


type Progress = Done | Waiting | Retry | Refused
