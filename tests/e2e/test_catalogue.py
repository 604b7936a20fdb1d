"""The catalogue as a whole: any subset of drifts converges, reports are never written to, and
``relink permissions`` is what the simulated Azure saw used, no more and no less.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.main import app
from simulator.directory import RELINK
from simulator.worlds.plan import ACR_PULL
from tests.e2e.catalogue import whole
from tests.e2e.drifts_isolation import declare
from tests.e2e.portrait import differences, portrait
from tests.e2e.rows import REPAIRED, REPORTED, TABLE, apply
from tests.e2e.stage import Stage

BOUNDED = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)

LINKED = {
    # What Azure checks besides the call itself, and the simulator does not; domain.md 7.
    "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action": "endpoints in ASGs",
    "Microsoft.Network/applicationSecurityGroups/joinNetworkSecurityRule/action": "rules with ASGs",
    # A subnet is sent back with what it refers to (Microsoft.Network, permissions of subnets); the
    # one whose service endpoints are put back here refers to nothing.
    "Microsoft.Network/networkSecurityGroups/join/action": "subnets with a security group",
    "Microsoft.Network/routeTables/join/action": "subnets with a route table",
    "Microsoft.Network/natGateways/join/action": "subnets with a NAT gateway",
    "Microsoft.Network/serviceEndpointPolicies/join/action": "subnets with endpoint policies",
    "Microsoft.Authorization/permissions/read": "every caller may read its own permissions",
}


@BOUNDED
@given(order=st.lists(st.sampled_from(REPAIRED), min_size=1, max_size=8, unique=True))
def test_any_subset_of_repairable_drifts_converges_in_three_rounds(order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        stage = whole(Path(place))
        before = portrait(stage.cloud)
        stage.run()
        assert apply(stage, order)
        records = stage.run_until_calm(3)
        assert all(len(record["rounds"]) <= 3 for record in records)
        assert differences(before, portrait(stage.cloud)) == []
        written = stage.writes()
        assert written
        assert stage.run()["outcome"] == "InSync"
        assert stage.writes() == written


@BOUNDED
@given(order=st.lists(st.sampled_from(REPORTED), min_size=1, max_size=6, unique=True))
def test_what_is_only_reported_is_never_written_to(order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        stage = whole(Path(place))
        stage.run()
        assert apply(stage, order)
        broken = portrait(stage.cloud)
        told = stage.run()
        assert stage.writes() == []
        assert differences(broken, portrait(stage.cloud)) == []
        found = {outcome["finding"]["reason"] for outcome in told["outcomes"]}
        assert found, "nothing was reported"
        assert told["outcome"] == "Blocked"


def test_every_remediator_has_a_row_in_the_table() -> None:
    from remediators import REMEDIATORS  # noqa: PLC0415 - the product's own list

    older = {"network_access", "private_endpoint", "cluster_endpoint", "kubernetes_compute"}
    rows = {each.remediator for each in TABLE.values()} | older
    assert rows == {remediator.name for remediator in REMEDIATORS}


def used(stage: Stage) -> dict[str, str]:
    """The actions that Relink was granted, by their lower-case form."""
    seen = stage.cloud.context.access.used
    return {action.lower(): action for caller, action in seen if caller == RELINK.object_id}


def test_permissions_are_what_the_catalogue_uses(tmp_path: Path) -> None:
    found: dict[str, str] = {}
    everything = whole(tmp_path / "all")
    everything.run()
    apply(everything, REPAIRED)
    everything.run_until_calm()
    apply(everything, REPORTED)
    everything.run()
    found |= used(everything)
    for name in ("peering-side-deleted", *APART):
        stage = whole(tmp_path / name)
        stage.run()
        (TABLE[name].apply if name in TABLE else APART[name])(stage)
        stage.run_until_calm()
        found |= used(stage)

    listed = CliRunner().invoke(app, ["permissions"]).stdout.split()
    needed = {action.lower(): action for action in listed}
    linked = {action.lower() for action in LINKED}
    unused = sorted(needed[key] for key in needed.keys() - found.keys() - linked)
    missing = sorted(found[key] for key in found.keys() - needed.keys())
    assert (unused, missing) == ([], [])
    assert linked <= needed.keys(), "the table names an action that nobody needs"


def remove_connections(stage: Stage) -> None:
    """The owners of registry and workspace remove the endpoints' connections."""
    for target in (stage.ids.registry, stage.ids.workspace):
        listed = stage.human("GET", f"{target}/privateEndpointConnections")["value"]
        stage.human("DELETE", listed[0]["id"])
    stage.advance(120)


def declare_arc(stage: Stage) -> None:
    """An Arc cluster comes along, with a role of its identity declared."""
    cluster = stage.ids.id("spoke", "Microsoft.Kubernetes/connectedClusters/edge")
    stage.human("PUT", cluster, {"location": stage.ids.region, **ARC})
    stage.advance(600)
    roles = [{"role": ACR_PULL, "scope": stage.ids.registry}]
    declare(stage, lambda m: m["clusters"].append({"id": cluster, "roles": roles}))


ARC = {
    "identity": {"type": "SystemAssigned"},
    "properties": {"agentPublicKeyCertificate": ""},
}
APART = {"connections-removed": remove_connections, "arc-declared": declare_arc}


def test_assessing_a_healthy_environment_reads_nothing_twice(tmp_path: Path) -> None:
    stage = whole(tmp_path)
    stage.run()
    before = len(stage.cloud.exchanges)
    assert stage.run()["outcome"] == "InSync"
    asked = Counter(
        (exchange.method, exchange.url.partition("?")[0].lower(), _filter(exchange.url))
        for exchange in list(stage.cloud.exchanges)[before:]
        if exchange.caller == "relink"
    )
    assert asked
    assert [call for call, times in asked.items() if times > 1] == []


def _filter(url: str) -> str:
    """The part of a query that makes it another question."""
    query = url.partition("?")[2].lower()
    return "&".join(part for part in query.split("&") if not part.startswith("api-version"))
