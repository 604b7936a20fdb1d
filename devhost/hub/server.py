"""The hub's gRPC service, for the durable clients that functions are given.

Owns the wire: loopback only, every call with the hub's own token, waiting without a thread. Cured
here: the backend listened on all interfaces, and ten waiting calls took all its threads. Work is not
handed out over gRPC: it is taken in this process.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
import durabletask.internal.orchestrator_service_pb2_grpc as stubs
import grpc
import grpc.aio
from durabletask.testing.in_memory_backend import OrchestrationInstance

from devhost.errors import StateLostError
from devhost.hub.backend import TaskHub
from devhost.hub.stored import Refused
from devhost.hub.work import TERMINAL

# The metadata in which a durable client names its hub; here the name is a secret.
TOKEN_HEADER = "taskhub"  # noqa: S105 -- the header's name

_CALLS = (
    "Hello",
    "StartInstance",
    "GetInstance",
    "RaiseEvent",
    "TerminateInstance",
    "SuspendInstance",
    "ResumeInstance",
    "PurgeInstances",
    "RestartInstance",
    "RewindInstance",
    "QueryInstances",
    "ListInstanceIds",
    "SignalEntity",
    "GetEntity",
    "QueryEntities",
    "CleanEntityStorage",
)
_CHUNK = 100


class _Service(stubs.TaskHubSidecarServiceServicer):
    """The calls of clients; all others are answered with UNIMPLEMENTED."""

    def __init__(self, hub: TaskHub, threads: ThreadPoolExecutor) -> None:
        self._hub, self._threads = hub, threads
        for name in _CALLS:
            setattr(self, name, self._unary(name))

    def _unary(self, name: str) -> Callable[[Any, Any], Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:  # noqa: ANN401 -- generated, untyped
            loop = asyncio.get_running_loop()
            try:
                return await loop.run_in_executor(self._threads, self._hub.call, name, request)
            except Refused as refused:
                await context.abort(refused.code, str(refused))
            except StateLostError as lost:
                await context.abort(grpc.StatusCode.UNAVAILABLE, str(lost))

        return call

    async def WaitForInstanceStart(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802 -- generated
        return await self._wait(
            request, context, lambda found: found.status != pb.ORCHESTRATION_STATUS_PENDING
        )

    async def WaitForInstanceCompletion(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802 -- generated
        return await self._wait(request, context, lambda found: found.status in TERMINAL)

    async def _wait(
        self,
        request: Any,  # noqa: ANN401 -- generated, untyped
        context: Any,  # noqa: ANN401 -- generated, untyped
        reached: Callable[[OrchestrationInstance], bool],
    ) -> Any:  # noqa: ANN401 -- generated, untyped
        """Wait for a state, also of an instance that does not exist yet, to the call's deadline."""
        loop, there = asyncio.get_running_loop(), asyncio.Event()

        def ring() -> None:
            loop.call_soon_threadsafe(there.set)

        found = self._hub.watch(request.instanceId, reached, ring)
        if not isinstance(found, OrchestrationInstance):
            try:
                with suppress(TimeoutError):
                    await asyncio.wait_for(there.wait(), context.time_remaining())
            finally:
                self._hub.unwatch(request.instanceId, found)
            if not there.is_set():
                await context.abort(
                    grpc.StatusCode.DEADLINE_EXCEEDED, f"{request.instanceId} is not there yet"
                )
        return self._hub.call("GetInstance", request)

    async def StreamInstanceHistory(  # noqa: N802 -- generated
        self,
        request: Any,  # noqa: ANN401 -- generated, untyped
        context: Any,  # noqa: ANN401 -- generated, untyped
    ) -> AsyncIterator[pb.HistoryChunk]:
        events = self._hub.history(request.instanceId)
        if not events:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no instance {request.instanceId}")
        for start in range(0, len(events), _CHUNK):
            yield pb.HistoryChunk(events=events[start : start + _CHUNK])


class _OnlyWithToken(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._refuse = grpc.unary_unary_rpc_method_handler(_refuse)

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,  # noqa: ANN401 -- untyped
    ) -> Any:  # noqa: ANN401 -- untyped
        offered = dict(handler_call_details.invocation_metadata).get(TOKEN_HEADER, "")
        if hmac.compare_digest(str(offered).encode(), self._token):
            return await continuation(handler_call_details)
        return self._refuse


async def _refuse(_request: Any, context: Any) -> None:  # noqa: ANN401 -- untyped
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the task hub's token is missing or wrong")


class HubServer:
    """The service on a free port of 127.0.0.1. `address` is known once it has started."""

    def __init__(self, hub: TaskHub, token: str) -> None:
        # Calls only wait for the hub's lock and one commit, so a few threads serve any number.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="hub-call")
        self._server = grpc.aio.server(
            interceptors=[_OnlyWithToken(token)],
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
            ],
        )
        stubs.add_TaskHubSidecarServiceServicer_to_server(  # type: ignore[no-untyped-call]  # generated
            _Service(hub, self._threads), self._server
        )
        self.address = ""

    async def start(self) -> None:
        """Listen on a free port."""
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    async def stop(self) -> None:
        """Refuse new calls and let the running ones end for a moment."""
        await self._server.stop(0.5)
        self._threads.shutdown(wait=False)
