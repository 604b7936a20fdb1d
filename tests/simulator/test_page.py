"""The kind that docs/simulator.md builds works as the page says."""

import importlib.util
import re
from pathlib import Path

import pytest

from simulator.providers import KINDS
from simulator.sandbox import Sandbox
from simulator.wire import Json

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


def test_the_kind_of_the_page_is_written_shown_used_and_deleted(
    world: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [source] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "gateways.py"
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("gateways", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    [kind] = module.KINDS
    monkeypatch.setitem(KINDS, kind.type.lower(), kind)
    gateway = world.plan.id("spoke", "Microsoft.Network/natGateways/out")
    body: Json = {"location": "westeurope", "sku": {"name": "Basic"}, "properties": {}}
    assert world.call("PUT", gateway, body).status == 400
    body["sku"]["name"] = "Standard"
    world.done("PUT", gateway, body)
    subnet = world.plan.subnet("spoke", "nodes")
    used = {"addressPrefix": "10.10.0.0/20", "natGateway": {"id": gateway}}
    world.done("PUT", subnet, {"properties": used})
    assert world.properties(gateway)["subnets"] == [{"id": subnet}]
    assert world.call("DELETE", gateway).status == 400
    assert world.properties(gateway)["provisioningState"] == "Succeeded"
    world.done("PUT", subnet, {"properties": {"addressPrefix": "10.10.0.0/20"}})
    world.done("DELETE", gateway)
    assert world.body(gateway) is None
