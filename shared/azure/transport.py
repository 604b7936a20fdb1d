"""Owns how long an exchange may last and how much may come of it: on the whole, not by byte.

requests and azure-core bound each read of a socket; an answer of a byte every few seconds has no end
by that. Here each read gets what is left of the whole, headers included, and a body that grows
beyond ``MOST_BYTES`` is refused. What a body unpacks to counts, not what was sent.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from math import inf
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import ServiceRequestTimeoutError
from azure.core.pipeline.transport import RequestsTransport
from requests import Response, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from shared.azure.deadline import left, within
from shared.azure.errors import Terminal

if TYPE_CHECKING:
    import socket

CONNECT_SECONDS: Final = 10.0
EXCHANGE_SECONDS: Final = 75.0
"""One request and its whole answer. ARM gives its providers 60 s."""
MOST_BYTES: Final = 64 * 1024 * 1024
_PIECE: Final = 64 * 1024


class BoundedTransport(RequestsTransport):  # type: ignore[misc]  # exported lazily, so Any
    """azure-core's transport with an end to each exchange. ``seconds``: see ``EXCHANGE_SECONDS``."""

    def __init__(
        self,
        *,
        seconds: float = EXCHANGE_SECONDS,
        most_bytes: int = MOST_BYTES,
        verify: str | bool = True,
    ) -> None:
        self._seconds, self._most_bytes = seconds, most_bytes
        connect = min(CONNECT_SECONDS, seconds)
        super().__init__(connection_verify=verify, connection_timeout=connect, read_timeout=seconds)

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 - both request types of azure-core
        """Send and read the whole answer.

        Raises:
            AzureError: no answer, or not the whole of it in time.
            Terminal: ``AnswerTooLarge``.
        """
        if left() <= 0:
            raise ServiceRequestTimeoutError("no time was left to ask")
        with within(self._seconds):
            return super().send(request, **options)

    def _init_session(self, session: Session) -> None:
        """azure-core's hook, called once for each session; a test pins it by what it brings about."""
        super()._init_session(session)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(max_retries=0))
        session.hooks["response"].append(self._read)

    def _read(self, answer: Response, **_: Any) -> None:  # noqa: ANN401 - options of requests
        """Read the body here, while its exchange has an end; a stream of it finds it read."""
        pieces, size = [], 0
        for piece in answer.iter_content(_PIECE):
            size += len(piece)
            if size > self._most_bytes:
                answer.close()
                text = f"an answer of more than {self._most_bytes} bytes was not read to its end"
                raise Terminal("AnswerTooLarge", text)
            pieces.append(piece)
        answer._content = b"".join(pieces)  # noqa: SLF001 - what requests itself sets when it has read


class _Timed(io.RawIOBase):
    """What a socket brings, each read with no more time than is left of the whole."""

    def __init__(self, wire: socket.socket, source: Any) -> None:  # noqa: ANN401 - a SocketIO
        self._wire, self._source, self._until = wire, source, time.monotonic() + left()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a writable buffer
        remaining = self._until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the whole answer did not come in time")
        self._wire.settimeout(remaining if remaining < inf else None)
        count: int | None = self._source.readinto(buffer)
        return count

    def close(self) -> None:
        self._source.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: Any, *rest: Any, **options: Any) -> None:  # noqa: ANN401 - http.client's
        super().__init__(sock, *rest, **options)
        self.fp = io.BufferedReader(_Timed(sock, self.fp.detach()))


class _Plain(HTTPConnection):
    response_class = _TimedResponse


class _Secure(HTTPSConnection):
    response_class = _TimedResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS: Final = {"http": _PlainPool, "https": _SecurePool}


class _Adapter(HTTPAdapter):
    """requests' adapter over those connections, directly and through a proxy."""

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:  # noqa: ANN401 - requests'
        super().init_poolmanager(*sizes, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *proxy: Any, **options: Any) -> Any:  # noqa: ANN401 - requests'
        manager = super().proxy_manager_for(*proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
