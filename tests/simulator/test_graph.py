import pytest

from simulator.faults import Fault, Mischief
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
        "resources | summarize max(name) by type",
        "resources | where nosuchcolumn == 1",
        "resources | join (resources) on id",
        "resources | where type matches regex 'x'",
        "resources | extend a = bag_keys(properties)",
        "resources | where name == 'x' 'y'",
        "resources | where name == #",
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


def test_or_not_and_parentheses_are_understood(world: Sandbox) -> None:
    text = (
        "Resources | where (type =~ 'microsoft.keyvault/vaults' or type has 'storageaccounts') "
        "and not(name contains 'other') | project name | order by name asc"
    )
    assert query(world, text).json()["data"] == [{"name": "prod-mlkv"}, {"name": "prodmlst"}]
    away = "resources | where type !in~ ('a', 'b') and id !startswith '/sub' | count"
    assert query(world, away).json()["data"] == [{"Count": 0}]


def test_rows_are_counted_by_what_they_have_in_common(world: Sandbox) -> None:
    text = (
        "resources | where type =~ 'microsoft.network/privateendpoints' "
        "| extend state = tostring(properties.provisioningState) | summarize n = count() by state"
    )
    [row] = query(world, text).json()["data"]
    assert (row["state"], row["n"] >= 6) == ("Succeeded", True)
    distinct = "resources | distinct location | top 1 by location desc"
    assert query(world, distinct).json()["data"] == [{"location": "westeurope"}]


def test_a_members_list_is_read_by_position_and_name(world: Sandbox) -> None:
    connection = "properties.privateLinkServiceConnections[0]['properties']"
    text = (
        f"resources | where id =~ '{world.blob_endpoint}' | project id, "
        f"target = {connection}.privateLinkServiceId, none = properties.no.such.member"
    )
    [row] = query(world, text).json()["data"]
    assert (row["target"], row["none"]) == (world.plan.storage, None)


def test_role_assignments_are_in_a_table_of_their_own(world: Sandbox) -> None:
    principal = world.body(world.compute)["identity"]["principalId"]
    text = (
        "authorizationresources | where type =~ 'microsoft.authorization/roleassignments' "
        f"and properties.principalId == '{principal}' | project id, scope = properties.scope"
    )
    scopes = {row["scope"] for row in query(world, text).json()["data"]}
    assert scopes == {world.plan.registry, world.plan.storage}


def test_changes_tell_what_a_write_changed_and_who_did_it(world: Sandbox) -> None:
    opened = {"properties": {"publicNetworkAccess": "Enabled"}}
    world.ok("PATCH", world.plan.vault, opened)
    world.done("DELETE", world.blob_endpoint)
    text = (
        "resourcechanges | where todatetime(properties.changeAttributes.timestamp) > ago(1d) "
        "| project id, properties | order by id asc"
    )
    rows = [row["properties"] for row in query(world, text).json()["data"]]
    told = {row["targetResourceId"]: row for row in rows}
    vault = told[world.plan.vault]
    change = vault["changes"]["properties.publicNetworkAccess"]
    assert (change["previousValue"], change["newValue"]) == ("Disabled", "Enabled")
    assert vault["changeAttributes"]["changedBy"] == "kim@contoso.example"
    assert told[world.blob_endpoint]["changeType"] == "Delete"


def test_the_graph_may_be_older_than_arm(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.LAG_GRAPH, seconds=60, times=None))
    text = f"resources | where id =~ '{world.plan.vault}' | project access = properties.publicNetworkAccess"
    world.ok("PATCH", world.plan.vault, {"properties": {"publicNetworkAccess": "Enabled"}})
    assert world.properties(world.plan.vault)["publicNetworkAccess"] == "Enabled"
    assert query(world, text).json()["data"] == [{"access": "Disabled"}]
    world.clock.advance(61)
    assert query(world, text).json()["data"] == [{"access": "Enabled"}]


def test_more_queries_than_the_quota_are_refused_where_limits_are_enforced(world: Sandbox) -> None:
    world.cloud.context.state.limits.enforced = True
    replies = [query(world, "resources | count") for _ in range(16)]
    assert [r.status for r in replies] == [200] * 15 + [429]
    assert replies[0].headers["x-ms-user-quota-remaining"] == "14"
    assert replies[-1].headers["Retry-After"] == "1"
    world.clock.advance(5)
    assert query(world, "resources | count").status == 200
