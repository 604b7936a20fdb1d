"""Azure refuses, throttles, forgets or loses replies: each has its outcome, the rest carries on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from simulator.faults import Fault, Mischief
from tests.e2e import drifts
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import Stage, build
from tests.e2e.telling import messages, told


def test_a_403_on_one_step_names_the_action_and_the_others_go_on(tmp_path: Path) -> None:
    stage = build(tmp_path)
    drifts.open_storage(stage)
    drifts.open_vault(stage)
    drifts.delete_blob_endpoint(stage)
    action = "Microsoft.KeyVault/vaults/write"
    stage.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    record = stage.run()
    seen = told(record)
    assert seen["PublicAccessEnabled prod-mlkv"] == ("Blocked", "MissingPermission")
    assert action in messages(record)
    assert seen["PublicAccessEnabled prodmlst"] == ("Repaired", "")
    assert seen["EndpointMissing prod-blob-pe"] == ("Repaired", "")
    assert stage.notices[-1]["outcome"] == "Blocked"


def test_what_may_not_be_read_is_said_and_nothing_is_concluded(tmp_path: Path) -> None:
    stage = build(tmp_path)
    drifts.open_storage(stage)
    action = "Microsoft.KeyVault/vaults/read"
    stage.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    record = stage.run()
    assert told(record)["AccessUnreadable prod-mlkv"][0] == "Blocked"
    assert told(record)["PublicAccessEnabled prodmlst"] == ("Repaired", "")
    assert record["unreadable"]
    assert not [line for line in stage.writes() if "vaults" in line]


def test_a_404_that_persists_fails_its_unit_only(tmp_path: Path) -> None:
    stage = build(tmp_path)
    drifts.delete_blob_endpoint(stage)
    drifts.open_vault(stage)
    fault = Fault(
        Mischief.ERROR, method="PUT", path="prod-blob-pe$", status=404, code="NotFound", times=None
    )
    stage.cloud.add_fault(fault)
    record = stage.run()
    assert told(record)["EndpointMissing prod-blob-pe"][0] == "Failed"
    assert told(record)["PublicAccessEnabled prod-mlkv"] == ("Repaired", "")
    assert record["wakeAt"], "it is tried again later"


def throttled_gaps(stage: Stage) -> Iterator[float]:
    """Seconds from each 429 to our next call of any kind."""
    for number, (at, status) in enumerate(stage.times):
        if status == 429 and number + 1 < len(stage.times):
            yield (stage.times[number + 1][0] - at).total_seconds()


@pytest.mark.parametrize("method", ["PATCH", "GET"])
def test_retry_after_is_honoured_by_everything_in_the_subscription(
    method: str, tmp_path: Path
) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    drifts.open_vault(stage)
    drifts.open_storage(stage)
    stage.times.clear()
    stage.cloud.add_fault(
        Fault(
            Mischief.THROTTLE, method=method, path="vaults|storage", retry_after=47,
            code="SubscriptionRequestsThrottled",
        )
    )  # fmt: skip
    assert stage.run()["outcome"] == "Repaired"
    gaps = list(throttled_gaps(stage))
    assert gaps
    assert all(47 <= gap <= 48 for gap in gaps), gaps
    assert differences(before, portrait(stage.cloud)) == []


@pytest.mark.parametrize(
    "code",
    ["RetryableError", "AnotherOperationInProgress", "StorageAccountOperationInProgress"],
)
def test_a_conflict_inside_an_operation_is_tried_again(code: str, tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    drifts.delete_blob_endpoint(stage)
    stage.cloud.add_fault(
        Fault(Mischief.FAIL_OPERATION, method="PUT", path="prod-blob-pe$", code=code)
    )
    stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []


@pytest.mark.parametrize("writes_fail", [1, 4], ids=["once", "again-and-again"])
def test_an_endpoint_that_serves_is_written_until_azure_takes_it_and_never_deleted(
    writes_fail: int, tmp_path: Path
) -> None:
    stage = build(tmp_path)
    endpoint = drifts.blob_endpoint(stage)
    interface = stage.human("GET", endpoint)["properties"]["networkInterfaces"]
    stage.cloud.add_fault(
        Fault(
            Mischief.FAIL_OPERATION, method="PUT", path="prod-blob-pe$", code="RetryableError",
            times=writes_fail,
        )
    )  # fmt: skip
    live = stage.human("GET", endpoint)
    stage.human("PUT", endpoint, {**live, "tags": {"project": "vision"}})
    stage.advance(120)
    assert stage.human("GET", endpoint)["properties"]["provisioningState"] == "Failed"
    stage.run_until_calm()
    after = stage.human("GET", endpoint)
    assert after["properties"]["provisioningState"] == "Succeeded"
    assert after["properties"]["networkInterfaces"] == interface
    assert after["tags"] == {"project": "vision"}
    assert not [line for line in stage.writes() if line.startswith("DELETE")]


def test_an_operation_that_fails_for_good_is_failed_and_degraded_not_lost(tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    drifts.restart(stage)
    stage.cloud.add_fault(
        Fault(
            Mischief.FAIL_OPERATION, method="PUT", path="prod-aks-pe$", code="SubnetIsFull",
            message="No address is left.", times=None,
        )
    )  # fmt: skip
    record = stage.run()
    assert record["outcome"] == "Failed"
    assert "SubnetIsFull" in messages(record)
    # The body is kept for as long as it takes; the computes were not detached meanwhile.
    assert stage.services.records.intents("prod")
    assert not [line for line in stage.writes() if "/computes/" in line]
    stage.cloud.clear_faults()
    stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []


LOSSES = {
    "endpoint-delete": ("DELETE", "prod-aks-pe$"),
    "endpoint-create": ("PUT", "prod-aks-pe$"),
    "record": ("PUT", "/A/"),
    "detach": ("DELETE", "computes/k8s-a$"),
    "attach": ("PUT", "computes/k8s-a$"),
    "role": ("PUT", "roleAssignments"),
    "orphan": ("DELETE", "roleAssignments"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_reply_that_was_lost_is_no_second_write(loss: str, tmp_path: Path) -> None:
    method, path = LOSSES[loss]
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    drifts.restart(stage)
    stage.cloud.add_fault(Fault(Mischief.LOST_REPLY, method=method, path=path))
    stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []
    detached = [line for line in stage.writes() if line.endswith("computes/k8s-a")]
    deleted = [
        line for line in stage.writes() if line == f"DELETE {drifts.cluster_endpoint(stage)}"
    ]
    assert len([line for line in detached if line.startswith("DELETE")]) <= 2
    assert len(deleted) <= 2


@pytest.mark.parametrize("path", ["prod-aks-pe$", "computes/k8s-a$", "/A/"])
def test_what_is_created_and_not_yet_seen_is_waited_for(path: str, tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    drifts.restart(stage)
    stage.cloud.add_fault(Fault(Mischief.HIDE, method="PUT", path=path, reads=3))
    records = stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []
    assert "Failed" not in {record["outcome"] for record in records}


def test_azure_out_of_reach_ends_the_run_and_the_next_one_repairs(tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    drifts.open_vault(stage)
    stage.cloud.add_fault(Fault(Mischief.ERROR, status=503, code="ServiceUnavailable", times=30))
    first = stage.run()
    assert first["outcome"] in {"Repaired", "Blocked", "Failed", "Deferred"}
    stage.cloud.clear_faults()
    if first["wakeAt"]:
        until = datetime.fromisoformat(first["wakeAt"]) - stage.clock.now()
        stage.advance(max(0.0, until.total_seconds()))
    stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []
