"""Owns the shape of ARM JSON: plain values, read by dotted path, compared in a canonical form.

JSON may hold what UTF-8 cannot (half a surrogate pair, an escape of U+D800): ``clean`` is for text that
is kept, and a fingerprint exists of every text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

type JsonObject = Mapping[str, Any]
"""A JSON object as ARM sends it. Values are ``Any`` on purpose: what a field holds is Azure's
to say, and the typed views of ``shared.model.arm`` are where it becomes ours."""

_UNCLEAN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def dig(body: JsonObject | None, path: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
    """The value at ``path`` ("properties.networkAcls.bypass"), names compared without case.

    Azure's own answers differ in casing between api-versions (domain.md 1.1, 5).
    """
    value: Any = body
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return default
        value = value[name] if name in value else _without_case(value, name)
        if value is None:
            return default
    return value


def _without_case(value: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON
    wanted = name.lower()
    return next((item for key, item in value.items() if key.lower() == wanted), None)


def canonical(value: Any) -> str:  # noqa: ANN401 - JSON
    """One text per value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def fingerprint(value: Any) -> str:  # noqa: ANN401 - JSON
    """A short, stable hash of a JSON value (16 hex digits)."""
    return hashlib.sha256(canonical(value).encode(errors="surrogatepass")).hexdigest()[:16]


def clean(text: str) -> str:
    """``text`` with U+FFFD for surrogates and control characters: it fits UTF-8, a log and a terminal."""
    return _UNCLEAN.sub("\ufffd", text)
