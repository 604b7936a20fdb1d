"""Owns operations that outlive their request: when they are due, how they are polled, how they ended."""

from dataclasses import dataclass, field
from datetime import datetime

from simulator.access import Grant
from simulator.clock import stamp
from simulator.directory import Principal
from simulator.errors import ArmError
from simulator.wire import Json


@dataclass(frozen=True, slots=True)
class Change:
    """A write asked for: what the activity log and the events tell of it; a silent one is a long-running read."""

    action: str
    method: str
    resource_id: str
    caller: Principal
    grant: Grant | None
    correlation: str
    creates: bool
    url: str
    client_request_id: str
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Polling:
    """A provider's polling protocol; paths hold `{s}`, `{l}` and `{id}`.

    `by_status` says that a first answer carries Azure-AsyncOperation; a Location is sent whenever the answer is 202.
    """

    status_path: str
    result_path: str
    version: str
    retry_after: int
    by_status: bool = True


@dataclass(slots=True)
class Operation:
    """One long-running operation; `what` names the transition that its kind completes."""

    id: str
    kind: str
    resource_id: str
    what: str
    started: datetime
    due: datetime
    change: Change
    location: str
    arguments: Json = field(default_factory=dict)
    doomed: tuple[str, str] | None = None
    status: str = "InProgress"
    error: ArmError | None = None
    result: Json | None = None
    ended: datetime | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "InProgress"

    def view(self, address: str) -> Json:
        """Return what polling Azure-AsyncOperation shows; a failed one is still answered with 200."""
        body: Json = {
            "id": address,
            "name": self.id,
            "status": self.status,
            "startTime": stamp(self.started),
        }
        if self.ended:
            body["endTime"] = stamp(self.ended)
        if self.error:
            body["error"] = {
                "code": self.error.code,
                "message": self.error.message,
                "details": [],
            }
        return body
