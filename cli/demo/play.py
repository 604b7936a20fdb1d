"""Owns the demo from the first process to the exit status: sets up, plays, watches, judges."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from cli.demo.azure import DemoError, differences
from cli.demo.scenes import SCENES, Ending, Scene
from cli.demo.show import Show
from cli.demo.stage import PLACES, set_up
from cli.demo.watch import Watch
from cli.local_azure import SPEED, LocalAzure
from shared.composition import system_clock


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


def _play_all(stage: LocalAzure, show: Show, scenes: Sequence[Scene]) -> list[Result]:
    show.say("a first sweep: looking at everything once")
    stage.app.post("/admin/functions/sweep", json={}).raise_for_status()
    for name in stage.environments:
        Watch(stage, show, name, time.monotonic(), _place(name)).until_quiet()
    return [_play(stage, show, scene) for scene in scenes]


def _play(stage: LocalAzure, show: Show, scene: Scene) -> Result:
    environment = stage.environments[scene.environment]
    show.scene(f"{scene.number}. {scene.title} ({scene.environment})")
    before = stage.person.portrait(environment)
    writes = len(stage.person.writes_by_relink())
    if scene.storm:
        for kind in ("duplicate-events", "shuffle-events"):
            stage.person.control("POST", "faults", {"kind": kind, "times": None})
    begun = time.monotonic()
    watch = Watch(stage, show, scene.environment, begun, _place(scene.environment))
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


def _place(name: str) -> str:
    return f"/resourcegroups/{PLACES[name]}-"


def _judge(scene: Scene, watch: Watch, written: int, changed: list[str]) -> list[str]:
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
