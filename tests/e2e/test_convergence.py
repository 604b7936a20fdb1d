"""Any drifts in any order, told of by any events: the same end, and then no write."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.e2e import drifts
from tests.e2e.drifts import DRIFTS
from tests.e2e.line import Delivery, Event, Line
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import build

BOUNDED = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
ORDERS = st.lists(st.sampled_from(sorted(DRIFTS)), min_size=1, max_size=6, unique=True)


def in_disorder(seed: int, *, twice: float, lost: float) -> Delivery:
    """Events doubled, shuffled and lost, the same for a seed."""
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret

    def deliver(events: list[Event]) -> Iterable[Event]:
        kept = [e for e in events if chance.random() >= lost]
        doubled = kept + [e for e in kept if chance.random() < twice]
        chance.shuffle(doubled)
        return doubled

    return deliver


@BOUNDED
@given(order=ORDERS)
def test_any_drifts_in_any_order_end_in_sync(order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        stage = build(Path(place))
        before = portrait(stage.cloud)
        stage.run()
        for name in order:
            DRIFTS[name](stage)
        stage.run_until_calm()
        assert differences(before, portrait(stage.cloud)) == []
        written = stage.writes()
        assert stage.run()["outcome"] == "InSync"
        assert stage.writes() == written


@BOUNDED
@given(
    order=ORDERS,
    seed=st.integers(0, 1000),
    twice=st.sampled_from([0.0, 1.0]),
    lost=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_any_events_and_a_sweep_end_in_the_same_state(
    order: list[str], seed: int, twice: float, lost: float
) -> None:
    with tempfile.TemporaryDirectory() as place:
        stage = build(Path(place))
        before = portrait(stage.cloud)
        stage.run()
        line = Line(stage, in_disorder(seed, twice=twice, lost=lost))
        for name in order:
            DRIFTS[name](stage)
            line.take_events()
        line.until_idle()
        line.sweep()
        line.until_idle()
        assert differences(before, portrait(stage.cloud)) == [], line.records[-1]["outcomes"]
        written = stage.writes()
        line.sweep()
        line.until_idle()
        assert stage.writes() == written
        assert line.records[-1]["outcome"] == "InSync"


def test_events_alone_repair_a_restart_without_a_sweep(tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    line = Line(stage)
    drifts.restart(stage)
    line.until_idle()
    assert differences(before, portrait(stage.cloud)) == []
    assert not stage.services.records.debts("prod")
    assert "Repaired" in {record["outcome"] for record in line.records}
    # Our own writes are no news: each run that follows finds the environment in sync.
    assert len(line.records) <= 4, [record["trigger"]["notices"] for record in line.records]


def test_an_event_delivered_twice_is_one_run(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    line = Line(stage, lambda events: [*events, *events])
    drifts.open_vault(stage)
    line.until_idle()
    assert [record["outcome"] for record in line.records] == ["Repaired"]
    assert len(line.records[0]["trigger"]["notices"]) == 1
