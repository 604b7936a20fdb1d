"""Owns a rehearsal from the first process to the verdict: copies, sets up, plays, watches, judges."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from cli.comparing import plain
from cli.demo.azure import Person, differences
from cli.demo.show import Show
from cli.demo.watch import Watch
from cli.local_azure import (
    SPEED,
    LocalAzure,
    end,
    open_records,
    start_host,
    start_simulator,
    subscribe,
)
from cli.rehearsal.incidents import INCIDENTS, Ending, Incident
from cli.rehearsal.story import Hurt, Played, Story, hurts
from cli.world import world_of
from devhost.environment import child_environment
from shared.composition import system_clock
from shared.manifests import Declared, parse_manifest
from shared.model.environment import Environment

_CHOICES = ("mode", "modes", "window", "tenant")
"""What a copy is played without: a rehearsal is about what Relink does when it may."""


def rehearse(declared: Declared, chosen: Sequence[Incident], directory: Path, show: Show) -> Story:
    """Play incidents on a copy of ``declared``; those that must come last come last.

    Raises:
        DemoError: when a process did not start, or a person's change was refused.
        ValueError: when the manifest describes what the simulated Azure does not know.
    """
    copied, notes = copy_of(declared.environment)
    for note in notes:
        show.say(note)
    with _local_azure(copied, directory, show) as local:
        show.say("a first sweep: looking at everything once")
        local.app.post("/admin/functions/sweep", json={}).raise_for_status()
        Watch(local, show, copied.name, time.monotonic()).until_quiet()
        found = [each for each in INCIDENTS if each in chosen]
        played = tuple(_play(local, show, copied, each) for each in found)
    return Story(copied.name, declared.version, SPEED, played, notes)


def copy_of(environment: Environment) -> tuple[Environment, tuple[str, ...]]:
    """The environment as it is played, and in what it is not as declared."""
    document = plain(environment)
    notes = []
    for name in _CHOICES:
        if name in document and document[name] not in ("remediate", {}, None):
            notes.append(f"played without the manifest's {name}: {document[name]}")
        document.pop(name, None)
    left_out = world_of(environment).left_out
    gone = {line.partition(": ")[0] for line in left_out}
    for section in ("privateEndpoints", "computes"):
        if section in document:
            document[section] = [e for e in document[section] if e["id"] not in gone]
    notes += [f"left out: {line}" for line in left_out]
    return parse_manifest(json.dumps(document), f"{environment.name}.yaml"), tuple(notes)


@contextmanager
def _local_azure(environment: Environment, directory: Path, show: Show) -> Iterator[LocalAzure]:
    manifests = directory / "manifests"
    manifests.mkdir(parents=True, exist_ok=True)
    text = json.dumps(plain(environment), indent=1)
    (manifests / f"{environment.name}.yaml").write_text(text)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        show.say(f"starting a simulated Azure with a copy of '{environment.name}' in it")
        exports = start_simulator(directory, world_of(environment).resources, processes)
        environ = child_environment(exports)
        show.say("starting the Functions host with function_app.py")
        app = start_host(directory, environ, processes)
        person = Person(exports["SIMULATOR_CONTROL"])
        subscribe(person, app)
        records, principal = open_records(directory, system_clock), exports["RELINK_PRINCIPAL_ID"]
        local = LocalAzure(directory, person, app, records, principal, environ, processes)
        with closing(local):
            yield local
    finally:
        end(processes)


def _play(local: LocalAzure, show: Show, environment: Environment, incident: Incident) -> Played:
    show.scene(f"{incident.name}: {incident.title}")
    if not incident.targets(environment):
        show.say("  skipped: the manifest declares nothing that this could happen to")
        skipped = "nothing declared that this could happen to"
        return Played(incident.name, incident.title, incident.ending.value, skipped=skipped)
    before = local.person.portrait(environment)
    writes, heard = len(local.person.writes_by_relink()), len(show.lines)
    began, ticks = system_clock(), time.monotonic()
    watch = Watch(local, show, environment.name, ticks)
    watch.during(lambda: incident.play(local.person, environment))
    if incident.after is not None:
        incident.after(local, environment.name)
    watch.until_quiet()
    seconds = time.monotonic() - ticks
    local.person.control("DELETE", "faults")
    hurt = hurts(watch.records, began)
    written = local.person.writes_by_relink()[writes:]
    # What is gone for good has no portrait to compare.
    whole = incident.ending is Ending.REPAIRED
    changed = differences(before, local.person.portrait(environment)) if whole else []
    problems = _judge(incident, environment, hurt, written, changed)
    show.verdict(good=not problems, problems=problems)
    return Played(
        incident.name, incident.title, incident.ending.value, watch.outcome, len(written), seconds,
        hurt, tuple(problems), tuple(show.lines[heard:]),
    )  # fmt: skip


def _judge(
    incident: Incident,
    environment: Environment,
    hurt: Sequence[Hurt],
    written: Sequence[str],
    changed: Sequence[str],
) -> list[str]:
    """Why the incident did not end as it should; nothing if it did."""
    match incident.ending:
        case Ending.REPAIRED:
            bad = [f"{h.resource.name} ended {h.outcome}" for h in hurt if h.outcome != "Repaired"]
            none = [] if hurt else ["Relink found nothing broken"]
            return [*bad, *none, *changed, *_twice(written)]
        case Ending.REPORTED:
            struck = {each.key for each in incident.targets(environment)}
            told = {each.resource.key for each in hurt}
            problems = [f"{each} is gone and was not reported" for each in sorted(struck - told)]
            made = [w for w in written if w.partition(" ")[2].lower() in struck and "PUT" in w]
            return problems + [f"Relink made up {each}" for each in made]


def _twice(written: Sequence[str]) -> list[str]:
    """Nothing is deleted or detached a second time, whatever was killed in between."""
    deleted = [each.lower() for each in written if each.startswith("DELETE ")]
    return [f"{each}: more than once" for each in sorted(set(deleted)) if deleted.count(each) > 1]
