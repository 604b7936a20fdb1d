"""Owns the demo from the first process to the exit status: sets up, plays, watches, judges."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from rich.console import Console

from cli.demo.azure import DemoError, differences
from cli.demo.scenes import SCENES, Ending, Scene
from cli.demo.show import Show
from cli.demo.stage import PLACES, SPEED, Stage, set_up
from shared.composition import system_clock

_LONGEST_SCENE = 60.0
_QUIET_SECONDS = 1.0
_POLL_SECONDS = 0.15
_SOON_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Result:
    """How a scene ended."""

    scene: Scene
    good: bool
    outcome: str
    writes: int
    seconds: float


def run_demo(*, plain: bool = False, only: Sequence[int] = (), keep: Path | None = None) -> int:
    """Play the scenes (all, or those in ``only``); 0 if each ends as it should, else 1.

    ``keep`` is where logs, manifests and records stay; otherwise they go when it is over.
    """
    console = Console(force_terminal=False, no_color=True) if plain else Console()
    show = Show(console)
    begun = time.monotonic()
    with ExitStack() as stack:
        directory = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relink-")))
        try:
            stage = set_up(directory, system_clock, show.say)
            stack.callback(stage.close)
            results = _play_all(stage, show, [s for s in SCENES if not only or s.number in only])
        except (DemoError, httpx.HTTPError) as error:
            Console(stderr=True).print(f"the demo broke off: {error}", style="red", markup=False)
            return 1
    show.table(
        (
            str(result.scene.number),
            result.scene.title,
            ("✔ " if result.good else "✘ ") + f"{result.outcome}: {result.scene.ending}",
            str(result.writes),
            f"{result.seconds:.1f}",
        )
        for result in results
    )
    total = time.monotonic() - begun
    show.say(
        f"{total:.0f} s in all. Azure's operations ran {SPEED:.0f} times as fast as Azure's own."
    )
    return 0 if all(result.good for result in results) else 1


def _play_all(stage: Stage, show: Show, scenes: Sequence[Scene]) -> list[Result]:
    show.say("a first sweep: looking at everything once")
    stage.app.post("/admin/functions/sweep", json={}).raise_for_status()
    for name in stage.environments:
        _Watch(stage, show, name, time.monotonic()).until_quiet()
    return [_play(stage, show, scene) for scene in scenes]


def _play(stage: Stage, show: Show, scene: Scene) -> Result:
    environment = stage.environments[scene.environment]
    show.scene(f"{scene.number}. {scene.title} ({scene.environment})")
    before = stage.person.portrait(environment)
    writes = len(stage.person.writes_by_relink())
    if scene.storm:
        for kind in ("duplicate-events", "shuffle-events"):
            stage.person.control("POST", "faults", {"kind": kind, "times": None})
    begun = time.monotonic()
    watch = _Watch(stage, show, scene.environment, begun)
    watch.during(lambda: scene.play(stage.person, environment))
    watch.until_quiet()
    seconds = time.monotonic() - begun
    stage.person.control("DELETE", "faults")
    written = len(stage.person.writes_by_relink()) - writes
    problems = _judge(
        scene, watch, written, differences(before, stage.person.portrait(environment))
    )
    show.verdict(good=not problems, problems=problems)
    return Result(scene, not problems, watch.outcome, written, seconds)


def _judge(scene: Scene, watch: _Watch, written: int, changed: list[str]) -> list[str]:
    """Why the scene did not end as it should; nothing if it did."""
    problems = []
    if watch.outcome != scene.outcome:
        problems.append(f"Relink reported {watch.outcome}, expected {scene.outcome}")
    if scene.ending is Ending.PLANNED and not changed:
        problems.append("nothing was broken, so nothing was shown")
    if scene.ending is not Ending.PLANNED:
        problems += changed
    if scene.ending is not Ending.REPAIRED and written:
        problems.append(f"Relink wrote {written} times, expected none")
    return problems


class _Watch:
    """Follows events and runs of one environment and prints them as they come."""

    def __init__(self, stage: Stage, show: Show, name: str, begun: float) -> None:
        self._stage, self._show, self._name, self._begun = stage, show, name, begun
        self._events = len(stage.person.control("GET", "events"))
        self._seen = {record["id"] for record in stage.records.runs(name)}
        self._outcomes: list[str] = []
        self._prefix = PLACES[name]

    @property
    def outcome(self) -> str:
        """The best of what the runs of the scene report at their end: repaired beats in sync."""
        order = ("Failed", "Blocked", "Repaired", "Planned", "NotNeeded", "Deferred", "InSync")
        return next((kind for kind in order if kind in self._outcomes), "nothing")

    def during(self, act: Callable[[], None]) -> None:
        """Print what comes while somebody acts.

        Raises:
            DemoError: when what somebody did was refused.
        """
        failed: list[BaseException] = []

        def run() -> None:
            try:
                act()
            except (DemoError, httpx.HTTPError) as error:
                failed.append(error)

        somebody = threading.Thread(target=run, name="somebody")
        somebody.start()
        while somebody.is_alive():
            self._look()
            somebody.join(_POLL_SECONDS)
        if failed:
            raise failed[0]

    def until_quiet(self) -> None:
        """Print what comes until nothing is under way any more."""
        deadline = time.monotonic() + _LONGEST_SCENE
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < _QUIET_SECONDS:
            if self._look():
                quiet_since = time.monotonic()
            if time.monotonic() > deadline:
                self._show.say(f"  not quiet within {_LONGEST_SCENE:.0f} s", "red")
                return
            time.sleep(_POLL_SECONDS)

    def _look(self) -> bool:
        """Print what is new; whether anything is under way."""
        busy = self._events_new()
        state = self._stage.app.get(f"/api/environments/{self._name}").raise_for_status().json()
        queue = state["queue"]
        after = time.monotonic() - self._begun
        if queue["running"]:
            run = self._stage.app.get(f"/api/runs/{queue['running']}").json()
            self._show.progress(run, after)
        for record in reversed(self._stage.records.runs(self._name, 20)):
            if record["id"] not in self._seen:
                self._seen.add(record["id"])
                self._outcomes.append(record["outcome"])
                self._show.record(record, after)
                busy = True
        return bool(busy or queue["running"] or queue["pending"] or _soon(queue["wakeAt"]))

    def _events_new(self) -> bool:
        """Print the events of this environment; whether some are still to be delivered."""
        person = self._stage.person
        for event in person.control("GET", f"events?from={self._events}"):
            self._events += 1
            if f"/resourcegroups/{self._prefix}-" in event["subject"].lower():
                self._show.event(event, time.monotonic() - self._begun, self._stage.principal)
        waiting = person.control("GET", "subscriptions")
        return any(subscription["pending"] for subscription in waiting)


def _soon(moment: str | None) -> bool:
    """Whether a run is to begin by itself within a few seconds."""
    if moment is None:
        return False
    return datetime.fromisoformat(moment) <= system_clock() + timedelta(seconds=_SOON_SECONDS)
