import pytest

from simulator.sandbox import Sandbox
from simulator.wire import Json, Response

GRAPH = "/providers/Microsoft.ResourceGraph/resources"


def query(world: Sandbox, text: str, *, caller: str = "human", **options: int | str) -> Response:
    body: Json = {"query": text, "subscriptions": [world.plan.subscription]}
    body["options"] = {f"${k}": v for k, v in options.items()}
    return world.call("POST", GRAPH, body, caller=caller)


def test_rows_are_found_by_type_without_case_and_projected(world: Sandbox) -> None:
    text = "resources | where type =~ 'Microsoft.ContainerService/ManagedClusters' | project id, power = properties.powerState.code"
    reply = query(world, text)
    assert reply.json()["data"] == [{"id": world.plan.cluster, "power": "Running"}]
    assert reply.headers["x-ms-user-quota-remaining"]


def test_rows_come_in_pages_by_skip_token(world: Sandbox) -> None:
    text = "resources | where type == 'microsoft.network/privateendpoints' | project id"
    first = query(world, text, top=5).json()
    assert (first["count"], first["resultTruncated"]) == (5, "false")
    rest = query(world, text, top=50, skipToken=first["$skipToken"]).json()
    assert first["totalRecords"] == 5 + rest["count"]
    assert "$skipToken" not in rest


def test_without_an_id_projected_the_rest_is_truncated(world: Sandbox) -> None:
    page = query(world, "resources | project name", top=2).json()
    assert page["resultTruncated"] == "true"
    assert "$skipToken" not in page


def test_zone_groups_computes_and_records_are_not_in_the_table(world: Sandbox) -> None:
    types = {row["type"] for row in query(world, "resources | project id, type").json()["data"]}
    assert "microsoft.network/privatednszones/virtualnetworklinks" in types
    assert not {
        t for t in types if t.endswith(("/a", "/computes", "/privatednszonegroups", "/locks"))
    }


def test_only_what_the_caller_may_read_is_shown(world: Sandbox) -> None:
    assert query(world, "resources", caller="robin").json()["data"] == []


@pytest.mark.parametrize(
    "text",
    [
        "policyresources",
        "resources | summarize count() by type",
        "resources | where a == 1 or b == 2",
    ],
)
def test_what_is_not_simulated_is_refused_and_not_answered_wrongly(
    world: Sandbox, text: str
) -> None:
    reply = query(world, text)
    assert (reply.status, reply.json()["error"]["code"]) == (400, "BadRequest")


def test_conditions_join_and_lists_match(world: Sandbox) -> None:
    text = (
        f"resources | where id in~ ('{world.plan.vault.upper()}', '{world.plan.storage}') "
        "and properties.publicNetworkAccess =~ 'disabled' | project id | order by id asc"
    )
    assert [r["id"] for r in query(world, text).json()["data"]] == [
        world.plan.vault,
        world.plan.storage,
    ]
    counted = query(world, "resources | where type =~ 'microsoft.keyvault/vaults' | count")
    assert counted.json()["data"] == [{"Count": 1}]
