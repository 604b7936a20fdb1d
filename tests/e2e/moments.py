"""Owns an undisturbed restart repair seen from outside, frozen after each of its activities.

A process that dies leaves what it wrote: records and Azure. So a frozen pair of both is a crash,
and a new process is put over a copy of it. Moments at which neither had changed since the one
before (a look at an operation that still runs) are the same crash and kept once.
"""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.context import State
from simulator.wire import Exchange
from tests.e2e.drifts import restart
from tests.e2e.portrait import Portrait, portrait
from tests.e2e.stage import Stage, assemble, build


@dataclass(frozen=True, slots=True)
class Moment:
    """The world right after one activity of the run. ``place`` has its records and manifests."""

    activity: str
    place: Path
    at: datetime
    state: State
    exchanges: tuple[Exchange, ...]

    def reborn(self, place: Path) -> Stage:
        """A new process over a copy of what the dead one left."""
        shutil.copytree(self.place, place, dirs_exist_ok=True)
        clock = VirtualClock(self.at)
        cloud = Cloud(clock)
        cloud.restore(self.state)
        cloud.exchanges = deque(self.exchanges)
        stage = assemble(cloud, clock, {}, place, "prod")
        stage.prefix = "again-"
        return stage


@dataclass(slots=True)
class Undisturbed:
    """A whole repair: how the world looked before the break, and every moment of it."""

    before: Portrait
    activities: list[str] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)


@functools.cache
def undisturbed() -> Undisturbed:
    """Break a verified environment by a restart of its cluster, and film the repair."""
    home = Path(tempfile.mkdtemp(prefix="relink-moments-"))
    stage = build(home / "live")
    film = Undisturbed(portrait(stage.cloud))
    stage.run()
    seen = len(stage.cloud.events)
    restart(stage)
    stage.deliver(stage.events_since(seen))
    last: list[object] = []

    def shoot(name: str, _message: Mapping[str, Any]) -> None:
        film.activities.append(name)
        shown = _shown(stage)
        if shown not in last:
            last[:] = [shown]
            place = home / str(len(film.moments))
            shutil.copytree(stage.place, place)
            film.moments.append(
                Moment(
                    name, place, stage.clock.now(), stage.cloud.snapshot(),
                    tuple(stage.cloud.exchanges),
                )
            )  # fmt: skip

    stage.after = shoot
    assert stage.run()["outcome"] == "Repaired"
    return film


def _shown(stage: Stage) -> object:
    """What a crash leaves, without the times of leases."""
    records = stage.services.records
    under_way = [(o.resource_id, o.what) for o in stage.cloud.context.state.running]
    return (
        portrait(stage.cloud), under_way, records.intents("prod"), records.debts("prod"),
        records.run("run-2") is None,
    )  # fmt: skip


def incarnations_destroyed(exchanges: Iterable[Exchange]) -> Counter[str]:
    """How often each incarnation of an endpoint or compute was deleted by an accepted call of ours.

    The incarnation is the number of the creation before, so a second delete of one shows as 2.
    """
    born: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for each in exchanges:
        path = each.url.split("?")[0].lower()
        accepted = each.caller == "relink" and 200 <= each.status < 300
        if not accepted or "/roleassignments/" in path:
            continue
        if each.method == "PUT":
            born[path] += 1
        if each.method == "DELETE" and each.status != 204:
            found[f"{path}#{born[path]}"] += 1
    return found
