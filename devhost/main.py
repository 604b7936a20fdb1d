"""`python -m devhost`, and `serve` for other commands.

Owns the process: its signals, its log on standard error, its exit status.
"""

import argparse
import logging
import os
import queue
import signal
import sys
from pathlib import Path

from devhost.errors import HostError
from devhost.host import DEFAULT_PORT, Host

DEFAULT_GRACE = 5.0
# Libraries that report every request they make.
_QUIET = (
    "azure.core.pipeline",
    "azure.identity",
    "azure.functions",
    "azure.durable_functions",
    "durabletask",
    "grpc",
    "uvicorn",
)


def serve(
    app_dir: Path,
    state: Path,
    port: int = DEFAULT_PORT,
    key: str | None = None,
    *,
    grace: float = DEFAULT_GRACE,
) -> int:
    """Serve an app until SIGTERM or SIGINT; returns the exit status.

    On a signal, running calls get `grace` seconds to end; the work of the others is delivered again
    at the next start.

    Call it on the main thread of a process that does nothing else.
    """
    _log_to_stderr()
    # A signal may come while this very thread holds an Event's lock; this queue takes that.
    stop: queue.SimpleQueue[None] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.put(None))
    host = Host(app_dir, state, port=port, key=key)
    try:
        host.start()
        host.on_end(lambda: stop.put(None))
        _say(f"listening on {host.url}, {host.key_words}")
        stop.get()
        left = host.stop(grace)
    except HostError as error:
        _say(f"error: {error}")
        return 1
    if left:
        # Python would wait for the threads of calls that do not end.
        _say(f"{left} running calls were dropped; their work is delivered again at the next start")
        logging.shutdown()
        os._exit(0)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m devhost", description="Serve an Azure Functions app on this machine."
    )
    parser.add_argument("--app", type=Path, default=Path(), help="where function_app.py is")
    parser.add_argument("--state", type=Path, default=Path("state"), help="what outlives the host")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument(
        "--grace", type=float, default=DEFAULT_GRACE, help="seconds that running calls get to end"
    )
    asked = parser.parse_args(arguments)
    return serve(asked.app, asked.state, asked.port, grace=asked.grace)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- this is the command's output


def _log_to_stderr() -> None:
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
