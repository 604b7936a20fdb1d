"""`python -m simulator`, as a process of its own."""

import json
import shlex
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from devhost.environment import child_environment
from simulator.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
EXPORTED = {
    "RELINK_ARM_ENDPOINT",
    "RELINK_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "AZURE_CLIENT_ID",
    "RELINK_PRINCIPAL_ID",
    "SIMULATOR_CONTROL",
}


def token(exports: dict[str, str]) -> str:
    reply = httpx.get(
        exports["IDENTITY_ENDPOINT"],
        params={"resource": "https://management.azure.com/", "api-version": "2019-08-01"},
        headers={"X-IDENTITY-HEADER": exports["IDENTITY_HEADER"]},
        trust_env=False,
    )
    return str(reply.json()["access_token"])


@pytest.mark.slow
def test_it_prints_exports_serves_the_world_and_records_what_was_asked(tmp_path: Path) -> None:
    record, exported = tmp_path / "record.jsonl", tmp_path / "exports"
    command = [sys.executable, "-m", "simulator", "--world", "private-inference", "--speed", "100"]
    command += ["--state-dir", str(tmp_path / "state"), "--record", str(record)]
    command += ["--exports-file", str(exported), "--limits", "--graph-lag", "60"]
    with subprocess.Popen(
        command, cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in EXPORTED]
        exports = dict(shlex.split(line)[1].split("=", 1) for line in lines)
        assert set(exports) == EXPORTED
        assert exported.read_text(encoding="utf-8").splitlines() == lines
        vault = Sandbox().plan.vault
        trusted = ssl.create_default_context(cafile=exports["RELINK_CA_BUNDLE"])
        reply = httpx.get(
            f"{exports['RELINK_ARM_ENDPOINT']}{vault}",
            params={"api-version": "2024-01-01"},
            headers={"Authorization": f"Bearer {token(exports)}"},
            verify=trusted,
            trust_env=False,
        )
        assert reply.json()["id"] == vault
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    [exchange] = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    assert set(exchange) == {
        "method",
        "url",
        "requestBody",
        "status",
        "responseHeaders",
        "responseBody",
        "caller",
    }


def test_the_simulator_imports_nothing_of_the_product_nor_of_azures_sdks() -> None:
    code = (
        "import sys, simulator.__main__; "
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('shared', 'remediators', 'cli', 'devhost', 'azure', 'function_app')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "[]"
