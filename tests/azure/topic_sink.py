"""A topic of Event Grid and an identity endpoint on this machine, for the real SDKs to talk to."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simulator.tls import make_certificates

TOKEN = "token-of-the-app"
PATH = "/api/events"


@dataclass
class Sink:
    """What arrived: one list of events a request, with its headers. ``answers`` come first, then 200."""

    endpoint: str = ""
    ca_bundle: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[dict[str, str], list[dict[str, Any]]]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    audiences: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All of them, in order of arrival."""
        return [event for _, events in self.requests for event in events]


@contextmanager
def opened(folder: Path) -> Iterator[Sink]:
    """A sink behind TLS with a CA of its own, and an identity endpoint over plain http as in Azure."""
    sink = Sink()
    bundle, chain, key = make_certificates(folder / "tls", datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    topic = ThreadingHTTPServer(("127.0.0.1", 0), _topic(sink))
    topic.socket = context.wrap_socket(topic.socket, server_side=True)
    identity = ThreadingHTTPServer(("127.0.0.1", 0), _identity(sink))
    for server in (topic, identity):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sink.endpoint = f"https://127.0.0.1:{topic.server_address[1]}{PATH}"
    sink.ca_bundle = str(bundle)
    sink.environ = {
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{identity.server_address[1]}/msi/token",
        "IDENTITY_HEADER": "header-of-this-machine",
    }
    try:
        yield sink
    finally:
        for server in (topic, identity):
            server.shutdown()
            server.server_close()


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing to say."""

    def answer(self, status: int, body: object) -> None:
        """Answer with JSON."""
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _topic(sink: Sink) -> type[_Quiet]:
    class Topic(_Quiet):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            status = sink.answers.pop(0) if sink.answers else 200
            if urlsplit(self.path).path != PATH:
                status = 404
            elif self.headers["Authorization"] != f"Bearer {TOKEN}":
                status = 401
            if status == 200:
                sink.requests.append((dict(self.headers), json.loads(raw)))
            self.answer(status, {})

    return Topic


def _identity(sink: Sink) -> type[_Quiet]:
    class Identity(_Quiet):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            sink.audiences.append(asked["resource"][0])
            expires = int(datetime.now(UTC).timestamp()) + 3600
            told = {"access_token": TOKEN, "expires_on": str(expires), "token_type": "Bearer"}
            self.answer(200, {**told, "resource": asked["resource"][0]})

    return Identity
