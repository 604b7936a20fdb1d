"""What a look at a healthy environment costs, call by call: docs/cost.md says what is measured here."""

from __future__ import annotations

import copy
import re
from collections import Counter
from pathlib import Path

from shared.model.resource_id import ResourceId
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.wire import Exchange
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
    "privateEndpoints, all": "endpoints to the environment's targets, in a subscription",
    "privateEndpoints/privateDnsZoneGroups, all": "the zones that its records go to",
    "privateDnsZones, all": "where the API servers' own records may lie",
    "privateDnsZones/A, all": "the API servers' own records",
    "workspaces/computes, all": "the computes of the workspace",
    "managedClusters/privateEndpointConnections, all": "the endpoints to the API server",
    "storageAccounts/privateEndpointConnections, all": "the endpoints to it",
    "vaults/privateEndpointConnections, all": "the endpoints to it",
    "registries/privateEndpointConnections, all": "the endpoints to it",
    "storageAccounts/blobServices": "deleted blobs are kept",
    "components": "Application Insights: access",
}


def live(place: Path, *, cluster_endpoints: int, computes: int) -> Stage:
    """An environment with everything in it, of which nothing is declared yet."""
    world = private_inference(cluster_endpoints=cluster_endpoints, computes=computes)
    furnish(world)
    clock = VirtualClock(START)
    cloud = Cloud(clock)
    cloud.load(copy.deepcopy(world))
    clock.advance(3600)
    cloud.advance()
    (place / "environments").mkdir()
    return assemble(cloud, clock, {}, place, "prod")


def capture(stage: Stage) -> None:
    """Capture it, with everything around it."""
    text = captured(stage, [ResourceId.parse(Plan("prod").workspace)])
    (stage.place / "environments" / "prod.yaml").write_text(text)


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


def asked(stage: Stage, since: int = 0) -> list[Exchange]:
    """What Relink asked of Azure from then on: reads of ARM, nothing else."""
    calls = [each for each in list(stage.cloud.exchanges)[since:] if each.caller == "relink"]
    assert {exchange.method for exchange in calls} == {"GET"}
    assert not [each for each in calls if "resourcegraph" in each.url.lower()]
    return calls


def table(calls: list[Exchange], about: str) -> str:
    """The calls by kind, with what each is for."""
    counted = Counter(kind_of(exchange.url) for exchange in calls)
    rows = [
        f"| {times} | {kind} | {WHAT_FOR[kind]} |"
        for kind, times in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    head = f"**{len(calls)} ARM reads**, no Resource Graph query, no read twice: {about}."
    return "\n".join([head, "", "| calls | of | what for |", "|---|---|---|", *rows])


def check_page(name: str, wanted: str) -> None:
    mark = rf"<!-- {name} -->\n(.*?)\n<!-- end -->"
    found = re.search(mark, PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    assert found[1] == wanted, f"docs/cost.md should say under {name}:\n{wanted}\n<!-- end -->"


def test_the_page_says_what_a_look_at_a_healthy_environment_costs(tmp_path: Path) -> None:
    stage = live(tmp_path, cluster_endpoints=7, computes=4)
    capture(stage)
    assert stage.run()["outcome"] == "InSync"
    before = len(stage.cloud.exchanges)
    assert stage.run()["outcome"] == "InSync"
    endpoints, computes = stage.environment.private_endpoints, stage.environment.computes
    about = (
        f"{resources(stage)} resources, {len(endpoints)} private endpoints, "
        f"{len(computes)} Kubernetes computes"
    )
    check_page("look", table(asked(stage, before), about))


def test_the_page_says_what_a_capture_costs(tmp_path: Path) -> None:
    stage = live(tmp_path, cluster_endpoints=30, computes=16)
    capture(stage)
    calls = asked(stage)
    assert len({exchange.url for exchange in calls}) == len(calls), "something was read twice"
    about = f"{resources(stage)} resources in the manifest, {len(stage.cloud.store)} in Azure"
    check_page("capture", table(calls, about))
