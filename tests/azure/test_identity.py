"""Who hands out tokens may hang, drip, refuse or talk nonsense: it costs seconds and one line."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import ManagedIdentityCredential

from shared.azure.config import ArmConfig
from shared.azure.credentials import ASSIGN, SIGN_IN, credential
from shared.azure.errors import Terminal, Transient, read_error
from shared.azure.identity import OPTIONS, Identity, IdentityUnreachableError, IdentityWire
from tests.azure.bad_server import HEAD, Bad, Feed, answer, drips, hangs, says, serving

SCOPE = "https://management.azure.com/.default"
TOKEN = (
    b'{"access_token": "t", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}'
)


@contextmanager
def asking(
    feed: Feed, monkeypatch: pytest.MonkeyPatch, *, peace: float = 60
) -> Iterator[tuple[Identity, Bad]]:
    """A managed identity whose endpoint is ``feed``."""
    with serving(feed) as bad:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{bad.port}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "h")
        wire = IdentityWire(seconds=1)
        managed = ManagedIdentityCredential(transport=wire, **OPTIONS)
        identity = Identity(managed, wire, ASSIGN, seconds=1, peace=peace)
        yield identity, bad
        identity.close()


@pytest.mark.parametrize(
    "feed",
    [
        pytest.param(hangs, id="hangs"),
        pytest.param(drips(HEAD + b"Content-Length: 100000\r\n\r\n"), id="drips"),
        pytest.param(says(answer(b"<x>", 500)), id="500"),
        pytest.param(says(answer(b"{}", 429, b"Retry-After: 3600")), id="come-back-in-an-hour"),
        pytest.param(says(b""), id="closes"),
        pytest.param(says(answer(b"[]")), id="list"),
        pytest.param(says(answer(b"[" * 200_000)), id="depth-bomb"),
        pytest.param(says(answer(b'{"access_token": 5, "expires_on": "nan"}')), id="odd-times"),
    ],
)
def test_an_endpoint_that_gives_no_token_now_may_give_one_later(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with asking(feed, monkeypatch) as (identity, _):
        began = time.monotonic()
        with pytest.raises(IdentityUnreachableError) as raised:
            identity.get_token(SCOPE)
        assert time.monotonic() - began < 15
    meaning = read_error(raised.value)
    assert isinstance(meaning, Transient)
    assert meaning.code == "IdentityUnreachable"
    assert "\n" not in meaning.message


def test_a_failure_is_answered_from_memory_and_one_caller_at_a_time_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with asking(hangs, monkeypatch, peace=0) as (identity, bad):
        with pytest.raises(IdentityUnreachableError):
            identity.get_token(SCOPE)
        asked = bad.taken
        took: list[float] = []

        def ask() -> None:
            began = time.monotonic()
            with pytest.raises(AzureError):
                identity.get_token_info(SCOPE)
            took.append(time.monotonic() - began)

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert bad.taken - asked < 10
    assert sum(seconds > 0.5 for seconds in took) < 5, took


def test_a_failure_is_forgotten_once_a_token_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [b"", answer(TOKEN)]
    with asking(lambda peer, _: peer.sendall(answers.pop(0)), monkeypatch, peace=0) as (
        identity,
        _,
    ):
        with pytest.raises(IdentityUnreachableError):
            identity.get_token(SCOPE)
        assert identity.get_token(SCOPE).token == "t"
        assert identity.get_token_info(SCOPE).token == "t"


def test_what_msal_remembers_of_a_busy_endpoint_is_no_missing_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with asking(says(answer(b"{}", 503)), monkeypatch, peace=0) as (identity, bad):
        for _ in range(3):
            with pytest.raises(IdentityUnreachableError):
                identity.get_token(SCOPE)
        assert bad.taken == 1


def test_within_its_peace_a_failure_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with asking(says(answer(b"{}", 503)), monkeypatch) as (identity, bad):
        for _ in range(20):
            with pytest.raises(IdentityUnreachableError):
                identity.get_token(SCOPE)
        assert bad.taken == 1


def test_an_identity_that_is_not_there_says_in_a_line_what_to_do(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        asking(says(answer(b'{"message": "no such identity"}', 400)), monkeypatch) as (
            identity,
            _,
        ),
        pytest.raises(ClientAuthenticationError) as raised,
    ):
        identity.get_token(SCOPE)
    meaning = read_error(raised.value)
    assert isinstance(meaning, Terminal)
    assert (meaning.why, meaning.blocked, meaning.message) == ("Unauthenticated", True, ASSIGN)
    assert not caplog.records


def test_who_is_not_signed_in_is_told_so_in_a_line_and_in_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """azure-identity's own message lists every credential that it tried: 436 lines for one plan."""
    for name in ("IDENTITY_ENDPOINT", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    identity = credential(ArmConfig.of("public"))
    with pytest.raises(ClientAuthenticationError) as raised:
        identity.get_token(SCOPE)
    identity.close()
    assert str(raised.value) == SIGN_IN
    assert not caplog.records
