"""Token buckets, late logs, late deletions and expired tokens, under a virtual clock."""

import pytest

from simulator.faults import Fault, Mischief
from simulator.sandbox import Sandbox
from simulator.wire import Json

LOG = "/providers/Microsoft.Insights/eventtypes/management/values"


def test_reads_are_counted_down_in_a_header(world: Sandbox) -> None:
    name = "x-ms-ratelimit-remaining-subscription-reads"
    first, second = (world.call("GET", world.plan.vault).headers[name] for _ in range(2))
    assert (first, second) == ("249", "248")


@pytest.mark.parametrize(("method", "burst", "rate"), [("GET", 250, 25), ("PATCH", 200, 10)])
def test_a_principal_has_a_bucket_that_refills(
    world: Sandbox, method: str, burst: int, rate: int
) -> None:
    world.cloud.context.state.limits.enforced = True
    body: Json | None = {"tags": {}} if method == "PATCH" else None
    taken = [world.call(method, world.plan.vault, body).status for _ in range(burst + 1)]
    assert taken == [200] * burst + [429]
    refused = world.call(method, world.plan.vault, body)
    assert refused.json()["error"]["code"] == "SubscriptionRequestsThrottled"
    assert refused.headers["Retry-After"] == "1"
    assert world.call(method, world.plan.vault, body, caller="relink").status == 200
    world.clock.advance(1)
    again = [world.call(method, world.plan.vault, body).status for _ in range(rate + 1)]
    assert again == [200] * rate + [429]


def test_private_dns_has_a_limit_of_its_own_on_reads(world: Sandbox) -> None:
    world.cloud.context.state.limits.enforced = True
    zone = world.plan.zone("privatelink.azurecr.io")
    statuses = []
    for _ in range(4):
        statuses += [world.call("GET", zone).status for _ in range(140)]
        world.clock.advance(10)
    assert 500 <= statuses.count(200) < 560
    world.clock.advance(1)
    assert world.call("GET", zone).status == 200


def test_nothing_is_refused_unless_limits_are_enforced(world: Sandbox) -> None:
    assert {world.call("GET", world.plan.vault).status for _ in range(300)} == {200}


def test_the_activity_log_may_be_late(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.LAG_ACTIVITY_LOG, seconds=300, times=None))
    world.ok("PATCH", world.plan.vault, {"tags": {}})
    scope = f"/subscriptions/{world.plan.subscription}{LOG}"
    query = "&$filter=eventTimestamp ge '2026-01-01T00:00:00Z'"
    assert world.ok("GET", scope, query=query)["value"] == []
    world.clock.advance(300)
    assert len(world.ok("GET", scope, query=query)["value"]) == 2


def test_something_deleted_may_be_shown_a_little_longer(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.LINGER, path="/privateEndpoints/", reads=2))
    world.done("DELETE", world.blob_endpoint)
    shown = [world.call("GET", world.blob_endpoint).status for _ in range(3)]
    assert shown == [200, 200, 404]


def test_an_expired_token_is_refused_with_a_challenge(world: Sandbox) -> None:
    world.cloud.add_fault(Fault(Mischief.EXPIRE_TOKENS, principal="relink"))
    assert world.call("GET", world.plan.vault, caller="human").status == 200
    refused = world.call("GET", world.plan.vault, caller="relink")
    assert (refused.status, refused.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert "invalid_token" in refused.headers["WWW-Authenticate"]
    assert world.call("GET", world.plan.vault, caller="relink").status == 200
