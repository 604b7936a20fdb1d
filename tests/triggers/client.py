"""A small durable client: real queue entities in memory, orchestrations as a table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import azure.functions as func
from durabletask.client import OrchestrationState, OrchestrationStatus
from durabletask.entities import EntityInstanceId

from shared.model.codec import dump, load
from shared.workflow.entity import OUTBOX, EnvironmentQueue
from shared.workflow.queue import QueueState
from tests.core.builders import NOW

type Reminder = tuple[datetime | None, str, Any]


class Context:
    """What an entity is given by the engine, for one entity."""

    def __init__(self, client: FakeClient, entity_id: EntityInstanceId) -> None:
        self.entity_id = entity_id
        self._client = client

    def get_state(self, _kind: object = None, default: object = None) -> Any:  # noqa: ANN401 - JSON
        return self._client.states.get(self.entity_id.key, default)

    def set_state(self, state: object) -> None:
        self._client.states[self.entity_id.key] = json.loads(json.dumps(state))

    def signal_entity(
        self, entity_id: EntityInstanceId, operation: str, message: object, at: datetime | None
    ) -> None:
        assert entity_id == self.entity_id
        self._client.reminders.append((at, operation, message))

    def schedule_new_orchestration(self, name: str, message: Any, instance_id: str) -> str:  # noqa: ANN401 - JSON
        self._client.scheduled.append((name, message, instance_id))
        self._client.instances[instance_id] = OrchestrationStatus.RUNNING
        return instance_id


@dataclass
class Entity:
    """What a client gets of an entity."""

    state: dict[str, Any]

    def get_state(self) -> str:
        return json.dumps(self.state)


@dataclass
class FakeClient:
    """Implements the part of a durable client that triggers use."""

    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    instances: dict[str, OrchestrationStatus] = field(default_factory=dict)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    scheduled: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    reminders: list[Reminder] = field(default_factory=list)
    waiting: list[tuple[str, str, object]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    async def signal_entity(
        self,
        entity_id: EntityInstanceId,
        operation: str,
        *,
        input: object,  # noqa: A002 - durabletask's word
    ) -> None:
        if entity_id.key in self.broken:
            raise ConnectionError(f"the queue of {entity_id.key} cannot be reached")
        if entity_id.entity == OUTBOX:
            self.waiting.append((entity_id.key, operation, input))
            return
        entity = EnvironmentQueue()
        entity._initialize_entity_context(Context(self, entity_id))  # type: ignore[arg-type]
        getattr(entity, operation)(json.loads(json.dumps(input)))

    async def get_entity(self, entity_id: EntityInstanceId) -> Entity | None:
        state = self.states.get(entity_id.key)
        return Entity(state) if state is not None else None

    async def get_orchestration_state(self, instance_id: str) -> OrchestrationState | None:
        status = self.instances.get(instance_id)
        if status is None:
            return None
        told = self.statuses.get(instance_id)
        shown = json.dumps(told) if told is not None else None
        return OrchestrationState(
            instance_id, "reconcile", status, NOW, NOW, None, None, shown, None
        )

    async def schedule_new_orchestration(self, name: str, *, input: Any, instance_id: str) -> str:  # noqa: A002, ANN401 - durabletask's word
        self.scheduled.append((name, input, instance_id))
        self.instances[instance_id] = OrchestrationStatus.RUNNING
        return instance_id

    def queue(self, environment: str = "prod") -> QueueState:
        return load(QueueState, self.states.get(environment, {}))


def request(
    body: object = None, headers: dict[str, str] | None = None, **params: str
) -> func.HttpRequest:
    raw = (
        body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    )
    return func.HttpRequest(
        method="POST", url="http://localhost/api/x", headers=headers, route_params=params, body=raw
    )


def body_of(response: func.HttpResponse) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(response.get_body())
    return found


def is_problem(response: func.HttpResponse, status: int) -> dict[str, Any]:
    """The problem+json body; asserts its form."""
    found = body_of(response)
    assert response.status_code == status, found
    assert response.mimetype == "application/problem+json"
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    return found


def stored_json(value: object) -> bytes:
    """``value`` as it goes into a store: it has to be UTF-8."""
    return json.dumps(dump(value), ensure_ascii=False).encode()
