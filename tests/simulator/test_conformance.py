"""Every exchange of a long session, judged against Azure's own OpenAPI documents by an independent validator.

`RELINK_CONFORMANCE` names a folder with `validate.mjs` and its node modules installed; without one the test skips.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from simulator.sandbox import Sandbox, writable_compute, writable_endpoint
from simulator.wire import Json

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("RELINK_CONFORMANCE", ROOT.parent / "shared" / "conformance"))
READY = shutil.which("node") is not None and (FOLDER / "node_modules" / "oav").is_dir()
UNHELD = (
    "/locks",
    "microsoft.insights/",
    "microsoft.compute/",
    "/bastionhosts",
    "microsoft.resources/",
)


def every_resource(world: Sandbox) -> None:
    for resource in list(world.cloud.store):
        if resource.path.group:
            world.call("GET", resource.id)
            world.call("GET", str(resource.path.parent) + "/" + resource.path.types[-1])


def drive(world: Sandbox) -> None:
    every_resource(world)
    plan = world.plan
    group = f"{world.blob_endpoint}/privateDnsZoneGroups/default"
    zone_group = {
        "properties": {
            "privateDnsZoneConfigs": [
                {
                    "name": "blob",
                    "properties": {
                        "privateDnsZoneId": plan.zone("privatelink.blob.core.windows.net")
                    },
                }
            ]
        }
    }
    world.remake(world.blob_endpoint)
    world.done("PUT", group, zone_group)
    world.restart()
    world.point_record(world.remake(world.cluster_endpoint))
    world.reattach(world.compute)
    change: Json = {"properties": {"publicNetworkAccess": "Enabled"}}
    for target in (plan.storage, plan.vault, plan.registry, plan.workspace):
        world.done("PATCH", target, change)
    world.ok("POST", f"{plan.workspace}/diagnose", {"value": {}})
    world.ok("POST", f"{plan.cluster}/resolvePrivateLinkServiceId", {"name": "management"})
    world.ok("POST", f"{plan.cluster}/listClusterAdminCredential")
    for target in (plan.storage, plan.vault, plan.registry, plan.workspace, plan.cluster):
        world.ok("GET", f"{target}/privateLinkResources")
        world.ok("GET", f"{target}/privateEndpointConnections")
    manual = writable_endpoint(world.body(world.blob_endpoint))
    entries = manual["properties"].pop("privateLinkServiceConnections")
    manual["properties"]["manualPrivateLinkServiceConnections"] = entries
    world.done("PUT", world.blob_endpoint + "-manual", manual)
    world.ok("GET", world.blob_endpoint + "-manual")
    world.call("PUT", world.compute, writable_compute(world.body(world.compute)))
    world.settle()
    every_resource(world)


@pytest.mark.slow
@pytest.mark.skipif(not READY, reason=f"no validator with node modules in {FOLDER}")
def test_every_exchange_of_a_session_is_what_azures_documents_say(tmp_path: Path) -> None:
    world = Sandbox(cluster_endpoints=2)
    drive(world)
    lines = [
        e.line()
        for e in world.cloud.exchanges
        if not e.poll and not any(u in e.url.lower() for u in UNHELD)
    ]
    record = tmp_path / "exchanges.jsonl"
    record.write_text("\n".join(lines), encoding="utf-8")
    judged = subprocess.run(
        ["node", str(FOLDER / "validate.mjs"), str(record), "--show", "15"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    verdict = json.loads(judged.stdout.strip().splitlines()[-1])
    assert judged.returncode == 0, judged.stdout[-6000:]
    assert verdict["valid"] > 100
    assert verdict["operations"] > 30
