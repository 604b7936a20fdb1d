"""Owns what happens to every request on its way to ARM, and refuses to send a token elsewhere.

The SDKs' own retry, redirect and provider-registration policies are left out on purpose: they
sleep, follow or write. What is tried again, and when, is decided by the run's durable timers.
Imported by ``shared.azure.clients`` when the first client is built, never earlier.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    ContentDecodePolicy,
    CustomHookPolicy,
    DistributedTracingPolicy,
    HeadersPolicy,
    HTTPPolicy,
    RequestIdPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import HttpTransport
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from shared.azure.calls import Call, CallLog
from shared.azure.config import ArmConfig
from shared.azure.errors import Terminal
from shared.azure.transport import BoundedTransport

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_AT_ONCE = 5.0
"""Seconds: a connection that had been closed meanwhile shows by then."""


class _OwnOrigin(SansIOHTTPPolicy[Any, Any]):
    """Refuses every address that is not ARM's, before a token is put on it (nextLink, polling)."""

    def __init__(self, config: ArmConfig) -> None:
        self._config = config

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Stop a request to a foreign origin."""
        url = request.http_request.url
        if not self._config.owns(url):
            raise Terminal(
                "ForeignAddress",
                f"found an address on {urlsplit(url).netloc}, expected {self._config.endpoint};"
                " nothing was sent there",
            )


class _OnceMore(HTTPPolicy[Any, Any]):
    """One more try, at once, for a read whose connection broke; not for one that kept us waiting."""

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send; a GET a second time if no answer came."""
        began = time.monotonic()
        try:
            return self.next.send(request)
        except (ServiceRequestError, ServiceResponseError):
            if request.http_request.method != "GET" or time.monotonic() - began > _AT_ONCE:
                raise
            return self.next.send(request)


class _Counted(HTTPPolicy[Any, Any]):
    """Writes each exchange down, next to the wire."""

    def __init__(self, log: CallLog) -> None:
        self._log = log

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send, and remember how long it took and what came of it."""
        began = time.perf_counter()
        status, answered_as, correlated_as = 0, "", ""
        try:
            response = self.next.send(request)
            status = response.http_response.status_code
            headers = response.http_response.headers
            answered_as = headers.get("x-ms-request-id", "")
            correlated_as = headers.get("x-ms-correlation-request-id", "")
        finally:
            sent = request.http_request
            took, url = time.perf_counter() - began, urlsplit(sent.url)
            ids = (answered_as, url.netloc, correlated_as)
            self._log.add(Call(sent.method, url.path, status, took, *ids))
        return response


class _Dated(SansIOHTTPPolicy[Any, Any]):
    """Dates an answer that has no date: a ``Retry-After`` may be one, and counts from it."""

    def __init__(self, clock: Callable[[], datetime] | None) -> None:
        self._clock = clock

    def on_response(self, _: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:
        """Write our own time where there is none."""
        headers = response.http_response.headers
        if self._clock is not None and "Retry-After" in headers and "Date" not in headers:
            headers["Date"] = format_datetime(self._clock(), usegmt=True)


def policies(
    config: ArmConfig,
    credential: TokenCredential,
    log: CallLog,
    clock: Callable[[], datetime] | None = None,
) -> list[Any]:
    """The policies of every client, outermost first. A list belongs to one pipeline only."""
    return [
        _OwnOrigin(config),
        RequestIdPolicy(),
        HeadersPolicy(),
        UserAgentPolicy(base_user_agent=f"relink/{relink_version()}"),
        ContentDecodePolicy(),
        _OnceMore(),
        ARMChallengeAuthenticationPolicy(credential, config.scope),
        CustomHookPolicy(),
        DistributedTracingPolicy(),
        _Dated(clock),
        _Counted(log),
    ]


def wire(config: ArmConfig) -> HttpTransport[Any, Any]:
    """The transport that all clients share: one pool of connections, opened now."""
    transport: HttpTransport[Any, Any] = BoundedTransport(verify=config.ca_bundle or True)
    transport.open()
    return transport


def relink_version() -> str:
    """The installed version; "0" where Relink runs from its folder (as in the Functions package)."""
    try:
        return version("relink")
    except PackageNotFoundError:
        return "0"
