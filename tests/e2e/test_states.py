"""What Azure ended as Failed: written again, or told, and never waited for without end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from simulator.faults import Fault, Mischief
from tests.e2e.catalogue import security_group, whole
from tests.e2e.drifts import blob_endpoint
from tests.e2e.drifts_network import BLOBS, peering, zone
from tests.e2e.stage import Stage

HOURS = timedelta(hours=3)


def _link(stage: Stage) -> str:
    return f"{zone(stage, BLOBS)}/virtualNetworkLinks/to-hub"


def _side(stage: Stage) -> str:
    return peering(stage, "hub", "spoke")


def _rule(stage: Stage) -> str:
    group = security_group(stage.ids)
    (name, *_) = [
        rule.name
        for each in stage.environment.network_security_groups
        if each.id.text.lower() == group.lower()
        for rule in each.rules
    ]
    return f"{group}/securityRules/{name}"


PLACES = [
    pytest.param(_link, "LinkFailed", id="link"),
    pytest.param(_side, "PeeringFailed", id="peering"),
    pytest.param(_rule, "RuleFailed", id="rule"),
]


def _fail(stage: Stage, resource: str) -> None:
    """Azure ended the last operation badly, and shows it."""
    stage.cloud.forge(resource).properties["provisioningState"] = "Failed"


@pytest.mark.parametrize(("place", "reason"), PLACES)
def test_what_failed_is_written_again(
    tmp_path: Path, place: Callable[[Stage], str], reason: str
) -> None:
    stage = whole(tmp_path)
    assert stage.run()["outcome"] == "InSync"
    resource = place(stage)
    _fail(stage, resource)

    record = stage.run()

    kinds = {each["finding"]["reason"]: each["kind"] for each in record["outcomes"]}
    assert kinds == {reason: "Repaired"}
    assert stage.writes() == [f"PUT {resource}"]
    assert stage.run()["outcome"] == "InSync"


@pytest.mark.parametrize(("place", "reason"), PLACES)
def test_what_fails_again_and_again_is_said_to_have_failed_and_less_and_less_often(
    tmp_path: Path, place: Callable[[Stage], str], reason: str
) -> None:
    """A link that Azure ended as Failed had been deferred as in progress: 641 runs in three hours."""
    stage = whole(tmp_path)
    stage.run()
    resource = place(stage)
    _fail(stage, resource)
    stage.cloud.add_fault(Fault(Mischief.FAIL_OPERATION, path=resource, times=None, code="Broken"))
    begun, runs = stage.clock.now(), 0
    while stage.clock.now() - begun < HOURS:
        record = stage.run()
        runs += 1
        _fail(stage, resource)
        (own,) = [o for o in record["outcomes"] if o["finding"]["reason"] == reason]
        assert (own["kind"], own["why"]) not in {("Repaired", ""), ("Deferred", "InProgress")}
        wake = record["wakeAt"]
        until = datetime.fromisoformat(wake) - stage.clock.now() if wake else timedelta(minutes=30)
        stage.advance(max(1.0, until.total_seconds()))
    assert runs < 20


def test_what_a_person_deletes_while_it_is_repaired_is_not_waited_for(tmp_path: Path) -> None:
    """An hour was waited for it, and what came after it waited as long."""
    stage = whole(tmp_path)
    stage.run()
    endpoint = blob_endpoint(stage)
    stage.human("DELETE", endpoint)
    stage.advance(120)
    deleted: list[str] = []

    def delete_it_again(name: str, _: object) -> None:
        if not deleted and name == "look_step" and stage.cloud.get(endpoint) is not None:
            stage.cloud.store.remove(endpoint)
            deleted.append(endpoint)

    stage.after = delete_it_again
    begun = stage.clock.now()
    record = stage.run()
    assert deleted
    assert "DeletedMeanwhile" in {unit["why"] for unit in record["units"]}
    assert (stage.clock.now() - begun).total_seconds() < 900
    stage.run_until_calm()
    assert stage.cloud.get(endpoint) is not None
