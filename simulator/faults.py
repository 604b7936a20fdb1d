"""Owns what goes wrong on purpose. A fault is taken from the list when it has struck `times` times.

Requests are matched by method, by a regular expression over the path and by the ARM operation name.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.wire import Json


class Mischief(StrEnum):
    """The kinds of fault."""

    THROTTLE = "throttle"
    CONFLICT = "conflict"
    ERROR = "error"
    SLOW = "slow"
    FAIL_OPERATION = "fail-operation"
    LOST_REPLY = "lost-reply"
    REVOKE = "revoke"
    HIDE = "hide"
    HOLD_EVENTS = "hold-events"
    LOSE_EVENTS = "lose-events"
    DUPLICATE_EVENTS = "duplicate-events"
    SHUFFLE_EVENTS = "shuffle-events"
    EXPIRE_TOKENS = "expire-tokens"
    LINGER = "linger"
    LAG_GRAPH = "lag-graph"
    LAG_ACTIVITY_LOG = "lag-activity-log"


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong.

    `status`, `code`, `message` belong to error, conflict and fail-operation; `retry_after` (real seconds) to
    throttle and error; `factor` to slow; `principal` (name or object id) and `action` to revoke; `principal` to
    expire-tokens; `reads` to hide and linger; `seconds` (Azure's time) to lag-graph and lag-activity-log, which last
    until removed; `times` None means until removed.
    """

    kind: Mischief
    method: str = ""
    path: str = ""
    operation: str = ""
    times: int | None = 1
    status: int = 500
    code: str = ""
    message: str = ""
    retry_after: int | None = None
    factor: float = 10.0
    principal: str = ""
    action: str = ""
    reads: int = 1
    seconds: float = 60.0
    struck: int = 0

    def fits(self, method: str, path: str, operation: str) -> bool:
        """Tell whether a request is one that this fault strikes."""
        return (
            self.method.upper() in ("", method)
            and (not self.path or re.search(self.path, path, re.IGNORECASE) is not None)
            and self.operation.lower() in ("", operation.lower())
        )


@dataclass(slots=True)
class Faults:
    """The faults in force, and how often each struck."""

    active: list[Fault] = field(default_factory=list)
    hidden: dict[str, int] = field(default_factory=dict)
    lingering: dict[str, tuple[int, Json]] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        self.active.append(fault)

    def clear(self) -> None:
        """End every fault."""
        self.active.clear()
        self.hidden.clear()
        self.lingering.clear()

    def strike(
        self, kind: Mischief, method: str = "", path: str = "", operation: str = ""
    ) -> Fault | None:
        """Return the first fault of a kind that fits, and count it."""
        for fault in self.active:
            if fault.kind is kind and fault.fits(method, path, operation):
                fault.struck += 1
                if fault.times is not None and fault.struck >= fault.times:
                    self.active.remove(fault)
                return fault
        return None

    def in_force(self, kind: Mischief) -> list[Fault]:
        """Return the faults of a kind without counting."""
        return [fault for fault in self.active if fault.kind is kind]

    def conceals(self, key: str) -> bool:
        """Tell whether a fresh resource is still not found, and count the read."""
        left = self.hidden.get(key, 0)
        if left:
            self.hidden[key] = left - 1
        return left > 0

    def linger(self, key: str) -> Json | None:
        """Return the body that a resource is still shown with after its deletion, and count the read."""
        left, body = self.lingering.get(key, (0, None))
        if left <= 0:
            return None
        self.lingering[key] = (left - 1, body or {})
        return body


def fault_from(body: Json) -> Fault:
    """Read a fault from JSON; camelCase or snake_case names. Raises ValueError naming what is wrong."""
    known = set(Fault.__dataclass_fields__)
    values = {re.sub(r"(?<=[a-z])([A-Z])", r"_\1", k).lower(): v for k, v in body.items()}
    unknown = sorted(set(values) - known)
    if unknown or "kind" not in values:
        raise ValueError(f"a fault has a kind and may have {sorted(known)}; found {sorted(body)}")
    return Fault(**{**values, "kind": Mischief(values["kind"])})
