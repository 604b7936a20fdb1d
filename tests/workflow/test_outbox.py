"""What waits is delivered in order, at least once, and nothing stands in the way of anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.ledger import MOST_NOTICES
from shared.model.codec import dump
from shared.model.finding import Disposition
from shared.model.json import JsonObject
from shared.workflow.announcing import ledger_of
from shared.workflow.outbox import Delivery, Destination, deliver, waiting
from shared.workflow.services import NotToldError, RefusedError
from tests.core.builders import VAULT, finding, tiny
from tests.workflow.world import World, wish, world

WHYS = iter(range(10_000))


class Webhook:
    """Takes messages, but not those of some runs: for good, or until it is well again."""

    def __init__(self, *, refuses: str = "", away: bool = False) -> None:
        self.refuses, self.away = refuses, away
        self.heard: list[str] = []

    def __call__(self, message: JsonObject) -> None:
        if self.away:
            raise NotToldError("the webhook is away")
        if message["run"] == self.refuses:
            raise RefusedError("the webhook refused it: 400")
        self.heard.append(message["run"])


def troubled(tmp_path: Path, webhook: Webhook, **services: Any) -> World:  # noqa: ANN401 - any service
    """A world in which each run has something new for a person."""

    def stuck(*_: object) -> list[Any]:
        return [finding(VAULT, f"Gone{next(WHYS)}", Disposition.REPORT)]

    stage = world(tmp_path, [replace(tiny(), detect=stuck)])
    stage.services = replace(stage.services, notify=webhook, **services)
    return stage


def ended(stage: World, *runs: str) -> None:
    """Runs that end while nothing is delivered."""
    for run in runs:
        stage.engine().run("reconcile", dump(wish(run)), run)


def test_no_run_calls_the_webhook_or_the_topic(tmp_path: Path) -> None:
    webhook, heard = Webhook(), list[JsonObject]()
    stage = troubled(tmp_path, webhook, publish=heard.extend)
    ended(stage, "run-1")
    assert (webhook.heard, heard) == ([], [])
    assert waiting(ledger_of(stage.services, "prod")) == {"webhook": 1, "topic": 2}


def test_the_end_of_a_run_wakes_each_destination_that_something_waits_for(tmp_path: Path) -> None:
    stage = troubled(tmp_path, Webhook(), publish=lambda _events: None)
    engine = stage.engine()
    engine.run("reconcile", dump(wish("run-1")), "run-1")
    told = [
        (key, more["environment"], more["messages"])
        for key, word, more in engine.signals
        if word == "waiting"
    ]
    assert told == [("topic", "prod", 1), ("webhook", "prod", 1), ("topic", "prod", 2)]


def test_messages_go_out_in_their_order(tmp_path: Path) -> None:
    webhook = Webhook()
    stage = troubled(tmp_path, webhook)
    ended(stage, "run-1", "run-2", "run-3")
    stage.deliver()
    assert webhook.heard == ["run-1", "run-2", "run-3"]


def test_a_message_that_is_refused_for_good_stands_in_no_others_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = Webhook(refuses="run-1")
    stage = troubled(tmp_path, webhook)
    ended(stage, "run-1", "run-2")
    stage.deliver()
    assert webhook.heard == ["run-2"]
    assert "the notice of run run-1 is dropped: the webhook refused it: 400" in caplog.text
    assert ledger_of(stage.services, "prod").dropped == 1


def test_a_webhook_that_is_away_keeps_nothing_from_the_topic(tmp_path: Path) -> None:
    heard: list[JsonObject] = []
    stage = troubled(tmp_path, Webhook(away=True), publish=heard.extend)
    ended(stage, "run-1")
    stage.deliver()
    assert len(heard) == 2
    assert waiting(ledger_of(stage.services, "prod")) == {"webhook": 1}


def test_what_could_not_be_delivered_says_why_and_goes_out_later(tmp_path: Path) -> None:
    webhook = Webhook(away=True)
    stage = troubled(tmp_path, webhook)
    ended(stage, "run-1", "run-2")
    found = deliver(stage.services, Destination.WEBHOOK, "prod")
    assert found == Delivery(2, "the webhook is away")
    webhook.away = False
    stage.deliver()
    assert webhook.heard == ["run-1", "run-2"]


def test_a_defect_of_the_sender_ends_no_delivery(tmp_path: Path) -> None:
    def defect(_message: JsonObject) -> None:
        raise TypeError("a defect")

    stage = troubled(tmp_path, Webhook())
    stage.services = replace(stage.services, notify=defect)
    ended(stage, "run-1")
    assert deliver(stage.services, Destination.WEBHOOK, "prod") == Delivery(1, "TypeError")


def test_a_webhook_that_is_never_there_fills_no_store_and_what_is_dropped_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = Webhook(away=True)
    stage = troubled(tmp_path, webhook)
    ended(stage, *(f"run-{number}" for number in range(MOST_NOTICES + 2)))
    ledger = ledger_of(stage.services, "prod")
    assert (len(ledger.notices), ledger.dropped) == (MOST_NOTICES, 2)
    assert "1 messages about prod are dropped" in caplog.text
    webhook.away = False
    stage.deliver()
    assert webhook.heard == [f"run-{number + 2}" for number in range(MOST_NOTICES)]


def test_a_run_whose_record_is_gone_stands_in_no_others_way(tmp_path: Path) -> None:
    webhook = Webhook()
    stage = troubled(tmp_path, webhook)
    ended(stage, "run-1", "run-2")
    stage.records.documents.store.delete("runs/run-1.json")
    stage.deliver()
    assert webhook.heard == ["run-2"]


def test_what_a_run_enters_while_a_delivery_is_under_way_is_not_lost(tmp_path: Path) -> None:
    stage = troubled(tmp_path, Webhook())

    def meanwhile(_message: JsonObject) -> None:
        if stage.records.run("run-2") is None:
            ended(stage, "run-2")

    stage.services = replace(stage.services, notify=meanwhile)
    ended(stage, "run-1")
    assert deliver(stage.services, Destination.WEBHOOK, "prod") == Delivery(1)
    assert ledger_of(stage.services, "prod").notices == ("run-2",)
