"""What the templates say and what the code says: neither names what the other does not know."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devhost.environment import child_environment
from remediators import REMEDIATORS
from shared.model.roles import ALLOWED_ROLES
from tests.infra.rules import MOST_VALUES, app_settings, resources
from tests.infra.shared_folder import INFRA, ROOT, TEMPLATES, needs_bicep_check, parsed

MAIN = INFRA / "main.bicep"
APP = INFRA / "modules/functionapp.bicep"
# Only for the embedded host and its simulator: in Azure the cloud decides.
NOT_IN_AZURE = {"RELINK_ARM_ENDPOINT", "RELINK_CA_BUNDLE"}
# Read by the Functions host, not by Relink.
OF_THE_HOST = re.compile(
    r"AzureWebJobsStorage__\w+|AzureFunctionsJobHost__\w+|DURABLE_TASK_SCHEDULER_CONNECTION_STRING"
    r"|PYTHON_THREADPOOL_THREAD_COUNT"
)
# Set by the app itself, so that its telemetry sends nothing about itself to anybody.
SET_BY_THE_APP = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",
}
DEPLOYED = sorted([*(ROOT / "shared").rglob("*.py"), ROOT / "function_app.py"])


def load(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((INFRA / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("script", ["event-filters", "role-actions", "telemetry"])
def test_what_is_generated_is_in_step(script: str) -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script)],
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_operation_that_a_remediator_watches_is_filtered_for_once() -> None:
    values = [value for group in load("operations.json") for value in group["operations"]]
    watched = {watch.lower() for remediator in REMEDIATORS for watch in remediator.watches}
    assert sorted(value.lower() for value in values) == sorted(watched)
    assert all(len(group["operations"]) <= MOST_VALUES for group in load("operations.json"))


def test_the_writer_holds_what_steps_need_and_nothing_else() -> None:
    needed = {action for remediator in REMEDIATORS for action in remediator.permissions}
    access = load("access.json")
    assert set(access["writer"]) == needed
    assert [action for action in access["reader"] if not action.lower().endswith("/read")] == []
    assert set(access["assignable"]) == set(ALLOWED_ROLES)
    assert set(access["overview"]) <= set(access["reader"])
    assert [a for actions in access.values() for a in actions if "*" in a] == []


def settings_read() -> set[str]:
    """Environment variables that the deployed code names."""
    pattern = re.compile(
        r"(RELINK|AZURE|APPLICATIONINSIGHTS)_[A-Z_]*[A-Z]"
    )  # "AZURE_ML_" is a prefix
    found = set()
    for path in DEPLOYED:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and pattern.fullmatch(text):
                found.add(text)
    return found - {"AZURE_FUNCTIONS_ENVIRONMENT"}


@needs_bicep_check
def test_the_app_is_given_every_setting_that_it_reads_and_no_other() -> None:
    given = app_settings(parsed(APP.read_text(encoding="utf-8")))
    own = {name for name in given if not OF_THE_HOST.fullmatch(name)}
    assert own == settings_read() - NOT_IN_AZURE - SET_BY_THE_APP


def function_names() -> set[str]:
    decorated = re.compile(r"function_name\(\"(\w+)\"\)")
    texts = [path.read_text(encoding="utf-8") for path in DEPLOYED]
    return {name for text in texts for name in decorated.findall(text)}


def test_functions_named_in_templates_are_decorated() -> None:
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES]
    named = {name for text in texts for name in re.findall(r"/functions/(\w+)", text)}
    assert named == {"resource_changed"}
    assert named <= function_names()
    assert "resource_changed_queued" in function_names()


@pytest.mark.parametrize("script", ["postdeploy.sh", "postdeploy.ps1"])
def test_outputs_that_a_script_takes_exist(script: str) -> None:
    text = (ROOT / "scripts" / script).read_text(encoding="utf-8")
    taken = set(re.findall(r"\$(?:env:)?\{?(RELINK_[A-Z_]+)", text))
    optional = {
        "RELINK_EXISTING_TOPIC",
        "RELINK_EXISTING_TOPIC_GROUP",
        "RELINK_TRIES",
        "RELINK_PAUSE_SECONDS",
    }
    outputs = set(re.findall(r"^output (\w+)", MAIN.read_text(encoding="utf-8"), re.MULTILINE))
    assert taken - optional <= outputs
    assert {"RELINK_WATCHED", "RELINK_APP_ID", "RELINK_DELIVERY"} <= taken


@pytest.mark.parametrize("script", ["postdeploy.sh", "postdeploy.ps1"])
def test_a_script_gives_phase_two_exactly_parameters_that_it_has(script: str) -> None:
    text = (ROOT / "scripts" / script).read_text(encoding="utf-8")
    given = set(re.findall(r'"(\w+)=\$', text))
    events = (INFRA / "events.bicep").read_text(encoding="utf-8")
    params = re.findall(r"^param (\w+) \w+( =)?", events, re.MULTILINE)
    assert given <= {name for name, _ in params}
    assert {name for name, default in params if not default} <= given


def test_the_parameter_file_names_parameters_of_phase_one() -> None:
    given = load("main.parameters.json")["parameters"]
    text = MAIN.read_text(encoding="utf-8")
    params = re.findall(r"^param (\w+) \w+( =)?", text, re.MULTILINE)
    assert set(given) <= {name for name, _ in params}
    assert {name for name, default in params if not default} <= set(given)


def test_every_variable_of_the_parameter_file_is_documented() -> None:
    text = (INFRA / "main.parameters.json").read_text(encoding="utf-8")
    page = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
    missing = [name for name in re.findall(r"\$\{(\w+)", text) if f"`{name}`" not in page]
    assert missing == []


@needs_bicep_check
def test_the_app_may_read_manifests_and_not_write_them() -> None:
    statements = parsed((INFRA / "modules/paper-access.bicep").read_text(encoding="utf-8"))
    text = (INFRA / "modules/paper-access.bicep").read_text(encoding="utf-8")
    own = [r for r in resources(statements) if r.type.endswith("roleAssignments")]
    on_manifests = [r for r in own if _scope(r) == "manifests" and _principal(r) == "principalId"]
    assert [r.at("properties.roleDefinitionId").args[1].name for r in on_manifests] == [
        "blobReader"
    ]
    assert "var blobReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'" in text
    assert {_scope(r) for r in own} == {"manifests", "records", "deadletters"}


def _scope(resource: Any) -> str:  # noqa: ANN401 - a parsed resource
    return str(resource.at("scope").name)


def _principal(resource: Any) -> str:  # noqa: ANN401 - a parsed resource
    return str(resource.at("properties.principalId").name)


def test_the_scripts_of_phase_two_are_what_azd_calls() -> None:
    text = (ROOT / "azure.yaml").read_text(encoding="utf-8")
    called = re.findall(r"run: (\S+)", text)
    assert called == ["scripts/postdeploy.sh", "scripts/postdeploy.ps1"]
    assert all((ROOT / path).is_file() for path in called)


def test_phase_two_is_tried_again_and_gives_up(tmp_path: Path) -> None:
    """The real script with an `az` that refuses: bounded, and it says what to do."""
    az = tmp_path / "az"
    az.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nexit 1\n', encoding="utf-8")
    az.chmod(0o755)
    ran = run_postdeploy(tmp_path, RELINK_TRIES="3", RELINK_PAUSE_SECONDS="0")
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert ran.returncode == 1
    assert len(calls) == 6
    assert "azd hooks run postdeploy" in ran.stderr
    assert "--subscription 1111" in calls[0]
    assert "watchedId=/subscriptions/2222/resourceGroups/rg" in calls[-1]


def run_postdeploy(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    outputs = re.findall(r"^output (\w+)", MAIN.read_text(encoding="utf-8"), re.MULTILINE)
    environment = dict.fromkeys(outputs, "x")
    environment |= {
        "PATH": f"{folder}:/usr/bin:/bin",
        "AZURE_LOCATION": "westeurope",
        "RELINK_WATCHED": "/subscriptions/1111,/subscriptions/2222/resourceGroups/rg",
        **more,
    }
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts/postdeploy.sh")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_phase_two_ends_well_once_azure_knows_the_function(tmp_path: Path) -> None:
    az = tmp_path / "az"
    seen = tmp_path / "seen"
    az.write_text(f"#!/bin/sh\n[ -e {seen} ] || {{ touch {seen}; exit 1; }}\n", encoding="utf-8")
    az.chmod(0o755)
    assert run_postdeploy(tmp_path, RELINK_TRIES="3", RELINK_PAUSE_SECONDS="0").returncode == 0
