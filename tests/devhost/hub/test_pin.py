"""The private names of durabletask that the hub leans on: a new version must be read before it is taken."""

import inspect
from dataclasses import fields
from importlib.metadata import version

import pytest
from durabletask.testing import in_memory_backend as backend

OVERRIDDEN = {
    "_can_grant_lock": ["self", "pending"],
    "_enqueue_entity": ["self", "entity_id"],
    "_enqueue_orchestration": ["self", "instance_id"],
    "_grant_lock": ["self", "pending"],
    "_notify_waiters": ["self", "instance_id"],
    "_process_complete_orchestration_action": ["self", "instance", "complete_action"],
    "_process_create_sub_orchestration_action": ["self", "instance", "action"],
    "_process_create_timer_action": ["self", "instance", "action"],
    "_process_rewind_orchestration_action": ["self", "instance", "rewind_action"],
    "_process_schedule_task_action": ["self", "instance", "action"],
    "_process_send_entity_message_action": ["self", "instance", "action"],
    "_queue_entity_operation": ["self", "entity_id", "event"],
    "_schedule_delayed_entity_operation": ["self", "entity_id", "event", "fire_at"],
    "_try_grant_pending_locks": ["self"],
    "_watch_sub_orchestration": ["self", "parent_instance_id", "sub_instance_id", "task_id"],
}
USED = {
    "_activity_queue",
    "_entities",
    "_entity_in_flight",
    "_entity_queue",
    "_entity_queue_set",
    "_instances",
    "_lock",
    "_next_completion_token",
    "_orchestration_in_flight",
    "_orchestration_queue",
    "_orchestration_queue_set",
    "_pending_lock_requests",
    "_state_waiters",
    "_work_available",
}


def test_the_versions_are_the_ones_that_were_read() -> None:
    assert version("durabletask") == "1.12.0"
    assert version("azure-functions-runtime") == "1.3.0"


@pytest.mark.parametrize("name", sorted(OVERRIDDEN))
def test_a_method_that_is_overridden_is_there_with_its_parameters(name: str) -> None:
    method = getattr(backend.InMemoryOrchestrationBackend, name)
    assert list(inspect.signature(method).parameters) == OVERRIDDEN[name]


def test_the_attributes_that_are_used_are_there() -> None:
    assert set(vars(backend.InMemoryOrchestrationBackend())) >= USED


def test_an_instance_has_no_field_that_the_store_does_not_know() -> None:
    assert {field.name for field in fields(backend.OrchestrationInstance)} == {
        *("instance_id", "name", "status", "version", "input", "output", "custom_status"),
        *("created_at", "last_updated_at", "completed_at", "failure_details", "history"),
        *("pending_events", "dispatched_events", "completion_token", "tags"),
    }


def test_an_entity_has_no_field_that_the_store_does_not_know() -> None:
    assert {field.name for field in fields(backend.EntityState)} == {
        *("instance_id", "serialized_state", "last_modified_at", "locked_by"),
        *("pending_operations", "dispatched_operations", "completion_token"),
    }
