"""One drift of one endpoint, whose repair the tests of runs watch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.model.actual import Question, Read
from shared.model.intent import Intent
from shared.model.json import JsonObject
from tests.core.builders import (
    ENDPOINT,
    destroying,
    finding,
    rid,
    unit,
)
from tests.workflow.world import World, drifting, world

BROKEN = finding()
INTENT = Intent(rid(ENDPOINT), {"location": "westeurope"}, "incarnation-1")


def broken(tmp_path: Path, *, destroy: bool = True, **settings: str) -> World:
    """One drift of one endpoint, gone once its unit has begun."""
    make = destroying if destroy else unit
    mend = make("mend", findings=(BROKEN.key,), intent=INTENT if destroy else None)
    worlds: list[World] = []
    asking = (Read(Question.GET, rid(ENDPOINT)),)
    remediator = drifting([mend], [BROKEN], lambda: worlds[0].azure, reads=asking)
    worlds.append(world(tmp_path, [remediator], **settings))
    return worlds[0]


def only(record: JsonObject) -> dict[str, Any]:
    (outcome,) = record["outcomes"]
    return dict(outcome)
