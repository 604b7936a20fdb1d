"""The pump between the task hub and the app's durable functions.

Owns taking work as soon as there is any, within limits, and turning it into calls and back. Refuses
to leave work unanswered: a call that cannot be made fails what waits for it.
"""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.internal import helpers

from devhost.calls import Calls, refused
from devhost.errors import StateLostError
from devhost.hub.backend import TaskHub
from devhost.hub.work import ActivityWork, EntityWork, OrchestrationWork
from devhost.worker import Answer, Datum, Failure, Function, Trigger, Worker, datum

log = logging.getLogger("devhost")

# For results that have come and are being stored.
_TO_STORE = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many orchestrations, activities and entities may run at a time.

    Orchestrators and entities run on the same threads as synchronous activities, so that there have
    to be more threads than activities.
    """

    orchestrations: int
    activities: int
    entities: int


@dataclass(slots=True)
class _Lane:
    take: Callable[[], Any]
    run: Callable[[Any], Awaitable[None]]
    limit: int
    running: int = 0


class _LeftError(Exception):
    """A call was not made because the host stops."""


class Pump:
    """Takes work from the hub, calls functions with it, tells the hub the results."""

    def __init__(self, hub: TaskHub, worker: Worker, calls: Calls, limits: Limits) -> None:
        self._hub, self._calls = hub, calls
        self._orchestrators = worker.named(Trigger.ORCHESTRATION)
        self._activities = worker.named(Trigger.ACTIVITY)
        # Durable Task compares the names of entities without case.
        entities = worker.named(Trigger.ENTITY)
        self._entities = {name.lower(): found for name, found in entities.items()}
        self._lanes = (
            _Lane(hub.take_orchestration, self._orchestrate, limits.orchestrations),
            _Lane(hub.take_entity, self._operate, limits.entities),
            _Lane(hub.take_activity, self._act, limits.activities),
        )
        # Storing a result waits for the disk, which the loop must not.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="hub-complete")
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    def drain(self) -> None:
        """Start all the work there is, up to the limits. Call it on the loop."""
        for lane in self._lanes:
            while not self._stopped and lane.running < lane.limit and (work := lane.take()):
                lane.running += 1
                task = asyncio.ensure_future(self._run(lane, work))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Take no more work. What runs may still be completed."""
        self._stopped = True

    async def close(self) -> None:
        """Drop what still runs: the hub delivers it again at the next start."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_TO_STORE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=True)

    async def _run(self, lane: _Lane, work: object) -> None:
        try:
            await lane.run(work)
        except (StateLostError, _LeftError):
            log.debug("a result was not stored")  # the host stops: the work is for the next start
        finally:
            lane.running -= 1
            self.drain()

    async def _call(self, function: Function, value: Datum) -> Answer:
        answer = await self._calls.run(function, value)
        if refused(answer):
            raise _LeftError
        return answer

    async def _complete(self, complete: Callable[..., object], *given: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, complete, *given)

    async def _orchestrate(self, work: OrchestrationWork) -> None:
        function = self._orchestrators.get(work.name)
        response = pb.OrchestratorResponse()
        failure = await self._batch(function, work.request, response, f"orchestrator {work.name}")
        if failure:
            action = helpers.new_complete_orchestration_action(
                -1, pb.ORCHESTRATION_STATUS_FAILED, failure_details=_details(failure)
            )
            response = pb.OrchestratorResponse(actions=[action])
        await self._complete(self._hub.complete_orchestration, work, response)

    async def _operate(self, work: EntityWork) -> None:
        function = self._entities.get(work.name.lower())
        result = pb.EntityBatchResult()
        failure = await self._batch(function, work.request, result, f"entity {work.name}")
        if failure:
            failed = pb.OperationResult(
                failure=pb.OperationResultFailure(failureDetails=_details(failure))
            )
            result = pb.EntityBatchResult(
                results=[failed] * len(work.request.operations),
                entityState=work.request.entityState
                if work.request.HasField("entityState")
                else None,
            )
        await self._complete(self._hub.complete_entity, work, result)

    async def _act(self, work: ActivityWork) -> None:
        function = self._activities.get(work.name)
        if function is None:
            failure: Failure | None = _unknown(f"activity {work.name}")
            result = None
        else:
            answer = await self._call(function, datum(work.input or "null", "json"))
            failure = answer.failure
            result = str(answer.returned.value) if answer.returned else None
        details = _details(failure) if failure else None
        await self._complete(self._hub.complete_activity, work, result, details)

    async def _batch(
        self,
        function: Function | None,
        request: Any,  # noqa: ANN401 -- protobuf messages are untyped
        response: Any,  # noqa: ANN401 -- protobuf messages are untyped
        what: str,
    ) -> Failure | None:
        """Call an orchestrator or entity: base64 of a protobuf message in, base64 of another out."""
        if function is None:
            return _unknown(what)
        body = base64.b64encode(request.SerializeToString()).decode()
        answer = await self._call(function, datum(body, "string"))
        if answer.failure is None and answer.returned is not None:
            response.ParseFromString(base64.b64decode(answer.returned.value))
        return answer.failure


def _unknown(what: str) -> Failure:
    failure = Failure("FunctionNotFound", f"{what} is not a function of this app", "")
    log.error("%s", failure)
    return failure


def _details(failure: Failure) -> pb.TaskFailureDetails:
    return pb.TaskFailureDetails(
        errorType=failure.type,
        errorMessage=failure.message,
        stackTrace=helpers.get_string_value(failure.stack),
    )
