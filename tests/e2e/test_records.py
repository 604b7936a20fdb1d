"""What a run leaves behind: one immutable document that explains it, and no secret anywhere."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from shared.model.trigger import Cause
from shared.records import StoreError
from simulator.faults import Fault, Mischief
from tests.e2e import drifts
from tests.e2e.stage import build

SECRETS = (
    "Endpoint=sb://relay.example;SharedAccessKey=c2VjcmV0LXJlbGF5LWtleQ==",
    "c3RvcmFnZS1hY2NvdW50LWtleS1zdG9yYWdlLWFjY291bnQta2V5LXN0b3JhZ2UtYWNj==",
    "p4ssw0rd-of-the-cluster",
)


def test_the_record_of_a_repair_explains_it(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    seen = len(stage.cloud.events)
    drifts.restart(stage)
    wishes = stage.deliver(stage.events_since(seen))
    record = stage.run(wishes[-1])

    assert record["apiVersion"] == "relink.record/v1"
    assert record["trigger"]["cause"] == "event"
    assert record["trigger"]["notices"][0]["operation"].endswith("start/action")
    assert record["manifestVersion"] == stage.services.declared("prod").version
    first = record["rounds"][0]
    finding = next(f for f in first["findings"] if f["reason"] == "EndpointDisconnected")
    assert finding["evidence"][0]["found"].startswith("disconnected")
    assert {u["resource"].rsplit("/", 1)[1] for u in first["plan"]["units"]} == {
        "prod-aks-pe", "k8s-a", "k8s-b",
    }  # fmt: skip
    steps = [step for unit in first["plan"]["units"] for step in unit["steps"]]
    changes = [change for step in steps for change in step.get("changes", ())]
    assert all({"field", "before", "after"} <= set(change) for change in changes)
    assert changes
    timings = [timing for unit in record["units"] for timing in unit["timings"]]
    assert {"startedAt", "endedAt", "seconds", "kind"} <= set(timings[0])
    assert sum(timing["seconds"] for timing in timings) > 300, "Azure's own operations"
    assert {o["kind"] for o in record["outcomes"]} == {"Repaired"}
    begun, ended = (datetime.fromisoformat(record[n]) for n in ("startedAt", "finishedAt"))
    assert (ended - begun).total_seconds() > 300


def test_a_record_is_written_once(tmp_path: Path) -> None:
    stage = build(tmp_path)
    record = stage.run()
    with pytest.raises(StoreError):
        stage.services.records.store_run(record["id"], {**record, "outcome": "Failed"})
    assert stage.services.records.run(record["id"]) == record


def test_every_run_has_a_record_of_its_own(tmp_path: Path) -> None:
    stage = build(tmp_path)
    made = [stage.run()["id"], stage.run()["id"], stage.run()["id"]]
    assert {record["id"] for record in stage.services.records.runs("prod")} == set(made)
    # Working papers are gone when a run has ended.
    assert not [p for p in (tmp_path / "records").rglob("*assessment*") if p.is_file()]


def test_who_asked_and_who_approved_is_named(tmp_path: Path) -> None:
    stage = build(tmp_path, environ={"RELINK_MODE": "approve"})
    drifts.open_vault(stage)
    asked = stage.run(stage.trigger(Cause.MANUAL, by="robin", note="looks odd"))
    assert (asked["trigger"]["by"], asked["trigger"]["note"]) == ("robin", "looks odd")
    stage.services.records.decide_approval("prod", asked["id"], approved=True, by="kim")
    done = stage.run(stage.trigger(Cause.APPROVAL, by="kim"))
    assert done["approval"]["by"] == "kim"
    assert done["approval"]["run"] == asked["id"]


def leaked(folder: Path) -> set[str]:
    """The secrets that any file holds."""
    files = [file.read_text(errors="replace") for file in folder.rglob("*") if file.is_file()]
    return {secret for secret in SECRETS if any(secret in text for text in files)}


def test_no_secret_reaches_the_records_or_a_person(tmp_path: Path) -> None:
    stage = build(tmp_path)
    compute = stage.cloud.forge(drifts.compute(stage, "k8s-a"))
    storage = stage.cloud.forge(stage.ids.storage)
    compute.properties["properties"]["relayConnectionString"] = SECRETS[0]
    compute.properties["properties"]["serviceBusConnectionString"] = SECRETS[0]
    storage.properties["keys"] = [{"keyName": "key1", "value": SECRETS[1]}]
    stage.run()
    drifts.restart(stage)
    drifts.open_storage(stage)
    stage.cloud.add_fault(
        Fault(
            Mischief.ERROR, method="PATCH", path="storage", status=400, code="Odd", times=None,
            message=f"AccountKey={SECRETS[1]} and password={SECRETS[2]} were refused.",
        )
    )  # fmt: skip
    during: set[str] = set()
    stage.after = lambda _name, _message: during.update(leaked(tmp_path / "records"))
    record = stage.run()
    assert record["outcome"] == "Failed"
    assert any("Odd" in o["message"] for o in record["outcomes"])
    # Working papers hold the body that a PATCH was planned from, for as long as the run goes on.
    assert during <= {SECRETS[1]}
    assert leaked(tmp_path / "records") == set()
    assert not [secret for secret in SECRETS if secret in str(stage.notices)]
