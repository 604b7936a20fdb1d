"""The package that would be deployed: alone with requirements.txt, Microsoft's worker indexes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.environment import child_environment
from scripts import judges
from tests.infra.shared_folder import ROOT
from tests.infra.test_in_step import function_names
from tests.judges import missing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

INDEX = """
import asyncio, json, os, pathlib, sys
from devhost.settings import read_settings
from devhost.worker import Worker
app = pathlib.Path(sys.argv[1])
worker = asyncio.run(Worker.load(app, read_settings(app, os.environ)))
loaded = sorted({m.split(".")[0] for m in sys.modules} & {"cli", "simulator", "tests", "typer", "rich"})
print(json.dumps({"functions": list(worker.functions), "loaded": loaded}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployed") / "app"
    command = [sys.executable, str(ROOT / "scripts/package"), str(folder)]
    ran = subprocess.run(
        command, env=child_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Path:
    """An interpreter whose environment holds requirements.txt and nothing else."""
    uv = Path(sys.executable).with_name("uv")
    home = tmp_path_factory.mktemp("empty") / "venv"
    made = [str(uv), "venv", "--quiet", "--python", sys.executable, str(home)]
    subprocess.run(made, check=True, timeout=120)
    found = home / "bin/python"
    install = [str(uv), "pip", "install", "--quiet", "--python", str(found), "--require-hashes"]
    install += ["--requirement", str(package / "requirements.txt")]
    ran = subprocess.run(install, capture_output=True, text=True, timeout=500, check=False)
    if ran.returncode and ("dns error" in ran.stderr or "Failed to fetch" in ran.stderr):
        missing("package", f"no package index can be reached from here: {ran.stderr[-300:]}")
    assert ran.returncode == 0, ran.stderr
    judges.ran("package", "installed into an empty environment by uv")
    return found


def test_the_worker_indexes_the_package_with_nothing_but_its_requirements(
    package: Path, python: Path, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "devhost", tmp_path / "lib/devhost")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path / "lib"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "RELINK_ENVIRONMENTS": "https://stpaper.blob.core.windows.net/manifests",
        "RELINK_RECORDS": "https://stpaper.blob.core.windows.net/records",
        "RELINK_EVENT_QUEUE": "relink-events",
    }
    ran = subprocess.run(
        [str(python), "-c", INDEX, str(package)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    assert set(said["functions"]) >= function_names()
    assert said["loaded"] == []


def test_the_package_is_small_and_holds_the_app_alone(package: Path) -> None:
    files = [path for path in package.rglob("*") if path.is_file()]
    assert {path.name for path in package.iterdir()} == {
        "function_app.py",
        "host.json",
        "remediators",
        "requirements.txt",
        "shared",
    }
    assert sum(path.stat().st_size for path in files) < 3_000_000
