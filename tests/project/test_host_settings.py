"""host.json and the settings sample: each parses, and what they say agrees with the rest."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from shared.workflow.outbox import Destination

ROOT = Path(__file__).parents[2]
# The embedded host's own key is made by `relink host`, not configured for the Functions host.
ONLY_OF_THE_EMBEDDED_HOST = {"RELINK_HOST_KEY"}


def read_json(name: str) -> dict[str, Any]:
    """A key given twice is an error here; json.loads alone keeps the last one silently."""

    def refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"{name} repeats a key: {keys}"
        return dict(pairs)

    loaded: dict[str, Any] = json.loads(
        (ROOT / name).read_text(encoding="utf-8"), object_pairs_hook=refuse_doubles
    )
    return loaded


@pytest.fixture(scope="module")
def host() -> dict[str, Any]:
    return read_json("host.json")


@pytest.fixture(scope="module")
def sample() -> dict[str, str]:
    values: dict[str, str] = read_json("local.settings.json.sample")["Values"]
    return values


def test_the_released_extension_bundle_is_used(host: dict[str, Any]) -> None:
    assert host["version"] == "2.0"
    assert host["extensionBundle"] == {
        "id": "Microsoft.Azure.Functions.ExtensionBundle",
        "version": "[4.*, 5.0.0)",
    }


def test_host_and_app_export_the_same_telemetry(host: dict[str, Any]) -> None:
    assert host["telemetryMode"] == "OpenTelemetry"
    assert "applicationInsights" not in host["logging"]  # it has no effect in this mode


def test_no_function_may_run_as_long_as_azure_takes(host: dict[str, Any]) -> None:
    assert host["functionTimeout"] == "00:10:00"


def test_the_task_hub_is_named_and_its_storage_left_to_the_default(host: dict[str, Any]) -> None:
    durable = host["extensions"]["durableTask"]
    assert durable["hubName"] == "relink"
    assert "storageProvider" not in durable
    assert durable["tracing"]["traceInputsAndOutputs"] is False


def test_deliveries_leave_room_for_the_queues_and_every_slot_has_a_thread(
    host: dict[str, Any],
) -> None:
    durable = host["extensions"]["durableTask"]
    slots = {
        kind: durable[f"maxConcurrent{kind}Functions"]
        for kind in ("Activity", "Orchestrator", "Entity")
    }
    assert slots["Entity"] >= len(Destination) + 3
    deployed = (ROOT / "infra/modules/functionapp.bicep").read_text(encoding="utf-8")
    threads = re.search(r"PYTHON_THREADPOOL_THREAD_COUNT: '(\d+)'", deployed)
    assert threads is not None
    assert int(threads[1]) >= sum(slots.values())


def test_queue_messages_are_decoded_as_event_grid_writes_them(host: dict[str, Any]) -> None:
    queues = host["extensions"]["queues"]
    assert queues["messageEncoding"] == "base64"
    assert queues["maxPollingInterval"] <= "00:00:05"


def test_routes_start_with_api(host: dict[str, Any]) -> None:
    assert host["extensions"]["http"]["routePrefix"] == "api"


def test_the_sample_starts_a_python_app_that_changes_nothing(sample: dict[str, str]) -> None:
    assert sample["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert sample["AzureWebJobsStorage"] == "UseDevelopmentStorage=true"
    assert sample["RELINK_MODE"] == "observe"


def test_the_sample_holds_only_strings_as_the_host_demands(sample: dict[str, str]) -> None:
    assert {key: value for key, value in sample.items() if not isinstance(value, str)} == {}


def test_the_sweep_schedule_of_the_sample_has_six_fields_and_no_name(
    sample: dict[str, str],
) -> None:
    fields = sample["RELINK_SWEEP_SCHEDULE"].split()
    assert len(fields) == 6
    assert all(re.fullmatch(r"[\d*/,-]+", field) for field in fields)


def test_the_sample_lists_the_settings_that_the_product_reads(sample: dict[str, str]) -> None:
    module = ROOT / "shared" / "settings.py"
    read = set(re.findall(r"\bRELINK_[A-Z_]+\b", module.read_text(encoding="utf-8")))
    listed = {key for key in sample if key.startswith("RELINK_")}
    assert listed == read - ONLY_OF_THE_EMBEDDED_HOST


def test_every_setting_that_host_json_refers_to_is_in_the_sample(sample: dict[str, str]) -> None:
    referred = re.findall(r"%(\w+)%", (ROOT / "host.json").read_text(encoding="utf-8"))
    assert set(referred) <= set(sample)


def test_real_settings_are_never_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "local.settings.json" in ignored
    assert "local.settings.json.sample" not in ignored
