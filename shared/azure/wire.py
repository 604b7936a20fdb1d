"""Owns how an SDK call becomes raw JSON: what Azure wrote, not what a model kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.azure.errors import RemediationError, Terminal, read_error
from shared.model.json import JsonObject

type Operation = Callable[..., Any]
"""An SDK operation with everything but its wire options (``raw_response_hook``) filled in."""

MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of ARM. Header names are in lower case; ``body`` is empty when none came."""

    status: int
    headers: Mapping[str, str]
    body: JsonObject = field(default_factory=dict)


def ask(operation: Operation) -> Answer:
    """Call ``operation`` once and return its raw answer.

    An answer of success counts as one even where the SDK did not expect it: a 202 to a PUT that its
    specification has no 202 for, a body that its model cannot take. The write has happened.

    Raises:
        RemediationError: whatever went wrong, by its meaning; the SDK's error is chained.
    """
    seen: list[Any] = []
    try:
        operation(raw_response_hook=seen.append)
    except RemediationError:
        raise
    except Exception as error:
        if not seen or not _succeeded(seen[-1].http_response):
            raise read_error(error) from error
    return _answer(seen[-1].http_response)


def ask_all(operation: Operation) -> dict[str, Any]:
    """Call a listing ``operation``, follow all its pages and return ``{"value": [...]}``.

    Raises:
        RemediationError: as ``ask``; ``TooManyPages``, ``PagesLoop`` or ``NotAList`` rather than half
            a list.
    """
    seen: list[Any] = []
    try:
        found = operation(raw_response_hook=seen.append)
        if hasattr(found, "by_page"):
            _turn(found.by_page(), seen)
    except RemediationError:
        raise
    except Exception as error:
        raise read_error(error) from error
    return {"value": [item for response in seen for item in items(_answer(response.http_response))]}


def items(answer: Answer) -> list[Any]:
    """What a page of a list holds: objects.

    Raises:
        Terminal: ``NotAList``; an answer without a list is not an empty one.
    """
    found = answer.body.get("value")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Terminal("NotAList", f"Azure answered {answer.status} to a list without a 'value'")
    return found


def _turn(pages: Iterable[object], seen: list[Any]) -> None:
    """Fetch every page; what they hold was seen on the wire."""
    addresses: set[str] = set()
    for number, _ in enumerate(pages, start=1):
        if number > MOST_PAGES:
            raise Terminal("TooManyPages", f"a list has more than {MOST_PAGES} pages")
        turned(addresses, seen[-1].http_request.url)


def turned(addresses: set[str], address: str) -> None:
    """Remember that the page at ``address`` was read.

    Raises:
        Terminal: ``PagesLoop``; it had been read before.
    """
    if address in addresses:
        raise Terminal("PagesLoop", "a list names a page that was read already as the next one")
    addresses.add(address)


def sent(body: JsonObject) -> bytes:
    """``body`` as it goes out: bytes, so that no SDK model can drop a field it does not know."""
    return json.dumps(body).encode()


def _succeeded(response: Any) -> bool:  # noqa: ANN401 - as below
    return 200 <= int(response.status_code) < 300  # noqa: PLR2004 - HTTP's successes


def _answer(response: Any) -> Answer:  # noqa: ANN401 - requests' or a test transport's response
    headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
    try:
        text = response.text() if response.status_code != 204 else ""  # noqa: PLR2004 - No Content
        body = json.loads(text) if text.strip() else {}
    except (ValueError, LookupError, RecursionError) as error:
        raise Terminal("NotJson", f"Azure answered {response.status_code} with no JSON") from error
    return Answer(
        response.status_code, headers, body if isinstance(body, dict) else {"value": body}
    )
