"""A small world for the durable side: fake Azure, records in a folder, one clock, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.azure.errors import Transient
from shared.manifests import Declared, Manifests
from shared.model.actual import Actual, Found, Observation, Question, Read, Unreadable
from shared.model.codec import dump
from shared.model.environment import Environment
from shared.model.finding import Finding
from shared.model.json import JsonObject
from shared.model.plan import Unit
from shared.model.progress import Done, Progress
from shared.model.resource_id import ResourceId
from shared.model.step import Step
from shared.model.trigger import Cause, Trigger
from shared.records import FolderStore, Records
from shared.remediator import Remediator
from shared.settings import Settings
from shared.workflow.activities import ACTIVITIES
from shared.workflow.inline import Engine, VirtualTime
from shared.workflow.outbox import deliver_all
from shared.workflow.services import Services
from tests.core.builders import NOW, answers, environment, tiny


@dataclass
class Clock:
    """A clock that is moved by hand."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class FakeAzure:
    """Answers reads from a table; carries out steps by a script, in order begun."""

    clock: Callable[[], datetime]
    bodies: dict[Read, Observation] = field(default_factory=dict)
    asked: list[Read] = field(default_factory=list)
    started: list[Step] = field(default_factory=list)
    looked: list[tuple[Step, dict[str, object]]] = field(default_factory=list)
    script: dict[ResourceId, list[Progress | Exception]] = field(default_factory=dict)
    trouble: list[Exception] = field(default_factory=list)
    on_start: Callable[[Step], None] = lambda _step: None

    def read(self, reads: Iterable[Read]) -> dict[Read, Observation]:
        wanted = list(reads)
        trouble = self.trouble.pop(0) if self.trouble else None
        if isinstance(trouble, Transient):
            after = trouble.retry_after
            sick = Unreadable(trouble.code, str(trouble), self.clock(), retry_after=after)
            return dict.fromkeys(wanted, sick)
        if trouble is not None:
            raise trouble
        self.asked += wanted
        return {read: self._answer(read) for read in wanted}

    def _answer(self, read: Read) -> Observation:
        if read in self.bodies:
            return self.bodies[read]
        empty: JsonObject = {} if read.question is Question.GET else {"value": []}
        return Found(empty, self.clock())

    def start(self, step: Step, observed: Mapping[Read, Observation] | None = None) -> Progress:
        del observed
        self.started.append(step)
        self.on_start(step)
        return self._next(step)

    def look(self, step: Step, token: dict[str, object]) -> Progress:
        self.looked.append((step, token))
        return self._next(step)

    def warm_up(self) -> None:
        """Nothing to load."""

    def _next(self, step: Step) -> Progress:
        planned = self.script.get(step.resource) or [Done()]
        result = planned.pop(0) if len(planned) > 1 else planned[0]
        if isinstance(result, Exception):
            raise result
        return result


class Told:
    """Manifests in force, changed by hand."""

    def __init__(self, *environments: Environment) -> None:
        self.declared = {
            each.name: Declared(each, "v1", f"{each.name}.yaml") for each in environments
        }

    def current(self) -> Manifests:
        return Manifests(dict(self.declared))

    def edit(self, name: str, version: str, **changes: object) -> None:
        before = self.declared[name]
        changed = before.environment.model_copy(update=changes)
        self.declared[name] = replace(before, environment=changed, version=version)


@dataclass
class World:
    """Services, and what came of them."""

    services: Services
    azure: FakeAzure
    clock: Clock
    manifests: Told
    notices: list[JsonObject]

    @property
    def records(self) -> Records:
        return self.services.records

    def call(self, name: str, message: dict[str, Any]) -> dict[str, Any]:
        return ACTIVITIES[name](self.services, message)

    def engine(self, call: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None) -> Engine:
        return Engine(call or self.call, VirtualTime(self.clock, self.clock.advance))

    def deliver(self, environment: str = "prod") -> None:
        """What the app's outboxes do, in no time."""
        deliver_all(self.services, environment)

    def run(self, trigger: Trigger) -> JsonObject:
        """One whole run on the real orchestrators, and the deliveries after it; its record."""
        self.engine().run("reconcile", dump(trigger), trigger.id)
        self.deliver(trigger.environment)
        record = self.records.run(trigger.id)
        assert record is not None
        return record


def world(
    tmp_path: Path,
    catalogue: Sequence[Remediator] = (),
    *declared: Environment,
    **settings: str,
) -> World:
    """A world whose manifests are accepted already, in mode remediate."""
    clock, notices = Clock(), list[JsonObject]()
    environ = {
        "RELINK_ENVIRONMENTS": (tmp_path / "environments").as_uri(),
        "RELINK_MODE": "remediate",
        **settings,
    }
    azure = FakeAzure(clock)
    manifests = Told(*(declared or (environment(),)))
    services = Services(
        settings=Settings.read(environ),
        records=Records(FolderStore(tmp_path / "records"), clock),
        manifests=manifests,
        catalogue=tuple(catalogue) or (tiny(),),
        azure=lambda: azure,
        clock=clock,
        notify=notices.append,
    )
    for name in manifests.declared:
        services.records.accept_version(name, "v1")
    return World(services, azure, clock, manifests, notices)


def wish(name: str = "run-1", **more: Any) -> Trigger:  # noqa: ANN401 - any field
    cause = more.pop("cause", Cause.SWEEP)
    return Trigger(name, more.pop("environment", "prod"), cause, NOW, **more)


def drifting(
    units: Sequence[Unit],
    found: Sequence[Finding],
    azure: Callable[[], FakeAzure],
    **more: Any,  # noqa: ANN401 - any field
) -> Remediator:
    """A remediator whose drift is gone once every unit's steps were begun, as far as it is told."""

    def left() -> list[Finding]:
        done = {step.resource for step in azure().started}
        return [each for each in found if each.resource not in done]

    def plan(_e: Environment, _a: Actual, mine: Sequence[Finding]) -> Sequence[Unit]:
        keys = {each.key for each in mine}
        return [each for each in units if keys & set(each.findings)]

    made = tiny(name=more.pop("name", "tiny"), findings=found, reads=more.pop("reads", ()))
    return replace(made, detect=lambda _e, _a: left(), plan=plan, **more)


__all__ = ["Clock", "FakeAzure", "Told", "World", "answers", "drifting", "wish", "world"]
