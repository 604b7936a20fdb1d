"""`relink reconcile` tells the webhook after its run, in a bounded time, and fails by nothing that it does."""

from __future__ import annotations

import json
import time

import pytest

from simulator.faults import Fault, Mischief
from tests.cli.world import World
from tests.neighbours import neighbour

pytestmark = pytest.mark.filterwarnings(
    "ignore", "error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning"
)


def test_a_webhook_that_hangs_fails_no_run_and_hears_of_it_after_a_later_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.captured()
    world.does("PATCH", world.plan.vault, {"properties": {"publicNetworkAccess": "Enabled"}})
    revoked = "Microsoft.KeyVault/vaults/write"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=revoked))
    with neighbour("hang") as hook:
        monkeypatch.setenv("RELINK_NOTIFY_URL", f"http://127.0.0.1:{hook.port}/path-9c3e")
        began = time.monotonic()
        done = world.relink("reconcile", str(file), "--yes")
        assert time.monotonic() - began < 60
        assert done.exit_code == 2
        assert "no answer within 10 s; 1 messages go out with a later run" in done.stderr
        assert "path-9c3e" not in done.output
        hook.mood = "well"
        world.relink("reconcile", str(file), "--yes")
        (request,) = hook.requests
    told = json.loads(request.partition(b"\r\n\r\n")[2])
    assert (told["environment"], told["outcome"]) == ("prod-mlw", "Blocked")
