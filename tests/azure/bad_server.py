"""A server on loopback that answers badly: what it does with a connection is the test's to say."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

type Feed = Callable[[socket.socket, threading.Event], None]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def answer(body: bytes, status: int = 200, *headers: bytes) -> bytes:
    """A whole answer with ``body``; the connection is not used again, as it is closed then."""
    lines = [b"HTTP/1.1 %d X" % status, b"Content-Type: application/json", b"Connection: close"]
    lines += headers
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


def says(whole: bytes) -> Feed:
    """Answer ``whole`` to one request and close."""
    return lambda peer, _: peer.sendall(whole)


def hangs(_: socket.socket, over: threading.Event) -> None:
    """Take the request and say nothing."""
    over.wait(60)


def drips(start: bytes, drop: bytes = b" ") -> Feed:
    """Send ``start``, then ``drop`` after ``drop`` with no end, faster than any read times out."""

    def feed(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(start)
        while not over.wait(0.05):
            peer.sendall(drop)

    return feed


@dataclass(slots=True)
class Bad:
    """Where it listens, and how many connections it has taken."""

    port: int
    over: threading.Event = field(default_factory=threading.Event)
    taken: int = 0


@contextmanager
def serving(feed: Feed, chain: tuple[Path, Path] | None = None) -> Iterator[Bad]:
    """Serve ``feed``; over TLS with the certificate ``chain`` and its key."""
    context = None
    if chain is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*chain)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bad, threads = Bad(listener.getsockname()[1]), []

        def one(peer: socket.socket) -> None:
            try:
                with context.wrap_socket(peer, server_side=True) if context else peer as wire:
                    wire.settimeout(10)
                    wire.recv(65536)
                    feed(wire, bad.over)
            except OSError:
                pass  # the other side left, as it should

        def accept() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                bad.taken += 1
                threads.append(threading.Thread(target=one, args=(peer,)))
                threads[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield bad
        finally:
            bad.over.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(10)
            for thread in threads:
                thread.join(20)
