"""Each drift of who decides: repaired so that the world is as before, or reported and never written to."""

from pathlib import Path

import pytest

from shared.remediation.differences import NEXT
from tests.e2e.catalogue import CatalogueDrift, whole
from tests.e2e.drifts_control import CONTROL
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import Stage

NO_COMMAND = frozenset({"ClusterFixed", "ManifestContradicts", "WorkspaceKeeps"})
"""Why something is reported that no command puts right."""


def manifest(stage: Stage) -> str:
    """What is declared, as it is written."""
    return (stage.place / "environments" / f"{stage.name}.yaml").read_text()


@pytest.mark.parametrize("drift", CONTROL, ids=lambda drift: drift.name)
def test_a_drift_of_control_is_answered(drift: CatalogueDrift, tmp_path: Path) -> None:
    stage = whole(tmp_path)
    before, declared = portrait(stage.cloud), manifest(stage)
    assert stage.run()["outcome"] == "InSync"
    drift.apply(stage)
    broken = differences(before, portrait(stage.cloud)) or manifest(stage) != declared
    assert broken, "nothing was broken"

    answered = stage.run()

    mine = [
        outcome
        for outcome in answered["outcomes"]
        if (outcome["finding"]["remediator"], outcome["finding"]["reason"])
        == (drift.remediator, drift.reason)
    ]
    assert mine, [(o["finding"]["reason"], o["message"]) for o in answered["outcomes"]]
    if not drift.repaired:
        assert {outcome["kind"] for outcome in mine} == {"Blocked"}
        for outcome in mine:
            shown = "Run: az " if outcome["why"] not in NO_COMMAND else NEXT[outcome["why"]]
            assert shown in outcome["message"]
        assert stage.writes() == []
        return
    assert answered["outcome"] == "Repaired", answered["outcomes"]
    assert differences(before, portrait(stage.cloud)) == []
    written = stage.writes()
    assert written
    assert stage.run()["outcome"] == "InSync"
    assert stage.writes() == written
