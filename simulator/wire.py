"""Owns the shape of what crosses the wire: requests, responses and their record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as ARM sees it; `url` is path and query."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return a header's value, its name compared without case."""
        wanted = name.lower()
        return next((v for k, v in self.headers.items() if k.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - the caller knows what it asked for
        """Parse the body; None when there is none."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a kind answers, before it is written out as a response."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request with its response; `caller` is the principal's name, `poll` marks waiting."""

    method: str
    url: str
    request_body: Any
    status: int
    response_headers: dict[str, str]
    response_body: Any
    caller: str
    poll: bool

    def line(self) -> str:
        """Write the exchange as one JSON line, in the form that conformance tools read."""
        return json.dumps(
            {
                "method": self.method,
                "url": self.url,
                "requestBody": self.request_body,
                "status": self.status,
                "responseHeaders": self.response_headers,
                "responseBody": self.response_body,
                "caller": self.caller,
            }
        )
