"""Whatever arrives: taken or counted, and never a reason to have it delivered again."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events import Ignored, MalformedEventError, read_event
from shared.triggers.events import parsed
from shared.triggers.intake import Intake
from tests.core.builders import CLUSTER, NOW
from tests.triggers.client import FakeClient, stored_json
from tests.triggers.test_intake import START, event, stage

LONE = "\ud800"
DEEP: Any = json.loads("[" * 5000 + "]" * 5000)

texts = st.text(st.characters(), max_size=40) | st.sampled_from(
    [LONE, "\x00", "a\udfffb", "x" * 9000]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)
values |= st.just(DEEP)


def paths(value: Any, so_far: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - JSON
    yield so_far
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*so_far, name))


WHOLE: dict[str, Any] = {
    **event(
        CLUSTER, START, claims={"appid": "x"}, authorization={"evidence": {"principalId": "p"}}
    ),
    "topic": "/",
    "deadLetterReason": "MaxDeliveryAttemptsExceeded",
}
PLACES = sorted(path for path in paths(WHOLE) if path)


def grafted(place: tuple[str, ...], value: object) -> dict[str, Any]:
    """An event of a cluster's start with anything in one place."""
    found = copy.deepcopy(WHOLE)
    inside = found
    for name in place[:-1]:
        inside = inside[name]
    inside[place[-1]] = value
    return found


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(PLACES), values)
def test_an_event_with_anything_anywhere_is_taken_or_counted(
    tmp_path: Path, place: tuple[str, ...], value: object
) -> None:
    intake = Intake(stage(tmp_path).services)
    records = intake.services.records
    before = sum(records.rejected_events().counts.values())
    raw = grafted(place, value)
    wishes = intake.take(raw)
    counted = sum(records.rejected_events().counts.values()) > before
    assert wishes or counted or of_no_concern(raw)
    for wish in wishes:
        assert stored_json(wish)  # it goes through the engine, and its record into the store
    records.debts("prod")
    assert records.set_aside() == ()


def of_no_concern(raw: dict[str, Any]) -> bool:
    """A kind of event, an operation or a resource that nobody watches."""
    try:
        change = read_event(raw)
    except MalformedEventError:
        return False
    return isinstance(change, Ignored) or (change.operation, change.resource.text) != (
        START,
        CLUSTER,
    )


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_a_message_of_anything_becomes_events(body: bytes) -> None:
    for raw in parsed(body):
        assert isinstance(raw, dict)


@pytest.mark.parametrize("field", ["id", "subject", "eventType", "eventTime"])
@pytest.mark.parametrize("text", [LONE, f"a{LONE}b", "\x00"], ids=["half", "inside", "nul"])
def test_text_that_fits_no_utf8_stops_nothing(tmp_path: Path, field: str, text: str) -> None:
    intake = Intake(stage(tmp_path).services)
    wishes = intake.take({**event(), field: text})
    assert wishes or field != "id"
    assert all(stored_json(wish) for wish in wishes)
    assert len(intake.take(event(id_="after"))) == 1


@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2014-12-31T23:59:59Z",
        (NOW + timedelta(days=1, seconds=1)).isoformat(),
    ],
)
def test_a_start_at_a_time_that_nobody_believes_is_a_hint_and_no_debt(
    tmp_path: Path, time: str
) -> None:
    """The look at everything reads the activity log, which knows when it really was."""
    intake = Intake(stage(tmp_path).services)
    (wish,) = intake.take({**event(CLUSTER, START), "eventTime": time})
    assert intake.services.records.debts("prod") == ()
    assert wish.resources is None
    assert wish.notices[0].at == NOW
    assert sum(intake.services.records.rejected_events().counts.values()) == 1


def test_a_start_within_a_day_ahead_is_believed(tmp_path: Path) -> None:
    intake = Intake(stage(tmp_path).services)
    at = NOW + timedelta(hours=23)
    intake.take({**event(CLUSTER, START), "eventTime": at.isoformat()})
    assert {debt.restart_at for debt in intake.services.records.debts("prod")} == {at}


def test_an_event_that_breaks_what_reads_it_is_counted_once(tmp_path: Path) -> None:
    intake = Intake(stage(tmp_path).services)

    class Broken:
        def concerned(self, _change: object) -> tuple[str, ...]:
            raise ZeroDivisionError

    intake._indexed = (intake.services.manifests.current().version, Broken())  # type: ignore[assignment]
    assert intake.take(event()) == ()
    assert intake.services.records.rejected_events().counts == {"event: ZeroDivisionError": 1}


async def test_a_trigger_whose_event_holds_half_a_character_reaches_the_queue(
    tmp_path: Path,
) -> None:
    from shared.triggers.events import take_in  # noqa: PLC0415 - beside what it is about

    client = FakeClient()
    await take_in(Intake(stage(tmp_path).services), event(id_=LONE), client)  # type: ignore[arg-type]
    assert client.queue().pending is not None
