"""The host's own routes: its status, functions run by hand, orchestrations looked at and steered.

Owns the URLs that `create_check_status_response` hands out, as the Durable extension serves them. All
want a key; those of orchestrations also take the one that their callers were given.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC
from importlib.metadata import version
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
import grpc
from durabletask.internal import helpers
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devhost.calls import Calls
from devhost.http import offered_key, read_body
from devhost.hub.backend import TaskHub
from devhost.hub.stored import Refused
from devhost.keys import HostKey
from devhost.settings import Json
from devhost.timers import timer_value
from devhost.worker import Trigger, Worker, datum

_INSTANCE = "/runtime/webhooks/durabletask/instances/{id}"
_MAX_EVENT = 1024 * 1024
_STATUS = {
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 410,
}
_NAMES = {
    pb.ORCHESTRATION_STATUS_PENDING: "Pending",
    pb.ORCHESTRATION_STATUS_RUNNING: "Running",
    pb.ORCHESTRATION_STATUS_SUSPENDED: "Suspended",
    pb.ORCHESTRATION_STATUS_COMPLETED: "Completed",
    pb.ORCHESTRATION_STATUS_FAILED: "Failed",
    pb.ORCHESTRATION_STATUS_TERMINATED: "Terminated",
    pb.ORCHESTRATION_STATUS_CANCELED: "Canceled",
}
_UNFINISHED = ("Pending", "Running", "Suspended")


@dataclass(slots=True)
class Management:
    """The routes, over one worker and one hub."""

    worker: Worker
    hub: TaskHub
    calls: Calls
    key: HostKey
    problems: list[str]
    _by_hand: set[asyncio.Task[object]] = field(default_factory=set)

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/admin/host/status", self._admin(self._host_status), methods=["GET"]),
            Route("/admin/functions", self._admin(self._functions), methods=["GET"]),
            Route("/admin/functions/{name}", self._admin(self._run), methods=["POST"]),
            Route(_INSTANCE, self._durable(self._instance), methods=["GET"]),
            Route(_INSTANCE, self._durable(self._purge), methods=["DELETE"]),
            Route(
                f"{_INSTANCE}/raiseEvent/{{event}}", self._durable(self._raise), methods=["POST"]
            ),
            Route(f"{_INSTANCE}/{{verb}}", self._durable(self._steer), methods=["POST"]),
        ]

    def _admin(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        return _guarded(answer, self.key.opens)

    def _durable(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        return _guarded(answer, self.key.opens_durable)

    async def _call(self, name: str, request: Any) -> Any:  # noqa: ANN401 -- protobuf messages are untyped
        try:
            return await asyncio.to_thread(self.hub.call, name, request)
        except Refused as refused:
            raise HTTPException(_STATUS.get(refused.code, 400)) from refused

    # ---- the host

    async def _host_status(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "id": "local",
                "state": "Running",
                "version": version("azure-functions-runtime"),
                **({"errors": self.problems} if self.problems else {}),
            }
        )

    async def _functions(self, _request: Request) -> Response:
        found = self.worker.functions.values()
        return JSONResponse([{"name": f.name, "trigger": f.trigger.value} for f in found])

    async def _run(self, request: Request) -> Response:
        """Call a function in the background, as `/admin/functions/NAME` of the Functions host."""
        function = self.worker.functions.get(request.path_params["name"])
        if function is None:
            raise HTTPException(404)
        if function.trigger is Trigger.TIMER:
            value = datum(json.dumps(timer_value(None, past_due=False)), "json")
        elif function.trigger in (Trigger.EVENT_GRID, Trigger.QUEUE):
            kind = "json" if function.trigger is Trigger.EVENT_GRID else "string"
            value = datum(_input(await read_body(request, _MAX_EVENT)), kind)
        else:
            raise HTTPException(400)
        task: asyncio.Task[object] = asyncio.ensure_future(self.calls.run(function, value))
        self._by_hand.add(task)
        task.add_done_callback(self._by_hand.discard)
        return Response(status_code=202)

    # ---- orchestrations

    async def _instance(self, request: Request) -> Response:
        key = request.path_params["id"]
        asked = pb.GetInstanceRequest(instanceId=key, getInputsAndOutputs=True)
        found = await self._call("GetInstance", asked)
        if not found.exists:
            raise HTTPException(404)
        told = _status(found.orchestrationState)
        if told["runtimeStatus"] in _UNFINISHED:
            headers = {"Location": str(request.url), "Retry-After": "10"}
            return JSONResponse(told, status_code=202, headers=headers)
        failed = told["runtimeStatus"] == "Failed"
        wants_error = request.query_params.get("returnInternalServerErrorOnFailure") == "true"
        return JSONResponse(told, status_code=500 if failed and wants_error else 200)

    async def _purge(self, request: Request) -> Response:
        asked = pb.PurgeInstancesRequest(instanceId=request.path_params["id"])
        answer = await self._call("PurgeInstances", asked)
        if not answer.deletedInstanceCount:
            raise HTTPException(404)
        return JSONResponse({"instancesDeleted": answer.deletedInstanceCount})

    async def _raise(self, request: Request) -> Response:
        body = (await read_body(request, _MAX_EVENT)).decode("utf-8", "replace")
        asked = pb.RaiseEventRequest(
            instanceId=request.path_params["id"],
            name=request.path_params["event"],
            input=helpers.get_string_value(body or None),
        )
        await self._call("RaiseEvent", asked)
        return Response(status_code=202)

    async def _steer(self, request: Request) -> Response:
        key = request.path_params["id"]
        reason = helpers.get_string_value(request.query_params.get("reason"))
        output = helpers.get_string_value(json.dumps(request.query_params.get("reason")))
        known: dict[str, Any] = {
            "terminate": pb.TerminateRequest(instanceId=key, output=output),
            "suspend": pb.SuspendRequest(instanceId=key, reason=reason),
            "resume": pb.ResumeRequest(instanceId=key, reason=reason),
            "rewind": pb.RewindInstanceRequest(instanceId=key, reason=reason),
            "restart": pb.RestartInstanceRequest(instanceId=key),
        }
        verb = request.path_params["verb"].lower()
        found = await self._call("GetInstance", pb.GetInstanceRequest(instanceId=key))
        if verb not in known or not found.exists:
            raise HTTPException(404)
        finished = _NAMES[found.orchestrationState.orchestrationStatus] not in _UNFINISHED
        if verb in _RUNNING_ONLY and finished:
            raise HTTPException(410)
        await self._call(f"{verb.capitalize()}Instance", known[verb])
        return Response(status_code=202)


_RUNNING_ONLY = ("terminate", "suspend", "resume")


def _guarded(
    answer: Callable[[Request], Awaitable[Response]], opens: Callable[[str | None], bool]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if not opens(offered_key(request)):
            raise HTTPException(401)
        return await answer(request)

    return endpoint


def _input(body: bytes) -> str:
    """The `input` of a request that runs a function by hand."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400) from None
    given = document.get("input") if isinstance(document, dict) else None
    if given is None:
        raise HTTPException(400)
    return given if isinstance(given, str) else json.dumps(given)


def _status(state: Any) -> dict[str, Json]:  # noqa: ANN401 -- protobuf messages are untyped
    """The shape of the Durable extension's status query."""
    failure = state.failureDetails.errorMessage if state.HasField("failureDetails") else None
    return {
        "name": state.name,
        "instanceId": state.instanceId,
        "runtimeStatus": _NAMES[state.orchestrationStatus],
        "input": _json(state.input.value),
        "customStatus": _json(state.customStatus.value),
        "output": failure or _json(state.output.value),
        "createdTime": _stamp(state.createdTimestamp),
        "lastUpdatedTime": _stamp(state.lastUpdatedTimestamp),
    }


def _json(text: str) -> Json:
    if not text:
        return None
    try:
        found: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found


def _stamp(time: Timestamp) -> str:
    return str(time.ToDatetime(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
