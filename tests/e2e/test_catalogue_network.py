"""Each drift of the network: repaired so that the world is as before, or reported and never written to."""

from pathlib import Path

import pytest

from tests.e2e.catalogue import CatalogueDrift, whole
from tests.e2e.drifts_network import NETWORK
from tests.e2e.portrait import differences, portrait


@pytest.mark.parametrize("drift", NETWORK, ids=lambda drift: drift.name)
def test_a_drift_of_the_network_is_answered(drift: CatalogueDrift, tmp_path: Path) -> None:
    stage = whole(tmp_path)
    before = portrait(stage.cloud)
    assert stage.run()["outcome"] == "InSync"
    drift.apply(stage)
    assert differences(before, portrait(stage.cloud)), "nothing was broken"

    answered = stage.run()

    mine = [
        outcome
        for outcome in answered["outcomes"]
        if (outcome["finding"]["remediator"], outcome["finding"]["reason"])
        == (drift.remediator, drift.reason)
    ]
    assert mine, [o["finding"]["reason"] for o in answered["outcomes"]]
    if not drift.repaired:
        assert {outcome["kind"] for outcome in mine} == {"Blocked"}
        assert all("Run: az " in outcome["message"] for outcome in mine)
        assert stage.writes() == []
        return
    assert answered["outcome"] == "Repaired", answered["outcomes"]
    assert differences(before, portrait(stage.cloud)) == []
    written = stage.writes()
    assert written
    assert stage.run()["outcome"] == "InSync"
    assert stage.writes() == written
    assert not stage.services.records.intents("prod")
