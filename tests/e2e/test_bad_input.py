"""Events and manifests that are wrong, forged, foreign or incomplete: counted, and nothing follows."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.triggers.events import parsed
from tests.e2e import drifts
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import Stage, build
from tests.e2e.telling import told

FOREIGN = "99999999-0000-0000-0000-000000000009"


def start_event(stage: Stage, **fields: object) -> dict[str, Any]:
    """A well-formed start event of the environment's cluster, as anybody could write it."""
    return {
        "id": "forged",
        "topic": "/subscriptions/00000000-0000-0000-0000-000000000001",
        "subject": stage.ids.cluster,
        "eventType": "Microsoft.Resources.ResourceActionSuccess",
        "eventTime": stage.clock.now().isoformat(),
        "dataVersion": "2",
        "metadataVersion": "1",
        "data": {
            "resourceUri": stage.ids.cluster,
            "operationName": "Microsoft.ContainerService/managedClusters/start/action",
            "status": "Succeeded",
            "tenantId": "11111111-1111-1111-1111-111111111111",
            "subscriptionId": "00000000-0000-0000-0000-000000000001",
        },
        **fields,
    }


def test_a_forged_start_of_a_running_cluster_destroys_nothing(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    stage.deliver([start_event(stage)])
    assert len(stage.services.records.debts("prod")) == 3
    record = stage.run()
    assert record["outcome"] in {"NotNeeded", "Deferred"}, "the log may still lag"
    stage.advance(45 * 60)
    assert stage.run()["outcome"] == "NotNeeded"
    assert not stage.writes()
    assert not stage.services.records.debts("prod")


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=6), timedelta(days=400)])
def test_a_start_forged_after_a_fresh_repair_destroys_nothing(
    ahead: timedelta, tmp_path: Path
) -> None:
    stage = build(tmp_path)
    stage.run()
    drifts.restart(stage)
    stage.run_until_calm()
    written = stage.writes()
    at = (stage.clock.now() + ahead).isoformat()
    stage.deliver([start_event(stage, eventTime=at)])
    stage.run()
    stage.advance(45 * 60)
    stage.run()
    assert stage.writes() == written
    # What is claimed for the future is refuted now, and is no proof when that time has come.
    stage.advance(ahead.total_seconds())
    stage.run()
    assert stage.writes() == written


def test_a_real_start_told_of_late_does_not_hit_what_was_made_since(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    seen = len(stage.cloud.events)
    drifts.restart(stage)
    late = stage.events_since(seen)
    stage.run_until_calm()
    written = stage.writes()
    stage.advance(6 * 3600)
    stage.deliver(late)
    assert stage.services.records.debts("prod")
    assert stage.run()["outcome"] == "NotNeeded"
    assert stage.writes() == written
    assert not stage.services.records.debts("prod")


def foreign_events(stage: Stage) -> dict[str, Mapping[str, Any]]:
    whole = start_event(stage)
    elsewhere = stage.ids.cluster.replace("00000000-0000-0000-0000-000000000001", FOREIGN)
    return {
        "another-subscription": {
            **whole,
            "subject": elsewhere,
            "data": {**whole["data"], "resourceUri": elsewhere},
        },
        "another-cluster": {
            **whole,
            "subject": stage.ids.cluster + "2",
            "data": {**whole["data"], "resourceUri": stage.ids.cluster + "2"},
        },
        "a-failure": {**whole, "eventType": "Microsoft.Resources.ResourceActionFailure"},
        "another-operation": {
            **whole,
            "data": {**whole["data"], "operationName": "Microsoft.Compute/disks/write"},
        },
        "another-topic": {**whole, "eventType": "Microsoft.Storage.BlobCreated"},
    }


@pytest.mark.parametrize(
    "name",
    [
        "another-subscription",
        "another-cluster",
        "a-failure",
        "another-operation",
        "another-topic",
    ],
)
def test_what_does_not_concern_the_environment_starts_nothing(name: str, tmp_path: Path) -> None:
    stage = build(tmp_path)
    assert stage.deliver([foreign_events(stage)[name]]) == []
    assert not stage.services.records.debts("prod")
    assert stage.deliver([start_event(stage)]), "the plain one does"


def test_an_event_of_another_tenant_is_not_believed(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    event = start_event(stage)
    event["data"]["tenantId"] = FOREIGN
    stage.deliver([event])
    stage.advance(45 * 60)
    stage.run()
    assert not stage.writes()


MALFORMED: dict[str, Mapping[str, Any]] = {
    "no-type": {"eventType": None},
    "no-id": {"id": ""},
    "no-data": {"data": None},
    "a-list-for-data": {"data": ["x"]},
    "no-resource": {
        "data": {"operationName": "Microsoft.ContainerService/managedClusters/start/action"},
        "subject": None,
    },
    "no-operation": {"data": {"resourceUri": "/subscriptions/" + FOREIGN}},
    "an-id-that-leads-elsewhere": {"data": {"resourceUri": "/subscriptions/../x?y=1"}},
    "no-time": {"eventTime": "yesterday"},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_event_is_counted_and_the_next_is_taken(name: str, tmp_path: Path) -> None:
    stage = build(tmp_path)
    good = start_event(stage)
    bad = {**copy.deepcopy(good), **MALFORMED[name]}
    wishes = stage.deliver([bad, good])
    assert len(wishes) == 1
    assert len(stage.services.records.rejected_events().newest) == 1


def test_a_truncated_batch_is_counted_as_one_bad_event(tmp_path: Path) -> None:
    stage = build(tmp_path)
    whole = json.dumps([start_event(stage), start_event(stage, id="second")]).encode()
    assert stage.deliver(parsed(whole[:-30])) == []
    assert len(stage.services.records.rejected_events().newest) == 1
    assert len(stage.deliver(parsed(whole))) == 2


def test_one_environment_s_bad_manifest_leaves_the_others_in_force(tmp_path: Path) -> None:
    stage = build(tmp_path)
    folder = tmp_path / "environments"
    good = json.loads((folder / "prod.yaml").read_text())
    (folder / "broken.yaml").write_text(
        "apiVersion: relink/v1\nkind: Environment\nname: broken\nmoed: observe\n"
    )
    outside = copy.deepcopy(good)
    outside["name"] = "outside"
    text = json.dumps(outside).replace("00000000-0000-0000-0000-000000000001", FOREIGN)
    outside = json.loads(text)
    outside["keyVaults"][0]["id"] = stage.ids.vault
    (folder / "outside.yaml").write_text(json.dumps(outside, indent=1))

    manifests = stage.services.manifests.current()

    assert set(manifests.environments) == {"prod"}
    said = [str(problem) for problem in manifests.problems]
    assert any("broken.yaml:4" in line and "moed" in line for line in said), said
    assert any("outside.yaml" in line and "RELINK_SCOPES" in line for line in said), said
    drifts.open_storage(stage)
    assert told(stage.run()) == {"PublicAccessEnabled prodmlst": ("Repaired", "")}


def test_a_bad_edit_keeps_the_last_good_version_in_force(tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    first = stage.run()
    file = tmp_path / "environments" / "prod.yaml"
    file.write_text(file.read_text().replace('"Disabled"', '"Dissabled"', 1))
    drifts.open_vault(stage)
    record = stage.run()
    assert record["outcome"] == "Repaired"
    assert record["manifestVersion"] == first["manifestVersion"]
    current = stage.services.manifests.current()
    assert current.environments["prod"].stale
    assert "Dissabled" in str(current.problems[0])
    assert differences(before, portrait(stage.cloud)) == []


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"])
def test_a_start_at_no_time_at_all_breaks_no_run_and_a_real_one_is_repaired(
    time: str, tmp_path: Path
) -> None:
    """The event leads to a look at everything, and the activity log says when it was."""
    stage = build(tmp_path)
    stage.run()
    drifts.open_storage(stage)
    drifts.restart(stage)
    (wish,) = stage.deliver([start_event(stage, eventTime=time)])
    assert stage.services.records.debts("prod") == ()
    assert stage.run(wish)["problem"] == ""
    stage.advance(45 * 60)
    stage.run_until_calm()
    assert stage.services.records.debts("prod") == ()
    storage = stage.cloud.get(stage.ids.storage) or {}
    assert storage["properties"]["publicNetworkAccess"] == "Disabled"


def test_debts_of_an_unset_date_that_an_older_version_left_are_out_of_the_way(
    tmp_path: Path,
) -> None:
    stage = build(tmp_path)
    stage.run()
    stage.deliver([start_event(stage)])
    folder = stage.place / "records/environments/prod/debts"
    for file in folder.iterdir():
        debt = {**json.loads(file.read_text()), "restart_at": "0001-01-01T00:00:00Z"}
        file.write_text(json.dumps(debt))
    drifts.open_storage(stage)
    record = stage.reborn().run()
    assert (record["outcome"], record["problem"]) == ("Repaired", "")
    assert len(stage.services.records.set_aside()) == 3
