"""Every exchange of a long session, judged against Azure's own OpenAPI documents by an independent validator.

`scripts/conformance.py` finds the validator; where it cannot be had the test skips with the reason.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.sandbox import Sandbox, writable_compute, writable_endpoint
from simulator.wire import Json

ROOT = Path(__file__).resolve().parents[2]
JUDGE = [sys.executable, str(ROOT / "scripts" / "conformance.py"), "--show", "15", "--judge"]


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
def test_every_exchange_of_a_session_is_what_azures_documents_say(tmp_path: Path) -> None:
    world = Sandbox(cluster_endpoints=2)
    drive(world)
    record = tmp_path / "exchanges.jsonl"
    lines = [e.line() for e in world.cloud.exchanges if not e.poll]
    record.write_text("\n".join(lines) + "\n", encoding="utf-8")
    judged = subprocess.run(
        [*JUDGE, str(record)], capture_output=True, text=True, timeout=280, check=False
    )
    assert judged.returncode == 0, judged.stdout[-6000:] + judged.stderr[-2000:]
    if "skipped," in judged.stdout:
        pytest.skip(judged.stdout.strip())
    verdict = json.loads(judged.stdout.strip().splitlines()[-1])
    assert verdict["valid"] > 100
    assert verdict["operations"] > 30
