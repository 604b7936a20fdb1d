"""Owns what happens to a document that cannot be used: it is moved out of everybody's way, whole.

Under ``aside/<kind>/`` it lies with its reason until a person has seen to it and deletes it. What the
loss of it means is answered on the safe side:

==============  =====================================================================
a pause         stands in for itself: the environment is paused until a person resumes
a lease         is held by nobody for as long as a run may hold one, then free
an approval     is no approval: the plan is asked about again
debts, intents  the activity log is read anew, as far back as it goes: what a restart
and links       broke is found again; what was destroyed is missed as the manifest says
a watermark     the same
an accepted     the first destructive plan waits for an approval
manifest
==============  =====================================================================
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from shared.model.arm import within_bounds
from shared.model.json import fingerprint
from shared.records.values import Lease, Pause

PREFIX: Final = "aside/"
MOST: Final = 200
"""Documents of one kind that are kept aside."""
_LONGEST: Final = 600_000
_AHEAD: Final = timedelta(days=1)
"""By so much a clock may have been wrong that something was written by."""
LEASE_TIME: Final = timedelta(minutes=15)
"""How long somebody may go on who holds a lease that nobody can read (``assess.LEASE_SECONDS``)."""
_OF_ENVIRONMENT: Final = re.compile(r"environments/([^/]+)/([^/]+?)(?:\.json|/.*)")
_EVIDENCE: Final = frozenset({"debts", "intents", "links"})


def kind_of(key: str) -> str:
    """What sort of document lies under ``key``: ``debts``, ``pause``, ``runs`` and so on."""
    found = _OF_ENVIRONMENT.fullmatch(key)
    return found[2] if found else key.partition("/")[0]


def place_of(key: str, etag: str) -> str:
    """Where this version of a document is kept aside: one place, however many find it."""
    return f"{PREFIX}{kind_of(key)}/{fingerprint([key, etag])}.json"


def wrapped(key: str, data: bytes, why: str, at: datetime) -> dict[str, str]:
    """The document that is kept: the bytes as text where they are text, cut where they are many."""
    told = {"key": key, "why": why, "at": at.isoformat(), "bytes": str(len(data))}
    kept = data[:_LONGEST]
    try:
        return {**told, "text": kept.decode()}
    except UnicodeDecodeError:
        return {**told, "base64": base64.b64encode(kept).decode()}


def stand_in(kind: object, key: str, at: datetime) -> Any:  # noqa: ANN401 - a value of ``kind``
    """What stands in for a document of ``kind``, when to go on as if there were none is not safe."""
    if kind is Pause:
        return Pause("relink", "the record of a pause could not be read; it lies in aside/", at)
    if kind is Lease:
        return Lease(key.split("/")[1], "nobody: the lease could not be read", at + LEASE_TIME)
    return None


def watermarks_of(key: str) -> str | None:
    """Which watermarks no longer hold: evidence is lost that the log may still have."""
    found = _OF_ENVIRONMENT.fullmatch(key)
    return f"environments/{found[1]}/watermarks/" if found and found[2] in _EVIDENCE else None


def check_times(value: object, now: datetime) -> None:
    """Refuse a value with a time that cannot be reckoned with, and a lease without an end.

    Raises:
        ValueError: naming it.
    """
    if isinstance(value, Lease) and within_bounds(value.until) and value.until > now + _AHEAD:
        raise ValueError(f"nobody holds a lease until {value.until.isoformat()}")
    if isinstance(value, datetime):
        if not within_bounds(value):
            raise ValueError(f"{value.isoformat()} is no time to reckon with")
    elif is_dataclass(value):
        for field in fields(value):
            check_times(getattr(value, field.name), now)
    elif isinstance(value, list | tuple):
        for item in value:
            check_times(item, now)


def reason(found: Mapping[str, Any]) -> tuple[str, str]:
    """Key and reason of a document that was kept aside."""
    return str(found.get("key", "?")), str(found.get("why", "?"))
