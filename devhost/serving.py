"""What runs on the host's event loop while it serves.

Owns the parts — worker, hub, pump, HTTP, timers, queues — from the first to the last of them.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import uvicorn

from devhost.calls import Calls, client_binding
from devhost.durable import Limits, Pump
from devhost.front import application
from devhost.hub.backend import TaskHub
from devhost.hub.server import HubServer
from devhost.hub.store import Store
from devhost.keys import HostKey
from devhost.management import Management
from devhost.queues import Queue, QueueOptions, QueueUnavailable, open_queue
from devhost.settings import HostSettings
from devhost.timers import Timer, read_schedule
from devhost.worker import Trigger, Worker

log = logging.getLogger("devhost")

_THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
# Finished orchestrations are kept for status queries this long.
_RETENTION = timedelta(days=7)
_PURGE_EVERY = 3600.0


class _Server(uvicorn.Server):
    """Uvicorn without its signals, and telling when it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to whoever runs the host."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self._tell()


@dataclass(slots=True, kw_only=True)
class Serving:
    """One run of the host, from indexing the app to closing the hub."""

    app_dir: Path
    state: Path
    settings: HostSettings
    key: HostKey
    listener: socket.socket
    url: str
    token: str
    now: Callable[[], datetime]
    problems: list[str] = field(default_factory=list)
    _hub_server: HubServer | None = None

    def environment(self) -> Mapping[str, str]:
        """What the Functions host sets for its worker."""
        return {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "AzureWebJobsScriptRoot": str(self.app_dir),
            "WEBSITE_HOSTNAME": self.url.removeprefix("http://"),
            _THREADS: str(self._threads()),
        }

    def hub_facts(self) -> Mapping[str, str]:
        """How a durable client outside of the app reaches the hub."""
        address = self._hub_server.address if self._hub_server else ""
        return {"rpc": address, "token": self.token}

    async def run(self, started: Callable[[Callable[[float], None]], None]) -> int:
        """Serve until stopped. `started` gets a function that stops it, with the seconds of grace.

        Returns:
            How many calls were still running in the end.

        Raises:
            StartError: the app cannot be served.
            StateLostError: the hub could not write.
        """
        worker = await Worker.load(self.app_dir, self.settings)
        sources = _Sources(self._timers(worker), self._queues(worker))
        hub = TaskHub(Store(self.state / "hub.db"), self.now, bell := _Bell())
        try:
            return await self._run(worker, hub, bell, sources, started)
        finally:
            hub.close()

    async def _run(
        self,
        worker: Worker,
        hub: TaskHub,
        bell: "_Bell",
        sources: "_Sources",
        started: Callable[[Callable[[float], None]], None],
    ) -> int:
        self._hub_server = HubServer(hub, self.token)
        await self._hub_server.start()
        binding = client_binding(
            url=self.url, rpc=self._hub_server.address, token=self.token, code=self.key.durable
        )
        calls = Calls(worker, binding)
        pump = Pump(hub, worker, calls, self._limits())
        stopping: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        management = Management(worker, hub, calls, self.key, self.problems)
        app = application(management, self.settings)
        server = _Server(_uvicorn(app), lambda: started(_stopper(stopping)))
        bell.ring = lambda: _work(hub, pump, stopping)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([self.listener]))
            idle = [tasks.create_task(timer.run(calls)) for timer in sources.timers]
            idle.append(tasks.create_task(self._purge(hub)))
            idle += [tasks.create_task(queue.run(calls)) for queue in sources.queues]
            bell()
            grace = await stopping
            pump.stop()
            for queue in sources.queues:
                queue.stop()
            left = await calls.close(grace)
            server.should_exit = True
            for task in idle:
                task.cancel()
            await asyncio.gather(*(queue.close() for queue in sources.queues))
        await pump.close()
        await self._hub_server.stop()
        if hub.broken:
            raise hub.broken
        return left

    def _timers(self, worker: Worker) -> list[Timer]:
        directory = self.state / "timers"
        directory.mkdir(mode=0o700, exist_ok=True)
        return [
            Timer(function, read_schedule(function, self.settings), directory, self.now)
            for function in worker.of(Trigger.TIMER)
        ]

    def _queues(self, worker: Worker) -> list[Queue]:
        """The queue functions that have a connection; the others are told of, as in production."""
        found, options = [], QueueOptions.read(self.settings)
        for function in worker.of(Trigger.QUEUE):
            try:
                found.append(Queue(function, open_queue(function, self.settings), options))
            except QueueUnavailable as problem:
                log.error("%s; it will not be called", problem)  # noqa: TRY400 -- no defect
                self.problems.append(str(problem))
        return found

    def _threads(self) -> int:
        given = self.settings.app.get(_THREADS, "")
        limits = self._durable_limits()
        # HTTP, timer and queue functions need some as well.
        return int(given) if given.isdigit() else limits.activities + limits.orchestrations + 8

    def _durable_limits(self) -> Limits:
        number = self.settings.number
        orchestrations = number("durableTask", "maxConcurrentOrchestratorFunctions", default=16)
        return Limits(
            orchestrations=orchestrations,
            activities=number("durableTask", "maxConcurrentActivityFunctions", default=32),
            entities=number("durableTask", "maxConcurrentEntityFunctions", default=orchestrations),
        )

    def _limits(self) -> Limits:
        """The limits of host.json, with fewer activities than threads when the app sets those."""
        limits = self._durable_limits()
        most = max(1, self._threads() * 3 // 4)
        return Limits(
            orchestrations=limits.orchestrations,
            activities=min(limits.activities, most),
            entities=limits.entities,
        )

    async def _purge(self, hub: TaskHub) -> None:
        while True:
            await asyncio.to_thread(hub.purge_finished, self.now() - _RETENTION)
            await asyncio.sleep(_PURGE_EVERY)


@dataclass(frozen=True, slots=True)
class _Sources:
    """What calls functions on its own."""

    timers: list[Timer]
    queues: list[Queue]


class _Bell:
    """Rings on the loop, once for any number of calls from any thread in the meantime."""

    def __init__(self) -> None:
        self.ring: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._pending = False

    def __call__(self) -> None:
        if not self._pending:
            self._pending = True
            with suppress(RuntimeError):  # the loop is closed: there is nobody left to ring for
                self._loop.call_soon_threadsafe(self._now)

    def _now(self) -> None:
        self._pending = False
        self.ring()


def _work(hub: TaskHub, pump: Pump, stopping: asyncio.Future[float]) -> None:
    if hub.broken:
        log.error("%s; the host stops", hub.broken)
        if not stopping.done():
            stopping.set_result(0.0)
    pump.drain()


def _stopper(stopping: asyncio.Future[float]) -> Callable[[float], None]:
    def settle(grace: float) -> None:
        if not stopping.done():
            stopping.set_result(grace)

    return lambda grace: _settle_on(stopping, settle, grace)


def _settle_on(
    stopping: asyncio.Future[float], settle: Callable[[float], None], grace: float
) -> None:
    stopping.get_loop().call_soon_threadsafe(settle, grace)


def _uvicorn(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # any ASGI application
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
