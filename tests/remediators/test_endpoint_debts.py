from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from remediators.cluster_endpoint import REMEDIATOR
from shared.model.actual import Link, Memory, Question
from shared.model.intent import Intent
from shared.model.resource_id import ResourceId
from tests.remediators.estate import (
    API,
    CLUSTER,
    LINK,
    NOW,
    RECORD,
    debt,
    guid,
    logged,
    power,
    restarted,
)
from tests.remediators.world import (
    World,
    listed,
    named,
    reasons,
)

RESTART = NOW - timedelta(hours=2)
WRITE = "Microsoft.Network/privateEndpoints/write"
NOT_NEEDED = {("RestartSuspected", "not-needed", "RestartSuspected")}
LAGS = {("RestartSuspected", "defer", "ActivityLogLag")}
UNREAD = {("RestartSuspected", "block", "Unreadable")}


def link(link_id: str = LINK, incarnation: str = guid(API), hours: float = 24) -> Link:
    return Link(API, incarnation, link_id, NOW - timedelta(hours=hours))


def suspected(world: World, *links: Link, proof: str = "") -> World:
    world.memory = Memory(debts=(debt(API, RESTART, proof),), links=links)
    return world


def asked(world: World, question: Question) -> bool:
    return any(read.question is question for read in world.asked)


def test_a_new_private_link_service_proves_a_restart_that_nobody_told_of() -> None:
    world = World(link=LINK.replace("pls-1", "pls-2"), memory=Memory(links=(link(),)))
    assert reasons(world.find(REMEDIATOR)) == {("LinkRenewed", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert unit.destructive


def test_the_link_of_another_incarnation_proves_nothing() -> None:
    world = World(link="pls-2", memory=Memory(links=(link(incarnation="older"),)))
    assert world.find(REMEDIATOR) == []


def test_a_start_of_a_running_cluster_is_refuted_by_the_link_alone() -> None:
    world = suspected(World(), link(LINK.upper()))
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED
    assert not asked(world, Question.POWER_LOG)


def test_without_a_recorded_link_the_log_refutes_a_start_of_a_running_cluster() -> None:
    world = suspected(World(power_log=[power("start", RESTART - timedelta(days=3))]))
    world.power_log.append(power("start", RESTART))
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED
    assert not asked(world, Question.WRITE_LOG)


def test_a_restart_in_the_log_and_no_write_since_prove_the_endpoint_stale() -> None:
    world = suspected(World(power_log=restarted(RESTART)))
    assert reasons(world.find(REMEDIATOR)) == {("EndpointStale", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert unit.destructive


def fresh_by_write(world: World) -> World:
    world.write_log = [logged(WRITE, RESTART + timedelta(minutes=5))]
    return suspected(world)


def fresh_by_link(world: World) -> World:
    return suspected(world, link("", hours=1))


def fresh_by_intent(world: World) -> World:
    intent = Intent(API, {}, "the one before", "", "run", RESTART + timedelta(minutes=1))
    world.memory = Memory(debts=(debt(API, RESTART),), intents=(intent,))
    return world


def fresh_by_cluster(world: World) -> World:
    world.connections = [listed(API)]
    return suspected(world)


@pytest.mark.parametrize("proof", ["", "LinkRenewed on another endpoint"], ids=["told", "proved"])
@pytest.mark.parametrize(
    "fresh", [fresh_by_write, fresh_by_link, fresh_by_intent, fresh_by_cluster]
)
def test_a_stale_debt_never_destroys_a_fresh_endpoint(fresh, proof: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - one of the above
    world = fresh(World(power_log=restarted(RESTART)))
    world.memory = replace(world.memory, debts=(debt(API, RESTART, proof),))
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED
    assert world.plan(REMEDIATOR) == []


@pytest.mark.parametrize(
    "signs",
    [
        pytest.param({"write_log": [logged(WRITE, RESTART - timedelta(minutes=5))]}, id="written-before"),
        pytest.param({"write_log": [logged(WRITE, RESTART + timedelta(1), "Failed")]}, id="write-failed"),
        pytest.param(
            {"write_log": [logged(f"{WRITE[:-6]}/privateDnsZoneGroups/write", NOW)]}, id="child-written"
        ),
        pytest.param({"connections": [listed(API, "Disconnected")]}, id="listed-disconnected"),
        pytest.param({"connections": [listed(RECORD)]}, id="listed-another"),
    ],
)  # fmt: skip
def test_only_signs_of_this_endpoint_after_the_restart_count(signs: dict[str, object]) -> None:
    world = suspected(World(power_log=restarted(RESTART), **signs))  # type: ignore[arg-type]
    assert reasons(world.find(REMEDIATOR)) == {("EndpointStale", "repair", "")}


def test_a_link_verified_before_the_restart_does_not_save_the_endpoint() -> None:
    world = suspected(World(power_log=restarted(RESTART)), link("", hours=24))
    assert named(world.find(REMEDIATOR)) == {"EndpointStale"}


def test_a_forged_time_long_after_the_restart_counts_from_the_log() -> None:
    """The endpoint was written after the real restart but before the claimed one."""
    world = World(power_log=restarted(RESTART - timedelta(days=3)))
    world.write_log = [logged(WRITE, RESTART - timedelta(days=2))]
    assert reasons(suspected(world).find(REMEDIATOR)) == NOT_NEEDED


def test_a_start_that_the_log_does_not_show_yet_is_deferred() -> None:
    world = suspected(World(now=RESTART + timedelta(minutes=10)))
    assert reasons(world.find(REMEDIATOR)) == LAGS


def test_a_lagging_log_with_an_older_restart_that_is_settled_is_deferred() -> None:
    world = World(now=RESTART + timedelta(minutes=10))
    world.power_log = restarted(RESTART - timedelta(days=3))
    world.write_log = [logged(WRITE, RESTART - timedelta(days=2))]
    assert reasons(suspected(world).find(REMEDIATOR)) == LAGS


def test_a_start_that_the_log_never_shows_did_not_happen() -> None:
    assert reasons(suspected(World()).find(REMEDIATOR)) == NOT_NEEDED


def test_a_restart_claimed_for_the_future_is_refuted() -> None:
    world = World(power_log=restarted(RESTART))
    world.memory = Memory(debts=(debt(API, NOW + timedelta(days=1)),))
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED


def test_a_forged_debt_does_not_hide_a_real_one() -> None:
    world = World(power_log=restarted(RESTART))
    world.memory = Memory(debts=(debt(API, RESTART), debt(API, NOW + timedelta(days=1))))
    assert named(world.find(REMEDIATOR)) == {"EndpointStale"}


@pytest.mark.parametrize(
    ("question", "resource"),
    [
        (Question.POWER_LOG, CLUSTER),
        (Question.WRITE_LOG, API),
        (Question.CONNECTIONS, CLUSTER),
    ],
)
def test_evidence_that_cannot_be_read_destroys_nothing(
    question: Question, resource: ResourceId
) -> None:
    world = suspected(World(power_log=restarted(RESTART))).deny(question, resource)
    assert reasons(world.find(REMEDIATOR)) == UNREAD


def test_an_unreadable_link_is_told_and_nothing_is_destroyed() -> None:
    world = suspected(World(power_log=restarted(RESTART))).deny(Question.LINK, CLUSTER)
    assert reasons(world.find(REMEDIATOR)) == {("LinkUnreadable", "block", "Unreadable")}


def test_a_log_that_tells_each_action_twice_still_shows_the_restart() -> None:
    twice = [entry for entry in restarted(RESTART) for _ in range(2)]
    assert named(suspected(World(power_log=twice)).find(REMEDIATOR)) == {"EndpointStale"}


def test_a_failed_stop_is_no_stop() -> None:
    log = [power("stop", RESTART - timedelta(hours=1), "Failed"), power("start", RESTART)]
    assert reasons(suspected(World(power_log=log)).find(REMEDIATOR)) == NOT_NEEDED


def test_a_proof_kept_from_before_replaces_a_log_that_lags() -> None:
    world = suspected(World(now=RESTART + timedelta(minutes=10)), proof="LinkRenewed on another")
    assert named(world.find(REMEDIATOR)) == {"EndpointStale"}


def test_a_debt_of_a_broken_endpoint_is_settled_by_its_repair() -> None:
    world = suspected(World().connection(API, "Disconnected"))
    assert reasons(world.find(REMEDIATOR)) == {("EndpointDisconnected", "repair", "")}
    assert not asked(world, Question.POWER_LOG)


def test_a_proof_does_not_stand_in_for_a_log_that_cannot_be_read() -> None:
    world = suspected(World(), proof="LinkRenewed on another").deny(Question.POWER_LOG, CLUSTER)
    assert reasons(world.find(REMEDIATOR)) == UNREAD


def test_a_later_restart_is_not_taken_for_the_claimed_one() -> None:
    later = restarted(RESTART + timedelta(hours=1))
    world = suspected(World(power_log=[*restarted(RESTART), *later]))
    world.write_log = [logged(WRITE, RESTART + timedelta(minutes=30))]
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED
