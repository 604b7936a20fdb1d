"""A webhook that hangs or drips, real sockets all the way: what does not need it goes on, and it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devhost.child import wait_until
from simulator.faults import Fault, Mischief
from simulator.worlds.plan import SUBSCRIPTION, Plan
from tests.e2e.rig import Rig, open_rig
from tests.neighbours import Neighbour, neighbour

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SECRET = "sig-3f9a51c07d"
TROUBLED = ("prod", *(f"t{number}" for number in range(9)))
"""As many as host.json lets activities work at once."""
OPEN: dict[str, Any] = {"properties": {"publicNetworkAccess": "Enabled"}}


@pytest.fixture
def hook() -> Iterator[Neighbour]:
    with neighbour() as made:
        yield made


@pytest.fixture
def rig(hook: Neighbour, tmp_path: Path) -> Iterator[Rig]:
    environ = {"RELINK_NOTIFY_URL": f"http://127.0.0.1:{hook.port}/hook?sig={SECRET}"}
    made = open_rig(tmp_path, environ=environ, names=(*TROUBLED, "calm"))
    try:
        yield made
    finally:
        made.close()


def plan(name: str) -> Plan:
    return Plan(name, SUBSCRIPTION, "westeurope")


def trouble_everywhere(rig: Rig) -> None:
    """Something for a person in ten environments: vaults that are open and may not be closed."""
    revoked = "Microsoft.KeyVault/vaults/write"
    rig.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=revoked))
    for name in TROUBLED:
        rig.person("PATCH", plan(name).vault, OPEN)


def health(rig: Rig) -> dict[str, Any]:
    return dict(rig.host.http.get("/api/health").json())


def stuck(rig: Rig) -> bool:
    told = health(rig)
    return told["status"] == "degraded" and "webhook" in (told["undelivered"] or {})


def undelivered(rig: Rig) -> int:
    """Messages for the webhook that did not arrive so far; some are tried while this is asked."""
    return int(((health(rig)["undelivered"] or {}).get("webhook") or {"messages": 0})["messages"])


def repaired(rig: Rig) -> str:
    """What became of the environment that has nothing to do with the webhook, opened to the public."""
    rig.person("PATCH", plan("calm").storage, OPEN)
    asked = rig.reconcile("calm", reason="opened").raise_for_status().json()["id"]
    return str(rig.finished(asked)["outcome"])


def told_of(hook: Neighbour) -> set[str]:
    bodies = [request.partition(b"\r\n\r\n")[2] for request in hook.requests]
    return {json.loads(body)["environment"] for body in bodies}


def test_a_webhook_that_drips_or_hangs_keeps_nothing_from_being_repaired(
    rig: Rig, hook: Neighbour, tmp_path: Path
) -> None:
    hook.mood = "drip"
    trouble_everywhere(rig)
    wait_until(lambda: stuck(rig))
    assert repaired(rig) in {"Repaired", "InSync"}
    assert rig.cloud.get(plan("calm").storage)["properties"]["publicNetworkAccess"] == "Disabled"  # type: ignore[index]
    rig.host.kill()
    hook.mood = "hang"
    before = hook.hits
    rig.host.start()
    assert repaired(rig) in {"Repaired", "InSync"}
    wait_until(lambda: hook.hits > before and undelivered(rig) == len(TROUBLED))
    assert stuck(rig)
    hook.mood = "well"
    hook.requests.clear()
    wait_until(lambda: told_of(hook) == set(TROUBLED), 180)
    wait_until(lambda: health(rig)["status"] == "ok")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
