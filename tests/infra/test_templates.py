"""The templates: the checker finds nothing, our rules hold, and seeded mistakes are noticed."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.infra.rules import RULES, Rule
from tests.infra.shared_folder import (
    INFRA,
    TEMPLATES,
    diagnostics,
    module,
    needs_bicep_check,
    parsed,
)

pytestmark = needs_bicep_check


def test_the_checker_finds_nothing_in_any_template() -> None:
    assert diagnostics(TEMPLATES) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_template_breaks_a_rule(rule: Rule) -> None:
    broken = {path.name: list(rule(statements)) for path, statements in _all().items()}
    assert {name: said for name, said in broken.items() if said} == {}


@cache
def _all() -> dict[Path, list[Any]]:
    return {path: parsed(path.read_text(encoding="utf-8")) for path in TEMPLATES}


# File, what stands there, what a hurried hand makes of it.
MISTAKES = {
    "shared-keys": ("modules/account.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true"),
    "public-blobs": ("modules/account.bicep", "allowBlobPublicAccess: false", "allowBlobPublicAccess: true"),
    "public-container": ("modules/account.bicep", "publicAccess: 'None'", "publicAccess: 'Blob'"),
    "old-tls": ("modules/account.bicep", "'TLS1_2'", "'TLS1_0'"),
    "http": ("modules/functionapp.bicep", "httpsOnly: true", "httpsOnly: false"),
    "ftp": ("modules/functionapp.bicep", "ftpsState: 'Disabled'", "ftpsState: 'AllAllowed'"),
    "basic-publishing": ("modules/functionapp.bicep", "properties: { allow: false }", "properties: { allow: true }"),
    "old-python": ("modules/functionapp.bicep", "version: '3.13'", "version: '3.11'"),
    "unknown-runtime": ("modules/functionapp.bicep", "name: 'python', version", "name: 'phyton', version"),
    "connection-string": (
        "modules/functionapp.bicep",
        "AzureWebJobsStorage__credential: 'managedidentity'",
        "AzureWebJobsStorage: 'AccountKey=${hostStorage.listKeys().keys[0].value}'",
    ),
    "worker-runtime-on-flex": (
        "modules/functionapp.bicep",
        "AZURE_CLIENT_ID:",
        "FUNCTIONS_WORKER_RUNTIME: 'python'\n        AZURE_CLIENT_ID:",
    ),
    "local-auth": ("modules/monitoring.bicep", "DisableLocalAuth: true", "DisableLocalAuth: false"),
    "no-principal-type": ("modules/host-access.bicep", "principalType: 'ServicePrincipal'", ""),
    "wrong-principal-type": ("modules/host-access.bicep", "'ServicePrincipal'", "'Application'"),
    "wildcard": ("modules/group-access.bicep", "actions: access.writer", "actions: ['Microsoft.Network/*']"),
    "no-condition": ("modules/subscription-access.bicep", "condition: condition\n", "\n"),
    "always-writer": (
        "modules/subscription-access.bicep",
        "roleDefinitions@2022-04-01' = if (mayWrite) {",
        "roleDefinitions@2022-04-01' = {",
    ),
    "dead-letters-by-key": (
        "modules/event-subscriptions.bicep",
        "deadLetterWithResourceIdentity: {",
        "deadLetterDestination: {",
    ),
    "own-operations": (
        "modules/event-subscriptions.bicep",
        "values: group.operations",
        "values: ['Microsoft.Network/privateEndpoints/write']",
    ),
    "unknown-destination": ("modules/event-subscriptions.bicep", "'StorageQueue'", "'StorageQueues'"),
    "silent-alert": ("modules/event-subscriptions.bicep", "enabled: true\n      scopes", "enabled: false\n      scopes"),
    "topic-keys": ("modules/fact-topic.bicep", "disableLocalAuth: true", "disableLocalAuth: false"),
    "topic-schema": ("modules/fact-topic.bicep", "'CloudEventSchemaV1_0'", "'EventGridSchema'"),
    "misspelt-property": ("modules/network.bicep", "addressSpace:", "adressSpace:"),
    "missing-parameter": ("main.bicep", "    workspaceId: monitoring.outputs.workspaceId\n    email", "    email"),
    "unknown-output": ("main.bicep", "identity.outputs.principalId\n", "identity.outputs.principal\n"),
    "unknown-version": ("modules/lock.bicep", "locks@2020-05-01", "locks@2021-05-01"),
    "unused-parameter": ("modules/workbook.bicep", "param tags object", "param tags object\nparam spare string"),
    "syntax": ("modules/identity.bicep", "name: name", "name = name"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_seeded_mistake_is_noticed(name: str, tmp_path: Path) -> None:
    file, right, wrong = MISTAKES[name]
    copied = tmp_path / "infra"
    shutil.copytree(INFRA, copied)
    text = (copied / file).read_text(encoding="utf-8")
    assert right in text, "the mistake no longer fits the template"
    (copied / file).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    assert problems(copied)


def problems(folder: Path) -> list[str]:
    """What the checker and our rules say of a folder of templates."""
    paths = sorted([*folder.glob("*.bicep"), *folder.glob("modules/*.bicep")])
    try:
        statements = {path: parsed(path.read_text(encoding="utf-8")) for path in paths}
    except module("bicep_parser").BicepSyntaxError as error:
        return [str(error)]
    said = [said for each in statements.values() for rule in RULES for said in rule(each)]
    return said or diagnostics(paths)


def test_an_untouched_copy_has_no_problems(tmp_path: Path) -> None:
    shutil.copytree(INFRA, tmp_path / "infra")
    assert problems(tmp_path / "infra") == []
