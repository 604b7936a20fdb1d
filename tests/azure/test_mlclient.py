"""azure-ai-ml misbehaves in a process of its own; what it does must stop nothing but detaching."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.environment import child_environment
from shared.azure.mlclient import ml_client
from shared.model.resource_id import ResourceId
from tests.azure.wires import Bench

ROOT = Path(__file__).parents[2]
QUIET = "import warnings; warnings.simplefilter('ignore')\n"


def run(script: str, **environ: str) -> str:
    """What ``script`` prints in an interpreter of its own that has nothing of azure-ai-ml's set."""
    command = [sys.executable, "-c", QUIET + script]
    ended = subprocess.run(
        command,
        check=False,
        timeout=180,
        cwd=ROOT,
        env=child_environment(environ),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def stub(place: Path, text: str, **more: str) -> Path:
    """A folder for ``sys.path`` whose ``azure.ai.ml`` is ``text``."""
    package = place / "stub" / "azure" / "ai" / "ml"
    package.mkdir(parents=True)
    for name, body in {"__init__": text, **more}.items():
        (package / f"{name}.py").write_text(body)
    return place / "stub"


OFFLINE = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"asked the network: {arguments}")
sys.addaudithook(refuse)
"""


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"AZUREML_CURRENT_CLOUD": "Relink0123456789abcdef"}, id="strange-cloud"),
        pytest.param({"ARM_CLOUD_METADATA_URL": "https://127.0.0.1:9/metadata"}, id="metadata"),
        pytest.param({"AZUREML_DEV_URL_MFE": "https://127.0.0.1:9"}, id="other-front"),
    ],
)
def test_what_the_environment_says_of_a_cloud_neither_stops_the_import_nor_reaches_the_client(
    environ: dict[str, str],
) -> None:
    script = f"""{OFFLINE}
import os
from shared.azure import mlclient
from shared.azure.calls import CallLog
from shared.azure.clients import Clients
from shared.azure.config import ArmConfig
from shared.model.resource_id import ResourceId
before = dict(os.environ)
mlclient.load(60)
workspace = ResourceId.parse(
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers"
    "/Microsoft.MachineLearningServices/workspaces/w")
for endpoint in (None, "https://arm.example"):
    clients = Clients(ArmConfig.of("public", endpoint), object(), CallLog())
    print(mlclient.ml_client(clients, workspace)._base_url)
assert dict(os.environ) == before
"""
    assert run(script, **environ).split() == ["https://management.azure.com", "https://arm.example"]


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own deprecations
def test_a_client_of_another_arm_leaves_no_cloud_behind(bench: Bench) -> None:
    before = dict(os.environ)
    ml_client(bench.azure._clients, ResourceId.parse(bench.places.workspace))
    assert dict(os.environ) == before


def test_its_loggers_write_nothing_by_themselves() -> None:
    script = """
import logging
from shared.azure import mlclient
mlclient.load(60)
for name, logger in logging.root.manager.loggerDict.items():
    if name.startswith("azure.ai.ml") and isinstance(logger, logging.Logger):
        assert logger.propagate and not logger.handlers, name
"""
    assert run(script) == ""


REFUSED = """
import sys
from shared.azure import mlclient
from shared.azure.errors import Terminal
def refused():
    try:
        mlclient.load(60)
    except Terminal as error:
        assert (error.why, error.blocked) == ("MachineLearningClientUnavailable", True)
        return error.message
"""


def test_a_half_imported_library_is_imported_again_once_its_cause_is_gone(tmp_path: Path) -> None:
    """The first module stays in ``sys.modules``, knowing what was wrong; Python would reuse it."""
    broken = stub(
        tmp_path,
        "from azure.ai.ml import first\nif first.CLOUD: raise LookupError('no such cloud')\n",
        first="import pathlib\nCLOUD = pathlib.Path(__file__).with_name('cloud').exists()\n",
    )
    cloud = broken / "azure" / "ai" / "ml" / "cloud"
    cloud.touch()
    script = f"""{REFUSED}
import pathlib
sys.path.insert(0, {str(broken)!r})
assert "no such cloud" in refused()
assert not [name for name in sys.modules if name.startswith("azure.ai.ml")]
assert "no such cloud" in refused()
pathlib.Path({str(cloud)!r}).unlink()
assert refused() is None
"""
    assert run(script) == ""


def test_a_library_that_is_missing_is_found_once_it_is_there(tmp_path: Path) -> None:
    there = stub(tmp_path, "MLClient = object\n")
    script = f"""{REFUSED}
from importlib.machinery import PathFinder
class Hidden:
    def find_spec(name, path=None, target=None):
        if name == "azure.ai.ml":
            raise ModuleNotFoundError("No module named 'azure.ai.ml'", name=name)
sys.meta_path.insert(0, Hidden)
assert "No module named 'azure.ai.ml'" in refused()
sys.meta_path.remove(Hidden)
sys.path.insert(0, {str(there)!r})
assert refused() is None
"""
    assert run(script) == ""


def test_a_slow_import_holds_nobody_for_long(tmp_path: Path) -> None:
    slow = stub(tmp_path, "import builtins\nassert builtins.gate.wait(60)\nMLClient = object\n")
    script = f"""
import builtins, sys, threading, time
sys.path.insert(0, {str(slow)!r})
builtins.gate = threading.Event()
from shared.azure import mlclient
from shared.azure.errors import Terminal, Transient
began = time.monotonic()
mlclient.warm_up()
for longest, kind in ((300, Transient), (0, Terminal)):
    try:
        mlclient.load(0.1, longest)
    except kind as error:
        assert error.code == "MachineLearningClientUnavailable"
    else:
        raise AssertionError("loaded")
assert time.monotonic() - began < 30
assert len([each for each in threading.enumerate() if each.name == "warm-up"]) == 1
builtins.gate.set()
mlclient.load(60)
"""
    assert run(script) == ""


def test_without_the_library_everything_but_computes_is_repaired_and_those_at_a_later_look(
    tmp_path: Path,
) -> None:
    broken = stub(tmp_path, "raise LookupError('no such cloud')\n")
    script = f"""
import pathlib, sys
sys.path.insert(0, {str(broken)!r})
from tests.e2e import drifts
from tests.e2e.stage import build
stage = build(pathlib.Path({str(tmp_path)!r}))
stage.run()
drifts.open_storage(stage)
drifts.delete_blob_endpoint(stage)
seen = len(stage.cloud.events)
drifts.restart(stage)
stage.deliver(stage.events_since(seen))
def run():
    record = stage.run()
    assert not record["problem"], record["problem"]
    for each in record["outcomes"]:
        assert ("azure-ai-ml" in each["message"]) == (each["kind"] == "Blocked"), each
        print(each["finding"]["reason"], each["kind"], each["why"])
run()
sys.path.pop(0)
stage.advance(7200)
run()
"""
    unavailable = "Blocked MachineLearningClientUnavailable"
    assert run(script).splitlines() == [
        "PublicAccessEnabled Repaired ",
        "EndpointMissing Repaired ",
        "ZoneGroupMissing Repaired ",
        "EndpointDisconnected Repaired ",
        "LinkRenewed Repaired ",
        f"ComputeStale {unavailable}",
        f"ComputeStale {unavailable}",
        "ComputeStale Repaired ",
        "ComputeStale Repaired ",
    ]
