"""Owns the call of the webhook that is told what needs a person.

The URL is a secret: it is in no message, no error and no log. Imports httpx, so it is imported by the
first delivery.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from shared.deadline import Deadline, DeadlineError
from shared.model.json import JsonObject
from shared.workflow.services import NotToldError, RefusedError

SECONDS: Final = 10.0
"""For the whole call: the name, the connection, the request, the head of the answer."""
_LATER: Final = frozenset({401, 403, 404, 407, 408, 410, 421, 425, 429})
"""Of 4xx: what is about the webhook as a whole, or about now, and not about this message."""

# httpx writes each URL, query and all, at INFO, and httpcore each header at DEBUG.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(slots=True)
class _Wire:
    """The sockets of one call, so that it can be ended from another thread, whatever it waits for."""

    sockets: list[socket.socket] = field(default_factory=list)
    cut: bool = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """What httpcore tells as it goes (its extension ``trace``)."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self.sockets.append(info["return_value"].get_extra_info("socket"))
        if self.cut:
            raise DeadlineError("too late")

    def end(self) -> None:
        """Shut the connection down; only its own thread may close it."""
        self.cut = True
        for each in self.sockets:
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # also of a TLS connection


class Webhook:
    """One webhook. Of an answer, nothing but the status is read."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        self._url, self._deadline = url, Deadline(seconds)
        self._name = f"the notification webhook at {urlsplit(url).hostname}"

    def tell(self, message: JsonObject) -> None:
        """Post a message as JSON.

        Raises:
            NotToldError: it could not be reached in time, or refused us; later it may take it.
            RefusedError: it refused this message.
        """
        wire = _Wire()
        try:
            status = self._deadline.call(lambda: self._post(message, wire), wire.end)
        except DeadlineError as error:
            raise NotToldError(f"{self._name} failed: {error}") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # The error itself may show the URL's secret.
            raise NotToldError(f"{self._name} failed: {type(error).__name__}") from None
        if 400 <= status < 500 and status not in _LATER:  # noqa: PLR2004 - a client's errors
            raise RefusedError(f"{self._name} refused it: {status}")
        if not 200 <= status < 300:  # noqa: PLR2004 - success
            raise NotToldError(f"{self._name} failed: {status}")

    def _post(self, message: JsonObject, wire: _Wire) -> int:
        content = json.dumps(message).encode()
        kind, tracing = {"Content-Type": "application/json"}, {"trace": wire.trace}
        with (
            httpx.Client(timeout=self._deadline.seconds + 1) as client,
            client.stream(
                "POST", self._url, content=content, headers=kind, extensions=tracing
            ) as answer,
        ):
            return answer.status_code
