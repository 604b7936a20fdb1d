"""The real azure-eventgrid, with the real azure-identity, over TLS to a topic on this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken
from azure.identity import CredentialUnavailableError

from shared.azure.topic import Topic, TopicError
from shared.composition import compose
from shared.ledger import Fact
from shared.workflow.announcing import enter, ledger_of
from shared.workflow.outbox import deliver_all
from shared.workflow.services import NotToldError, Services
from simulator.tls import make_certificates
from tests.azure.topic_sink import TOKEN, Sink, opened
from tests.core.builders import ENDPOINT, NOW, rid, tiny
from tests.workflow.stages import broken
from tests.workflow.world import World, wish

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": Fact.REPAIRED.value,
    "time": NOW.isoformat(),
    "subject": "x",
    "data": {},
}


class Known:
    """An identity that the sink knows."""

    def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken(TOKEN, int(datetime.now(UTC).timestamp()) + 3600)


class Unavailable:
    """No identity at all."""

    def get_token(self, *_: str, **__: object) -> AccessToken:
        raise CredentialUnavailableError("nobody")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with opened(tmp_path) as sink:
        yield sink


@pytest.fixture
def composed(sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Services as the app puts them together from its settings."""
    for name, value in sink.environ.items():
        monkeypatch.setenv(name, value)
    environ = {
        "RELINK_ENVIRONMENTS": (tmp_path / "environments").as_uri(),
        "RELINK_RECORDS": (tmp_path / "composed").as_uri(),
        "RELINK_EVENT_TOPIC": sink.endpoint,
        "RELINK_CA_BUNDLE": sink.ca_bundle,
    }
    return compose(environ, (tiny(),), clock=lambda: NOW)


@pytest.fixture
def stage(composed: Services, tmp_path: Path) -> World:
    """A world with one drift whose runs speak to the topic."""
    made = broken(tmp_path)
    made.services = replace(made.services, publish=composed.publish)
    return made


def test_a_repair_is_heard_as_cloud_events_by_the_topic(stage: World, sink: Sink) -> None:
    stage.run(wish("run-1"))
    assert [event["type"] for event in sink.events] == ["Relink.DriftFound", "Relink.Repaired"]
    found, repaired = sink.events
    assert repaired["data"] == {
        "environment": "prod",
        "run": "run-1",
        "reason": "EndpointMissing",
        "resource": str(rid(ENDPOINT)),
        "outcome": "Repaired",
        "why": "",
    }
    for event in (found, repaired):
        assert event["specversion"] == "1.0"
        assert event["source"] == "/relink/environments/prod"
        assert event["subject"] == str(rid(ENDPOINT))
        assert event["time"].startswith(f"{NOW:%Y-%m-%dT%H:}")
    assert found["id"] != repaired["id"]


def test_the_app_comes_with_its_identity_and_a_batch(stage: World, sink: Sink) -> None:
    stage.run(wish("run-1"))
    headers, _ = sink.requests[0]
    assert headers["Content-Type"].startswith("application/cloudevents-batch+json")
    assert sink.audiences == ["https://eventgrid.azure.net"]


def test_drift_is_kept_for_telling_before_anything_is_done_about_it(stage: World) -> None:
    known: list[list[str]] = []
    stage.azure.on_start = lambda _step: known.append(
        [event["type"] for event in ledger_of(stage.services, "prod").owed]
    )
    stage.run(wish("run-1"))
    assert known[0] == ["Relink.DriftFound"]


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_topic_that_refuses_fails_no_run_and_is_told_with_the_next(
    stage: World, sink: Sink, status: int
) -> None:
    sink.answers = [status]
    assert stage.run(wish("run-1"))["outcome"] == "Repaired"
    assert sink.events == []
    assert stage.run(wish("run-2"))["outcome"] == "InSync"
    assert [event["type"] for event in sink.events] == ["Relink.DriftFound", "Relink.Repaired"]
    assert {event["data"]["run"] for event in sink.events} == {"run-1"}


def test_a_topic_in_trouble_is_an_error_that_names_its_host(composed: Services, sink: Sink) -> None:
    assert composed.publish is not None
    sink.answers = [500]
    with pytest.raises(NotToldError, match=r"the topic 127\.0\.0\.1:\d+ refused: 500"):
        composed.publish([EVENT])


def test_a_certificate_of_somebody_else_is_not_trusted(sink: Sink, tmp_path: Path) -> None:
    foreign, _, _ = make_certificates(tmp_path / "foreign", datetime.now(UTC))
    topic = Topic(sink.endpoint, Known(), str(foreign))
    with pytest.raises(TopicError, match=r"cannot be reached: ServiceRequestError"):
        topic.publish([EVENT])
    assert sink.requests == []


def test_a_missing_identity_is_told_by_its_kind(sink: Sink) -> None:
    with pytest.raises(TopicError, match=r"refused: CredentialUnavailableError"):
        Topic(sink.endpoint, Unavailable(), sink.ca_bundle).publish([EVENT])


def test_an_event_that_the_topic_cannot_read_takes_none_of_the_others_along(
    stage: World, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.answers = [400, 400]  # both together; then the first by itself
    stage.run(wish("run-1"))
    assert [event["type"] for event in sink.events] == ["Relink.Repaired"]
    assert "of Relink.DriftFound is dropped" in caplog.text
    assert ledger_of(stage.services, "prod").dropped == 1


def test_many_events_go_out_in_several_requests(stage: World, sink: Sink) -> None:
    owed = tuple({**EVENT, "id": str(number)} for number in range(120))
    enter(stage.services, "prod", lambda ledger: replace(ledger, owed=owed))
    deliver_all(stage.services, "prod")
    assert [len(events) for _, events in sink.requests] == [50, 50, 20]
    assert [event["id"] for event in sink.events] == [str(number) for number in range(120)]


def test_the_sdk_complains_of_none_of_our_options(
    stage: World, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        stage.run(wish("run-1"))
    assert sink.events
    assert "not a known attribute" not in caplog.text
