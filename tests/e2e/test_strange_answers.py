"""A success whose body is none that Azure writes stops only what hangs on it.

Every resource that a run reads is shown wrongly in turn, while two others are open to the public:
these are closed by the first run, nothing is destroyed, and what was shown wrongly is not called in
order.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.wire import Request, Response
from tests.e2e import drifts
from tests.e2e.portrait import Portrait, differences, portrait
from tests.e2e.stage import Stage, assemble, build

type Strange = Callable[[Any], Any]


class Deceived(Cloud):
    """Shows Relink some resources in another shape than they have."""

    where = ""
    how: Strange | None = None

    def handle(self, request: Request) -> Response:
        """Answer as Azure would, but for what is shown wrongly."""
        given = super().handle(request)
        asked = re.search(self.where, request.url.split("?")[0], re.IGNORECASE)
        if self.how is None or request.method != "GET" or given.status != 200 or not asked:
            return given
        return Response(200, given.headers, json.dumps(self.how(given.json())).encode())


def each_field(value: object) -> Strange:
    """Every field of the properties is ``value``."""

    def one(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "properties": dict.fromkeys(body.get("properties", {}), value)}

    def strange(body: dict[str, Any]) -> dict[str, Any]:
        listed = body.get("value")
        return {**body, "value": [one(each) for each in listed]} if listed else one(body)

    return strange


def without_rules(body: dict[str, Any]) -> dict[str, Any]:
    """All of it but the network rules, which every account has."""
    return {**body, "properties": {**body["properties"], "networkAcls": None}}


STRANGE: dict[str, Strange] = {
    "nothing-in-it": lambda _body: {},
    "an-error-inside": lambda _body: {"error": {"code": "InternalServerError"}},
    "items-of-no-shape": lambda _body: {"value": [None, 1, "x"]},
    "no-properties": lambda body: {**body, "properties": {}},
    "another-resource": lambda body: {**body, "id": f"{body.get('id')}-else"},
    "words": each_field("x"),
    "lists": each_field([None]),
    "numbers": each_field(7),
}
READ = {
    "registry": "registries/[^/]*$",
    "cluster": "managedClusters/[^/]*$",
    "endpoint": "privateEndpoints/prod-(blob|aks)-pe$",
    "interface": "networkInterfaces/",
    "group": "privateDnsZoneGroups/",
    "record": "/A/",
    "compute": "computes/k8s-a$",
    "link": "privateLinkResources$",
    "deployments": "onlineEndpoints",
    "log": "eventtypes/management",
    "locks": "Authorization/locks",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A known environment whose storage and vault were opened, frozen."""

    stage: Stage
    before: Portrait

    def again(self, place: Path) -> tuple[Stage, Deceived]:
        shutil.copytree(self.stage.place, place, dirs_exist_ok=True)
        clock = VirtualClock(self.stage.clock.now())
        cloud = Deceived(clock)
        cloud.restore(self.stage.cloud.snapshot())
        return assemble(cloud, clock, {}, place, "prod"), cloud


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    stage = build(tmp_path_factory.mktemp("opened"))
    stage.run()
    before = portrait(stage.cloud)
    drifts.open_storage(stage)
    drifts.open_vault(stage)
    return Opened(stage, before)


@pytest.mark.parametrize("how", STRANGE.values(), ids=STRANGE)
def test_what_is_shown_in_no_known_shape_stops_nothing_else(
    how: Strange, opened: Opened, tmp_path: Path
) -> None:
    for name, where in READ.items():
        stage, cloud = opened.again(tmp_path / name)
        stage.prefix = "deceived-"
        cloud.where, cloud.how = where, how
        record = stage.run()
        assert record["problem"] == "", name
        repaired = {o["finding"]["resource"] for o in record["outcomes"] if o["kind"] == "Repaired"}
        assert {stage.ids.storage, stage.ids.vault} <= repaired, name
        assert not [write for write in stage.writes() if write.startswith("DELETE")], name
        cloud.how = None
        stage.advance(120)
        stage.run_until_calm()
        assert differences(opened.before, portrait(cloud)) == [], name
        assert stage.services.records.intents("prod") == (), name


NOT_SHOWN = {
    **{name: STRANGE[name] for name in ("nothing-in-it", "no-properties", "another-resource")},
    "no-rules": without_rules,
}


@pytest.mark.parametrize("how", NOT_SHOWN)
def test_the_rules_of_an_account_that_was_not_shown_are_kept(
    how: str, opened: Opened, tmp_path: Path
) -> None:
    """Its network rules are sent back whole: without those not shown, they were gone."""
    stage, cloud = opened.again(tmp_path)
    stage.prefix = "deceived-"
    cloud.where, cloud.how = "storageAccounts/[^/]*$", NOT_SHOWN[how]
    assert stage.run()["outcome"] != "InSync"
    assert not [write for write in stage.writes() if "storageAccounts" in write]
    cloud.how = None
    stage.advance(120)
    stage.run_until_calm()
    assert differences(opened.before, portrait(cloud)) == []
