"""What the hub hands to a worker, and how it is told apart from work that is no longer wanted."""

from dataclasses import dataclass

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import OrchestrationInstance

TERMINAL = (
    pb.ORCHESTRATION_STATUS_COMPLETED,
    pb.ORCHESTRATION_STATUS_FAILED,
    pb.ORCHESTRATION_STATUS_TERMINATED,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A scheduled task of one incarnation (`epoch`) of an orchestration.

    Ids of tasks start again when an orchestration continues as new, so an id alone would let the
    answer to an old task complete a new one. `serial` is unique while the hub is open.
    """

    serial: int
    instance: OrchestrationInstance
    epoch: int
    task_id: int


@dataclass(frozen=True, slots=True)
class OrchestrationWork:
    """New events for an orchestration, with its history."""

    name: str
    request: pb.OrchestratorRequest
    token: str


@dataclass(frozen=True, slots=True)
class ActivityWork:
    """One activity to run; `input` is its JSON, empty or None when it has none."""

    name: str
    input: str | None
    claim: Claim


@dataclass(frozen=True, slots=True)
class EntityWork:
    """Operations for one entity, in order, and where each one's result goes."""

    name: str
    request: pb.EntityBatchRequest
    destinations: tuple[pb.OperationInfo, ...]
    token: str
