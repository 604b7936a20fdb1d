"""The real host with hanging neighbours on every side: each loop waits for its own, and repairs go on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devhost.child import wait_until
from tests.e2e.rig import Rig, open_rig
from tests.neighbours import Neighbour, neighbour

pytestmark = pytest.mark.slow
KEY = "a2V5LW9mLXRlc3Rz"


@pytest.fixture
def beset(tmp_path: Path) -> Iterator[tuple[Rig, dict[str, Neighbour]]]:
    """A rig whose event queue, dead letters, webhook and Application Insights hang or drip."""
    with ExitStack() as stack:
        moods = {"queue": "hang", "letters": "hang", "webhook": "drip", "insights": "hang"}
        around = {name: stack.enter_context(neighbour(mood)) for name, mood in moods.items()}
        at = {name: f"http://127.0.0.1:{each.port}" for name, each in around.items()}
        account = f"AccountName=devstoreaccount1;AccountKey={KEY}"
        environ = {
            "RELINK_NOTIFY_URL": f"{at['webhook']}/hook",
            "RELINK_EVENT_QUEUE": "events",
            "AzureWebJobsStorage": f"DefaultEndpointsProtocol=http;{account};"
            f"QueueEndpoint={at['queue']}/devstoreaccount1;",
            "RELINK_DEAD_LETTERS": f"BlobEndpoint={at['letters']}/devstoreaccount1;{account};"
            "Container=letters",
            "RELINK_SWEEP_SCHEDULE": "*/5 * * * * *",
            "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=0f0e0d0c-0000-0000-0000-"
            f"000000000000;IngestionEndpoint={at['insights']}/",
        }
        rig = open_rig(tmp_path, environ=environ)
        stack.callback(rig.close)
        yield rig, around


def test_neighbours_that_hang_stop_neither_repairs_nor_health_nor_the_end(
    beset: tuple[Rig, dict[str, Neighbour]],
) -> None:
    rig, around = beset
    ids = rig.ids
    wait_until(lambda: all(each.hits for name, each in around.items() if name != "webhook"), 60)
    # One that a person has to hear of: the webhook drips from now on.
    rig.person("PATCH", ids.vault, {"tags": {"relink:ignore": "true"}})
    for resource in (ids.vault, ids.storage):
        rig.person("PATCH", resource, {"properties": {"publicNetworkAccess": "Enabled"}})

    def closed(resource: str) -> bool:
        body = rig.cloud.get(resource) or {}
        return bool(body["properties"]["publicNetworkAccess"] == "Disabled")

    wait_until(lambda: closed(ids.storage), 60)
    wait_until(lambda: around["webhook"].hits > 0, 60)
    rig.person("PATCH", ids.registry, {"properties": {"publicNetworkAccess": "Enabled"}})
    wait_until(lambda: closed(ids.registry), 60)
    began = time.monotonic()
    assert rig.host.http.get("/api/health").status_code == 200
    assert time.monotonic() - began < 5
    process = rig.host._process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    process.wait(60)
