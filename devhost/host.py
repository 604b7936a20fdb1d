"""The host: everything put together, on one event loop in a thread of its own.

Owns the order of starting and stopping. One process serves one app: the worker library's registry is
global. Worker and hub share the process, so that they die together; what the worker held is delivered
again because the hub's state is on disk.
"""

import asyncio
import json
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, MutableMapping
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from devhost.errors import HostError, StartError
from devhost.keys import HostKey, find_key, write_private
from devhost.serving import Serving
from devhost.settings import HostSettings, read_settings

log = logging.getLogger("devhost")

DEFAULT_PORT = 7071
STATE_FILE = "host.json"
_START_TIMEOUT = 120.0


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)  # noqa: TID251 -- the host is a composition root


class Host:
    """Serves the app in `app_dir` on 127.0.0.1, keeping its state in the directory `state`.

    `port` 0 takes a free one. `environ` gets the app's settings: it is what the app reads.
    """

    def __init__(
        self,
        app_dir: Path,
        state: Path,
        *,
        port: int = DEFAULT_PORT,
        key: str | None = None,
        environ: MutableMapping[str, str] = os.environ,
    ) -> None:
        self._app_dir, self._state = app_dir.resolve(), state.resolve()
        self._port, self._given_key, self._environ = port, key, environ
        self._lock = FileLock(self._state / "lock")
        self._key: HostKey | None = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stop: Callable[[float], None] | None = None
        self._ended: Future[int] = Future()

    @property
    def url(self) -> str:
        """Where the host listens, without a slash at the end."""
        if self._socket is None:
            raise HostError("the host has not started")
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def key(self) -> str:
        """The key that every route wants whose auth level is not anonymous."""
        return self._found_key.value

    @property
    def key_words(self) -> str:
        """Which key it is, in words for a person."""
        return self._found_key.words

    @property
    def _found_key(self) -> HostKey:
        if self._key is None:
            raise HostError("the host has not started")
        return self._key

    def start(self) -> None:
        """Index the app, restore the state, listen; returns when requests are answered.

        Raises:
            StartError: the app or its settings are wrong, the port or the state directory is in use.
        """
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_state()
        try:
            settings = read_settings(self._app_dir, self._environ)
            self._environ.update(settings.app)
            self._key = find_key(self._given_key, self._environ, self._state)
            self._socket = _listen(self._port)
            self._run(settings)
        except BaseException:
            self._release()
            raise

    def stop(self, grace: float = 5.0) -> int:
        """Take no more work, let running calls end for `grace` seconds, store, end.

        Returns:
            How many calls were still running; their work is delivered again at the next start.
        """
        if self._thread is None or self._stop is None:
            return 0
        with suppress(RuntimeError):  # the loop has ended on its own
            self._stop(grace)
        self._thread.join()
        return self.wait()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the host to end; returns how many calls were still running.

        Raises:
            HostError: the host ended because it could not go on.
            TimeoutError: it has not ended.
        """
        return self._ended.result(timeout)

    def on_end(self, call: Callable[[], None]) -> None:
        """Call, on another thread, when the host has ended for whatever reason."""
        self._ended.add_done_callback(lambda _: call())

    def _run(self, settings: HostSettings) -> None:
        """Start the thread of the event loop and wait until it serves."""
        ready: Future[Callable[[float], None]] = Future()
        serving = Serving(
            app_dir=self._app_dir,
            state=self._state,
            settings=settings,
            key=self._found_key,
            listener=self._listener,
            url=self.url,
            token=secrets.token_urlsafe(32),
            now=now,
        )
        self._environ.update(serving.environment())
        self._thread = threading.Thread(target=self._main, args=(serving, ready), name="devhost")
        self._thread.start()
        try:
            self._stop = ready.result(_START_TIMEOUT)
        except TimeoutError:
            raise StartError(f"the app was not indexed within {_START_TIMEOUT:g} s") from None

    @property
    def _listener(self) -> socket.socket:
        if self._socket is None:
            raise HostError("the host has not started")
        return self._socket

    def _main(self, serving: Serving, ready: Future[Callable[[float], None]]) -> None:
        def started(stop: Callable[[float], None]) -> None:
            facts = {"url": self.url, "pid": os.getpid(), **serving.hub_facts()}
            write_private(self._state / STATE_FILE, json.dumps(facts) + "\n")
            ready.set_result(stop)

        try:
            left = asyncio.run(serving.run(started))
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits
            if not ready.done():
                ready.set_exception(error)
            self._release()
            self._ended.set_exception(error)
            return
        self._release()
        self._ended.set_result(left)

    def _take_state(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StartError(f"{self._state} is in use by another host") from None

    def _release(self) -> None:
        (self._state / STATE_FILE).unlink(missing_ok=True)
        if self._socket is not None:
            self._socket.close()
        self._lock.release()


def _listen(port: int) -> socket.socket:
    """Listen on 127.0.0.1 alone."""
    # asyncio only switches Nagle's algorithm off, which costs 40 ms a response, on sockets that say
    # they are TCP; what is accepted says what the listener says.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"port {port} of 127.0.0.1 cannot be used ({error.strerror}): choose another, or 0"
        ) from error
    return listener
