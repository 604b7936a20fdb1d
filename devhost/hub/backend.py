"""The task hub: what clients call, and the work that a worker takes and completes.

Owns handing out each piece of work once while the process lives; a new start hands out again whatever
was not completed. Further cure: an activity that raised with an empty message counted as success.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.entities.entity_instance_id import EntityInstanceId
from durabletask.internal import helpers
from durabletask.testing.in_memory_backend import (
    EntityState,
    OrchestrationInstance,
    StateWaiter,
)

from devhost.hub.entities import EntityBackend
from devhost.hub.store import Store
from devhost.hub.stored import CALLER, Bell
from devhost.hub.work import TERMINAL, ActivityWork, EntityWork, OrchestrationWork


class TaskHub(EntityBackend):
    """Orchestrations and entities that outlive the process. Every method may be called on any thread."""

    def __init__(
        self, store: Store, now: Callable[[], datetime], on_work: Callable[[], None]
    ) -> None:
        super().__init__(store, now, on_work)
        self._held: set[int] = set()
        with self._lock:
            self._restore()

    def _restore(self) -> None:
        kept = self._store.load()
        self._instances = {found.instance_id: found for found in kept.instances}
        self._entities = {found.instance_id: found for found in kept.entities}
        self._owners, self._pending_lock_requests = kept.owners, kept.locks
        for instance in kept.instances:
            instance.completion_token = self._token()
            if instance.status not in TERMINAL:
                self._rearm(instance)
        for entity in kept.entities:
            entity.completion_token = self._token()
            if entity.pending_operations:
                self._enqueue_entity(entity.instance_id)
        for delayed in kept.delayed:
            self._arm_delayed(delayed)
        self._try_grant_pending_locks()
        self._commit()

    # ---- calls of clients

    def call(self, name: str, request: Any) -> Any:  # noqa: ANN401 -- protobuf messages are untyped
        """Make one RPC of the sidecar service; a change is stored before this returns.

        Raises:
            Refused: with the status that a client over gRPC would see.
            StateLostError: the change could not be stored.
        """
        with self._committed():
            key = getattr(request, "instanceId", "")
            if name not in _READS and key in self._instances:
                self._touch(key)
            return getattr(self, name)(request, CALLER)

    def history(self, key: str) -> list[pb.HistoryEvent]:
        """The events of an orchestration, oldest first; none when there is no such one."""
        with self._lock:
            found = self._instances.get(key)
            return list(found.history) if found else []

    def StartInstance(  # noqa: N802 -- the service's name
        self,
        request: pb.CreateInstanceRequest,
        context: Any,  # noqa: ANN401 -- gRPC's context is untyped
    ) -> pb.CreateInstanceResponse:
        """Start an orchestration. The id of a running one is refused.

        The id of a finished one may be used again, as on the Functions host
        (`overridableExistingInstanceStates` is NonRunningStates by default), unless the caller says
        which states may be replaced.
        """
        if not request.orchestrationIdReusePolicy.replaceableStatus:
            request.orchestrationIdReusePolicy.replaceableStatus.extend(TERMINAL)
        return super().StartInstance(request, context)

    def PurgeInstances(  # noqa: N802 -- the service's name
        self,
        request: pb.PurgeInstancesRequest,
        context: Any,  # noqa: ANN401 -- gRPC's context is untyped
    ) -> pb.PurgeInstancesResponse:
        """Forget finished orchestrations."""
        before = set(self._instances)
        answer = super().PurgeInstances(request, context)
        for key in before - set(self._instances):
            self._forget(key)
        return answer

    def CleanEntityStorage(  # noqa: N802 -- the service's name
        self,
        request: pb.CleanEntityStorageRequest,
        context: Any,  # noqa: ANN401 -- gRPC's context is untyped
    ) -> pb.CleanEntityStorageResponse:
        """Remove empty entities. Locks are released by their owners only."""
        request.releaseOrphanedLocks = False
        before = set(self._entities)
        answer = super().CleanEntityStorage(request, context)
        for key in before - set(self._entities):
            self._touch_entity(key)
        return answer

    def purge_finished(self, before: datetime) -> int:
        """Forget the orchestrations that finished before a time; returns how many there were."""
        with self._committed():
            old = [
                key
                for key, found in self._instances.items()
                if found.status in TERMINAL and found.completed_at and found.completed_at < before
            ]
            for key in old:
                del self._instances[key]
                self._forget(key)
            return len(old)

    def _forget(self, key: str) -> None:
        self._touch(key)
        self._epochs.pop(key, None)

    def watch(
        self, key: str, reached: Callable[[OrchestrationInstance], bool], notify: Callable[[], None]
    ) -> OrchestrationInstance | StateWaiter:
        """The instance when it has reached a state, else a waiter that calls `notify` when it does."""
        with self._lock:
            found = self._instances.get(key)
            if found and reached(found):
                return found
            waiter = StateWaiter(predicate=reached, event=Bell(notify))
            self._state_waiters.setdefault(key, []).append(waiter)
            return waiter

    def unwatch(self, key: str, waiter: StateWaiter) -> None:
        """Forget a waiter whose caller is gone."""
        with self._lock:
            left = [each for each in self._state_waiters.pop(key, []) if each is not waiter]
            if left:
                self._state_waiters[key] = left

    # ---- work for the worker

    def take_orchestration(self) -> OrchestrationWork | None:
        """The next orchestration with new events that no worker holds."""
        with self._lock:
            while self._orchestration_queue and not self._broken:
                key = self._orchestration_queue.popleft()
                self._orchestration_queue_set.discard(key)
                found = self._instances.get(key)
                if not found or not found.pending_events or found.status in TERMINAL:
                    continue
                if key not in self._orchestration_in_flight and self._is_due(found):
                    self._orchestration_in_flight.add(key)
                    return _orchestration_work(found, self._now())
        return None

    def take_activity(self) -> ActivityWork | None:
        """The next scheduled activity."""
        with self._lock:
            while self._activities and not self._broken:
                work = self._activities.popleft()
                if self._is_current(work.claim):
                    self._held.add(work.claim.serial)
                    return work
        return None

    def take_entity(self) -> EntityWork | None:
        """The next entity with operations that may run now."""
        with self._lock:
            while self._entity_queue and not self._broken:
                key = self._entity_queue.popleft()
                self._entity_queue_set.discard(key)
                found = self._entities.get(key)
                if found and key not in self._entity_in_flight and self._dispatch(found):
                    self._entity_in_flight.add(key)
                    return _entity_work(found)
        return None

    def complete_orchestration(
        self, work: OrchestrationWork, response: pb.OrchestratorResponse
    ) -> None:
        """Take over what an orchestrator decided.

        Raises:
            StateLostError: it could not be stored.
        """
        key = work.request.instanceId
        response.instanceId, response.completionToken = key, work.token
        with self._committed():
            self._touch(key)
            self.CompleteOrchestratorTask(response, CALLER)
            found = self._instances.get(key)
            # The backend lets the events of a suspended instance lie, a resume among them too.
            if found and found.pending_events and found.status not in TERMINAL:
                self._enqueue_orchestration(key)

    def complete_activity(
        self, work: ActivityWork, result: str | None, failure: pb.TaskFailureDetails | None
    ) -> bool:
        """Take over an activity's result (JSON) or failure; False when nothing waits for it.

        Raises:
            StateLostError: it could not be stored.
        """
        if failure is not None and not failure.errorMessage:
            failure.errorMessage = failure.errorType or "error"
        with self._committed():
            wanted = work.claim.serial in self._held and self._is_current(work.claim)
            self._held.discard(work.claim.serial)
            if wanted:
                answer = pb.ActivityResponse(
                    instanceId=work.claim.instance.instance_id,
                    taskId=work.claim.task_id,
                    result=helpers.get_string_value(result),
                    failureDetails=failure,
                )
                self.CompleteActivityTask(answer, CALLER)
            return wanted

    def complete_entity(self, work: EntityWork, result: pb.EntityBatchResult) -> None:
        """Take over an entity's new state and the results of its operations.

        Raises:
            StateLostError: it could not be stored.
        """
        result.completionToken = work.token
        del result.operationInfos[:]
        result.operationInfos.extend(work.destinations)
        with self._committed():
            self._touch_entity(work.request.instanceId)
            self.CompleteEntityTask(result, CALLER)
            self._try_grant_pending_locks()


_READS = ("Hello", "GetInstance", "QueryInstances", "ListInstanceIds", "GetEntity", "QueryEntities")


def _orchestration_work(found: OrchestrationInstance, now: datetime) -> OrchestrationWork:
    new = found.dispatched_events = list(found.pending_events)
    found.pending_events.clear()
    if found.history and not new[0].HasField("orchestratorStarted"):
        # The orchestrator's clock is the time of the newest of these.
        new.insert(0, helpers.new_orchestrator_started_event(now))
    request = pb.OrchestratorRequest(
        instanceId=found.instance_id, pastEvents=found.history, newEvents=new
    )
    return OrchestrationWork(found.name, request, str(found.completion_token))


def _entity_work(found: EntityState) -> EntityWork:
    asked = pb.EntityRequest(
        instanceId=found.instance_id,
        entityState=helpers.get_string_value(found.serialized_state or None),
        operationRequests=found.dispatched_operations,
    )
    request, destinations = helpers.convert_to_entity_batch_request(asked)
    name = EntityInstanceId.parse(found.instance_id).entity
    return EntityWork(name, request, tuple(destinations), str(found.completion_token))
