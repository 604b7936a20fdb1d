"""A custom topic takes what azure-eventgrid publishes, from those who may."""

import gc
from collections.abc import Iterator

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.identity import ManagedIdentityCredential

from simulator.clock import SystemClock
from simulator.cloud import Cloud
from simulator.directory import RELINK
from simulator.roles import DATA_SENDER
from simulator.server import Server
from simulator.wire import Json
from simulator.worlds import private_inference
from simulator.worlds.plan import Plan

PLAN = Plan("prod")
TOPIC = PLAN.id("ml", "Microsoft.EventGrid/topics/relink-events")
DRIFT = CloudEvent(source="/relink/prod", type="Relink.DriftFound", data={"reason": "Gone"})


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cloud = Cloud(SystemClock(), speed=500)
    scope = f"/subscriptions/{PLAN.subscription}/providers/Microsoft.Authorization/roleDefinitions"
    assignment = f"{TOPIC}/providers/Microsoft.Authorization/roleAssignments/{PLAN.guid('sender')}"
    properties = {
        "roleDefinitionId": f"{scope}/{DATA_SENDER}",
        "principalId": RELINK.object_id,
        "principalType": "ServicePrincipal",
    }
    schema = {"inputSchema": "CloudEventSchemaV1_0"}
    topics: list[Json] = [
        {"id": TOPIC, "location": "westeurope", "properties": schema},
        {"id": f"{TOPIC}-2", "location": "westeurope", "properties": schema},
        {"id": assignment, "properties": properties},
    ]
    cloud.load([*private_inference(), *topics])
    with Server(cloud, state_dir=tmp_path_factory.mktemp("state")) as server:
        yield server
        # azure-eventgrid leaves its answers unread: their connections end when they are collected.
        gc.collect()


@pytest.fixture
def credential(
    azure: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ManagedIdentityCredential]:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, azure.exports[name])
    with ManagedIdentityCredential(client_id=azure.exports["AZURE_CLIENT_ID"]) as made:
        yield made


def endpoint(azure: Server, topic: str = TOPIC) -> str:
    found = azure.cloud.get(topic)
    assert found is not None
    return str(found["properties"]["endpoint"])


def published(azure: Server, topic: str = TOPIC) -> list[Json]:
    found = azure.cloud.inspect(topic)
    assert found is not None
    return list(found["hidden"].get("events", []))


def test_a_client_publishes_cloud_events(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    with EventGridPublisherClient(endpoint(azure), credential) as client:
        client.send([DRIFT])
    [event] = published(azure)
    assert (event["id"], event["type"]) == (DRIFT.id, "Relink.DriftFound")
    assert event["data"] == {"reason": "Gone"}


def test_who_is_no_sender_is_refused(azure: Server, credential: ManagedIdentityCredential) -> None:
    with (
        EventGridPublisherClient(endpoint(azure, f"{TOPIC}-2"), credential) as client,
        pytest.raises(HttpResponseError, match="no EventGrid Data Sender"),
    ):
        client.send([DRIFT])
    assert published(azure, f"{TOPIC}-2") == []


def test_an_event_of_another_schema_is_refused(
    azure: Server, credential: ManagedIdentityCredential
) -> None:
    before = len(published(azure))
    with (
        EventGridPublisherClient(endpoint(azure), credential) as client,
        pytest.raises(HttpResponseError, match="no event of CloudEventSchemaV1_0"),
    ):
        client.send([{"subject": "only"}])
    assert len(published(azure)) == before


@pytest.mark.usefixtures("credential")
def test_a_token_of_another_audience_is_refused(azure: Server) -> None:
    class Foreign:
        def get_token(self, *scopes: str, **_: object) -> AccessToken:
            del scopes
            return AccessToken(azure.cloud.token(RELINK), 2**31)

    with (
        EventGridPublisherClient(endpoint(azure), Foreign()) as client,
        pytest.raises(ClientAuthenticationError),
    ):
        client.send([DRIFT])
