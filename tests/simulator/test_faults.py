import pytest

from simulator.faults import Fault, Mischief, fault_from
from simulator.sandbox import Sandbox, writable_endpoint

DELETE = "Microsoft.Network/privateEndpoints/delete"


def test_a_throttled_request_is_told_when_to_come_back_and_passes_then(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.THROTTLE, method="GET", path="vaults", retry_after=7))
    reply = world.call("GET", world.plan.vault)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "7")
    assert world.call("GET", world.plan.vault).status == 200


def test_a_conflict_and_an_error_strike_as_often_as_they_are_told_to(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.CONFLICT, operation=DELETE, times=2))
    assert [world.call("DELETE", world.blob_endpoint).status for _ in range(3)] == [409, 409, 202]
    world.cloud.add_fault(Fault(Mischief.ERROR, status=503, method="GET"))
    assert [world.call("GET", world.plan.vault).status for _ in range(2)] == [503, 200]


def test_a_lost_reply_was_carried_out(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.LOST_REPLY, operation=DELETE))
    assert world.call("DELETE", world.blob_endpoint).status == 502
    world.settle()
    assert world.body(world.blob_endpoint) is None


def test_an_operation_fails_while_polling_with_http_200(world: Sandbox) -> None:
    world.cloud.add_fault(
        Fault(Mischief.FAIL_OPERATION, operation=DELETE, code="InternalServerError")
    )
    started = world.call("DELETE", world.blob_endpoint)
    world.settle()
    address = started.headers["Azure-AsyncOperation"].removeprefix("https://management.azure.com")
    reply = world.cloud.call("GET", address)
    assert (reply.status, reply.json()["status"]) == (200, "Failed")
    assert world.properties(world.blob_endpoint)["provisioningState"] == "Failed"


def test_a_fresh_resource_can_be_invisible_for_some_reads(world: Sandbox) -> None:
    body = writable_endpoint(world.body(world.blob_endpoint))
    world.done("DELETE", world.blob_endpoint)
    world.cloud.add_fault(Fault(Mischief.HIDE, path="privateEndpoints", reads=2))
    world.ok("PUT", world.blob_endpoint, body)
    assert [world.call("GET", world.blob_endpoint).status for _ in range(3)] == [404, 404, 200]


def test_a_slow_operation_takes_its_factor_longer(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.SLOW, operation=DELETE, factor=3))
    world.ok("DELETE", world.blob_endpoint)
    world.clock.advance(179)
    assert world.body(world.blob_endpoint)
    world.clock.advance(2)
    assert world.body(world.blob_endpoint) is None


def test_cleared_faults_give_revoked_permissions_back(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action="*"))
    assert world.call("GET", world.plan.vault, caller="relink").status == 403
    world.cloud.clear_faults()
    assert world.call("GET", world.plan.vault, caller="relink").status == 200


@pytest.mark.parametrize("body", [{}, {"kind": "earthquake"}, {"kind": "error", "colour": 1}])
def test_a_fault_that_is_not_understood_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"fault|Mischief"):
        fault_from(body)
