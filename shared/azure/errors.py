"""Owns what an answer from Azure means for a repair. Nothing outside this room sees an SDK error.

    RemediationError
    ├── Transient   Azure refused for now: throttled, busy, unreachable, changed in between
    └── Terminal    Azure refused for good; ``blocked`` says that a person has to act

Codes and their meaning: domain.md 4 (concurrency), 6 (throttling, locks, policy), 7 (permissions).
Messages are cut and freed of anything that looks like a secret; the request id is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, Final

from shared.redaction import redacted

DEFAULT_RETRY_AFTER: Final = 10.0
LONGEST_WAIT: Final = 3600.0
"""Whatever Azure asks for, an hour is the most that is waited before the next look."""
UNEXPLAINED: Final = "Unexplained"
"""The code of a 404 that came without one: a front or a proxy says it of its own page. All of 138
recorded ones of ARM had a code."""
_BUSY_AGAIN: Final = DEFAULT_RETRY_AFTER
_REPLICATION: Final = 3.0
"""A fresh principal is known everywhere after seconds to a minute (domain.md 3.1)."""
_LONGEST: Final = 600
_DEEPEST: Final = 20

_UNREACHABLE: Final = frozenset({408, 502, 503, 504})
_BUSY: Final = frozenset(
    code.lower()
    for code in (
        "AnotherOperationInProgress",
        "RetryableError",
        "RetryableErrorDueToAnotherOperation",
        "StorageAccountOperationInProgress",
        "ConflictError",
        "PrincipalNotFound",
        "ReferencedResourceNotProvisioned",
    )
)
_BUSY_IN_OPERATION: Final = frozenset({"invalidprivatelinkserviceid"})
_IN_PROGRESS: Final = re.compile(r"in[ -]?progress|another operation|is being \w+ed", re.IGNORECASE)
_FORBIDDEN: Final = frozenset({"authorizationfailed", "linkedauthorizationfailed"})
_QUOTED: Final = re.compile(r"'([^']*)'")
_ACTION: Final = re.compile(r"perform action(?:\(s\))? '([^']+)'", re.IGNORECASE)
_SCOPE: Final = re.compile(r"(?:over|on)(?: the linked)? scope(?:\(s\))? '([^']+)'", re.IGNORECASE)
_LOCKED: Final = re.compile(r"locked:\s*(.+?)(?:\.\s|\.?$)", re.IGNORECASE)


class RemediationError(Exception):
    """Azure did not do what was asked."""

    def __init__(self, code: str, message: str, *, status: int = 0, request_id: str = "") -> None:
        super().__init__(f"{code}: {message}" + (f" (request {request_id})" if request_id else ""))
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id


class Transient(RemediationError):  # noqa: N818 - the two kinds are read as adjectives
    """It may work later: ``retry_after`` seconds from now. ``throttled``: the subscription is."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry_after: float = DEFAULT_RETRY_AFTER,
        throttled: bool = False,
        status: int = 0,
        request_id: str = "",
    ) -> None:
        super().__init__(code, message, status=status, request_id=request_id)
        self.retry_after = bounded(retry_after)
        self.throttled = throttled


class Terminal(RemediationError):  # noqa: N818 - the two kinds are read as adjectives
    """It will not work however often it is tried.

    ``why`` is a CamelCase reason; ``action`` and ``scope`` name what was missing (MissingPermission)
    or who holds a lock (ScopeLocked: ``scope``).
    """

    def __init__(
        self,
        why: str,
        message: str,
        *,
        blocked: bool = False,
        action: str | None = None,
        scope: str | None = None,
        code: str = "",
        status: int = 0,
        request_id: str = "",
    ) -> None:
        super().__init__(code or why, message, status=status, request_id=request_id)
        self.why = why
        self.blocked = blocked
        self.action = action
        self.scope = scope


def read_error(error: Exception) -> RemediationError:
    """What an exception of an SDK means. An error of ours is returned as it is."""
    if isinstance(error, RemediationError):
        return error
    response = getattr(error, "response", None)
    if response is None:
        return _without_answer(error)
    headers = {str(k).lower(): str(v) for k, v in dict(response.headers).items()}
    code, message = _code_and_message(_text(response))
    if int(response.status_code) == 404 and not code:  # noqa: PLR2004 - Not Found
        code = UNEXPLAINED
    return judge(
        int(response.status_code),
        code or str(getattr(error, "reason", "") or type(error).__name__).replace(" ", ""),
        message or str(error),
        headers,
    )


def judge(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> RemediationError:
    """What ``code`` with ``status`` means. ``status`` 200 stands for a failed operation.

    Args:
        status: the HTTP status of the answer that carried the error.
        code: Azure's error code, such as ``ScopeLocked``.
        message: Azure's words, not yet cut or redacted.
        headers: of the answer, names in lower case.
    """
    given = headers or {}
    request_id = given.get("x-ms-request-id", "")
    text = cleaned(message)
    key = code.lower()
    if _busy(status, key, message):
        after = retry_after(given, _REPLICATION if key == "principalnotfound" else _BUSY_AGAIN)
        return Transient(code, text, retry_after=after, status=status, request_id=request_id)
    if status in _UNREACHABLE or status == 429:  # noqa: PLR2004 - Too Many Requests
        return Transient(
            code,
            text,
            retry_after=retry_after(given),
            throttled=status == 429,  # noqa: PLR2004 - the same
            status=status,
            request_id=request_id,
        )
    if status == 412:  # noqa: PLR2004 - Precondition Failed: read again, then write
        return Transient(code, text, retry_after=1.0, status=status, request_id=request_id)
    if key == "expiredauthenticationtoken":
        return Transient(code, text, retry_after=1.0, status=status, request_id=request_id)
    return _terminal(status, code, text, request_id)


def operation_error(error: object, status: str) -> RemediationError:
    """What an operation means that ended badly: polling answered 200, the ``status`` is Failed."""
    pairs = list(_errors({"error": error}))
    code, message = next(
        (p for p in pairs if p[0].lower() in _BUSY), pairs[0] if pairs else ("", "")
    )
    return judge(200, code or f"Operation{status.title()}", message or "Azure gave no reason")


def retry_after(headers: Mapping[str, str], default: float = DEFAULT_RETRY_AFTER) -> float:
    """Seconds that Azure asks to wait, from one to ``LONGEST_WAIT``. ``headers`` are in lower case.

    A date (RFC 9110, 10.2.3) counts from the answer's own ``Date``: whose clock it is, is known.
    """
    for name, unit in (
        ("retry-after-ms", 0.001),
        ("x-ms-retry-after-ms", 0.001),
        ("retry-after", 1),
    ):
        try:
            return bounded(float(headers[name]) * unit, default)
        except (KeyError, ValueError):
            continue
    try:
        then, now = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
        return bounded((then - now).total_seconds(), default)
    except (KeyError, ValueError, TypeError, OverflowError):
        return default


def bounded(seconds: float, default: float = DEFAULT_RETRY_AFTER) -> float:
    """``seconds`` as they can be waited; ``default`` if that is no number at all."""
    if not isfinite(seconds):
        return LONGEST_WAIT if seconds > 0 else default
    return min(max(seconds, 1.0), LONGEST_WAIT)


def cleaned(text: str) -> str:
    """``text`` without what looks like a secret, cut to a length that fits a log line."""
    safe = redacted(" ".join(text.split()))
    return safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}…"


def _busy(status: int, key: str, message: str) -> bool:
    if key in _BUSY:
        return True
    if key in _BUSY_IN_OPERATION and status == 200:  # noqa: PLR2004 - parallel endpoints (domain.md 4)
        return True
    return (status == 409 or key == "operationnotallowed") and bool(  # noqa: PLR2004 - Conflict
        _IN_PROGRESS.search(message)
    )


def _terminal(status: int, code: str, text: str, request_id: str) -> Terminal:
    key = code.lower()
    why, blocked, action, scope = code, False, None, None
    if key == "scopelocked":
        why, blocked, scope = "ScopeLocked", True, _holders(text)
    elif key == "requestdisallowedbypolicy":
        why, blocked = "PolicyDenied", True
    elif key in _FORBIDDEN or status == 403:  # noqa: PLR2004 - Forbidden
        why, blocked = "MissingPermission", True
        action, scope = _last(_ACTION, text), _last(_SCOPE, text)
    elif status == 404:  # noqa: PLR2004 - Not Found
        why = "NotFound"
    elif status == 401:  # noqa: PLR2004 - Unauthorized: the SDK already tried with a new token
        why, blocked = "Unauthenticated", True
    return Terminal(
        why,
        text,
        blocked=blocked,
        action=action,
        scope=scope,
        code=code,
        status=status,
        request_id=request_id,
    )


def _without_answer(error: Exception) -> RemediationError:
    """No answer came: the network, the identity, or a defect of ours."""
    from azure.core.exceptions import (  # noqa: PLC0415 - by now an SDK is loaded
        AzureError,
        ClientAuthenticationError,
    )

    from shared.azure.identity import IdentityUnreachableError  # noqa: PLC0415 - the same

    text = cleaned(str(error))
    if isinstance(error, IdentityUnreachableError):
        return Transient("IdentityUnreachable", text)
    if isinstance(error, RecursionError):
        return Terminal("NotJson", "Azure's answer is nested too deep to be one")
    if isinstance(error, ClientAuthenticationError):
        return Terminal("Unauthenticated", text, blocked=True)
    if isinstance(error, AzureError | OSError):
        return Transient("ConnectionFailed", text)
    return Terminal(type(error).__name__, text)


def _text(response: Any) -> str:  # noqa: ANN401 - requests, aiohttp or a test's own response
    try:
        body = response.text()
    except Exception:  # noqa: BLE001 - a body that cannot be read is no body
        return ""
    return body if isinstance(body, str) else ""


def _code_and_message(text: str) -> tuple[str, str]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return "", text
    pairs = list(_errors(body)) if isinstance(body, dict) else []
    busy = next((pair for pair in pairs if pair[0].lower() in _BUSY), None)
    return busy or (pairs[0] if pairs else ("", text))


def _errors(body: object, depth: int = 0) -> Iterator[tuple[str, str]]:
    """The error's code and message, then those of its details: the cause is often in there.

    What is none is passed over: an answer of a front or a proxy may have any shape.
    """
    error = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping) or depth > _DEEPEST:
        return
    code, message, details = (error.get(name) for name in ("code", "message", "details"))
    if isinstance(code, str | int) and code:
        yield str(code), message if isinstance(message, str) else ""
    for detail in details if isinstance(details, list | tuple) else (details,):
        yield from _errors(detail, depth + 1)


def _holders(text: str) -> str | None:
    found = _LOCKED.search(text)
    names = _QUOTED.findall(found[1]) if found else []
    return ", ".join(names) or _last(_QUOTED, text)


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.findall(text)
    return found[-1] if found else None
