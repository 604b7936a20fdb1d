"""The hub without a worker: work is taken and answered by the tests."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import durabletask.internal.orchestrator_service_pb2 as pb
import grpc
import pytest
from durabletask.internal import helpers

from devhost.child import wait_until
from devhost.errors import StateLostError
from devhost.hub.backend import TaskHub
from devhost.hub.store import Store
from devhost.hub.stored import Refused
from devhost.hub.work import ActivityWork, OrchestrationWork

COMPLETED = pb.ORCHESTRATION_STATUS_COMPLETED
type Open = Callable[[], TaskHub]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Open]:
    """Open the hub; again, as after a kill: what the former one held in memory is gone."""
    hubs: list[TaskHub] = []

    def make() -> TaskHub:
        for former in hubs:
            former._alarm.stop()
            former._store._db.close()
        hubs[:] = [TaskHub(Store(tmp_path / "hub.db"), now, lambda: None)]
        return hubs[0]

    yield make
    for hub in hubs:
        hub.close()


def start(hub: TaskHub, key: str = "i") -> OrchestrationWork:
    hub.call("StartInstance", pb.CreateInstanceRequest(instanceId=key, name="o"))
    return taken(hub)


def taken(hub: TaskHub) -> OrchestrationWork:
    work = hub.take_orchestration()
    assert work is not None
    return work


def activity(hub: TaskHub) -> ActivityWork:
    work = hub.take_activity()
    assert work is not None
    return work


def decide(hub: TaskHub, work: OrchestrationWork, *actions: pb.OrchestratorAction) -> None:
    hub.complete_orchestration(work, pb.OrchestratorResponse(actions=actions))


def schedule(number: int, name: str = "a") -> pb.OrchestratorAction:
    return helpers.new_schedule_task_action(number, name, "1", None)


def end(result: str = "1") -> pb.OrchestratorAction:
    return helpers.new_complete_orchestration_action(99, COMPLETED, result)


def continue_as_new() -> pb.OrchestratorAction:
    status = pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW
    return helpers.new_complete_orchestration_action(99, status, "2")


def kinds(work: OrchestrationWork) -> list[str]:
    return [event.WhichOneof("eventType") for event in work.request.newEvents]


def status(hub: TaskHub, key: str = "i") -> int:
    found = hub.call("GetInstance", pb.GetInstanceRequest(instanceId=key))
    return int(found.orchestrationState.orchestrationStatus)


def test_work_is_handed_out_once(reopen: Open) -> None:
    hub = reopen()
    work = start(hub)
    assert hub.take_orchestration() is None
    decide(hub, work, schedule(1))
    activity(hub)
    assert hub.take_activity() is None


def test_work_that_was_held_is_handed_out_again_after_a_kill(reopen: Open) -> None:
    start(reopen())
    work = taken(hub := reopen())
    assert kinds(work) == ["orchestratorStarted", "executionStarted"]
    decide(hub, work, schedule(1), schedule(2, "b"))
    assert [activity(hub).name, activity(hub).name] == ["a", "b"]
    hub = reopen()
    first, second = activity(hub), activity(hub)
    assert (first.name, first.input, second.name) == ("a", "1", "b")
    hub.complete_activity(first, "10", None)
    hub = reopen()
    assert activity(hub).name == "b"
    assert hub.take_activity() is None
    work = taken(hub)
    assert kinds(work) == ["orchestratorStarted", "taskCompleted"]
    assert len(work.request.pastEvents) == 5


def test_what_comes_while_work_is_held_survives_together_with_it(reopen: Open) -> None:
    hub = reopen()
    start(hub)
    hub.call("RaiseEvent", pb.RaiseEventRequest(instanceId="i", name="go"))
    work = taken(reopen())
    assert kinds(work) == ["orchestratorStarted", "executionStarted", "eventRaised"]


def test_a_resume_that_comes_while_the_suspension_is_worked_on_counts(reopen: Open) -> None:
    hub = reopen()
    decide(hub, start(hub))
    hub.call("SuspendInstance", pb.SuspendRequest(instanceId="i"))
    suspending = taken(hub)
    hub.call("ResumeInstance", pb.ResumeRequest(instanceId="i"))
    assert hub.take_orchestration() is None
    decide(hub, suspending)
    assert kinds(taken(hub)) == ["orchestratorStarted", "executionResumed"]


def test_a_delayed_signal_survives(reopen: Open) -> None:
    due = now() + timedelta(seconds=0.5)
    request = pb.SignalEntityRequest(instanceId="@counter@k", name="add", requestId="1")
    request.scheduledTime.FromDatetime(due)
    reopen().call("SignalEntity", request)
    hub = reopen()
    assert hub.take_entity() is None
    work = wait_until(hub.take_entity)
    assert work is not None
    assert now() >= due
    assert len(work.request.operations) == 1
    hub.complete_entity(work, pb.EntityBatchResult())
    assert reopen().take_entity() is None


def test_the_answer_to_work_is_taken_once(reopen: Open) -> None:
    hub = reopen()
    decide(hub, start(hub), schedule(1))
    work = activity(hub)
    assert hub.complete_activity(work, "1", None)
    assert not hub.complete_activity(work, "2", None)
    assert kinds(taken(hub)) == ["orchestratorStarted", "taskCompleted"]


def test_a_late_answer_does_not_complete_a_task_of_the_next_incarnation(reopen: Open) -> None:
    hub = reopen()
    decide(hub, start(hub), schedule(1, "old"))
    late = activity(hub)
    hub.call("RaiseEvent", pb.RaiseEventRequest(instanceId="i", name="go"))
    decide(hub, taken(hub), continue_as_new())
    decide(hub, taken(hub), schedule(1, "new"))
    assert not hub.complete_activity(late, "late", None)
    assert hub.take_orchestration() is None
    assert hub.complete_activity(activity(hub), "fresh", None)
    assert taken(hub).request.newEvents[-1].taskCompleted.result.value == "fresh"


def test_what_an_old_incarnation_had_scheduled_is_not_delivered(reopen: Open) -> None:
    hub = reopen()
    decide(hub, start(hub), schedule(1, "old"), continue_as_new())
    assert hub.take_activity() is None
    hub = reopen()
    assert hub.take_activity() is None
    assert kinds(taken(hub)) == ["orchestratorStarted", "executionStarted"]


def test_a_retried_activity_is_scheduled_again_under_its_id_and_survives(reopen: Open) -> None:
    hub = reopen()
    decide(hub, start(hub), schedule(1))
    failure = pb.TaskFailureDetails(errorType="E", errorMessage="x")
    hub.complete_activity(activity(hub), None, failure)
    decide(hub, taken(hub), schedule(1))
    hub = reopen()
    hub.complete_activity(activity(hub), "1", None)
    assert hub.take_activity() is None
    assert kinds(taken(hub)) == ["orchestratorStarted", "taskCompleted"]


def test_an_empty_error_message_is_not_success(reopen: Open) -> None:
    hub = reopen()
    decide(hub, start(hub), schedule(1))
    hub.complete_activity(activity(hub), None, pb.TaskFailureDetails(errorType="ValueError"))
    assert taken(hub).request.newEvents[-1].HasField("taskFailed")


def test_many_timers_take_one_thread_and_survive(reopen: Open) -> None:
    hub = reopen()
    threads = threading.active_count()
    soon, late = now() + timedelta(seconds=0.2), now() + timedelta(days=30)
    timers = [helpers.new_create_timer_action(n, late) for n in range(2, 500)]
    decide(hub, start(hub), helpers.new_create_timer_action(1, soon), *timers)
    assert threading.active_count() == threads
    hub = reopen()
    work = wait_until(hub.take_orchestration)
    assert work is not None
    assert now() >= soon
    assert kinds(work) == ["orchestratorStarted", "timerFired"]
    decide(hub, work)
    assert hub.take_orchestration() is None


def test_a_child_that_runs_long_completes_its_parent_and_keeps_its_error(reopen: Open) -> None:
    hub = reopen()
    child = helpers.new_create_sub_orchestration_action(1, "child", "c", "1", None)
    decide(hub, start(hub), child)
    work = taken(hub)
    parent = work.request.newEvents[1].executionStarted.parentInstance
    assert parent.orchestrationInstance.instanceId == "i"
    decide(hub, work, schedule(1))
    hub = reopen()  # the parent's interest in the child is not kept in memory alone
    hub.complete_activity(activity(hub), "1", None)
    failure = pb.TaskFailureDetails(errorType="app.QuotaError", errorMessage="too many")
    failed = helpers.new_complete_orchestration_action(
        2, pb.ORCHESTRATION_STATUS_FAILED, failure_details=failure
    )
    decide(hub, taken(hub), failed)
    event = taken(hub).request.newEvents[-1].subOrchestrationInstanceFailed
    assert (event.taskScheduledId, event.failureDetails.errorType) == (1, "app.QuotaError")


def test_a_terminated_child_fails_its_parent(reopen: Open) -> None:
    hub = reopen()
    child = helpers.new_create_sub_orchestration_action(1, "child", "c", "1", None)
    decide(hub, start(hub), child)
    decide(hub, taken(hub), schedule(1))
    hub.call("TerminateInstance", pb.TerminateRequest(instanceId="c"))
    ended = helpers.new_complete_orchestration_action(2, pb.ORCHESTRATION_STATUS_TERMINATED)
    decide(hub, taken(hub), ended)
    event = taken(hub).request.newEvents[-1].subOrchestrationInstanceFailed
    assert event.failureDetails.errorType == "Terminated"


def test_the_id_of_a_running_orchestration_is_refused_and_nothing_changes(reopen: Open) -> None:
    hub = reopen()
    work = start(hub)
    with pytest.raises(Refused) as refused:
        hub.call("StartInstance", pb.CreateInstanceRequest(instanceId="i", name="other"))
    assert refused.value.code is grpc.StatusCode.ALREADY_EXISTS
    decide(hub, work, end())
    assert status(hub) == COMPLETED


def test_finished_orchestrations_are_kept_until_they_are_old(reopen: Open) -> None:
    hub = reopen()
    decide(hub, start(hub, "done"), end())
    start(hub, "running")
    assert hub.purge_finished(now() - timedelta(seconds=5)) == 0
    hub = reopen()
    assert status(hub, "done") == COMPLETED
    assert hub.purge_finished(now() + timedelta(seconds=5)) == 1
    hub = reopen()
    assert not hub.call("GetInstance", pb.GetInstanceRequest(instanceId="done")).exists
    assert hub.call("GetInstance", pb.GetInstanceRequest(instanceId="running")).exists
    assert hub._store._db.execute(
        "select count(*) from history where instance='done'"
    ).fetchone() == (0,)


def test_history_is_appended_and_replaced_when_it_starts_anew(reopen: Open) -> None:
    def rows() -> int:
        return int(hub._store._db.execute("select count(*) from history").fetchone()[0])

    hub = reopen()
    decide(hub, start(hub), schedule(1))
    assert rows() == len(hub.history("i")) == 4
    hub.complete_activity(activity(hub), "1", None)
    decide(hub, taken(hub), continue_as_new())
    assert rows() == 0
    decide(hub, taken(hub), end())
    assert rows() == len(hub.history("i")) > 0
    stored = [event.SerializeToString() for event in hub.history("i")]
    assert [event.SerializeToString() for event in reopen().history("i")] == stored


def test_a_hub_that_cannot_write_acknowledges_nothing_more(reopen: Open, tmp_path: Path) -> None:
    hub = reopen()
    work = start(hub)
    hub._store._db.execute("pragma busy_timeout=50")
    other = sqlite3.connect(tmp_path / "hub.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StateLostError, match="could not be written"):
        decide(hub, work, schedule(1))
    other.execute("rollback")
    other.close()
    assert hub.broken is not None
    assert hub.take_activity() is None
    with pytest.raises(StateLostError):
        hub.call("StartInstance", pb.CreateInstanceRequest(instanceId="j", name="o"))
    assert kinds(taken(reopen())) == ["orchestratorStarted", "executionStarted"]


def test_an_entity_s_operations_come_in_order_and_again_after_a_kill(reopen: Open) -> None:
    def signal(name: str) -> None:
        request = pb.SignalEntityRequest(instanceId="@counter@k", name=name, requestId=name)
        hub.call("SignalEntity", request)

    hub = reopen()
    signal("first")
    held = hub.take_entity()
    signal("second")
    assert held is not None
    assert hub.take_entity() is None
    hub = reopen()
    work = hub.take_entity()
    assert work is not None
    assert work.name == "counter"
    assert [operation.operation for operation in work.request.operations] == ["first", "second"]
    hub.complete_entity(work, pb.EntityBatchResult(entityState=helpers.get_string_value("2")))
    found = reopen().call(
        "GetEntity", pb.GetEntityRequest(instanceId="@counter@k", includeState=True)
    )
    assert found.entity.serializedState.value == "2"


def test_a_waiter_is_told_without_a_thread(reopen: Open) -> None:
    hub = reopen()
    told: list[float] = []
    work = start(hub)
    for _ in range(1000):
        hub.watch("i", lambda found: found.status == COMPLETED, lambda: told.append(time.time()))
    decide(hub, work, end())
    assert len(told) == 1000
    assert not hub._state_waiters
