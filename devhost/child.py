"""The host as a child process, for whoever wants to start, kill and start it again.

Owns waiting for it to be ready and ending it. The demo and the tests use it: one process serves one
app, and only a process of its own can be killed without mercy.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from durabletask.client import TaskHubGrpcClient

from devhost.environment import child_environment
from devhost.errors import HostError, StartError
from devhost.host import STATE_FILE
from devhost.hub.server import TOKEN_HEADER
from devhost.keys import KEY_SETTING

_ROOT = Path(__file__).parents[1]
_PAUSE = 0.02
PATIENCE = 120.0
"""Seconds after which what is waited for will not come, on a busy machine either."""


def wait_until[T](look: Callable[[], T], seconds: float = PATIENCE) -> T:
    """Look again and again until something true is seen, and return it.

    Raises:
        TimeoutError: it was not seen in time.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not seen within {seconds:g} s")
        time.sleep(_PAUSE)
    return seen


class HostProcess:
    """`python -m devhost` for the app in `app`, with its state in `state`, on a free port by default.

    `environ` is what it gets beside what a program needs (`devhost.environment`). Output and log go to `log`, by default a file
    beside the state directory. As a context manager it starts on entry and is stopped on exit.
    """

    def __init__(
        self,
        app: Path,
        state: Path,
        *,
        key: str,
        port: int = 0,
        environ: Mapping[str, str] | None = None,
        log: Path | None = None,
        grace: float = 5.0,
    ) -> None:
        self.state, self.key = state.resolve(), key
        self.log = log or self.state.parent / f"{self.state.name}.log"
        self._command = [
            *(sys.executable, "-m", "devhost", "--app", str(app.resolve())),
            *("--state", str(self.state), "--port", str(port), "--grace", str(grace)),
        ]
        self._environ = child_environment({**(environ or {}), KEY_SETTING: key})
        self._process: subprocess.Popen[bytes] | None = None
        self._hub: TaskHubGrpcClient | None = None
        self.url = ""

    def start(self, seconds: float = PATIENCE) -> Self:
        """Start it and wait until it answers requests.

        Raises:
            StartError: it ended instead; the message is the end of its log.
            TimeoutError: it does neither in time.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 -- our own module
                self._command, cwd=_ROOT, env=self._environ, stdout=log, stderr=log
            )
        try:
            wait_until(self._answers, seconds)
        except BaseException:
            self.kill()
            raise
        self.url = self._facts()["url"]
        return self

    def _answers(self) -> bool:
        status = self._running.poll()
        if status is not None:
            raise StartError(
                f"the host ended with status {status}:\n{self.log.read_text()[-4000:]}"
            )
        # The file of a host that was killed is still there.
        return self._facts().get("pid") == str(self._running.pid)

    def _facts(self) -> dict[str, str]:
        try:
            found = json.loads((self.state / STATE_FILE).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return {name: str(value) for name, value in found.items()}

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise HostError("the host was not started")
        return self._process

    @property
    def pid(self) -> int:
        """The process."""
        return self._running.pid

    @property
    def hub(self) -> TaskHubGrpcClient:
        """A durable client of the host's task hub."""
        if self._hub is None:
            facts = self._facts()
            self._hub = TaskHubGrpcClient(
                host_address=facts["rpc"], metadata=[(TOKEN_HEADER, facts["token"])]
            )
        return self._hub

    def ended(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._running.poll()

    def kill(self) -> None:
        """End it with SIGKILL: nothing of it gets to run again."""
        self._end(signal.SIGKILL, PATIENCE)

    def stop(self, seconds: float = PATIENCE) -> int:
        """End it with SIGTERM; returns its exit status.

        Raises:
            TimeoutError: it did not end in time, and was killed.
        """
        return self._end(signal.SIGTERM, seconds)

    def _end(self, number: signal.Signals, seconds: float) -> int:
        if self._hub is not None:
            self._hub.close()
            self._hub = None
        process = self._running
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            told = self.log.read_text(errors="replace")[-4000:]
            raise TimeoutError(f"the host did not end within {seconds:g} s:\n{told}") from None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
