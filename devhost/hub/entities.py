"""Entities: delayed signals and locks.

Owns what may run on an entity now. Cured here: delayed signals took a thread each and were lost with
the process; on a locked entity the operations of others ran all the same.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import (
    EntityState,
    OrchestrationInstance,
    PendingLockRequest,
)

from devhost.hub.store import Delayed, Store
from devhost.hub.tasks import TaskBackend


class EntityBackend(TaskBackend):
    """The task backend, with entities that are really locked and signals that survive."""

    def __init__(
        self, store: Store, now: Callable[[], datetime], on_work: Callable[[], None]
    ) -> None:
        super().__init__(store, now, on_work)
        self._delayed_ids: set[int] = set()

    def _dispatch(self, entity: EntityState) -> bool:
        """Move the operations that may run to the dispatched ones; False when there are none.

        While an orchestration holds the entity's lock, only its own calls may.
        """
        owner = self._owners.get(entity.instance_id) if entity.locked_by else None
        held: list[pb.HistoryEvent] = []
        for operation in entity.pending_operations:
            if owner is None or _caller(operation) == owner:
                entity.dispatched_operations.append(operation)
            else:
                held.append(operation)
        entity.pending_operations = held
        return bool(entity.dispatched_operations)

    # ---- delayed signals

    def _schedule_delayed_entity_operation(
        self, entity_id: str, event: pb.HistoryEvent, fire_at: datetime
    ) -> None:
        number = max(self._delayed_ids, default=0) + 1
        delayed = Delayed(number, fire_at, entity_id, event)
        self._changes.delayed[number] = delayed
        self._arm_delayed(delayed)

    def _arm_delayed(self, delayed: Delayed) -> None:
        self._delayed_ids.add(delayed.id)

        def fire() -> None:
            self._delayed_ids.discard(delayed.id)
            self._changes.delayed[delayed.id] = None
            self._queue_entity_operation(delayed.entity, delayed.event)

        self._when_due(delayed.due, fire)

    # ---- locks

    def _process_send_entity_message_action(
        self, instance: OrchestrationInstance, action: pb.OrchestratorAction
    ) -> None:
        super()._process_send_entity_message_action(instance, action)
        message = action.sendEntityMessage
        if message.HasField("entityLockRequested") or message.HasField("entityUnlockSent"):
            self._changes.locks = list(self._pending_lock_requests)
        if message.HasField("entityUnlockSent"):
            self._released(message.entityUnlockSent.targetInstanceId.value)

    def _released(self, key: str) -> None:
        entity = self._entities.get(key)
        if entity is None:
            return
        self._touch_entity(key)
        if entity.locked_by is None:
            self._owners.pop(key, None)
        if entity.pending_operations:
            self._enqueue_entity(key)

    def _can_grant_lock(self, pending: PendingLockRequest) -> bool:
        return super()._can_grant_lock(pending) and not any(
            key in self._entity_in_flight or self._has_operations(key) for key in pending.lock_set
        )

    def _has_operations(self, key: str) -> bool:
        entity = self._entities.get(key)
        return entity is not None and bool(entity.pending_operations)

    def _grant_lock(self, pending: PendingLockRequest) -> None:
        super()._grant_lock(pending)
        for key in pending.lock_set:
            self._owners[key] = pending.parent_instance_id
            self._touch_entity(key)

    def _try_grant_pending_locks(self) -> None:
        waiting = len(self._pending_lock_requests)
        super()._try_grant_pending_locks()  # type: ignore[no-untyped-call]  # the backend's
        if len(self._pending_lock_requests) != waiting:
            self._changes.locks = list(self._pending_lock_requests)


def _caller(operation: pb.HistoryEvent) -> Any:  # noqa: ANN401 -- protobuf messages are untyped
    if operation.HasField("entityOperationCalled"):
        return operation.entityOperationCalled.parentInstanceId.value
    return None
