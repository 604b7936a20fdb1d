"""Every feature of durable functions that an app may use, through the real worker."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
import durabletask.internal.orchestrator_service_pb2_grpc as stubs
import grpc
import pytest
from durabletask.client import OrchestrationState, OrchestrationStatus, TaskHubGrpcClient
from durabletask.entities import EntityInstanceId

from devhost.child import HostProcess, wait_until


@pytest.fixture
def outcome(features: HostProcess) -> Callable[[str], OrchestrationState]:
    """The final state of an orchestration."""

    def wait(key: str) -> OrchestrationState:
        state = features.hub.wait_for_orchestration_completion(key, timeout=120)
        assert state is not None
        return state

    return wait


@pytest.fixture
def run(features: HostProcess, outcome: Callable[[str], OrchestrationState]) -> Callable[..., Any]:
    """Run an orchestration and return what it returns."""

    def start(name: str, given: object = None) -> object:
        state = outcome(features.hub.schedule_new_orchestration(name, input=given))
        assert state.runtime_status is OrchestrationStatus.COMPLETED, state.failure_details
        return json.loads(state.serialized_output or "null")

    return start


def counter(features: HostProcess, key: str) -> int | None:
    found = features.hub.get_entity(EntityInstanceId("Counter", key))
    state = found.get_state() if found else None
    return int(state) if state else None


def test_activities_run_one_after_the_other(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    state = outcome(features.hub.schedule_new_orchestration("chain", input=7))
    assert json.loads(state.serialized_output or "") == [7, 8, 9]
    assert json.loads(state.serialized_custom_status or "") == {"step": "done"}


def test_an_activity_without_input_gets_none(run: Callable[..., Any]) -> None:
    assert run("no_input") is None


def test_sixteen_activities_run_at_the_same_time(run: Callable[..., Any]) -> None:
    assert run("crowd") == 16


def test_a_timer_lets_the_orchestrator_s_clock_advance(run: Callable[..., Any]) -> None:
    assert 0.3 <= run("timer", 0.3) < 2


def test_an_event_reaches_the_orchestrator_that_waits(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    key = features.hub.schedule_new_orchestration("wait_for_event")
    features.hub.wait_for_orchestration_start(key, timeout=120)
    features.hub.raise_orchestration_event(key, "approval", data={"by": "me"})
    assert json.loads(outcome(key).serialized_output or "") == {"by": "me"}


def test_an_event_that_comes_too_early_is_kept(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    key = features.hub.schedule_new_orchestration("wait_for_event")
    features.hub.raise_orchestration_event(key, "approval", data="early")
    assert json.loads(outcome(key).serialized_output or "") == "early"


def test_the_first_of_an_event_and_a_timer_wins(
    features: HostProcess, run: Callable[..., Any], outcome: Callable[[str], OrchestrationState]
) -> None:
    assert run("race", 0.2) == "timeout"
    key = features.hub.schedule_new_orchestration("race", input=30)
    features.hub.raise_orchestration_event(key, "approval", data="yes")
    assert json.loads(outcome(key).serialized_output or "") == "approved yes"


def test_children_run_and_return(run: Callable[..., Any]) -> None:
    assert run("children") == [0, 2, 4, 6]


def test_a_child_knows_its_parent_after_continuing_as_new(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    key = features.hub.schedule_new_orchestration("parent_of_orphan")
    assert json.loads(outcome(key).serialized_output or "") == key


def test_an_activity_s_error_keeps_its_type_and_message(run: Callable[..., Any]) -> None:
    assert run("catching", "over_quota") == ["QuotaError", "too many"]


def test_an_error_with_an_empty_message_is_an_error(run: Callable[..., Any]) -> None:
    assert run("catching", "silent") == ["ValueError", "ValueError"]


def test_a_child_s_error_keeps_its_type(run: Callable[..., Any]) -> None:
    kind, message = run("catching_child", "over_quota")
    assert kind.rpartition(".")[2] == "TaskFailedError"
    assert "too many" in message


def test_an_activity_that_does_not_exist_fails_what_calls_it(run: Callable[..., Any]) -> None:
    kind, message = run("catching", "no_such")
    assert kind == "FunctionNotFound"
    assert "no_such" in message


def test_an_orchestrator_that_does_not_exist_fails(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    state = outcome(features.hub.schedule_new_orchestration("no_such"))
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert state.failure_details is not None
    assert "no_such" in state.failure_details.message


def test_an_orchestrator_that_changes_its_mind_fails(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    state = outcome(features.hub.schedule_new_orchestration("stays_in_order"))
    assert state.runtime_status is OrchestrationStatus.FAILED


def test_a_failing_activity_is_retried(run: Callable[..., Any]) -> None:
    assert run("retrying", "a") == 3


def test_a_timer_of_a_former_incarnation_does_not_fire_in_the_next(
    run: Callable[..., Any],
) -> None:
    assert run("again", 0) >= 1.2


def test_events_are_carried_over_to_the_next_incarnation(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    key = features.hub.schedule_new_orchestration("ticks", input=[])
    for n in range(3):
        features.hub.raise_orchestration_event(key, "tick", data=n)
    assert json.loads(outcome(key).serialized_output or "") == [0, 1, 2]


def test_an_entity_takes_calls_and_signals(features: HostProcess, run: Callable[..., Any]) -> None:
    assert run("count", "plain") == 7
    assert counter(features, "plain") == 7


def test_an_entity_s_error_reaches_its_caller(
    features: HostProcess, run: Callable[..., Any]
) -> None:
    run("count", "fails")
    kind, message = run("entity_failure", "fails")
    assert "QuotaError" in kind or "no more" in message
    assert counter(features, "fails") == 7


def test_an_entity_starts_orchestrations(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    features.hub.signal_entity(EntityInstanceId("Counter", "launcher"), "launch", input="launched")
    assert json.loads(outcome("launched").serialized_output or "") == [1, 2, 3]


def test_a_signal_may_be_delayed(features: HostProcess) -> None:
    due = datetime.now(UTC) + timedelta(seconds=0.5)
    features.hub.signal_entity(EntityInstanceId("Counter", "late"), "add", input=1, signal_time=due)
    assert counter(features, "late") is None
    wait_until(lambda: counter(features, "late") == 1)
    assert datetime.now(UTC) >= due


def test_locked_sections_exclude_each_other_and_everybody_else(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    order = {"key": "locked", "mark": "locked", "seconds": 0.3}
    keys = [features.hub.schedule_new_orchestration("locking", input=order) for _ in range(2)]
    for _ in range(10):
        features.hub.signal_entity(EntityInstanceId("Counter", "locked"), "add", input=10)
        time.sleep(0.05)  # spread over the sections, not waiting for anything
    for before, after in (json.loads(outcome(key).serialized_output or "") for key in keys):
        assert after == before + 1
    wait_until(lambda: counter(features, "locked") == 102)


def test_the_id_of_a_running_orchestration_is_refused(features: HostProcess) -> None:
    features.hub.schedule_new_orchestration("wait_for_event", instance_id="twice")
    with pytest.raises(grpc.RpcError) as refused:
        features.hub.schedule_new_orchestration("wait_for_event", instance_id="twice")
    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


def test_the_id_of_a_finished_orchestration_may_be_used_again(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    for n in (1, 5):
        features.hub.schedule_new_orchestration("chain", input=n, instance_id="reused")
        assert json.loads(outcome("reused").serialized_output or "") == [n, n + 1, n + 2]


def test_a_scheduled_start_is_waited_for(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    due = datetime.now(UTC) + timedelta(seconds=0.5)
    key = features.hub.schedule_new_orchestration("chain", input=1, start_at=due)
    assert outcome(key).runtime_status is OrchestrationStatus.COMPLETED
    assert datetime.now(UTC) >= due


def test_a_suspended_orchestration_goes_on_when_it_is_resumed(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    def status() -> OrchestrationStatus:
        state = features.hub.get_orchestration_state(key)
        assert state is not None
        return state.runtime_status

    key = features.hub.schedule_new_orchestration("wait_for_event")
    features.hub.suspend_orchestration(key)
    wait_until(lambda: status() is OrchestrationStatus.SUSPENDED)
    features.hub.raise_orchestration_event(key, "approval", data="meanwhile")
    time.sleep(0.2)  # long enough for an orchestrator that is not suspended to end
    assert status() is OrchestrationStatus.SUSPENDED
    features.hub.resume_orchestration(key)
    assert json.loads(outcome(key).serialized_output or "") == "meanwhile"


def test_a_terminated_orchestration_ends_with_the_reason(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    key = features.hub.schedule_new_orchestration("wait_for_event")
    features.hub.terminate_orchestration(key, output="enough")
    state = outcome(key)
    assert state.runtime_status is OrchestrationStatus.TERMINATED
    assert json.loads(state.serialized_output or "") == "enough"


def test_a_failed_orchestration_can_be_rewound(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    key = features.hub.schedule_new_orchestration("failing", input="flaky")
    for _ in range(2):
        assert outcome(key).runtime_status is OrchestrationStatus.FAILED
        features.hub.rewind_orchestration(key, reason="again")
    assert json.loads(outcome(key).serialized_output or "") == 3


def test_a_purged_orchestration_is_gone(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    key = features.hub.schedule_new_orchestration("chain", input=1)
    outcome(key)
    assert features.hub.purge_orchestration(key).deleted_instance_count == 1
    assert features.hub.get_orchestration_state(key) is None


def test_a_hundred_waiting_calls_keep_nobody_waiting(features: HostProcess) -> None:
    keys = [features.hub.schedule_new_orchestration("wait_for_event") for _ in range(100)]
    with ThreadPoolExecutor(100) as pool:
        waiting = [
            pool.submit(features.hub.wait_for_orchestration_completion, key, timeout=120)
            for key in keys
        ]
        time.sleep(0.5)  # let the calls arrive
        before = time.monotonic()
        assert features.hub.get_orchestration_state(keys[0]) is not None
        assert time.monotonic() - before < 20
        for key in keys:
            features.hub.raise_orchestration_event(key, "approval", data=1)
        assert all(call.result() is not None for call in waiting)


def test_the_task_hub_wants_its_token(features: HostProcess) -> None:
    facts = json.loads((features.state / "host.json").read_text())
    stranger = TaskHubGrpcClient(host_address=facts["rpc"])
    with pytest.raises(grpc.RpcError) as refused:
        stranger.schedule_new_orchestration("chain", input=1)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    stranger.close()


def test_work_is_not_handed_out_to_other_workers(features: HostProcess) -> None:
    facts = json.loads((features.state / "host.json").read_text())
    with grpc.insecure_channel(facts["rpc"]) as channel:
        stub = stubs.TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        items = stub.GetWorkItems(
            pb.GetWorkItemsRequest(), metadata=[("taskhub", facts["token"])], timeout=5
        )
        with pytest.raises(grpc.RpcError) as refused:
            next(iter(items))
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_three_activities_take_well_under_a_tenth_of_a_second(
    features: HostProcess, outcome: Callable[[str], OrchestrationState]
) -> None:
    """The fastest of ten, so that a busy machine does not count."""
    took = []
    for _ in range(10):
        before = time.perf_counter()
        outcome(features.hub.schedule_new_orchestration("chain", input=1))
        took.append(time.perf_counter() - before)
    assert min(took) < 0.08
