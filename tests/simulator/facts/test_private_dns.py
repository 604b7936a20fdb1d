"""Domain facts, sections 4 and 5: zones, their links and record sets. Shapes: privatedns 2020-06-01."""

import pytest

from simulator.faults import Fault, Mischief
from simulator.sandbox import Sandbox
from simulator.wire import Json, Request, Response

BLOB = "privatelink.blob.core.windows.net"


def code(reply: Response) -> str:
    return str(reply.json()["error"]["code"])


def linking(network: str, *, registers: bool = False) -> Json:
    properties = {"virtualNetwork": {"id": network}, "registrationEnabled": registers}
    return {"location": "global", "properties": properties}


def conditional(
    world: Sandbox, method: str, resource: str, body: bytes, **headers: str
) -> Response:
    """Execute a request with conditions."""
    token = world.cloud.token(world.cloud.context.state.directory.by_name("human"))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["Authorization"] = f"Bearer {token}"
    url = f"{resource}?api-version=2024-06-01"
    return world.cloud.handle(Request(method, url, named, body))


def new_zone(world: Sandbox, name: str = "example.internal") -> str:
    zone = world.plan.zone(name)
    world.done("PUT", zone, {"location": "global"})
    return zone


def test_a_link_is_in_progress_and_completed_when_its_operation_ends(world: Sandbox) -> None:
    link = f"{new_zone(world)}/virtualNetworkLinks/to-hub"
    reply = world.call("PUT", link, linking(world.plan.network("hub")))
    assert reply.status == 202
    assert {"Azure-AsyncOperation", "Location"} <= set(reply.headers)
    assert world.properties(link)["virtualNetworkLinkState"] == "InProgress"
    world.settle()
    shown = world.properties(link)
    assert (shown["virtualNetworkLinkState"], shown["provisioningState"]) == (
        "Completed",
        "Succeeded",
    )


def test_the_links_of_privatelink_zones_register_nothing(world: Sandbox) -> None:
    links = world.ok("GET", f"{world.plan.zone(BLOB)}/virtualNetworkLinks")["value"]
    assert links
    assert not any(link["properties"]["registrationEnabled"] for link in links)


def test_registration_is_switched_by_patch_and_a_network_registers_in_one_zone(
    world: Sandbox,
) -> None:
    link = f"{new_zone(world)}/virtualNetworkLinks/to-hub"
    world.done("PUT", link, linking(world.plan.network("hub"), registers=True))
    other = f"{new_zone(world, 'second.internal')}/virtualNetworkLinks/to-hub"
    refused = world.call("PUT", other, linking(world.plan.network("hub"), registers=True))
    assert refused.status == 400
    world.done("PATCH", link, {"properties": {"registrationEnabled": False}})
    assert world.properties(link)["registrationEnabled"] is False
    assert world.properties(link)["virtualNetworkLinkState"] == "Completed"


def test_a_link_never_leads_to_another_network(world: Sandbox) -> None:
    link = f"{new_zone(world)}/virtualNetworkLinks/to-hub"
    world.done("PUT", link, linking(world.plan.network("hub")))
    refused = world.call("PUT", link, linking(world.plan.network("spoke")))
    assert (refused.status, code(refused)) == (400, "BadRequest")


def test_a_network_is_linked_to_one_zone_of_a_name(world: Sandbox) -> None:
    second = world.plan.id("other", f"Microsoft.Network/privateDnsZones/{BLOB}")
    world.done("PUT", second, {"location": "global"})
    refused = world.call(
        "PUT", f"{second}/virtualNetworkLinks/hub", linking(world.plan.network("hub"))
    )
    assert "overlapping namespaces" in refused.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["zone", "link", "record"])
def test_if_match_and_if_none_match_are_honoured(world: Sandbox, kind: str) -> None:
    zone = new_zone(world)
    link, record = f"{zone}/virtualNetworkLinks/to-hub", f"{zone}/A/web"
    world.done("PUT", link, linking(world.plan.network("hub")))
    world.done("PUT", record, {"properties": {"ttl": 60, "aRecords": []}})
    network = world.plan.network("hub").encode()
    resource, body = {
        "zone": (zone, b'{"location": "global"}'),
        "link": (
            link,
            b'{"location": "global", "properties": {"virtualNetwork": {"id": "%s"}}}' % network,
        ),
        "record": (record, b'{"properties": {"ttl": 60, "aRecords": []}}'),
    }[kind]
    current = world.body(resource)["etag"]
    assert conditional(world, "PUT", resource, body, If_None_Match="*").status == 412
    assert conditional(world, "PUT", resource, body, If_Match='W/"stale"').status == 412
    assert conditional(world, "PUT", resource, body, If_Match=current).status < 300
    world.settle()
    assert conditional(world, "DELETE", resource, b"", If_Match=current).status == 412


def test_a_zone_that_is_linked_is_not_deleted(world: Sandbox) -> None:
    zone = new_zone(world)
    link = f"{zone}/virtualNetworkLinks/to-hub"
    world.done("PUT", link, linking(world.plan.network("hub")))
    refused = world.call("DELETE", zone)
    assert (refused.status, code(refused)) == (409, "CannotDeleteResource")
    world.done("DELETE", link)
    assert world.call("DELETE", zone).status == 202
    world.settle()
    assert world.body(zone) is None


def test_deleting_a_zone_takes_its_records_along(world: Sandbox) -> None:
    zone = new_zone(world)
    world.ok("PUT", f"{zone}/A/web", {"properties": {"ttl": 60, "aRecords": []}})
    world.done("DELETE", zone)
    assert world.body(f"{zone}/A/web") is None


def test_a_record_set_is_written_at_once_with_everything_in_it(world: Sandbox) -> None:
    record = f"{new_zone(world)}/A/web"
    first = {"ttl": 60, "aRecords": [{"ipv4Address": "10.0.0.8"}], "metadata": {"by": "hand"}}
    assert world.call("PUT", record, {"properties": first}).status == 201
    second = {"ttl": 30, "aRecords": [{"ipv4Address": "10.0.0.9"}]}
    reply = world.call("PUT", record, {"properties": second})
    assert (reply.status, "Azure-AsyncOperation" in reply.headers) == (200, False)
    shown = world.properties(record)
    assert shown["aRecords"] == [{"ipv4Address": "10.0.0.9"}]
    assert shown["fqdn"] == "web.example.internal."
    assert "metadata" not in shown


def test_a_zone_counts_what_is_in_it(world: Sandbox) -> None:
    zone = new_zone(world)
    world.done("PUT", f"{zone}/virtualNetworkLinks/to-hub", linking(world.plan.network("hub")))
    world.ok("PUT", f"{zone}/A/web", {"properties": {"ttl": 60, "aRecords": []}})
    shown = world.properties(zone)
    assert (shown["numberOfRecordSets"], shown["numberOfVirtualNetworkLinks"]) == (2, 1)


def test_a_link_needs_the_join_of_its_network(world: Sandbox) -> None:

    join = "Microsoft.Network/virtualNetworks/join/action"
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=join))
    link = f"{new_zone(world)}/virtualNetworkLinks/to-hub"
    refused = world.call("PUT", link, linking(world.plan.network("hub")), caller="relink")
    assert code(refused) == "LinkedAuthorizationFailed"
