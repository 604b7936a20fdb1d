"""Owns bare calls to ARM: for what no SDK operation covers, or none passes on unchanged.

Used for computes (azure-ai-ml loses fields of their bodies: docs/adr/0002), workspaces, permissions
at a subscription's scope and poll addresses. Same policies and origin as every other client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.azure.clients import Clients
from shared.azure.errors import Terminal
from shared.azure.wire import MOST_PAGES, Answer, ask, items, turned

if TYPE_CHECKING:
    from azure.core.rest import HttpRequest


def call(
    clients: Clients,
    method: str,
    path: str,
    api_version: str,
    *,
    body: bytes | None = None,
    **wire: Any,  # noqa: ANN401 - SDK options
) -> None:
    """Any bare call in the shape of an SDK operation: ``path`` under ARM, ``body`` JSON."""
    query = {"api-version": api_version}
    asked = _request(method, f"{clients.config.endpoint}{path}", query, body)
    _send(clients, asked, **wire)


def look(clients: Clients, url: str) -> Answer:
    """GET the absolute address ``url``, which Azure gave us.

    Raises:
        RemediationError: for every status of 400 or more; ``ForeignAddress`` off ARM's origin.
    """
    asked = _request("GET", url)
    return ask(lambda **wire: _send(clients, asked, **wire))


def list_all(clients: Clients, path: str, api_version: str, **query: str) -> dict[str, Any]:
    """Every page of the list at ``path`` as ``{"value": [...]}``.

    Raises:
        RemediationError: as ``look``; ``TooManyPages``, ``PagesLoop`` or ``NotAList`` rather than
            half a list.
    """
    first = _request("GET", clients.config.endpoint + path, {"api-version": api_version, **query})
    answer = ask(lambda **wire: _send(clients, first, **wire))
    found, read = items(answer), {first.url}
    for _ in range(MOST_PAGES):
        following = answer.body.get("nextLink")
        if not following:
            return {"value": found}
        turned(read, str(following))
        answer = look(clients, str(following))
        found += items(answer)
    raise Terminal("TooManyPages", f"the list at {path} has more than {MOST_PAGES} pages")


def _request(
    method: str, url: str, query: dict[str, str] | None = None, body: bytes | None = None
) -> HttpRequest:
    from azure.core.rest import HttpRequest  # noqa: PLC0415 - imported when first needed

    headers = {"Content-Type": "application/json"} if body is not None else {}
    return HttpRequest(method, url, params=query, content=body, headers=headers)


def _send(clients: Clients, asked: HttpRequest, **wire: Any) -> None:  # noqa: ANN401 - SDK options
    clients.arm().send_request(asked, **wire).raise_for_status()
