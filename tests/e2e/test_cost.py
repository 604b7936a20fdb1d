"""What a look at a healthy environment costs, call by call: docs/cost.md says what is measured here."""

from __future__ import annotations

import copy
import re
from collections import Counter
from pathlib import Path

from shared.model.resource_id import ResourceId
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan
from tests.cli.capturing import captured
from tests.e2e.catalogue import furnish
from tests.e2e.stage import START, Stage, assemble

PAGE = Path(__file__).parents[2] / "docs/cost.md"
WHAT_FOR = {
    "privateDnsZones": "the zone is there",
    "privateDnsZones/A": "records: of zone groups, and the API servers' own",
    "privateDnsZones/virtualNetworkLinks, all": "who resolves the zone",
    "privateEndpoints": "state, connection, target, subnet",
    "privateEndpoints/privateDnsZoneGroups": "the zones that its records go to",
    "networkInterfaces": "the address that the endpoint's own record must hold",
    "virtualNetworks": "peerings and subnets",
    "networkSecurityGroups": "rules",
    "workspaces": "access, settings, identity",
    "workspaces/computes": "state, attachment, identity; managed computes",
    "workspaces/onlineEndpoints, all": "what is deployed on the computes",
    "workspaces/onlineEndpoints/deployments, all": "the state of each deployment",
    "roleAssignments, all": "roles of declared identities, at the scopes of their roles",
    "eventtypes/values, all": "the activity log since the last look: restarts that no event told of",
    "userAssignedIdentities": "the principal behind its roles",
    "extensions, all": "the AzureML extension",
    "managedClusters": "power, access, private name",
    "managedClusters/privateLinkResources, all": "the private link service, against the recorded one",
    "vaults": "access, protection",
    "storageAccounts": "access, key",
    "registries": "access, key",
    "components": "Application Insights: access",
}


def large(place: Path) -> Stage:
    """An environment of 12 endpoints and 4 AKS computes, captured with everything around it."""
    world = private_inference(cluster_endpoints=7, computes=4)
    furnish(world)
    clock = VirtualClock(START)
    cloud = Cloud(clock)
    cloud.load(copy.deepcopy(world))
    clock.advance(3600)
    cloud.advance()
    (place / "environments").mkdir()
    stage = assemble(cloud, clock, {}, place, "prod")
    text = captured(stage, [ResourceId.parse(Plan("prod").workspace)])
    (place / "environments" / "prod.yaml").write_text(text)
    return stage


def kind_of(url: str) -> str:
    """The type behind a URL, without its provider; "all" for a list."""
    last = url.partition("?")[0].rstrip("/").rpartition("/providers/")[2].split("/")
    types = "/".join(last[1::2])
    return types if len(last) % 2 else f"{types}, all"


def resources(stage: Stage) -> int:
    """Declared parts, zone groups and own records: what the look is about."""
    environment = stage.environment
    endpoints = environment.private_endpoints
    groups = sum(endpoint.zone_group is not None for endpoint in endpoints)
    return len(list(environment.parts())) + groups + sum(len(e.records) for e in endpoints)


def test_the_page_says_what_a_look_at_a_healthy_environment_costs(tmp_path: Path) -> None:
    stage = large(tmp_path)
    assert stage.run()["outcome"] == "InSync"
    before = len(stage.cloud.exchanges)
    assert stage.run()["outcome"] == "InSync"
    calls = [
        exchange for exchange in list(stage.cloud.exchanges)[before:] if exchange.caller == "relink"
    ]
    assert {exchange.method for exchange in calls} == {"GET"}
    assert not [each for each in calls if "resourcegraph" in each.url.lower()]
    counted = Counter(kind_of(exchange.url) for exchange in calls)
    rows = [
        f"| {times} | {kind} | {WHAT_FOR[kind]} |"
        for kind, times in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    endpoints, computes = stage.environment.private_endpoints, stage.environment.computes
    head = (
        f"**{len(calls)} ARM reads**, no Resource Graph query, no read twice: {resources(stage)} resources, "
        f"{len(endpoints)} private endpoints, {len(computes)} Kubernetes computes."
    )
    wanted = "\n".join([head, "", "| calls | of | what for |", "|---|---|---|", *rows])
    found = re.search(r"<!-- measured -->\n(.*?)\n<!-- end -->", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    assert found[1] == wanted, f"docs/cost.md should say:\n{wanted}"
