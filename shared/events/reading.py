"""Owns how an event becomes a ``ResourceChanged``; trusts nothing in it.

An event only says *look again*, and anybody who reaches the webhook can write one. So what is kept
of it is little, typed and bounded, and the resource goes through the strict grammar of
``ResourceId``. Both schemas of Event Grid are read, and the dead-letter envelopes of both, which
only add fields (domain.md 1.1, 1.4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from shared.model.arm import moment
from shared.model.json import clean
from shared.model.resource_id import InvalidResourceIdError, ResourceId

_TYPE: Final = re.compile(
    r"Microsoft\.Resources\.Resource(Write|Delete|Action)(Success|Failure|Cancel)", re.IGNORECASE
)
_OPERATION: Final = re.compile(r"[A-Za-z][\w.-]*(/[\w.*-]+)+", re.ASCII)
_OUTSIDE: Final = re.compile(r"/providers/[\w.]+/", re.ASCII)
"""How ids begin that lie in no subscription, such as those of management groups."""
_LONGEST_ID: Final = 256
_LONGEST_TYPE: Final = 256
_LONGEST_OPERATION: Final = 300
_LONGEST_TIME: Final = 64
_LONGEST_IDENTITY: Final = 128
_FIRST_TIME: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""Before there was an Event Grid, and a .NET date that nobody has set (0001-01-01)."""
_AHEAD: Final = timedelta(days=1)
_OBJECT_ID: Final = "http://schemas.microsoft.com/identity/claims/objectidentifier"


class MalformedEventError(ValueError):
    """The event cannot be read. ``field`` names what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class ChangeKind(StrEnum):
    """What was done to the resource (domain.md 1.1)."""

    WRITE = "write"
    DELETE = "delete"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class Ignored:
    """A well-formed event that tells of no change of a resource."""

    reason: str


@dataclass(frozen=True, slots=True)
class ResourceChanged:
    """Somebody changed a resource, or says so.

    ``operation`` is the ARM operation as written; ``caller`` the object id of who did it, in
    lower case, empty when the event does not tell; ``at`` is the event's own time, None when that
    cannot be believed. Texts are clean.
    """

    event_id: str
    resource: ResourceId
    operation: str
    kind: ChangeKind
    succeeded: bool
    at: datetime | None
    caller: str = ""
    tenant: str = ""
    correlation: str = ""

    def believed(self, now: datetime) -> ResourceChanged:
        """Without its time when that lies before 2015 or more than a day after ``now``."""
        credible = self.at is not None and _FIRST_TIME <= self.at <= now + _AHEAD
        return self if credible else replace(self, at=None)


def read_event(
    raw: object, watched: Callable[[str], bool] = lambda _: True
) -> ResourceChanged | Ignored:
    """Read one event of either schema.

    What ``watched`` refuses is ignored before its id is read: a subscription is full of names that
    the grammar of ``ResourceId`` does not take and that no manifest can hold.

    Raises:
        MalformedEventError: when it is of a type that we read and a field is missing or wrong.
    """
    if not isinstance(raw, Mapping):
        raise MalformedEventError("event", f"found {_kind(raw)}, expected an object")
    name, times = ("eventType", ("eventTime",)) if "eventType" in raw else ("type", ("time",))
    event_type = _text(raw, name, _LONGEST_TYPE)
    match = _TYPE.fullmatch(event_type)
    if match is None:
        return Ignored(f"{event_type} tells of no change of a resource")
    if match[2].lower() != "success":
        return Ignored(f"{event_type}: nothing was changed")
    body = raw.get("data")
    if not isinstance(body, Mapping):
        raise MalformedEventError("data", f"found {_kind(body)}, expected an object")
    operation = _operation(body)
    if not watched(operation):
        return Ignored(f"{operation} is watched by nobody")
    resource = _resource(raw, body)
    if resource is None:
        return Ignored(f"{operation} was done outside of any subscription")
    return ResourceChanged(
        event_id=_text(raw, "id", _LONGEST_ID),
        resource=resource,
        operation=operation,
        kind=ChangeKind(match[1].lower()),
        succeeded=True,
        at=_time(raw, *times, "publishTime", "publishtime"),
        caller=_caller(body),
        tenant=_identity(body.get("tenantId")),
        correlation=_identity(body.get("correlationId")),
    )


def _text(source: Mapping[str, Any], field: str, longest: int, path: str = "") -> str:
    value = source.get(field)
    if not isinstance(value, str) or not value:
        raise MalformedEventError(f"{path}{field}", f"found {_kind(value)}, expected a text")
    if len(value) > longest:
        raise MalformedEventError(
            f"{path}{field}", f"found {len(value)} characters, allowed are {longest}"
        )
    return clean(value)


def _resource(raw: Mapping[str, Any], body: Mapping[str, Any]) -> ResourceId | None:
    """``data.resourceUri``, which is the subject as well (domain.md 1.1): one that is empty is not used.

    None for what lies in the tenant or a management group, which no manifest names.
    """
    field = "subject" if body.get("resourceUri") in (None, "") else "data.resourceUri"
    value = raw.get("subject") if field == "subject" else body["resourceUri"]
    if not isinstance(value, str):
        raise MalformedEventError(field, f"found {_kind(value)}, expected a resource id")
    if _OUTSIDE.match(value):
        return None
    try:
        return ResourceId.parse(value)
    except InvalidResourceIdError as error:
        raise MalformedEventError(field, clean(str(error))[:_LONGEST_OPERATION]) from error


def _operation(body: Mapping[str, Any]) -> str:
    operation = _text(body, "operationName", _LONGEST_OPERATION, "data.")
    if not _OPERATION.fullmatch(operation):
        raise MalformedEventError("data.operationName", f"'{operation[:80]}' is no ARM operation")
    return operation


def _time(raw: Mapping[str, Any], *fields: str) -> datetime | None:
    """The first of ``fields`` that is there: a dead letter of CloudEvents may lack ``time``.

    None for a time that cannot be reckoned with; what is no time at all makes the event malformed.
    """
    field = next((field for field in fields if field in raw), fields[0])
    text = _text(raw, field, _LONGEST_TIME)
    try:
        datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise MalformedEventError(field, f"'{text}' is no time") from error
    return moment(text)


def _caller(body: Mapping[str, Any]) -> str:
    """Who did it; unknown is empty, which suppresses nothing."""
    claims = body.get("claims")
    claimed = _identity(claims.get(_OBJECT_ID)) if isinstance(claims, Mapping) else ""
    if claimed:
        return claimed
    authorization = body.get("authorization")
    evidence = authorization.get("evidence") if isinstance(authorization, Mapping) else None
    return _identity(evidence.get("principalId")) if isinstance(evidence, Mapping) else ""


def _identity(value: object) -> str:
    short = isinstance(value, str) and len(value) <= _LONGEST_IDENTITY
    return clean(value).strip().lower() if isinstance(value, str) and short else ""


def _kind(value: object) -> str:
    return "nothing" if value is None or value == "" else f"a {type(value).__name__}"
