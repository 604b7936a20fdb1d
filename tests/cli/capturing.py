"""Owns capturing a stage's environment in one process, without the command line."""

from __future__ import annotations

from shared.capture import draw, needed, write
from shared.model.actual import Actual, Observation, Question, Read
from shared.model.resource_id import ResourceId
from tests.e2e.stage import Stage


def captured(stage: Stage, workspaces: list[ResourceId]) -> str:
    """The manifest's text, as the command writes it."""
    answers: dict[Read, Observation] = {}
    wanted = frozenset(Read(Question.GET, each) for each in workspaces)
    for _ in range(20):
        answers |= stage.azure.read(wanted)
        wanted = needed(workspaces, Actual(answers))
        if not wanted:
            return write(draw("prod", workspaces, Actual(answers)))
    raise AssertionError("capture does not come to an end")
