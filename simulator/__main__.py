"""Serves a simulated Azure from a shell: `python -m simulator --world private-inference --speed 100`.

Prints the environment variables that lead clients here, one a line, ready for `eval`, then serves until interrupted.
"""

import argparse
import json
import os
import queue
import shlex
import signal
import sys
from pathlib import Path

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.faults import Fault, Mischief
from simulator.server import Server
from simulator.wire import Json
from simulator.worlds import WORLDS


def read_world(name: str) -> list[Json]:
    """Return the resources of a named world or of a JSON file holding a list of them."""
    if name in WORLDS:
        return WORLDS[name]()
    resources: list[Json] = json.loads(Path(name).read_text(encoding="utf-8"))
    return resources


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--world", default="", help=f"a JSON file or one of {', '.join(WORLDS)}")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster than Azure")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0, help="of ARM; 0 takes a free one")
    parser.add_argument("--state-dir", type=Path, default=None, help="for the CA and the keys")
    parser.add_argument("--record", type=Path, default=os.environ.get("SIMULATOR_RECORD"))
    parser.add_argument("--exports-file", type=Path, default=None)
    parser.add_argument("--dead-letters", type=Path, default=None)
    parser.add_argument("--limits", action="store_true", help="enforce Azure's request limits")
    for lag, late in (("graph", "Resource Graph"), ("activity", "the activity log")):
        text = f"how many seconds of Azure's time {late} is late"
        parser.add_argument(f"--{lag}-lag", type=float, default=0.0, metavar="S", help=text)
    parser.add_argument(
        "--no-capacity",
        type=int,
        default=0,
        metavar="N",
        help="the next N cluster starts fail for lack of it",
    )
    return parser.parse_args()


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    chosen = _arguments()
    record = Path(chosen.record) if chosen.record else None
    cloud = Cloud(
        SystemClock(), speed=chosen.speed, seed=chosen.seed, record=record, limits=chosen.limits
    )
    if chosen.world:
        cloud.load(read_world(chosen.world))
    if chosen.no_capacity:
        cloud.add_fault(no_capacity(times=chosen.no_capacity))
    for kind, seconds in (
        (Mischief.LAG_GRAPH, chosen.graph_lag),
        (Mischief.LAG_ACTIVITY_LOG, chosen.activity_lag),
    ):
        if seconds:
            cloud.add_fault(Fault(kind, seconds=seconds, times=None))
    # A signal may come while this very thread holds an Event's lock; this queue takes that.
    stopping: queue.SimpleQueue[None] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.put(None))
    server = Server(
        cloud, port=chosen.port, state_dir=chosen.state_dir, dead_letters=chosen.dead_letters
    )
    with server:
        lines = [f"export {k}={shlex.quote(v)}" for k, v in server.exports.items()]
        if chosen.exports_file:
            chosen.exports_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        stopping.get()
    return 0


def no_capacity(*, times: int | None = 1) -> Fault:
    """Return a fault that lets cluster starts fail as a region without capacity does."""
    return Fault(
        Mischief.FAIL_OPERATION,
        operation="Microsoft.ContainerService/managedClusters/start/action",
        code="AllocationFailed",
        message="The requested VM size is not available in the location: capacity is exhausted.",
        times=times,
    )


if __name__ == "__main__":
    sys.exit(main())
