"""A neighbour on this machine that is called over http and behaves well, badly or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

STATUSES = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 403: "Forbidden"}


@dataclass
class Neighbour:
    """``mood`` may change: ``well``, a status, ``hang``, ``drip`` (a byte of the head every half second)."""

    mood: str = "well"
    port: int = 0
    answer: str = ""
    """Headers of its answers."""
    requests: list[bytes] = field(default_factory=list)
    hits: int = 0
    gone: threading.Event = field(default_factory=threading.Event)
    open: list[socket.socket] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        """Take calls until the listener is closed."""
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                self.hits += 1
                self.open.append(peer)
                threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer: socket.socket) -> None:
        with suppress(OSError):
            if self.mood == "hang":
                return
            self.requests.append(_request(peer))
            if self.mood == "drip":
                self._drip(peer)
            status = int(self.mood) if self.mood.isdigit() else 200
            head = (
                f"HTTP/1.1 {status} {STATUSES.get(status, 'Whatever')}\r\nContent-Length: 0\r\n\r\n"
            )
            peer.sendall(head.encode())
            peer.close()

    def _drip(self, peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        while not self.gone.wait(0.5):
            peer.sendall(b"x")


def _request(peer: socket.socket) -> bytes:
    """A whole request, head and body."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += _some(peer)
    head, _, body = read.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(x.split(b":")[1]) for x in lines if x.startswith(b"content-length:")), 0)
    while len(body) < length:
        more = _some(peer)
        read, body = read + more, body + more
    return read


def _some(peer: socket.socket) -> bytes:
    if not (some := peer.recv(65536)):
        raise ConnectionResetError
    return some


@contextmanager
def neighbour(mood: str = "well") -> Iterator[Neighbour]:
    """A neighbour on a free port of 127.0.0.1, gone at the end with every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Neighbour(mood, listener.getsockname()[1])
        thread = threading.Thread(target=made.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.gone.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for peer in made.open:
                peer.close()
