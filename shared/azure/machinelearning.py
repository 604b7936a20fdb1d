"""Owns the calls to workspaces and their computes, jobs, endpoints and deployments.

Workspaces and computes are read and written bare, api-version 2025-12-01 (the newest that the
specification of both kinds was read in), so that a body comes out as it went in. azure-ai-ml 1.35.2
detaches (2023-08-01-preview): docs/adr/0002 and 0012.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.azure import arm
from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.azure.lists import list_below
from shared.azure.mlclient import ml_client
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

API_VERSION: Final = "2025-12-01"
_FINISHED: Final = frozenset({"completed", "failed", "canceled", "notresponding"})


def _get(clients: Clients, resource: ResourceId, **wire: Any) -> None:  # noqa: ANN401 - SDK
    arm.call(clients, "GET", resource.text, API_VERSION, **wire)


def _put(clients: Clients, resource: ResourceId, body: bytes, **wire: Any) -> None:  # noqa: ANN401 - SDK
    arm.call(clients, "PUT", resource.text, API_VERSION, body=body, **wire)


def _patch(clients: Clients, resource: ResourceId, body: bytes, **wire: Any) -> None:  # noqa: ANN401 - SDK
    arm.call(clients, "PATCH", resource.text, API_VERSION, body=body, **wire)


def _connections(clients: Clients, resource: ResourceId, **wire: Any) -> None:  # noqa: ANN401 - SDK
    path = f"{resource.text}/privateEndpointConnections"
    arm.call(clients, "GET", path, API_VERSION, **wire)


def detach(clients: Clients, compute: ResourceId, **wire: Any) -> None:  # noqa: ANN401 - SDK
    """Detach ``compute``, which leaves the cluster alone; never action Delete."""
    client = ml_client(clients, _workspace(compute))
    response = client.compute.begin_delete(compute.name, action="Detach").result()
    wire["raw_response_hook"](response)


def list_jobs(clients: Clients, compute: ResourceId) -> dict[str, Any]:
    """The jobs on ``compute`` that have not ended, as ARM shows them."""
    jobs = arm.list_all(clients, f"{_workspace(compute).text}/jobs", API_VERSION)
    return {"value": [job for job in jobs["value"] if _unfinished(job) and _uses(job, compute)]}


def list_deployments(clients: Clients, compute: ResourceId) -> dict[str, Any]:
    """The online endpoints on ``compute`` and their deployments.

    Each is ``{"kind": "endpoint" | "deployment", "name", "endpoint", "properties":
    {"provisioningState"}}``. This is what ARM says; whether a deployment answers is not claimed.
    Asked for bare, so that looking depends on no import of azure-ai-ml (docs/adr/0012).

    Raises:
        RemediationError: what Azure answered.
    """
    return {"value": list(_deployments(clients, compute))}


def _deployments(clients: Clients, compute: ResourceId) -> Iterator[JsonObject]:
    workspace = _workspace(compute)
    for endpoint in list_below(clients, workspace, "onlineEndpoints")["value"]:
        if not _names(dig(endpoint, "properties.compute"), compute):
            continue
        name = str(dig(endpoint, "name") or "")
        yield _entry("endpoint", endpoint, name)
        below = workspace.child("onlineEndpoints", name)
        for deployment in list_below(clients, below, "deployments")["value"]:
            yield _entry("deployment", deployment, name)


def _entry(kind: str, body: JsonObject, endpoint: str) -> JsonObject:
    properties = {"provisioningState": str(dig(body, "properties.provisioningState") or "")}
    name = str(dig(body, "name") or "").rsplit("/", 1)[-1]
    return {"kind": kind, "name": name, "endpoint": endpoint, "properties": properties}


def _unfinished(job: JsonObject) -> bool:
    return str(dig(job, "properties.status") or "").lower() not in _FINISHED


def _uses(job: JsonObject, compute: ResourceId) -> bool:
    """Whether the job or, for a pipeline, any of its steps names the compute."""
    places = ("properties.computeId", "properties.settings.defaultCompute")
    steps = dig(job, "properties.jobs") or {}
    named = [dig(job, place) for place in places]
    named += [dig(step, "computeId") for step in steps.values() if isinstance(step, dict)]
    return any(_names(found, compute) for found in named)


def _names(found: object, compute: ResourceId) -> bool:
    if not isinstance(found, str) or not found:
        return False
    text = found.removeprefix("azureml:")
    return ResourceId.maybe(text) == compute or text.lower() == compute.name.lower()


def _workspace(compute: ResourceId) -> ResourceId:
    parent = compute.parent
    if parent is None:
        raise ValueError(f"{compute} is no compute")
    return parent


KINDS: Final[Mapping[str, Kind]] = {
    "microsoft.machinelearningservices/workspaces": Kind(
        get=_get, patch=_patch, connections=_connections
    ),
    "microsoft.machinelearningservices/workspaces/computes": Kind(
        get=_get, put=_put, delete=detach
    ),
    "microsoft.machinelearningservices/workspaces/onlineendpoints": Kind(get=_get),
    "microsoft.machinelearningservices/workspaces/onlineendpoints/deployments": Kind(get=_get),
}
