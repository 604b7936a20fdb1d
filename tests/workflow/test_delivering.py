"""Whose turn it is, and when: nobody's trouble is another's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from durabletask.entities import EntityInstanceId

from shared.model.codec import dump, load
from shared.model.finding import Disposition
from shared.workflow.delivering import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Line,
    following,
    joined,
    outbox_entity,
    tried,
)
from shared.workflow.outbox import Delivery
from shared.workflow.services import NotToldError
from tests.core.builders import NOW, VAULT, finding, tiny
from tests.workflow.world import World, wish, world

FAILED = Delivery(1, "away")
STUCK = finding(VAULT, "ResourceGone", Disposition.REPORT)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_what_is_new_is_tried_at_once_and_leaves_when_it_is_delivered() -> None:
    line = joined(Line(), "prod", 1, NOW)
    assert line.due == NOW
    assert tried(line, following(line, NOW), Delivery(0), NOW) == Line()


def test_environments_with_much_to_say_take_turns() -> None:
    line = joined(joined(Line(), "a", 9, NOW), "b", 9, at(1))
    order = []
    for second in range(2, 6):
        turn = following(line, at(second))
        order.append(turn.environment)
        line = tried(line, turn, Delivery(turn.messages - 1), at(second))
    assert order == ["a", "b", "a", "b"]


def test_a_destination_that_fails_is_tried_later_and_later() -> None:
    line, now, pauses = joined(Line(), "prod", 1, NOW), NOW, []
    for _ in range(12):
        line = tried(line, following(line, now), FAILED, now)
        assert line.due is not None
        pauses.append(line.due - now)
        now = line.due
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert max(pauses) == pauses[-1] == LONGEST_PAUSE
    assert line.turns[0].since == NOW


def test_an_environment_whose_messages_fail_holds_up_no_other() -> None:
    line, now = joined(Line(), "bad", 1, NOW), NOW
    for _ in range(8):
        line = tried(line, following(line, now), FAILED, now)
        now = line.due or now
    line = tried(line, following(line, now), FAILED, now)
    line = joined(line, "good", 1, now + timedelta(seconds=1))
    assert line.due == now + timedelta(seconds=1)
    assert following(line, now + timedelta(seconds=1)).environment == "good"
    both_due = now + timedelta(hours=1)
    assert following(line, both_due).environment == "good"


def test_an_environment_that_waits_after_a_failure_is_not_tried_sooner_for_more_messages() -> None:
    line = tried(
        joined(Line(), "prod", 1, NOW), joined(Line(), "prod", 1, NOW).turns[0], FAILED, NOW
    )
    again = joined(line, "prod", 2, at(1))
    assert again.due == line.due
    assert again.turns[0].messages == 2


def test_a_try_whose_signal_was_lost_is_made_up_for_by_the_next_sweep() -> None:
    line = joined(Line(), "prod", 1, NOW)
    assert joined(line, "prod", 1, at(10)).due == NOW
    assert joined(line, "prod", 1, at(301)).due == at(301)


@dataclass
class Engine:
    """What an entity is given by its engine: its state goes through JSON, its signals are kept."""

    state: dict[str, Any] = field(default_factory=dict)
    signals: list[tuple[str, Any, datetime | None]] = field(default_factory=list)
    entity_id: EntityInstanceId = field(
        default_factory=lambda: EntityInstanceId("outbox", "webhook")
    )

    def get_state(self, _kind: object = None, default: object = None) -> Any:  # noqa: ANN401 - JSON
        return self.state or default

    def set_state(self, state: dict[str, Any]) -> None:
        self.state = state

    def signal_entity(
        self, _entity: EntityInstanceId, operation: str, message: object, at: datetime | None
    ) -> None:
        self.signals.append((operation, message, at))

    def operate(self, stage: World, operation: str, message: object) -> None:
        entity = outbox_entity(lambda: stage.services)()
        entity._initialize_entity_context(self)  # type: ignore[arg-type]
        getattr(entity, operation)(message)

    def line(self) -> Line:
        return load(Line, self.state)


def stuck(tmp_path: Path) -> World:
    """A world in which a run has ended that is to be told of."""
    stage = world(tmp_path, [tiny(findings=[STUCK])])
    stage.engine().run("reconcile", dump(wish()), "run-1")
    return stage


def noticed(stage: World) -> dict[str, Any]:
    return {"environment": "prod", "messages": 1, "at": stage.clock().isoformat()}


def test_the_entity_delivers_when_its_own_signal_comes(tmp_path: Path) -> None:
    stage, engine = stuck(tmp_path), Engine()
    engine.operate(stage, "waiting", noticed(stage))
    assert stage.notices == []
    ((operation, message, _),) = engine.signals
    engine.operate(stage, operation, message)
    assert [notice["run"] for notice in stage.notices] == ["run-1"]
    assert engine.line() == Line()
    assert len(engine.signals) == 1


def test_a_batch_of_signals_makes_one_call(tmp_path: Path) -> None:
    """The time that one delivery of a batch takes is the time of all of it."""
    stage, engine, calls = stuck(tmp_path), Engine(), list[object]()

    def away(message: object) -> None:
        calls.append(message)
        stage.clock.advance(10)
        raise NotToldError("no answer within 10 s")

    stage.services = replace(stage.services, notify=away)
    engine.operate(stage, "waiting", noticed(stage))
    for _ in range(3):
        engine.operate(stage, "waiting", noticed(stage))
        engine.operate(stage, *engine.signals[0][:2])
    assert len(calls) == 1
    assert [operation for operation, _, _ in engine.signals] == ["deliver", "deliver"]
    assert engine.line().due == stage.clock() + FIRST_PAUSE
