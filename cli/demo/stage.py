"""Owns what the demo plays on: two captured environments in a local Azure."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cli.demo.azure import DemoError, Person
from cli.local_azure import (
    ROOT,
    SPEED,
    LocalAzure,
    end,
    open_records,
    start_host,
    start_simulator,
    subscribe,
)
from devhost.environment import child_environment
from shared.manifests import parse_manifest
from shared.model.environment import Environment
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan

PLACES = {"production": "prod", "watched": "lab"}
"""Environment name → the prefix of its resources."""


def set_up(directory: Path, clock: Callable[[], Any], say: Callable[[str], None]) -> LocalAzure:
    """Start everything in ``directory`` (logs included) and return when it answers.

    Raises:
        DemoError: with the end of the log of what did not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        say(f"starting the simulated Azure ({SPEED:.0f} times as fast as Azure)")
        world = [part for prefix in PLACES.values() for part in private_inference(prefix=prefix)]
        exports = start_simulator(directory, world, processes)
        environ = child_environment(exports)
        say("capturing manifests of two environments with `relink capture`")
        environments = _capture(directory, environ)
        say("starting the Functions host with function_app.py")
        app = start_host(directory, environ, processes)
    except BaseException:
        end(processes)
        raise
    person = Person(exports["SIMULATOR_CONTROL"])
    subscribe(person, app)
    records, principal = open_records(directory, clock), exports["RELINK_PRINCIPAL_ID"]
    return LocalAzure(directory, person, app, records, principal, environ, processes, environments)


def _capture(directory: Path, environ: Mapping[str, str]) -> dict[str, Environment]:
    """The manifests, captured side by side."""
    manifests = directory / "manifests"
    manifests.mkdir(exist_ok=True)
    with ThreadPoolExecutor(len(PLACES)) as pool:
        captured = {
            name: pool.submit(
                _capture_one, manifests / f"{name}.yaml", Plan(prefix).workspace, environ
            )
            for name, prefix in PLACES.items()
        }
    return {name: each.result() for name, each in captured.items()}


def _capture_one(file: Path, workspace: str, environ: Mapping[str, str]) -> Environment:
    command = [sys.executable, "-m", "cli", "capture", "--workspace", workspace]
    command += ["--name", file.stem, "--out", str(file)]
    ended = subprocess.run(  # noqa: S603 - our own command line
        command, cwd=ROOT, env=dict(environ), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise DemoError(f"`relink capture` of {workspace} failed:\n{ended.stderr}")
    if file.stem == "watched":
        file.write_text(_observed(file.read_text()))
    return parse_manifest(file.read_text(), file.name)


def _observed(text: str) -> str:
    """The manifest with ``mode: observe``, as a person would edit it."""
    if re.search(r"^mode:.*$", text, re.MULTILINE):
        return re.sub(r"^mode:.*$", "mode: observe", text, count=1, flags=re.MULTILINE)
    return re.sub(r"^(name:.*)$", r"\1\nmode: observe", text, count=1, flags=re.MULTILINE)
