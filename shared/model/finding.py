"""Owns findings: a difference between what was declared and what was read, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.model.json import fingerprint
from shared.model.resource_id import ResourceId


class Disposition(StrEnum):
    """What follows from a finding."""

    REPAIR = "repair"  # there are steps for it
    REPORT = "report"  # a person has to act; the message says how
    DEFER = "defer"  # true, but not to be acted on yet (a stopped cluster)
    BLOCK = "block"  # true, and acting on it is not ours or not possible (a pending approval)
    NOT_NEEDED = "not-needed"  # a suspicion that evidence refuted


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was read: what was looked at, what was found there, what was expected."""

    what: str
    found: str
    expected: str = ""

    def __str__(self) -> str:
        wanted = f", expected {self.expected}" if self.expected else ""
        return f"{self.what}: found {self.found}{wanted}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference, the resource it is about, and why we believe it.

    ``reason`` is one CamelCase word ("EndpointMissing"); ``why`` is set for DEFER, BLOCK and
    REPORT and is the reason of that ("ClusterStopped", "TargetApproval").
    """

    reason: str
    resource: ResourceId
    remediator: str
    message: str
    evidence: tuple[Evidence, ...]
    disposition: Disposition = Disposition.REPAIR
    why: str = ""

    @property
    def key(self) -> str:
        """What identifies a finding between two assessments."""
        return fingerprint([self.remediator, self.reason, self.resource.key])
