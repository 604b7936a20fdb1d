"""Owns what happens to every request on its way to ARM, and refuses to send a token elsewhere.

The SDKs' own retry, redirect and provider-registration policies are left out on purpose: they
sleep, follow or write. What is tried again, and when, is decided by the run's durable timers.
Imported by ``shared.azure.clients`` when the first client is built, never earlier.
"""

from __future__ import annotations

import time
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
from azure.core.pipeline.transport import HttpTransport, RequestsTransport
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from shared.azure.calls import Call, CallLog
from shared.azure.config import ArmConfig
from shared.azure.errors import Terminal

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_CONNECT_SECONDS = 10
_READ_SECONDS = 60


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
    """One more try, at once, for a read whose connection broke."""

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send; a GET a second time if no answer came."""
        try:
            return self.next.send(request)
        except (ServiceRequestError, ServiceResponseError):
            if request.http_request.method != "GET":
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


def policies(config: ArmConfig, credential: TokenCredential, log: CallLog) -> list[Any]:
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
        _Counted(log),
    ]


def wire(config: ArmConfig) -> HttpTransport[Any, Any]:
    """The transport that all clients share: one pool of connections, opened now."""
    transport: HttpTransport[Any, Any] = RequestsTransport(
        connection_verify=config.ca_bundle or True,
        connection_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
    )
    transport.open()
    return transport


def relink_version() -> str:
    """The installed version; "0" where Relink runs from its folder (as in the Functions package)."""
    try:
        return version("relink")
    except PackageNotFoundError:
        return "0"
