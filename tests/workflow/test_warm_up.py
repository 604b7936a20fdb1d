from collections.abc import Callable
from pathlib import Path

import pytest

from shared.azure.gateway import Azure
from tests.e2e.stage import Stage, build


@pytest.fixture
def warmed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(Azure, "warm_up", lambda _: calls.append("now"))
    return calls


def _nothing(_: Stage) -> None: ...


def _start_again(stage: Stage) -> None:
    stage.human("POST", f"{stage.ids.cluster}/start")
    stage.advance(60)


@pytest.mark.parametrize(
    ("happens", "times"), [(_nothing, 0), (_start_again, 1)], ids=["healthy", "start-told-of"]
)
def test_a_look_loads_ahead_only_while_debts_are_open(
    tmp_path: Path, warmed: list[str], happens: Callable[[Stage], None], times: int
) -> None:
    stage = build(tmp_path)
    happens(stage)
    stage.run()
    assert len(warmed) == times
