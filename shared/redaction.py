"""Owns what looks like a secret in a text of somebody else's, before it is kept, logged or shown."""

from __future__ import annotations

import re
from typing import Final

_SECRETS: Final = re.compile(
    r"(?i)\bbearer\s+[^\s\"',;]+"
    r"|\beyJ[\w-]{10,}\.[\w.-]+"
    r"|\b(?:account_?key|shared_?access_?(?:key|signature)|client_?secret|password|pwd|sig|token"
    r"|secret|api_?key|connection_?string)\\?[\"']?\s*[=:]\s*\\?[\"']?[^\s;,&\"'\\]+"
    r"|(?<![\w/+])[A-Za-z0-9+/]{43,}={1,2}"
)


def redacted(text: str) -> str:
    """``text`` without what looks like a secret."""
    return _SECRETS.sub("[removed]", text)
