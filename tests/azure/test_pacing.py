from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

from shared.azure.pacing import Pacing
from shared.model.actual import Found, Question, Read, Unreadable
from shared.model.progress import Refused, Retry, Waiting
from shared.model.resource_id import ResourceId
from shared.model.step import PutResource
from tests.azure.wires import NOON, Canned, over_canned, shown

ONE = "00000000-0000-0000-0000-000000000001"
TWO = "00000000-0000-0000-0000-000000000002"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def step(subscription: str) -> PutResource:
    text = f"/subscriptions/{subscription}/resourceGroups/g/providers"
    return PutResource(ResourceId.parse(f"{text}/Microsoft.Network/privateEndpoints/pe"), {})


def test_a_subscription_is_held_until_its_time_has_passed() -> None:
    clock = Clock()
    pacing = Pacing(clock)
    pacing.hold(ONE, 30)
    assert (pacing.left(ONE.upper()), pacing.left(TWO)) == (30, 0)
    clock.advance(29)
    assert pacing.left(ONE) == 1
    clock.advance(1)
    assert pacing.left(ONE) == 0


def test_a_shorter_hold_does_not_shorten_a_longer_one() -> None:
    pacing = Pacing(Clock())
    pacing.hold(ONE, 30)
    pacing.hold(ONE, 5)
    assert pacing.left(ONE) == 30


def test_the_longest_of_many_holds_stays_whoever_comes_first() -> None:
    pacing = Pacing(Clock())
    threads = [threading.Thread(target=pacing.hold, args=(ONE, s)) for s in range(1, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pacing.left(ONE) == 59


def test_a_throttled_call_holds_everything_in_its_subscription_and_nothing_else() -> None:
    canned, clock = Canned(), Clock()
    azure = over_canned(canned, clock)
    error = {"error": {"code": "SubscriptionRequestsThrottled", "message": "m"}}
    canned.rule("PUT", ONE, (429, error, {"Retry-After": "30"}), (200, {}))
    canned.rule("PUT", TWO, (200, {}))
    first = azure.start(step(ONE))
    assert isinstance(first, Retry)
    assert first.after == 30
    clock.advance(10)
    held = azure.start(step(ONE))
    assert isinstance(held, Retry)
    assert held.after == 20
    waiting = azure.look(step(ONE), {"url": "https://x", "kind": "operation", "since": ""})
    assert isinstance(waiting, Waiting)
    assert waiting.after == 20
    read = Read(Question.GET, step(ONE).resource)
    unread = azure.read([read])[read]
    assert isinstance(unread, Unreadable)
    assert (unread.code, unread.retry_after) == ("Throttled", 20)
    assert azure.calls.count == 1
    assert azure.start(step(TWO)).kind == "Done"
    clock.advance(20)
    assert azure.start(step(ONE)).kind == "Done"
    assert azure.calls.count == 3


def test_a_provider_that_throttles_holds_no_other_provider() -> None:
    canned = Canned()
    azure = over_canned(canned)
    error = {"error": {"code": "TooManyRequests", "message": "m"}}
    canned.rule("GET", "Microsoft.KeyVault", (429, error, {"Retry-After": "30"}))
    group = ResourceId.parse(f"/subscriptions/{ONE}/resourceGroups/g")
    sick = Read(Question.GET, group.extension("Microsoft.KeyVault/vaults", "a"))
    held = Read(Question.GET, group.extension("Microsoft.KeyVault/vaults", "b"))
    well = Read(Question.GET, group.extension("Microsoft.Storage/storageAccounts", "a"))
    locks = Read(Question.LOCKS, group)
    canned.rule("GET", "storageAccounts", (200, shown(well.resource)))
    canned.rule("GET", ".*", (200, {"value": []}))
    assert isinstance(azure.read([sick])[sick], Unreadable)
    given = azure.read([held, well, locks])
    assert isinstance(given[held], Unreadable)
    assert isinstance(given[well], Found)
    assert isinstance(given[locks], Found)
    assert not [each for each in canned.asked if "/vaults/b" in str(each.url)]


def test_a_busy_resource_holds_nobody() -> None:
    canned = Canned()
    azure = over_canned(canned)
    error = {"error": {"code": "RetryableErrorDueToAnotherOperation", "message": "m"}}
    canned.rule("PUT", ".*", (429, error, {"Retry-After": "30"}))
    azure.start(step(ONE))
    azure.start(step(ONE))
    assert azure.calls.count == 2


def test_nothing_sleeps_whatever_azure_asks() -> None:
    canned = Canned()
    azure = over_canned(canned)
    error = {"error": {"code": "ServiceUnavailable", "message": "m"}}
    canned.rule("GET", ".*", (503, error, {"Retry-After": "3600"}))
    canned.rule("PUT", ".*", (503, error, {"Retry-After": "3600"}))
    began = time.monotonic()
    assert isinstance(azure.start(step(ONE)), Retry)
    token = {"url": "https://management.azure.com/x", "kind": "operation", "since": ""}
    assert isinstance(azure.look(step(ONE), token), Waiting)
    azure.read([Read(Question.GET, step(ONE).resource)])
    assert time.monotonic() - began < 20
    assert azure.calls.count == 3


def test_an_unreadable_token_is_not_carried_out() -> None:
    progress = over_canned(Canned()).look(step(ONE), {"url": "", "kind": "operation", "since": ""})
    assert isinstance(progress, Refused)
