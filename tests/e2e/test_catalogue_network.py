"""Each drift of the network: repaired so that the world is as before, or reported and never written to."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.worlds.plan import SUBSCRIPTION
from tests.e2e.catalogue import NETWORK_CONTRIBUTOR, CatalogueDrift, whole
from tests.e2e.drifts import remove_connection
from tests.e2e.drifts_network import NETWORK
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import Stage


@pytest.mark.parametrize("drift", NETWORK, ids=lambda drift: drift.name)
def test_a_drift_of_the_network_is_answered(drift: CatalogueDrift, tmp_path: Path) -> None:
    stage = whole(tmp_path)
    before = portrait(stage.cloud)
    assert stage.run()["outcome"] == "InSync"
    drift.apply(stage)
    assert differences(before, portrait(stage.cloud)), "nothing was broken"

    answered = stage.run()

    mine = [
        outcome
        for outcome in answered["outcomes"]
        if (outcome["finding"]["remediator"], outcome["finding"]["reason"])
        == (drift.remediator, drift.reason)
    ]
    assert mine, [o["finding"]["reason"] for o in answered["outcomes"]]
    if not drift.repaired:
        assert {outcome["kind"] for outcome in mine} == {"Blocked"}
        assert all("Run: az " in outcome["message"] for outcome in mine)
        assert stage.writes() == []
        return
    assert answered["outcome"] == "Repaired", answered["outcomes"]
    assert differences(before, portrait(stage.cloud)) == []
    written = stage.writes()
    assert written
    assert stage.run()["outcome"] == "InSync"
    assert stage.writes() == written
    assert not stage.services.records.intents("prod")


def _hang_setting(stage: Stage, endpoint: str) -> str:
    setting = f"{endpoint}/providers/Microsoft.Insights/diagnosticSettings/flow"
    metrics = [{"category": "AllMetrics", "enabled": True}]
    sink = {"storageAccountId": stage.ids.storage, "metrics": metrics}
    stage.human("PUT", setting, {"properties": sink})
    return setting


def _hang_role(stage: Stage, endpoint: str) -> str:
    role = f"{endpoint}/providers/Microsoft.Authorization/roleAssignments/{stage.ids.guid('role')}"
    definitions = "/providers/Microsoft.Authorization/roleDefinitions"
    definition = f"/subscriptions/{SUBSCRIPTION}{definitions}/{NETWORK_CONTRIBUTOR}"
    given = {"roleDefinitionId": definition, "principalId": stage.ids.guid("uami")}
    stage.human("PUT", role, {"properties": given})
    return role


@pytest.mark.parametrize("hang", [_hang_setting, _hang_role], ids=["setting", "role"])
def test_an_endpoint_that_something_hangs_on_is_replaced_when_a_person_has_seen_to_it(
    hang: Callable[[Stage, str], str], tmp_path: Path
) -> None:
    stage = whole(tmp_path)
    vault = stage.ids.id("ml", f"Microsoft.Network/privateEndpoints/{stage.name}-vault-pe")
    attached = hang(stage, vault)
    remove_connection(stage)

    blocked = stage.run()

    (outcome,) = blocked["outcomes"]
    assert (outcome["kind"], outcome["why"]) == ("Blocked", "ExtensionResources")
    assert attached.rsplit("/", 1)[1] in outcome["message"]
    assert stage.writes() == []
    stage.human("DELETE", attached)
    assert stage.run()["outcome"] == "Repaired"


def test_all_endpoints_of_a_group_deleted_at_once_come_back_in_one_run(tmp_path: Path) -> None:
    stage = whole(tmp_path)
    before = portrait(stage.cloud)
    for endpoint in stage.environment.private_endpoints:
        stage.human("DELETE", endpoint.id.text)
    stage.advance(300)
    assert differences(before, portrait(stage.cloud))

    assert stage.run()["outcome"] == "Repaired"

    assert differences(before, portrait(stage.cloud)) == []
    assert stage.run()["outcome"] == "InSync"


def test_nothing_is_made_again_in_a_deleted_group(tmp_path: Path) -> None:
    stage = whole(tmp_path)
    endpoint = next(e.id for e in stage.environment.private_endpoints if e.to_cluster)
    stage.human("DELETE", endpoint.group.text)
    stage.advance(1200)

    told = stage.run()

    reasons = {(o["finding"]["reason"], o["why"]) for o in told["outcomes"]}
    assert {
        ("GroupGone", "GroupGone"),
        ("EndpointMissing", "GroupGone"),
        ("NetworkGone", "ResourceGone"),
        ("PeeringDisconnected", "TargetGone"),
        ("ZoneDeleted", "ByHand"),
    } <= reasons
    assert {outcome["kind"] for outcome in told["outcomes"]} <= {"Blocked", "Deferred"}
    assert stage.writes() == []


def test_a_network_that_grew_is_known_to_its_peer_after_one_run(tmp_path: Path) -> None:
    stage = whole(tmp_path)
    hub = stage.human("GET", stage.ids.network("hub"))
    hub["properties"]["addressSpace"]["addressPrefixes"].append("10.200.0.0/16")
    stage.human("PUT", stage.ids.network("hub"), hub)
    stage.advance(60)

    repaired = stage.run()

    assert [o["finding"]["reason"] for o in repaired["outcomes"]] == ["PeeringOutOfSync"]
    assert repaired["outcome"] == "Repaired"
    for here, there in (("hub", "spoke"), ("spoke", "hub")):
        side = stage.human("GET", f"{stage.ids.network(here)}/virtualNetworkPeerings/to-{there}")
        assert side["properties"]["peeringSyncLevel"] == "FullyInSync"


def test_two_endpoints_that_share_a_record_are_told(tmp_path: Path) -> None:
    twin: dict[str, Any] = {}

    def declare(manifest: dict[str, Any]) -> None:
        """A second endpoint to the blobs, from the hub, with the same zone."""
        endpoints = manifest["privateEndpoints"]
        twin.update(copy.deepcopy(next(e for e in endpoints if e["id"].endswith("-blob-pe"))))
        twin["id"] += "-2"
        twin["body"]["properties"].pop("customNetworkInterfaceName", None)
        endpoints.append(twin)

    stage = whole(tmp_path, change=declare)
    stage.human("PUT", twin["id"], twin["body"])
    stage.advance(300)
    configs = [
        {"name": z["name"], "properties": {"privateDnsZoneId": z["privateDnsZoneId"]}}
        for z in twin["zoneGroup"]["zones"]
    ]
    group = f"{twin['id']}/privateDnsZoneGroups/{twin['zoneGroup']['name']}"
    stage.human("PUT", group, {"properties": {"privateDnsZoneConfigs": configs}})
    stage.advance(300)

    told = stage.run()

    assert [o["finding"]["reason"] for o in told["outcomes"]] == ["RecordShared"]
    (outcome,) = told["outcomes"]
    assert "az network private-endpoint dns-zone-group remove" in outcome["message"]
    assert stage.writes() == []


def test_a_zone_group_that_leaves_a_recommended_zone_out_is_told(tmp_path: Path) -> None:
    kept: list[dict[str, Any]] = []

    def forget(manifest: dict[str, Any]) -> None:
        """The workspace's endpoint is declared without the zone of notebooks."""
        endpoints = manifest["privateEndpoints"]
        workspace = next(e for e in endpoints if e["id"].endswith("-mlw-pe"))
        kept.append(workspace)
        workspace["zoneGroup"]["zones"] = workspace["zoneGroup"]["zones"][:1]

    stage = whole(tmp_path, change=forget)
    zone = kept[0]["zoneGroup"]["zones"][0]
    config = {"name": zone["name"], "properties": {"privateDnsZoneId": zone["privateDnsZoneId"]}}
    group = f"{kept[0]['id']}/privateDnsZoneGroups/{kept[0]['zoneGroup']['name']}"
    stage.human("PUT", group, {"properties": {"privateDnsZoneConfigs": [config]}})
    stage.advance(120)

    told = stage.run()

    (outcome,) = told["outcomes"]
    assert outcome["finding"]["reason"] == "ZoneNotRecommended"
    assert "expected privatelink.notebooks.azure.net" in outcome["message"]
    assert "az network private-endpoint dns-zone-group add" in outcome["message"]
    assert stage.writes() == []
