"""Whatever a server does on its socket, an exchange ends in time and takes a bounded amount."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest

from shared.azure.calls import CallLog
from shared.azure.clients import Clients
from shared.azure.config import ArmConfig
from shared.azure.deadline import left, within
from shared.azure.errors import Terminal, Transient
from shared.azure.questions import observe
from shared.azure.transport import BoundedTransport
from shared.model.actual import Question, Read, Unreadable
from shared.model.resource_id import ResourceId
from simulator.tls import make_certificates
from tests.azure.bad_server import HEAD, Feed, answer, drips, hangs, says, serving
from tests.azure.wires import NOON, Token

STORAGE = ResourceId.parse(
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers"
    "/Microsoft.Storage/storageAccounts/s"
)
SLOW = [
    pytest.param(hangs, id="hangs"),
    pytest.param(drips(HEAD + b"Content-Length: 100000\r\n\r\n"), id="body"),
    pytest.param(drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"), id="chunks"),
    pytest.param(drips(HEAD + b"X-Long: ", b"x"), id="header"),
    pytest.param(drips(b"HTTP/1.1 200 ", b"O"), id="status"),
]


@pytest.fixture
def bounded() -> Iterator[BoundedTransport]:
    with BoundedTransport(seconds=1, most_bytes=1_000_000) as transport:
        yield transport


def get(transport: BoundedTransport, port: int, **options: bool) -> bytes:
    sent = transport.send(HttpRequest("GET", f"http://127.0.0.1:{port}/"), **options)
    content: bytes = sent.read()
    return content


@pytest.mark.parametrize("feed", SLOW)
@pytest.mark.parametrize("stream", [False, True])
def test_an_exchange_ends_however_its_bytes_come(
    bounded: BoundedTransport, feed: Feed, *, stream: bool
) -> None:
    with serving(feed) as bad:
        began = time.monotonic()
        with pytest.raises(AzureError):
            get(bounded, bad.port, stream=stream)
        assert 0.9 < time.monotonic() - began < 20


@pytest.mark.parametrize("feed", SLOW)
def test_a_question_to_an_arm_that_drips_ends_over_tls_as_well(tmp_path: Path, feed: Feed) -> None:
    bundle, chain, key = make_certificates(tmp_path, datetime.now(UTC))
    with (
        serving(feed, (chain, key)) as bad,
        BoundedTransport(seconds=1, verify=str(bundle)) as wire,
    ):
        config = ArmConfig.of("public", f"https://127.0.0.1:{bad.port}", str(bundle))
        clients = Clients(config, Token(lambda: "t"), CallLog(), wire)
        began = time.monotonic()
        with pytest.raises(Transient) as raised:
            observe(clients, Read(Question.GET, STORAGE), lambda: NOON)
        assert time.monotonic() - began < 20
    assert raised.value.code == "ConnectionFailed"


def test_a_list_has_one_end_for_all_its_pages(tmp_path: Path) -> None:
    """Each page names another one: without an end it would be turned two hundred times."""
    bundle, chain, key = make_certificates(tmp_path, datetime.now(UTC))
    pages: list[int] = []

    def feed(peer: object, over: object) -> None:
        pages.append(1)
        over.wait(0.3)  # type: ignore[attr-defined]
        link = f"https://127.0.0.1:{port}/next?page={len(pages)}"
        peer.sendall(answer(f'{{"value": [], "nextLink": "{link}"}}'.encode()))  # type: ignore[attr-defined]

    with serving(feed, (chain, key)) as bad, BoundedTransport(verify=str(bundle)) as wire:
        port = bad.port
        config = ArmConfig.of("public", f"https://127.0.0.1:{port}", str(bundle))
        clients = Clients(config, Token(lambda: "t"), CallLog(), wire)
        began = time.monotonic()
        with within(1.5), pytest.raises(Transient):
            observe(clients, Read(Question.PERMISSIONS, STORAGE), lambda: NOON)
        assert time.monotonic() - began < 20
    assert 1 <= len(pages) < 20


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_body_unpacks_to_is_bounded(bounded: BoundedTransport, *, stream: bool) -> None:
    bomb = answer(gzip.compress(b"x" * 50_000_000), 200, b"Content-Encoding: gzip")
    with serving(says(bomb)) as bad, pytest.raises(Terminal) as raised:
        get(bounded, bad.port, stream=stream)
    assert raised.value.why == "AnswerTooLarge"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_comes_in_time_is_whole(bounded: BoundedTransport, *, stream: bool) -> None:
    packed = answer(gzip.compress(b'{"a": 1}'), 200, b"Content-Encoding: gzip")
    with serving(says(packed)) as bad:
        assert get(bounded, bad.port, stream=stream) == b'{"a": 1}'
        assert get(bounded, bad.port, stream=stream) == b'{"a": 1}'


def test_time_is_what_is_left_of_the_shortest() -> None:
    assert left() > 1e9
    with within(50):
        with within(500):
            assert 0 < left() <= 50
        with within(5):
            assert 0 < left() <= 5
        assert 5 < left() <= 50


def test_nothing_is_sent_once_the_time_is_over(bounded: BoundedTransport) -> None:
    with serving(hangs) as bad, within(0), pytest.raises(AzureError):
        get(bounded, bad.port)
    assert bad.taken == 0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 200_000, id="depth-bomb"),
        pytest.param(b'{"a":' * 100_000, id="object-bomb"),
        pytest.param(b"\xff\xfe\x00", id="no-text"),
        pytest.param(b"9" * 5000, id="long-number"),
        pytest.param(b"<html>", id="html"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_that_is_nonsense_is_unreadable(tmp_path: Path, body: bytes, status: int) -> None:
    bundle, chain, key = make_certificates(tmp_path, datetime.now(UTC))
    with (
        serving(says(answer(body, status)), (chain, key)) as bad,
        BoundedTransport(verify=str(bundle)) as wire,
    ):
        config = ArmConfig.of("public", f"https://127.0.0.1:{bad.port}", str(bundle))
        clients = Clients(config, Token(lambda: "t"), CallLog(), wire)
        for question in (Question.GET, Question.LOCKS, Question.PERMISSIONS):
            seen = observe(clients, Read(question, STORAGE), lambda: NOON)
            assert isinstance(seen, Unreadable), seen
