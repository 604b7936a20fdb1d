"""Standard streams whose reader goes away, that are closed or full; and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from devhost.environment import child_environment
from simulator.faults import Fault, Mischief
from tests.cli.world import World

ROOT = Path(__file__).parents[2]
OPEN = {"properties": {"publicNetworkAccess": "Enabled"}}


def started(
    *arguments: str, environ: Mapping[str, str], **options: object
) -> subprocess.Popen[bytes]:
    """A command in a process of its own."""
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return] # options of any kind
        [sys.executable, "-m", "cli", *arguments],
        env=child_environment({**environ, "PYTHONPATH": str(ROOT)}),
        stdin=subprocess.DEVNULL,
        **options,
    )


def gone() -> int:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Its exit status, and what it said on standard error where that was a pipe."""
    _, said = process.communicate(timeout=240)
    return process.returncode, said or b""


def test_a_reader_that_goes_away_changes_no_exit_status(world: World) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.storage, OPEN)
    for options in ((), ("--json",)):
        out = gone()
        status, said = ended(
            started(
                "plan",
                str(file),
                *options,
                environ=world.exports,
                stdout=out,
                stderr=subprocess.PIPE,
            )
        )
        os.close(out)
        assert status == 2, said
        assert b"rror" not in said


def test_a_run_is_carried_out_though_nobody_reads_what_it_says(world: World) -> None:
    file = world.captured()
    world.does("DELETE", world.endpoint("blob"))
    streams = gone()
    status, _ = ended(
        started(
            "reconcile", str(file), "--yes", environ=world.exports, stdout=streams, stderr=streams
        )
    )
    os.close(streams)
    assert status == 0
    assert world.cloud.get(world.endpoint("blob")) is not None


@pytest.mark.usefixtures("shell")
def test_a_result_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("wb") as full:
        status, said = ended(started("schema", environ={}, stdout=full, stderr=subprocess.PIPE))
    assert status == 1
    assert said == (
        b"error: the result could not be written to standard output: No space left on device\n"
    )


def test_an_error_that_cannot_be_written_as_a_document_is_said_all_the_same(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        options = ("runs", "--records", str(tmp_path / "gone"), "--json")
        status, said = ended(started(*options, environ={}, stdout=full, stderr=subprocess.PIPE))
    assert status == 1
    assert b"no records" in said
    assert b"Traceback" not in said


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_stop_nothing(closed: str) -> None:
    command = f'"{sys.executable}" -m cli permissions {closed}'
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""


def test_characters_that_a_terminal_does_not_know_stop_nothing(world: World) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.storage, OPEN)
    environ = {**world.exports, "PYTHONIOENCODING": "ascii"}
    process = started(
        "plan", str(file), environ=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, said = process.communicate(timeout=240)
    assert process.returncode == 2, said
    assert b"Enabled \\u2192 Disabled" in out


def test_ctrl_c_ends_a_look_in_one_line(world: World) -> None:
    file = world.captured()
    world.cloud.add_fault(Fault(Mischief.THROTTLE, method="GET", times=None, retry_after=30))
    process = started(
        "plan", str(file), environ=world.exports, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if b"asking again in" in line:
                break
        process.send_signal(signal.SIGINT)
        watchdog = threading.Timer(240, process.kill)
        watchdog.start()
        out, said = process.communicate()
        watchdog.cancel()
    finally:
        world.cloud.clear_faults()
    assert process.returncode == 130, said
    assert said == b"error: interrupted\n"
    assert out == b""
