"""Capture → any drift → reconcile → capture gives the same file, for generated environments.

In one process on virtual time, without a socket: real SDK clients, remediators and orchestrators.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st

from shared.model.resource_id import ResourceId
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan
from tests.cli.capturing import captured
from tests.e2e.catalogue import furnish
from tests.e2e.rows import REPAIRED, apply
from tests.e2e.stage import START, Stage, assemble

type Edit = Callable[[list[dict[str, Any]]], None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::marshmallow.warnings.ChangedInMarshmallow4Warning",
        "ignore::marshmallow.warnings.RemovedInMarshmallow4Warning",
        "ignore:datetime.datetime.utc:DeprecationWarning",
    ),
]


def both_identities(world: list[dict[str, Any]]) -> None:
    """The second compute has an identity of its own as well."""
    for each in world:
        if each["id"].endswith("/computes/k8s-b"):
            each["identity"]["type"] = "SystemAssigned,UserAssigned"


def no_tags(world: list[dict[str, Any]]) -> None:
    for each in world:
        each.pop("tags", None)


def other_casing(world: list[dict[str, Any]]) -> None:
    """Azure's own answers spell the segment both ways."""
    for each in world:
        if "/computes/" in each["id"] and "resourceId" in each["properties"]:
            spelled = each["properties"]["resourceId"]
            each["properties"]["resourceId"] = spelled.replace("resourceGroups", "resourcegroups")


def open_on_purpose(world: list[dict[str, Any]]) -> None:
    """A registry that everybody may reach is declared as it is."""
    for each in world:
        if "/registries/" in each["id"] and "roleAssignments" not in each["id"]:
            each["properties"]["publicNetworkAccess"] = "Enabled"


EDITS: dict[str, Edit] = {
    "both-identities": both_identities,
    "no-tags": no_tags,
    "other-casing": other_casing,
    "open-on-purpose": open_on_purpose,
}


def stage_of(
    place: Path, endpoints: int, computes: int, others: list[str], edits: list[str]
) -> tuple[Stage, list[ResourceId]]:
    """A world of one to three workspaces; each of ``others`` has a cluster of its own or shares the first's.

    The first has what only the whole catalogue's stage has too: an Arc cluster, security groups, roles
    of workspaces, clusters and identities.
    """
    world = private_inference(cluster_endpoints=endpoints, computes=computes)
    furnish(world)
    names = ["prod"]
    for name, kind in zip(("lab", "dev"), others, strict=False):
        more = private_inference(prefix=name, computes=1, cluster_endpoints=1)
        if kind == "shares":
            for each in more:
                if "/computes/k8s" in each["id"]:
                    each["properties"]["resourceId"] = Plan("prod").cluster
        world += more
        names.append(name)
    for name in edits:
        EDITS[name](world)
    clock = VirtualClock(START)
    cloud = Cloud(clock)
    cloud.load(copy.deepcopy(world))
    clock.advance(3600)
    cloud.advance()
    (place / "environments").mkdir()
    stage = assemble(cloud, clock, {}, place, "prod")
    return stage, [ResourceId.parse(Plan(name).workspace) for name in names]


@settings(
    max_examples=8, deadline=None, derandomize=True, database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(
    endpoints=st.integers(1, 3),
    computes=st.integers(2, 3),
    others=st.lists(st.sampled_from(["apart", "shares"]), max_size=2),
    edits=st.lists(st.sampled_from(sorted(EDITS)), unique=True, max_size=2),
    drifts=st.lists(st.sampled_from(REPAIRED), unique=True, min_size=1, max_size=5),
)
def test_capture_drift_reconcile_capture_is_the_same_text(
    endpoints: int, computes: int, others: list[str], edits: list[str], drifts: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage, workspaces = stage_of(Path(folder), endpoints, computes, others, edits)
        before = captured(stage, workspaces)
        (stage.place / "environments" / "prod.yaml").write_text(before)
        assert stage.run()["outcome"] == "InSync"
        assert not stage.writes(), "what was just captured differs"
        assume(apply(stage, drifts))
        note(f"records: {len(stage.run_until_calm())}")
        assert captured(stage, workspaces) == before
