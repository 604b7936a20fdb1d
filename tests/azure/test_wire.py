from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from shared.azure.gateway import Azure
from shared.azure.mlclient import ml_client
from shared.model.actual import Absent, Found, Question, Read, Unreadable
from shared.model.progress import Done, Waiting
from shared.model.resource_id import ResourceId
from shared.model.step import Edit, EditKind, PatchResource, PutResource
from tests.azure.wires import NOON, PUBLIC, Bench, Canned, Token, over_canned, shown, transport

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
STORAGE = ResourceId.parse(
    f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/s"
)
ENDPOINT = ResourceId.parse(
    f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network/privateEndpoints/pe"
)


def sent(request: requests.PreparedRequest) -> Any:  # noqa: ANN401 - JSON
    assert isinstance(request.body, str | bytes)
    return json.loads(request.body)


def test_a_body_goes_out_as_it_is(canned: Canned, scripted: Azure) -> None:
    """Read-only names, unknown names and nulls included: no SDK model sees the body."""
    body = {"properties": {"provisioningState": "x", "fromTheFuture": {"A-b": None}, "subnet": 7}}
    canned.rule("PUT", ".*", (200, {}))
    assert scripted.start(PutResource(ENDPOINT, body)) == Done()
    (request,) = canned.asked
    assert sent(request) == body
    assert request.headers["Content-Type"] == "application/json"


def test_an_object_that_is_sent_back_whole_keeps_unknown_fields(
    canned: Canned, scripted: Azure
) -> None:
    acls = {"bypass": "None", "defaultAction": "Deny", "fromTheFuture": [{"x": 1}]}
    canned.rule("GET", ".*", (200, shown(STORAGE, networkAcls=acls)))
    canned.rule("PATCH", ".*", (200, {}))
    edit = Edit(
        "properties.networkAcls.bypass",
        EditKind.ADD_WORD,
        "AzureServices",
        "properties.networkAcls",
    )
    assert isinstance(scripted.start(PatchResource(STORAGE, (edit,))), Done)
    assert sent(canned.asked[-1]) == {
        "properties": {"networkAcls": {**acls, "bypass": "AzureServices"}}
    }


def test_a_success_that_the_sdk_did_not_expect_is_one(canned: Canned, scripted: Azure) -> None:
    canned.rule("PUT", ".*", (202, {"properties": {"provisioningState": "Updating"}}))
    assert isinstance(scripted.start(PutResource(ENDPOINT, {})), Waiting)


def test_an_answer_that_is_no_json_is_no_answer() -> None:
    class Html(Canned):
        def answer(self, _request: object) -> tuple[int, dict[str, str], bytes]:
            return 200, {"Content-Type": "text/html"}, b"<html>"

    read = Read(Question.PERMISSIONS, STORAGE)
    assert isinstance(over_canned(Html()).read([read])[read], Unreadable)


def test_tokens_are_asked_for_the_clouds_arm_and_no_other(canned: Canned) -> None:
    token = Token(lambda: "t")
    azure = Azure(PUBLIC, token, lambda: NOON, transport=transport(canned))
    canned.rule("GET", ".*", (404, {"error": {"code": "ResourceNotFound", "message": ""}}))
    read = Read(Question.GET, STORAGE)
    assert azure.read([read])[read] == Absent(NOON)
    assert set(token.scopes) == {"https://management.azure.com/.default"}


def test_every_request_says_who_asks(canned: Canned, scripted: Azure) -> None:
    canned.rule("GET", ".*", (200, shown(STORAGE)))
    read = Read(Question.GET, STORAGE)
    assert isinstance(scripted.read([read])[read], Found)
    headers = canned.asked[0].headers
    assert str(headers["User-Agent"]).startswith("relink/")
    assert headers["x-ms-client-request-id"]


@pytest.mark.parametrize(
    ("resource", "api_version"),
    [
        pytest.param("Microsoft.Network/privateEndpoints/x", "2026-03-01", id="network"),
        pytest.param("Microsoft.Network/privateDnsZones/x.y", "2024-06-01", id="privatedns"),
        pytest.param("Microsoft.ContainerService/managedClusters/x", "2026-08-01", id="aks"),
        pytest.param("Microsoft.Storage/storageAccounts/x", "2026-09-01", id="storage"),
        pytest.param("Microsoft.KeyVault/vaults/x", "2026-05-15", id="keyvault"),
        pytest.param("Microsoft.ContainerRegistry/registries/x", "2025-11-01", id="registry"),
        pytest.param(
            "Microsoft.MachineLearningServices/workspaces/x", "2025-12-01", id="machinelearning"
        ),
        pytest.param("Microsoft.Authorization/locks/x", "2020-05-01", id="locks"),
        pytest.param("Microsoft.Authorization/roleAssignments/x", "2022-04-01", id="roles"),
    ],
)
def test_the_api_versions_are_those_that_are_written_down(
    canned: Canned, scripted: Azure, resource: str, api_version: str
) -> None:
    """A client's new default is a decision of ours: read what changed, then change the docstring."""
    canned.rule("GET", ".*", (200, {}))
    group = f"{SUBSCRIPTION}/resourceGroups/g/providers/{resource}"
    scripted.read([Read(Question.GET, ResourceId.parse(group))])
    assert f"api-version={api_version}" in str(canned.asked[0].url)


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own deprecations
def test_azure_ai_ml_still_passes_on_what_keeps_it_from_polling(virtual: Bench) -> None:
    """Pins the private name that ``mlclient`` sets: a release that renames it fails here."""
    workspace = ResourceId.parse(virtual.places.workspace)
    client = ml_client(virtual.azure._clients, workspace)
    poller = client.compute.begin_delete(virtual.compute.name, action="Detach")
    assert type(poller.polling_method()).__name__ == "NoPolling"
    assert poller.result().http_response.status_code == 202
    assert ml_client(virtual.azure._clients, workspace) is client
