"""azure-ai-ml against the simulator: what Relink asks it for, detaching included."""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from azure.identity import ManagedIdentityCredential

from shared.azure.mlclient import load
from simulator.server import Server
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
PLAN = Plan("learn", SUBSCRIPTION, "westeurope")


@pytest.fixture
def client(served: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator["MLClient"]:
    if served.cloud.get(PLAN.workspace) is None:
        served.cloud.load(private_inference(prefix="learn", others=False))
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, served.exports[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its marshmallow schemas are deprecated, at import
        load(120)
        from azure.ai.ml import MLClient  # noqa: PLC0415 - imported under that filter

    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "Simulated")  # as the client will: to be put back
    endpoint = served.exports["RELINK_ARM_ENDPOINT"]
    metadata = {
        "azure_portal": endpoint,
        "resource_manager": endpoint + "/",
        "active_directory": endpoint + "/",
        "aml_resource_id": endpoint,
        "storage_endpoint": "core.windows.net",
        "registry_discovery_endpoint": endpoint + "/",
    }
    credential = ManagedIdentityCredential(client_id=served.exports["AZURE_CLIENT_ID"])
    yield MLClient(
        credential,
        SUBSCRIPTION,
        "learn-ml",
        "learn-mlw",
        cloud="Simulated",
        cloud_metadata=metadata,
        connection_verify=served.exports["RELINK_CA_BUNDLE"],
    )
    credential.close()


@pytest.mark.filterwarnings("ignore")
def test_endpoints_and_deployments_on_a_compute_are_listed(client: "MLClient") -> None:
    endpoints = list(client.online_endpoints.list())
    assert {e.name for e in endpoints} == {"learn-k8s-a", "learn-k8s-b"}
    one = client.online_endpoints.get("learn-k8s-a")
    assert one.provisioning_state == "Succeeded"
    assert one.compute.endswith("/computes/k8s-a")
    deployments = list(client.online_deployments.list("learn-k8s-a"))
    assert [(d.name, d.provisioning_state) for d in deployments] == [("blue", "Succeeded")]


@pytest.mark.filterwarnings("ignore")
def test_a_compute_is_shown_and_detached(client: "MLClient", served: Server) -> None:
    shown = client.compute.get("k8s-a")
    assert (shown.type, shown.namespace) == ("kubernetes", "team-k8s-a")
    client.compute.begin_delete("k8s-a", action="Detach").result(timeout=120)
    assert served.cloud.get(f"{PLAN.workspace}/computes/k8s-a") is None


@pytest.mark.filterwarnings("ignore")
def test_a_workspace_is_diagnosed(client: "MLClient") -> None:
    answer = client.workspaces.begin_diagnose("learn-mlw").result(timeout=120)
    assert not answer.storage_account_results
