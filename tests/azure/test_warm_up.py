import subprocess
import sys
import threading
from pathlib import Path

from devhost.environment import child_environment
from tests.azure.wires import Bench

ROOT = Path(__file__).parents[2]


def test_warming_up_loads_azure_ai_ml_in_the_background_and_once() -> None:
    script = """
import sys, threading
from shared.azure.mlclient import warm_up
assert "azure.ai.ml" not in sys.modules
warm_up()
(thread,) = [each for each in threading.enumerate() if each.name == "warm-up"]
thread.join(150)
assert "azure.ai.ml" in sys.modules
warm_up()
assert not [each for each in threading.enumerate() if each.name == "warm-up"]
"""
    command = [sys.executable, "-c", script]
    ended = subprocess.run(
        command,
        check=False,
        timeout=180,
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


def test_warming_up_begins_nothing_on_a_wire_that_was_handed_in(virtual: Bench) -> None:
    before = set(threading.enumerate())
    virtual.azure.warm_up()
    assert set(threading.enumerate()) <= before
