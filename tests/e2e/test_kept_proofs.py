"""What proves a restart is kept before its repair uses it up: nothing dead is ever called in order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.faults import Fault, Mischief
from tests.e2e import drifts
from tests.e2e.stage import Stage, build

GOOD = {"InSync", "Repaired", "NotNeeded"}
READS = (
    "eventtypes/management",
    "privateLinkResources",
    "privateEndpointConnections",
    "managedClusters/[^/]*$",
    "networkInterfaces/",
    "privateEndpoints/prod-aks-pe$",
    "privateDnsZones/[^/]*/A/",
    "computes/k8s-a$",
    "computes/k8s-b$",
    "workspaces/prod-mlw$",
    "roleAssignments",
    "Authorization/locks",
    "Authorization/permissions",
    "/jobs",
    "onlineEndpoints",
    "KubernetesConfiguration/extensions",
)
REFUSALS = {"gone-for-good": (403, None), "once": (403, 1), "away": (503, None), "a-moment": (503, 2)}  # fmt: skip


def restarted(tmp_path: Path, *, told: bool) -> Stage:
    """A cluster that was restarted after everything had been verified."""
    stage = build(tmp_path)
    stage.run()
    seen = len(stage.cloud.events)
    drifts.restart(stage)
    if told:
        stage.deliver(stage.events_since(seen))
    assert dead(stage) == ["k8s-a", "k8s-b"]
    return stage


def dead(stage: Stage) -> list[str]:
    """The computes that do not work, whatever ARM shows."""
    seen = {name: stage.cloud.inspect(drifts.compute(stage, name)) for name in ("k8s-a", "k8s-b")}
    return [name for name, shown in seen.items() if not shown or not shown["alive"]]


def refuse(stage: Stage, path: str, status: int, times: int | None) -> None:
    code = "AuthorizationFailed" if status == 403 else "ServiceUnavailable"
    fault = Fault(Mischief.ERROR, method="GET", path=path, status=status, code=code, times=times)
    stage.cloud.add_fault(fault)


def checked(stage: Stage) -> dict[str, Any]:
    """One run; nothing that it calls in order is dead."""
    record = stage.run()
    told = [(o["kind"], o["finding"]["reason"], o["why"]) for o in record["outcomes"]]
    assert not (record["outcome"] in GOOD and dead(stage)), told
    assert not (record["outcome"] in GOOD and record["unreadable"]), told
    stage.advance(1800)
    return record


@pytest.mark.parametrize("times", [1, None], ids=["once", "for-good"])
@pytest.mark.parametrize("status", [403, 503])
def test_computes_are_attached_again_though_nobody_told_and_the_log_was_refused(
    status: int, times: int | None, tmp_path: Path
) -> None:
    stage = restarted(tmp_path, told=False)
    refuse(stage, "eventtypes/management", status, times)
    for _ in range(3):
        last = checked(stage)
    assert dead(stage) == []
    assert last["outcome"] == ("InSync" if times else "Blocked" if status == 403 else "Deferred")
    assert stage.services.records.debts(stage.name) == ()


def test_a_connection_that_was_cut_alone_is_no_restart(tmp_path: Path) -> None:
    stage = build(tmp_path)
    stage.run()
    listed = stage.human("GET", f"{stage.ids.cluster}/privateEndpointConnections")["value"]
    own = [each for each in listed if "prod-aks-pe" in str(each)]
    stage.human("DELETE", own[0]["id"])
    stage.advance(120)
    before = [stage.cloud.get(drifts.compute(stage, name)) for name in ("k8s-a", "k8s-b")]
    stage.run_until_calm()
    assert [stage.cloud.get(drifts.compute(stage, n)) for n in ("k8s-a", "k8s-b")] == before


@settings(max_examples=12, deadline=None)
@given(
    told=st.booleans(),
    sick=st.lists(st.tuples(st.sampled_from(READS), st.sampled_from(sorted(REFUSALS))), max_size=3),
)
def test_whatever_cannot_be_read_in_whichever_run_nothing_dead_is_called_in_order(
    told: bool,  # noqa: FBT001 - drawn by hypothesis
    sick: list[tuple[str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage = restarted(Path(folder), told=told)
        for path, how in sick:
            refuse(stage, path, *REFUSALS[how])
            checked(stage)
            stage.cloud.clear_faults()
        stage.run_until_calm(12)
        assert dead(stage) == []
        assert stage.services.records.intents(stage.name) == ()
