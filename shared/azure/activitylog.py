"""Owns the questions to the activity log: who did what to a resource, up to 90 days back.

Client: azure-mgmt-monitor, api-version 2015-04-01. The log can lag by minutes (domain.md 6): what
it does not tell has not been refuted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.azure.errors import Terminal
from shared.azure.wire import ask_all
from shared.model.arm import moment
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.monitor import MonitorManagementClient

REACH: Final = timedelta(days=89)
"""The log keeps 90 days (domain.md 6); a day less, as clocks differ."""
_SELECT: Final = "eventTimestamp,operationName,status,caller,claims,correlationId,resourceId"


def _client(clients: Clients, resource: ResourceId) -> MonitorManagementClient:
    from azure.mgmt.monitor import MonitorManagementClient  # noqa: PLC0415 - loaded when first used

    return clients.of(MonitorManagementClient, resource.subscription)


def power_log(clients: Clients, cluster: ResourceId, since: str) -> dict[str, Any]:
    """Starts and stops of ``cluster`` since an ISO time, in whatever state they ended."""

    def concerns(event: JsonObject) -> bool:
        return _operation(event).endswith(("/start/action", "/stop/action"))

    return _events(clients, cluster, since, concerns)


def write_log(clients: Clients, resource: ResourceId, since: str) -> dict[str, Any]:
    """Writes of ``resource`` itself that succeeded since an ISO time."""

    def concerns(event: JsonObject) -> bool:
        succeeded = str(dig(event, "status.value") or "").lower() == "succeeded"
        return succeeded and _operation(event) == f"{resource.type}/write"

    return _events(clients, resource, since, concerns)


def _events(
    clients: Clients, resource: ResourceId, since: str, concerns: Callable[[JsonObject], bool]
) -> dict[str, Any]:
    begin = moment(since)
    if begin is None:
        raise Terminal("InvalidDetail", f"found '{since[:40]}', expected an ISO time")
    # In Z form: the client sends the "+" of an offset unquoted, and it arrives as a space.
    stamp = begin.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    wanted = f"eventTimestamp ge '{stamp}' and resourceUri eq '{resource.text}'"
    log = _client(clients, resource).activity_logs
    found = ask_all(lambda **wire: log.list(filter=wanted, select=_SELECT, **wire))
    return {"value": [event for event in found["value"] if concerns(event)]}


def _operation(event: JsonObject) -> str:
    return str(dig(event, "operationName.value") or "").lower()
