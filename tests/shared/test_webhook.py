"""The webhook's whole call has a deadline, and nothing that it fails with shows its URL. Real sockets."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator

import pytest

from devhost.child import wait_until
from shared.webhook import Webhook
from shared.workflow.services import NotToldError, RefusedError
from tests.neighbours import Neighbour, neighbour

SECRETS = ("user-7a1c", "word-8b2d", "path-9c3e", "query-0d4f")


@pytest.fixture
def hook() -> Iterator[Neighbour]:
    with neighbour() as made:
        yield made


def webhook(hook: Neighbour, seconds: float = 5.0) -> Webhook:
    user, word, path, query = SECRETS
    return Webhook(f"http://{user}:{word}@127.0.0.1:{hook.port}/{path}?sig={query}", seconds)


def own_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "relink-deadline"]


def test_a_message_is_posted_as_json(hook: Neighbour) -> None:
    webhook(hook).tell({"run": "run-1", "half a pair": "\ud83d"})
    (request,) = hook.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /path-9c3e?sig=query-0d4f HTTP/1.1\r\n")
    assert b"application/json" in head
    assert json.loads(body) == {"run": "run-1", "half a pair": "\ud83d"}


@pytest.mark.parametrize("mood", ["hang", "drip"])
def test_a_call_ends_at_its_deadline_and_leaves_no_thread(hook: Neighbour, mood: str) -> None:
    hook.mood = mood
    began = time.monotonic()
    with pytest.raises(
        NotToldError,
        match=r"^the notification webhook at 127\.0\.0\.1 failed: no answer within 1 s$",
    ):
        webhook(hook, 1.0).tell({})
    assert 1.0 <= time.monotonic() - began < 20
    wait_until(lambda: not own_threads())


@pytest.mark.parametrize("status", [400, 405, 409, 413, 415, 422])
def test_a_message_that_is_refused_is_not_sent_again(hook: Neighbour, status: int) -> None:
    hook.mood = str(status)
    with pytest.raises(RefusedError, match=f"refused it: {status}$"):
        webhook(hook).tell({})


@pytest.mark.parametrize("status", [302, 401, 403, 404, 408, 410, 429, 500, 503])
def test_what_is_about_the_webhook_or_about_now_is_tried_again(
    hook: Neighbour, status: int
) -> None:
    hook.mood = str(status)
    with pytest.raises(NotToldError, match=f"failed: {status}$"):
        webhook(hook).tell({})


@pytest.mark.parametrize("mood", ["well", "400", "503", "hang"])
def test_no_part_of_the_url_is_in_an_error_or_in_any_log(
    hook: Neighbour, mood: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook.mood = mood
    said = ""
    with caplog.at_level(logging.DEBUG):
        try:
            webhook(hook, 0.5).tell({})
        except (NotToldError, RefusedError) as error:
            said = f"{error!r} {error.__cause__!r} {error.__traceback__}"
    assert not [secret for secret in SECRETS if secret in caplog.text + said]


def test_nobody_there_is_told_by_its_kind() -> None:
    with pytest.raises(NotToldError, match=r"failed: ConnectError$"):
        Webhook("http://127.0.0.1:9/hook").tell({})
