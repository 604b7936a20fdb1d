"""Owns whether effective permissions, as Azure lists them at a scope, allow an action."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shared.model.json import JsonObject, dig


def effective(permissions: JsonObject, action: str) -> bool:
    """Whether ``action`` is allowed by ``permissions``, a ``{"value": [...]}`` of permission sets.

    Each entry grants its ``actions`` less its ``notActions``; what one entry takes away another may
    grant (notActions is no denial). ``*`` stands for any run of characters, slashes included, and
    case does not matter (learn.microsoft.com, "Understand Azure role definitions", 2024).
    """
    return any(
        _any(dig(entry, "actions"), action) and not _any(dig(entry, "notActions"), action)
        for entry in dig(permissions, "value") or ()
    )


def _any(patterns: Iterable[str] | None, action: str) -> bool:
    return any(_matches(str(pattern), action) for pattern in patterns or ())


def _matches(pattern: str, action: str) -> bool:
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), action, re.IGNORECASE) is not None
