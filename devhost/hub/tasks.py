"""Activities, timers and children of orchestrations.

Owns which of them an orchestration still waits for. Cured here: work of a dead worker was never
delivered again; a child that ran over 30 s hung its parent, and its failure lost its type; every
timer and child took a thread; a late answer or timer of a former incarnation completed a task of the
next; a scheduled start was not waited for; a child did not know its parent.
"""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.internal import helpers
from durabletask.testing.in_memory_backend import OrchestrationInstance
from google.protobuf.timestamp_pb2 import Timestamp

from devhost.errors import StateLostError
from devhost.hub.recovery import open_work
from devhost.hub.store import Store
from devhost.hub.stored import StoredBackend
from devhost.hub.work import TERMINAL, ActivityWork, Claim


class TaskBackend(StoredBackend):
    """The stored backend, with tasks that are claimed by incarnation and delivered again."""

    def __init__(
        self, store: Store, now: Callable[[], datetime], on_work: Callable[[], None]
    ) -> None:
        super().__init__(store, now, on_work)
        self._epochs: dict[str, int] = {}
        self._activities: deque[ActivityWork] = deque()
        self._parents: dict[str, list[Claim]] = {}

    def _claim(self, instance: OrchestrationInstance, task_id: int) -> Claim:
        epoch = self._epochs.get(instance.instance_id, 0)
        return Claim(next(self._serials), instance, epoch, task_id)

    def _is_current(self, claim: Claim) -> bool:
        key = claim.instance.instance_id
        return (
            self._instances.get(key) is claim.instance
            and self._epochs.get(key, 0) == claim.epoch
            and claim.instance.status not in TERMINAL
        )

    def _next_epoch(self, instance: OrchestrationInstance) -> None:
        key = instance.instance_id
        self._epochs[key] = self._epochs.get(key, 0) + 1

    def _rearm(self, instance: OrchestrationInstance, *, children: bool = True) -> None:
        """Deliver again, or wait again for, everything an orchestration is still waiting for."""
        inbox = [*instance.dispatched_events, *instance.pending_events]
        found = open_work(instance.history, inbox)
        for event in found.tasks:
            claim = self._claim(instance, event.eventId)
            task = event.taskScheduled
            self._activities.append(ActivityWork(task.name, task.input.value, claim))
        for event in found.timers:
            fire_at = event.timerCreated.fireAt
            self._arm_timer(self._claim(instance, event.eventId), fire_at)
        for event in found.children if children else ():
            child = event.subOrchestrationInstanceCreated.instanceId
            self._watch_sub_orchestration(instance.instance_id, child, event.eventId)
        if instance.pending_events:
            self._enqueue_orchestration(instance.instance_id)
        self._on_work()

    def _append(self, claim: Claim, event: pb.HistoryEvent) -> None:
        claim.instance.pending_events.append(event)
        claim.instance.last_updated_at = self._now()
        self._enqueue_orchestration(claim.instance.instance_id)

    def _when_due(self, due: datetime, change: Callable[[], None]) -> None:
        """Make a change at a time, and store it; a hub that is closed or broken makes none."""

        def run() -> None:
            try:
                with self._committed():
                    change()
            except StateLostError as error:
                # Told once, to whoever watches `broken`; the timer is armed again at the next start.
                if error is not self._broken:
                    raise

        self._alarm.at(due, run)

    # ---- activities

    def _process_schedule_task_action(
        self, instance: OrchestrationInstance, action: pb.OrchestratorAction
    ) -> None:
        super()._process_schedule_task_action(instance, action)
        item = self._activity_queue.pop()
        claim = self._claim(instance, item.task_id)
        self._activities.append(ActivityWork(item.name, item.input, claim))

    # ---- timers

    def _process_create_timer_action(
        self, instance: OrchestrationInstance, action: pb.OrchestratorAction
    ) -> None:
        fire_at = action.createTimer.fireAt
        event = helpers.new_timer_created_event(action.id, _time(fire_at))
        instance.history.append(event)
        if instance.status == pb.ORCHESTRATION_STATUS_PENDING:
            instance.status = pb.ORCHESTRATION_STATUS_RUNNING
        self._arm_timer(self._claim(instance, action.id), fire_at)

    def _arm_timer(self, claim: Claim, fire_at: Timestamp) -> None:
        due = _time(fire_at)

        def fire() -> None:
            if self._is_current(claim):
                self._append(claim, helpers.new_timer_fired_event(claim.task_id, due))

        self._when_due(due, fire)

    def _is_due(self, instance: OrchestrationInstance) -> bool:
        """Whether an orchestration may run: a scheduled start is waited for."""
        first = instance.pending_events[0]
        if instance.history or not first.HasField("orchestratorStarted"):
            return True
        start = _time(first.timestamp)
        if start <= self._now():
            return True
        claim = self._claim(instance, 0)

        def release() -> None:
            if self._is_current(claim):
                self._enqueue_orchestration(instance.instance_id)

        self._when_due(start, release)
        return False

    # ---- children

    def _process_create_sub_orchestration_action(
        self, instance: OrchestrationInstance, action: pb.OrchestratorAction
    ) -> None:
        key = action.createSubOrchestration.instanceId
        before = self._instances.get(key)
        super()._process_create_sub_orchestration_action(instance, action)
        child = self._instances.get(key)
        if child is not None and child is not before:
            parent = pb.ParentInstanceInfo(
                taskScheduledId=action.id,
                name=helpers.get_string_value(instance.name),
                orchestrationInstance=pb.OrchestrationInstance(instanceId=instance.instance_id),
            )
            _started(child.pending_events).parentInstance.CopyFrom(parent)

    def _watch_sub_orchestration(
        self, parent_instance_id: str, sub_instance_id: str, task_id: int
    ) -> None:
        claim = self._claim(self._instances[parent_instance_id], task_id)
        child = self._instances.get(sub_instance_id)
        if child is None or child.status in TERMINAL:
            self._tell_parent(claim, child)
        else:
            self._parents.setdefault(sub_instance_id, []).append(claim)

    def _notify_waiters(self, instance_id: str) -> None:
        super()._notify_waiters(instance_id)
        child = self._instances.get(instance_id)
        if child is not None and child.status in TERMINAL:
            for claim in self._parents.pop(instance_id, []):
                self._tell_parent(claim, child)

    def _tell_parent(self, claim: Claim, child: OrchestrationInstance | None) -> None:
        if not self._is_current(claim):
            return
        if child is not None and child.status == pb.ORCHESTRATION_STATUS_COMPLETED:
            event = helpers.new_sub_orchestration_completed_event(claim.task_id, child.output)
        else:
            event = pb.HistoryEvent(
                eventId=-1,
                timestamp=Timestamp(),
                subOrchestrationInstanceFailed=pb.SubOrchestrationInstanceFailedEvent(
                    taskScheduledId=claim.task_id, failureDetails=_child_failure(child)
                ),
            )
        self._append(claim, event)

    # ---- new incarnations

    def _process_complete_orchestration_action(
        self, instance: OrchestrationInstance, complete_action: pb.CompleteOrchestrationAction
    ) -> None:
        again = complete_action.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW
        former = _started(instance.history) if again else None
        super()._process_complete_orchestration_action(instance, complete_action)
        if former is not None:
            self._next_epoch(instance)
            started = _started(instance.pending_events)
            started.tags.update(former.tags)
            if former.HasField("parentInstance"):
                started.parentInstance.CopyFrom(former.parentInstance)

    def _process_rewind_orchestration_action(
        self, instance: OrchestrationInstance, rewind_action: pb.RewindOrchestrationAction
    ) -> None:
        self._next_epoch(instance)
        super()._process_rewind_orchestration_action(instance, rewind_action)
        self._rearm(instance, children=False)  # the backend has just watched them


def _started(events: list[pb.HistoryEvent]) -> Any:  # noqa: ANN401 -- protobuf messages are untyped
    return next(e for e in reversed(events) if e.HasField("executionStarted")).executionStarted


def _time(stamp: Timestamp) -> datetime:
    found: datetime = stamp.ToDatetime(tzinfo=UTC)
    return found


def _child_failure(child: OrchestrationInstance | None) -> pb.TaskFailureDetails:
    if child is not None and child.failure_details:
        return child.failure_details
    if child is None:
        return pb.TaskFailureDetails(errorType="Purged", errorMessage="the child was purged")
    message = f"the child {child.instance_id} was terminated"
    return pb.TaskFailureDetails(errorType="Terminated", errorMessage=message)
