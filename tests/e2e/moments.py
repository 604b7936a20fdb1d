"""Owns an undisturbed restart repair seen from outside, frozen wherever a process could die.

A process that dies leaves what it wrote: records and Azure. So a frozen pair of both is a crash,
and a new process is put over a copy of it. Frozen is before each write to Azure, after each write
of a record and after each activity. Moments at which nothing had changed since the one before (a
look at an operation that still runs) are the same crash and kept once.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from shared.records import FolderStore, Records
from shared.records.store import Mark, Stored
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.context import State
from simulator.wire import Exchange, Request, Response
from tests.e2e.drifts import restart
from tests.e2e.portrait import Portrait, portrait
from tests.e2e.stage import Stage, assemble, build


@dataclass(frozen=True, slots=True)
class Moment:
    """The world when ``what`` was about to happen or had happened; ``place`` has the records."""

    what: str
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


class FilmedCloud(Cloud):
    """Tells before Relink changes something."""

    shoot: Callable[[str], None] | None = None

    def handle(self, request: Request) -> Response:
        """Answer as Azure would."""
        if self.shoot is not None and request.method in {"PUT", "PATCH", "DELETE"}:
            self.shoot(f"before {request.method} {request.url.split('?')[0].rsplit('/', 1)[1]}")
        return super().handle(request)


@dataclass(frozen=True, slots=True)
class FilmedStore:
    """Tells after each change of a document."""

    store: FolderStore
    shoot: Callable[[str], None]

    def read(self, key: str) -> Stored | None:
        return self.store.read(key)

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        etag = self.store.write(key, data, if_match=if_match, if_absent=if_absent)
        self.shoot(f"wrote {key}")
        return etag

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        self.store.delete(key, if_match=if_match)
        self.shoot(f"deleted {key}")

    def keys(self, prefix: str = "") -> Iterator[str]:
        return self.store.keys(prefix)

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        return self.store.marks(prefix)


@functools.cache
def undisturbed() -> Undisturbed:
    """Break a verified environment by a restart of its cluster, and film the repair."""
    home = Path(tempfile.mkdtemp(prefix="relink-moments-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    stage = build(home / "live", azure=FilmedCloud)
    film = Undisturbed(portrait(stage.cloud))
    stage.run()
    seen = len(stage.cloud.events)
    restart(stage)
    stage.deliver(stage.events_since(seen))
    _film(stage, film, home)
    assert stage.run()["outcome"] == "Repaired"
    return film


def _film(stage: Stage, film: Undisturbed, home: Path) -> None:
    """Have every new moment of ``stage`` kept in ``film``."""
    last: list[object] = []

    def shoot(what: str) -> None:
        shown = _shown(stage)
        if shown in last:
            return
        last[:] = [shown]
        place = home / str(len(film.moments))
        shutil.copytree(stage.place, place)
        exchanges = tuple(stage.cloud.exchanges)
        film.moments.append(
            Moment(what, place, stage.clock.now(), stage.cloud.snapshot(), exchanges)
        )

    def after(name: str, _message: Mapping[str, Any]) -> None:
        film.activities.append(name)
        shoot(f"after {name}")

    assert isinstance(stage.cloud, FilmedCloud)
    stage.cloud.shoot = shoot
    stage.after = after
    store = FilmedStore(FolderStore(stage.place / "records"), shoot)
    stage.services = replace(stage.services, records=Records(store, stage.clock.now))


def _shown(stage: Stage) -> object:
    """What a crash leaves, without the times of leases and the working papers of the run."""
    under_way = [(o.resource_id, o.what) for o in stage.cloud.context.state.running]
    folder = stage.place / "records"
    kept = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*.json")
        if file.name != "lease.json" and "papers" not in file.parts
    }
    return (
        portrait(stage.cloud),
        under_way,
        kept,
        (folder / "environments/prod/lease.json").exists(),
    )


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
