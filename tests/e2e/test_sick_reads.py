"""One read that fails stops only what hangs on it: the rest of the environment is repaired."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.faults import Fault, Mischief
from tests.e2e import drifts
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import Stage, build

STORAGE, BLOB, API = "PublicAccessEnabled prod", "EndpointMissing prod-blob-pe", "prod-aks-pe"

SICK = {
    "vault": ("vaults/prod-mlkv$", 5),
    "storage": ("storageAccounts/[^/]*$", 3),
    "registry": ("registries/[^/]*$", 5),
    "workspace": ("workspaces/prod-mlw$", 3),
    "cluster": ("managedClusters/[^/]*$", 2),
    "link": ("privateLinkResources", 2),
    "zones": ("privateDnsZones/[^/]*$", 1),
    "zone-groups": ("privateDnsZoneGroups", 3),
    "records": ("privateDnsZones/[^/]*/A/", 2),
    "compute": ("computes/k8s-a$", 4),
    "roles": ("roleAssignments", 2),
    "locks": ("Authorization/locks", 2),
    "permissions": ("Authorization/permissions", 2),
    "jobs": ("/jobs", 3),
    "deployments": ("onlineEndpoints", 3),
    "extensions": ("KubernetesConfiguration/extensions", 3),
    "settings": ("diagnosticSettings", 2),
    "subnet": ("virtualNetworks/[^/]*/subnets/", 2),
    "activity-log": ("eventtypes/management", 5),
}
"""What fails, and how many of the five units are carried out all the same."""


def broken(tmp_path: Path) -> Stage:
    """Everything is known from a run before; then much breaks at once."""
    stage = build(tmp_path)
    stage.run()
    drifts.open_storage(stage)
    drifts.delete_blob_endpoint(stage)
    seen = len(stage.cloud.events)
    drifts.restart(stage)
    stage.deliver(stage.events_since(seen))
    return stage


def kinds(record: dict[str, Any]) -> dict[str, set[str]]:
    """Outcomes by kind, each as its reason and the name of its resource."""
    found: dict[str, set[str]] = {}
    for each in record["outcomes"]:
        name = each["finding"]["resource"].rsplit("/", 1)[1]
        found.setdefault(each["kind"], set()).add(f"{each['finding']['reason']} {name}")
    return found


@pytest.mark.parametrize(("path", "units"), SICK.values(), ids=SICK)
def test_a_read_that_stays_sick_stops_only_what_hangs_on_it(
    path: str, units: int, tmp_path: Path
) -> None:
    stage = broken(tmp_path)
    before, began = len(stage.times), stage.clock.now()
    fault = Fault(
        Mischief.ERROR, method="GET", path=path, status=503, code="ServiceUnavailable", times=None
    )
    stage.cloud.add_fault(fault)
    record = stage.run()
    took = stage.clock.now() - began
    assert not record["problem"]
    assert record["outcome"] == "Deferred", kinds(record)
    assert record["unreadable"]
    assert len(record["units"]) >= units, [unit["unit"] for unit in record["units"]]
    assert not [unit for unit in record["units"] if unit["why"]]
    assert took < timedelta(minutes=12)
    assert len(stage.times) - before < 600
    woken = datetime.fromisoformat(record["wakeAt"])
    assert woken >= stage.clock.now() + timedelta(seconds=15)
    stage.cloud.clear_faults()
    stage.advance((woken - stage.clock.now()).total_seconds())
    stage.run_until_calm()
    assert stage.services.records.intents(stage.name) == ()


def test_what_stays_unread_is_looked_at_again_later_and_later(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    fault = Fault(
        Mischief.ERROR, method="GET", path="vaults/", status=504, code="GatewayTimeout", times=None
    )
    stage.cloud.add_fault(fault)
    waits = []
    for _ in range(12):
        record = stage.run()
        assert record["outcome"] == "Deferred"
        wait = datetime.fromisoformat(record["wakeAt"]) - stage.clock.now()
        waits.append(wait)
        stage.advance(wait.total_seconds())
    assert waits[0] == timedelta(minutes=1)
    assert waits == sorted(waits)
    assert timedelta(minutes=10) < waits[-1] <= timedelta(hours=1)


def test_a_look_asks_again_only_for_what_it_lacks(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    calls, before = len(stage.times), len(stage.times)
    stage.run()
    healthy = len(stage.times) - before
    fault = Fault(
        Mischief.ERROR, method="GET", path="vaults/prod-mlkv$", status=503, times=2,
        code="ServiceUnavailable",
    )  # fmt: skip
    stage.cloud.add_fault(fault)
    before = len(stage.times)
    record = stage.run()
    assert record["outcome"] == "InSync"
    assert not record["unreadable"]
    assert len(stage.times) - before == healthy + 2
    assert calls


def test_nothing_that_can_be_read_ends_deferred_with_a_wake(tmp_path: Path) -> None:
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    drifts.open_vault(stage)
    stage.cloud.add_fault(Fault(Mischief.ERROR, status=503, code="ServiceUnavailable", times=None))
    record = stage.run()
    assert record["outcome"] == "Deferred"
    assert record["wakeAt"]
    assert set(kinds(record)) == {"Deferred"}
    stage.cloud.clear_faults()
    stage.advance(120)
    stage.run_until_calm()
    assert differences(before, portrait(stage.cloud)) == []


def test_a_provider_that_throttles_defers_only_what_hangs_on_it(tmp_path: Path) -> None:
    stage = broken(tmp_path)
    fault = Fault(
        Mischief.THROTTLE, method="GET", path="Microsoft.KeyVault", retry_after=900, times=None
    )
    stage.cloud.add_fault(fault)
    until = stage.clock.now() + timedelta(seconds=900)
    record = stage.run()
    assert record["outcome"] == "Deferred"
    assert len(record["units"]) == 5
    assert datetime.fromisoformat(record["wakeAt"]) >= until
