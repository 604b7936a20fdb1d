"""What a debt of a compute comes to where something could not be read, or nobody told of a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from remediators.kubernetes_compute import REMEDIATOR
from shared.model.actual import Memory, Question
from shared.model.resource_id import ResourceId
from tests.remediators.estate import API, CLUSTER, GPU, NOW, debt, interface, power, restarted
from tests.remediators.world import World, reasons

RESTART = NOW - timedelta(hours=2)
NOT_NEEDED = {("RestartSuspected", "not-needed", "RestartSuspected")}


def suspected(world: World) -> World:
    world.memory = Memory(debts=(debt(GPU, RESTART),))
    return world


def test_an_unreadable_log_does_not_hide_that_it_was_attached_since() -> None:
    world = suspected(World(power_log=restarted(RESTART))).deny(Question.POWER_LOG, CLUSTER)
    world.set(GPU, "properties.createdOn", (RESTART + timedelta(minutes=9)).isoformat())
    assert reasons(world.find(REMEDIATOR)) == NOT_NEEDED


@pytest.mark.parametrize("blind", [API, interface(API)])
@pytest.mark.parametrize("log", [[], [power("start", RESTART)]], ids=["silent", "ran-already"])
def test_a_log_without_a_restart_refutes_nothing_that_an_unread_endpoint_could_show(
    blind: ResourceId, log: list[dict[str, Any]]
) -> None:
    world = suspected(World(power_log=log)).deny(Question.GET, blind)
    assert reasons(world.find(REMEDIATOR)) == {("RestartSuspected", "block", "Unreadable")}


VERIFIED = RESTART - timedelta(days=1)


def seen(world: World, attached: datetime) -> World:
    """A restart that nobody told of: a link verified a day before it is gone."""
    owed = replace(debt(GPU, RESTART + timedelta(hours=1)), source="seen: LinkRenewed")
    world.memory = Memory(debts=(replace(owed, after=VERIFIED),))
    return world.set(GPU, "properties.createdOn", attached.isoformat())


STALE = {("ComputeStale", "repair", "")}


@pytest.mark.parametrize(
    ("attached", "log", "found"),
    [
        pytest.param(VERIFIED - timedelta(days=9), None, STALE, id="before-the-link-no-log"),
        pytest.param(RESTART + timedelta(hours=2), None, NOT_NEEDED, id="since-it-was-seen-no-log"),
        pytest.param(VERIFIED + timedelta(hours=1), restarted(RESTART), STALE, id="before-it"),
        pytest.param(RESTART + timedelta(minutes=1), restarted(RESTART), NOT_NEEDED, id="after-it"),
        pytest.param(
            VERIFIED + timedelta(hours=1),
            [*restarted(RESTART), power("start", RESTART + timedelta(minutes=55))],
            STALE,
            id="behind-a-start-that-changed-nothing",
        ),
        pytest.param(
            VERIFIED + timedelta(hours=1),
            restarted(VERIFIED - timedelta(days=3)),
            {("RestartSuspected", "block", "IncarnationUnknown")},
            id="the-log-knows-no-such-restart",
        ),
        pytest.param(
            VERIFIED + timedelta(hours=1),
            None,
            {("RestartSuspected", "block", "Unreadable")},
            id="between-no-log",
        ),
    ],
)
def test_a_restart_that_an_endpoint_showed_is_dated_by_its_link_and_the_log(
    attached: datetime, log: list[dict[str, Any]] | None, found: set[tuple[str, str, str]]
) -> None:
    world = seen(World(power_log=log or []), attached)
    if log is None:
        world.deny(Question.POWER_LOG, CLUSTER)
    assert reasons(world.find(REMEDIATOR)) == found
