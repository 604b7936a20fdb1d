"""Owns units and plans: which steps belong together, what they need, and in which order they go."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from shared.model.codec import dump
from shared.model.intent import Intent
from shared.model.json import fingerprint
from shared.model.resource_id import ResourceId
from shared.model.step import DESTRUCTIVE, Step


class Need(StrEnum):
    """What must be true before the first destructive step of a unit ("cannot be made again")."""

    PERMISSION = "permission"  # we hold the action ``detail`` at ``resource``
    EXISTS = "exists"  # ``resource`` is there (the subnet, the target)
    SUCCEEDED = "succeeded"  # ``resource`` is there and its provisioningState is Succeeded
    EXTENSION = "extension"  # the cluster ``resource`` has the AzureML extension, Succeeded
    BARE = "bare"  # nothing hangs on ``resource`` that its deletion would take along for good
    IDLE = "idle"  # no running job and no updating deployment on the compute ``resource``


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """One thing that must be true so that what is destroyed can be made again."""

    need: Need
    resource: ResourceId
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """Steps that are planned, guarded, approved and finished as a whole, one after the other.

    ``id`` is stable: the same drift gives the same id in every assessment. ``findings`` are the
    keys of the findings it settles. ``follows`` names resources: the unit starts after every
    unit that writes one of them. ``exclusive`` names what two units must not use at once (a
    subnet, a private link target: domain.md 4). ``counts_as`` groups destructive units that
    count once against the limit (the restart of one cluster). ``more_intents`` are those of
    further resources that it destroys (the other side of a peering). ``overwrites``: it writes over
    an address that somebody else may use.
    """

    id: str
    remediator: str
    title: str
    resource: ResourceId
    findings: tuple[str, ...]
    steps: tuple[Step, ...]
    follows: tuple[ResourceId, ...] = ()
    exclusive: tuple[str, ...] = ()
    requires: tuple[Requirement, ...] = ()
    intent: Intent | None = None
    more_intents: tuple[Intent, ...] = ()
    counts_as: str = ""
    overwrites: bool = False

    @property
    def destructive(self) -> bool:
        """Whether something is deleted or detached, or an address lost that somebody may use."""
        return self.overwrites or any(isinstance(step, DESTRUCTIVE) for step in self.steps)

    def intent_of(self, resource: ResourceId) -> Intent | None:
        """What to write down before ``resource`` is destroyed; the unit's own where it is alone."""
        others = {intent.resource: intent for intent in self.more_intents}
        return others.get(resource, self.intent)

    @property
    def writes(self) -> frozenset[ResourceId]:
        """The resources that its steps change."""
        return frozenset(step.resource for step in self.steps if step.kind != "AwaitState")


@dataclass(frozen=True, slots=True)
class Plan:
    """Units with what each comes after (unit ids), resolved across remediators."""

    units: tuple[Unit, ...] = ()
    after: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """What an approval is given for: the same steps on the same things, nothing else."""
        parts = [
            [unit.id, dump(unit.steps), list(self.after.get(unit.id, ()))] for unit in self.units
        ]
        return fingerprint(parts)

    def unit(self, unit_id: str) -> Unit:
        """The unit with this id; ``KeyError`` when there is none."""
        found = next((unit for unit in self.units if unit.id == unit_id), None)
        if found is None:
            raise KeyError(unit_id)
        return found
