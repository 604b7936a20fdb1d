"""Secrets that a host is given or meets are in nothing that it writes or sends, but where they are due."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devhost.child import wait_until
from simulator.faults import Fault, Mischief
from tests.e2e.rig import KEY, ROOT, Rig, open_rig
from tests.neighbours import Neighbour, neighbour

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

USER, WORD, PATH, QUERY = "user-7a1c", "word-8b2d", "path-9c3e", "query-0d4f"
ACCOUNT_KEY = base64.b64encode(
    b"the key of a storage account, planted, 64 bytes of it, no less!!"
).decode()
ANSWER, IN_EVENT, IN_ARM = "answer-1e5a", "claim-2f6b", "arm-3a7c"
OPEN: dict[str, Any] = {"properties": {"publicNetworkAccess": "Enabled"}}
ODD_EVENT: dict[str, Any] = {
    "id": "odd-1", "eventType": "Microsoft.Resources.ResourceWriteSuccess", "dataVersion": "2",
    "subject": 7, "data": {"authorization": f"Bearer {IN_EVENT}", "claims": {"password": IN_EVENT}},
}  # fmt: skip


@pytest.fixture
def hook() -> Iterator[Neighbour]:
    with neighbour("403") as made:
        made.answer = f"X-Secret: {ANSWER}\r\nSet-Cookie: sid={ANSWER}\r\n"
        yield made


@pytest.fixture
def insights() -> Iterator[Neighbour]:
    with neighbour() as made:
        yield made


@pytest.fixture
def rig(hook: Neighbour, insights: Neighbour, tmp_path: Path) -> Iterator[Rig]:
    storage = f"DefaultEndpointsProtocol=http;AccountName=planted;AccountKey={ACCOUNT_KEY};"
    environ = {
        "RELINK_NOTIFY_URL": f"http://{USER}:{WORD}@127.0.0.1:{hook.port}/{PATH}?sig={QUERY}",
        "AzureWebJobsStorage": f"{storage}QueueEndpoint=http://127.0.0.1:9/planted;",
        "RELINK_EVENT_QUEUE": "events",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=0f0e0d0c-0000-0000-0000-000000000000;"
        f"IngestionEndpoint=http://127.0.0.1:{insights.port}/",
    }
    made = open_rig(tmp_path, environ=environ)
    try:
        yield made
    finally:
        made.close()


def planted(rig: Rig) -> dict[str, bytes]:
    """Every secret by what it is."""
    tokens = rig.cloud.context.state.directory._tokens
    assert tokens, "Relink came with a token"
    named = {
        "userinfo of the webhook": WORD, "path of the webhook": PATH, "query of the webhook": QUERY,
        "storage key": ACCOUNT_KEY, "answer of the webhook": ANSWER, "event": IN_EVENT, "ARM error": IN_ARM,
        "host key": KEY, "identity header": rig.server.exports["IDENTITY_HEADER"],
        **{f"token {number}": token for number, token in enumerate(tokens)},
    }  # fmt: skip
    return {name: secret.encode() for name, secret in named.items()}


def shown(rig: Rig, *texts: bytes) -> list[str]:
    """What is in a file that Relink wrote, or in one of the texts."""
    own = [rig.host.place / "host", rig.host.place / "records", rig.host.place / "host.log"]
    files = [file for root in own for file in (root.rglob("*") if root.is_dir() else [root])]
    found = {str(file): file.read_bytes() for file in files if file.is_file()}
    found |= {f"text {number}": text for number, text in enumerate(texts)}
    return [
        f"{name} in {where}"
        for name, secret in planted(rig).items()
        for where, text in found.items()
        if secret in text
    ]


def spans(insights: Neighbour) -> bytes:
    bodies = [request.partition(b"\r\n\r\n")[2] for request in insights.requests]
    return b"\n".join(gzip.decompress(b) if b[:2] == b"\x1f\x8b" else b for b in bodies)


def command_line(rig: Rig, *arguments: str) -> bytes:
    """What a command writes, its log at its loudest."""
    environ = {**rig.host._environ, "RELINK_RECORDS": (rig.host.place / "records").as_uri()}
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--debug", *arguments],
        cwd=ROOT, env=environ, capture_output=True, check=False, timeout=240,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_no_secret_is_in_a_log_a_record_the_hub_a_span_an_answer_or_on_a_terminal(
    rig: Rig, hook: Neighbour, insights: Neighbour
) -> None:
    message = f"password={IN_ARM}, Bearer {IN_ARM}, SharedAccessSignature={IN_ARM}: no"
    odd = Fault(Mischief.ERROR, method="PATCH", path="storage", status=400, code="Odd", times=None)
    odd.message = message
    rig.person("PATCH", rig.ids.storage, OPEN)
    rig.cloud.add_fault(odd)
    where = "/runtime/webhooks/eventgrid?functionName=resource_changed"
    rig.host.http.post(where, json=[ODD_EVENT], headers={"aeg-event-type": "Notification"})
    run = rig.finished(rig.reconcile(reason="x").raise_for_status().json()["id"])
    assert "Odd" in json.dumps(run)
    wait_until(lambda: len(hook.requests) > 1)
    paths = ("health", "environments", "environments/prod", "environments?code=wrong")
    pages = [rig.host.http.get(f"/api/{path}").content for path in (*paths, f"runs/{run['id']}")]
    said = command_line(rig, "reconcile", str(rig.host.place / "manifests" / "prod.yaml"), "--yes")
    assert b"Odd" in said
    wait_until(lambda: b"RemoteDependency" in spans(insights))
    told = [request.partition(b"\r\n\r\n")[2] for request in hook.requests]
    assert shown(rig, *pages, said, spans(insights), *told) == []
