"""Owns the sockets: ARM over https, identity endpoint and control API over http, all on loopback.

One thread runs both servers and advances the cloud every 50 ms, so that events leave when an operation ends and not
when somebody asks. It decides nothing about Azure.
"""

import asyncio
import contextlib
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as Incoming
from starlette.responses import Response as Outgoing
from starlette.routing import Route

from simulator.cloud import Cloud
from simulator.control import Control
from simulator.delivery.grid import EventGrid
from simulator.directory import RELINK
from simulator.identity import IdentityEndpoint
from simulator.tls import make_certificates
from simulator.wire import Request, Response

TICK = 0.05
START_TIMEOUT = 20.0
_METHODS = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"]


class Server:
    """Serves a cloud on 127.0.0.1; `exports` are the environment variables that lead clients here.

    Args:
        cloud: what is served.
        port: of ARM; 0 takes a free one. The identity endpoint always takes a free one.
        state_dir: where the CA and the keys go; a temporary folder when None.
        dead_letters: a folder that undeliverable events are written to.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        port: int = 0,
        state_dir: Path | None = None,
        dead_letters: Path | None = None,
    ) -> None:
        self.cloud = cloud
        self.exports: dict[str, str] = {}
        self.event_grid = EventGrid(cloud, dead_letters=dead_letters)
        self._port = port
        self._folder = state_dir or Path(tempfile.mkdtemp(prefix="simulator-"))
        self._thread: threading.Thread | None = None
        self._servers: list[uvicorn.Server] = []
        self._failure: BaseException | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start serving; returns when both ports answer. Raises RuntimeError when they do not."""
        now = self.cloud.context.clock.now()
        bundle, chain, key = make_certificates(self._folder, now)
        arm, control = _listen(self._port), _listen(0)
        self.cloud.context.endpoint = f"https://127.0.0.1:{arm.getsockname()[1]}"
        plain = f"http://127.0.0.1:{control.getsockname()[1]}"
        identity = IdentityEndpoint(self.cloud, secret=self.cloud.context.chance.hex(32))
        self.exports = {
            "RELINK_ARM_ENDPOINT": self.cloud.context.endpoint,
            "RELINK_CA_BUNDLE": str(bundle),
            "REQUESTS_CA_BUNDLE": str(bundle),
            "IDENTITY_ENDPOINT": f"{plain}/msi/token",
            "IDENTITY_HEADER": identity.secret,
            "AZURE_CLIENT_ID": RELINK.app_id,
            "RELINK_PRINCIPAL_ID": RELINK.object_id,
            "SIMULATOR_CONTROL": f"{plain}/control",
        }
        steering = Control(self.cloud, self.event_grid)
        front = _config(_application(self.cloud.handle), str(chain), str(key))
        back = _config(
            _application(lambda r: _foreign(r) or identity.answer(r) or steering.answer(r))
        )
        self._servers = [uvicorn.Server(front), uvicorn.Server(back)]
        self.event_grid.start()
        self._thread = threading.Thread(
            target=self._run, args=([arm], [control]), name="simulator", daemon=True
        )
        self._thread.start()
        self._await_start()

    def _await_start(self) -> None:
        waited = threading.Event()
        for _ in range(int(START_TIMEOUT / 0.02)):
            if all(server.started for server in self._servers):
                return
            if self._failure:
                break
            waited.wait(0.02)
        raise RuntimeError("the simulator did not start") from self._failure

    def stop(self) -> None:
        """Stop serving and delivering."""
        self._stopping.set()
        for server in self._servers:
            server.should_exit = True
        self.event_grid.stop()
        if self._thread:
            self._thread.join(timeout=10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, *sockets: list[socket.socket]) -> None:
        try:
            asyncio.run(self._serve(sockets))
        except BaseException as error:  # noqa: BLE001 - shown to who waits for the start
            self._failure = error

    async def _serve(self, sockets: tuple[list[socket.socket], ...]) -> None:
        for server in self._servers:
            server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        serving = [
            server.serve(sockets=mine) for server, mine in zip(self._servers, sockets, strict=True)
        ]
        ticking = asyncio.create_task(self._tick())
        await asyncio.gather(*serving)
        ticking.cancel()

    async def _tick(self) -> None:
        while not self._stopping.is_set():
            await asyncio.sleep(TICK)
            await run_in_threadpool(self.cloud.advance)


def _config(app: Starlette, chain: str | None = None, key: str | None = None) -> uvicorn.Config:
    """A server that leaves the logging of its process to whoever owns it."""
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        ssl_certfile=chain,
        ssl_keyfile=key,
    )


def _listen(port: int) -> socket.socket:
    # Named, so that asyncio sees TCP and switches Nagle's delay off.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _foreign(request: Request) -> Response | None:
    """Refuse what a web page sends under a name of its own that resolves to loopback."""
    host = (request.header("Host") or "").rsplit(":", 1)[0]
    known = host in ("127.0.0.1", "localhost")
    return None if known else Response(421, {}, b"this port answers to loopback names only")


def _application(answer: Callable[[Request], Response]) -> Starlette:
    async def everything(incoming: Incoming) -> Outgoing:
        body = await incoming.body()
        query = incoming.url.query
        path = incoming.scope.get("raw_path", b"").decode("latin-1").split("?")[0]
        url = f"{unquote(path)}?{query}" if query else unquote(path)
        request = Request(incoming.method, url, dict(incoming.headers), body)
        response = await run_in_threadpool(answer, request)
        return Outgoing(response.body, response.status, response.headers)

    endpoint: Callable[[Incoming], Awaitable[Outgoing]] = everything
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=_METHODS)])
