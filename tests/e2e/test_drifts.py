"""Each drift alone, all at once, and any of them in any order: the world comes back as it was."""

from pathlib import Path

import pytest

from tests.e2e.drifts import DRIFTS
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import build


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_drift_is_repaired_and_nothing_else_is_different(drift: str, tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    assert stage.run()["outcome"] == "InSync"
    assert not stage.writes()

    DRIFTS[drift](stage)
    assert differences(before, portrait(stage.cloud)), "nothing was broken"
    repaired = stage.run()

    assert repaired["outcome"] == "Repaired", repaired["unreadable"] or repaired["outcomes"]
    assert differences(before, portrait(stage.cloud)) == []
    written = stage.writes()
    assert written
    assert stage.run()["outcome"] == "InSync"
    assert stage.writes() == written
    assert not stage.services.records.intents("prod")
    assert not stage.services.records.debts("prod")


def test_everything_at_once_is_repaired(tmp_path: Path) -> None:
    stage = build(tmp_path, cluster_endpoints=2, computes=3)
    before = portrait(stage.cloud)
    stage.run()
    for drift in DRIFTS.values():
        drift(stage)

    stage.run_until_calm()

    assert differences(before, portrait(stage.cloud)) == []
    written = stage.writes()
    assert stage.run()["outcome"] == "InSync"
    assert stage.writes() == written
