"""Owns the pure middle: reads still needed → findings → a plan whose units are in order.

It knows no concrete remediator: the catalogue is an argument. Nothing here reads or writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from shared.model.actual import Actual, Read
from shared.model.environment import Environment
from shared.model.finding import Disposition, Finding
from shared.model.plan import Plan, Unit
from shared.model.resource_id import ResourceId
from shared.remediator import Catalogue

ROUNDS_OF_READS = 12
"""More rounds of questions than any remediator needs; past it something asks in circles."""


class PlanningError(Exception):
    """The remediators' units cannot be put in an order, or ask for reads without end."""


def needed(catalogue: Catalogue, environment: Environment, actual: Actual) -> frozenset[Read]:
    """What the remediators still want to read, given what has been read. Empty: all is read."""
    wanted: set[Read] = set()
    for remediator in catalogue:
        wanted.update(remediator.reads(environment, actual))
    return frozenset(read for read in wanted if read not in actual)


def find(catalogue: Catalogue, environment: Environment, actual: Actual) -> tuple[Finding, ...]:
    """Every difference that any remediator sees, in the catalogue's order."""
    return tuple(
        finding for remediator in catalogue for finding in remediator.detect(environment, actual)
    )


def draw_plan(
    catalogue: Catalogue, environment: Environment, actual: Actual, findings: Sequence[Finding]
) -> Plan:
    """Units for the findings that can be repaired, each with the units it comes after.

    Raises:
        PlanningError: when units wait for each other in a circle, or two have the same id.
    """
    units: list[Unit] = []
    for remediator in catalogue:
        own = [
            finding
            for finding in findings
            if finding.remediator == remediator.name and finding.disposition is Disposition.REPAIR
        ]
        if own:
            units.extend(remediator.plan(environment, actual, own))
    after = {unit.id: _predecessors(unit, units) for unit in units}
    if len(after) < len(units):
        names = sorted(unit.id for unit in units)
        twice = next(a for a, b in pairwise(names) if a == b)
        raise PlanningError(f"two units have the id '{twice}', so it is not known which is meant")
    return Plan(tuple(_in_order(units, after)), after)


def _predecessors(unit: Unit, units: Iterable[Unit]) -> tuple[str, ...]:
    """The units that write something ``unit`` follows (or something below it)."""
    return tuple(
        sorted(other.id for other in units if other.id != unit.id and _comes_after(unit, other))
    )


def _comes_after(unit: Unit, other: Unit) -> bool:
    return any(write.within(lead) for lead in unit.follows for write in other.writes)


def _in_order(units: Sequence[Unit], after: Mapping[str, tuple[str, ...]]) -> list[Unit]:
    """Units sorted so that each comes after those it follows; otherwise as they came."""
    placed: list[Unit] = []
    left = list(units)
    while left:
        done = {unit.id for unit in placed}
        ready = [unit for unit in left if done.issuperset(after[unit.id])]
        if not ready:
            names = ", ".join(unit.id for unit in left)
            raise PlanningError(f"units wait for each other in a circle: {names}")
        placed.extend(ready)
        left = [unit for unit in left if unit not in ready]
    return placed


def conflicts(plan: Plan) -> dict[str, str]:
    """Unit id → message, for units of different remediators whose steps touch one resource."""
    writers: dict[ResourceId, list[Unit]] = {}
    for unit in plan.units:
        for resource in unit.writes:
            writers.setdefault(resource, []).append(unit)
    found: dict[str, str] = {}
    for resource, shared in writers.items():
        if len({unit.remediator for unit in shared}) > 1:
            names = " and ".join(sorted({unit.remediator for unit in shared}))
            for unit in shared:
                found[unit.id] = f"{names} both have steps for {resource}; neither is carried out"
    return found


def clash(unit: Unit, other: Unit) -> bool:
    """Whether one plan would not carry both out at once: by what they write, follow or share."""
    return bool(
        unit.writes & other.writes
        or _comes_after(unit, other)
        or _comes_after(other, unit)
        or set(unit.exclusive) & set(other.exclusive)
    )


def startable(
    units: Mapping[str, Mapping[str, Sequence[str]]],
    ended: Mapping[str, bool],
    running: Iterable[str],
) -> list[str]:
    """Which units may start now, given skeletons ``{id: {"after": …, "exclusive": …}}``.

    ``ended`` says of each finished unit whether it succeeded. A unit starts when all it comes
    after succeeded and nothing that runs, or was chosen before it in this call, uses one of its
    exclusive things (domain.md 4: endpoints of one subnet or target go one after the other).
    """
    done = {name for name, succeeded in ended.items() if succeeded}
    busy = set(running)
    used = {thing for name in busy for thing in units[name]["exclusive"]}
    chosen: list[str] = []
    for name, unit in units.items():
        if name in ended or name in busy:
            continue
        if done.issuperset(unit["after"]) and used.isdisjoint(unit["exclusive"]):
            chosen.append(name)
            used.update(unit["exclusive"])
    return chosen
