"""Two runs of one environment at once: what they leave to each other, and that both are recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.model.codec import dump
from shared.model.finding import Finding
from shared.model.json import JsonObject
from shared.model.plan import Unit
from shared.model.progress import Done, Waiting
from shared.model.trigger import Trigger
from shared.records import HeldBy, Lease
from tests.core.builders import ENDPOINT, STORAGE, VAULT, destroying, finding, rid, unit
from tests.workflow.world import World, drifting, wish, world

LONG = finding(ENDPOINT, remediator="long")
MAIN = wish("main", remediators=("long",))
ASIDE = wish("aside", remediators=("quick", "long"), beside=True)


def two(tmp_path: Path, mine: Unit, theirs: Unit, **settings: str) -> World:
    """A long repair by one remediator, and something urgent by another."""
    worlds: list[World] = []
    writes = [step.resource for step in mine.steps].count(theirs.resource)

    def opened() -> list[Finding]:
        """Urgent until somebody else than the long repair has written it."""
        begun = [step.resource for step in worlds[0].azure.started].count(theirs.resource)
        return [urgent] if begun <= writes else []

    urgent = finding(theirs.resource.text, "PublicAccessEnabled", remediator="quick")
    long = drifting([mine], [LONG], lambda: worlds[0].azure, name="long")
    quick = drifting([theirs], [urgent], lambda: worlds[0].azure, name="quick", urgent=True)
    catalogue = [long, replace(quick, detect=lambda _e, _a: opened())]
    worlds.append(world(tmp_path, catalogue, **settings))
    worlds[0].azure.script[mine.resource] = [Waiting({"n": 1}, 60), Waiting({"n": 1}, 60), Done()]
    return worlds[0]


def long_unit(**more: Any) -> Unit:  # noqa: ANN401 - any field
    return unit("long", ENDPOINT, findings=(LONG.key,), remediator="long", **more)


def quick_unit(resource: str = STORAGE, make: Any = unit, **more: Any) -> Unit:  # noqa: ANN401 - any field
    key = finding(resource, "PublicAccessEnabled", remediator="quick").key
    made: Unit = make("quick", resource, findings=(key,), remediator="quick", **more)
    return made


def both(here: World, aside: Trigger = ASIDE) -> tuple[JsonObject, JsonObject]:
    """The main run, with the other beside it from its first wait on; their records."""
    begun: list[int] = []

    def call(name: str, message: dict[str, Any]) -> dict[str, Any]:
        if name == "look_step" and not begun:
            begun.append(1)
            engine.begin("reconcile", dump(aside), aside.id)
        return here.call(name, message)

    engine = here.engine(call)
    engine.run("reconcile", dump(MAIN), MAIN.id)
    engine.drain()
    records = here.records.run("main"), here.records.run("aside")
    assert records[0] is not None
    assert records[1] is not None
    return records[0], records[1]


def why(record: JsonObject) -> list[tuple[str, str]]:
    return [(outcome["kind"], outcome["why"]) for outcome in record["outcomes"]]


def test_what_is_independent_is_carried_out_beside_the_long_repair(tmp_path: Path) -> None:
    here = two(tmp_path, long_unit(), quick_unit())
    main, aside = both(here)
    assert (why(main), why(aside)) == ([("Repaired", "")], [("Repaired", "")])
    assert aside["finishedAt"] < main["finishedAt"]
    assert aside["remediators"] == ["quick"], "only what is urgent is looked at"
    assert {record["id"] for record in here.records.runs("prod")} == {"main", "aside"}
    assert here.records.lease("prod") is None
    assert here.records.lease("prod", beside=True) is None
    assert set(here.records.attempts("prod")) == {rid(ENDPOINT), rid(STORAGE)}


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        pytest.param(long_unit(), quick_unit(ENDPOINT), id="writes-the-same"),
        pytest.param(long_unit(follows=(STORAGE,)), quick_unit(), id="the-long-one-follows-it"),
        pytest.param(long_unit(), quick_unit(follows=(ENDPOINT,)), id="it-follows-the-long-one"),
        pytest.param(
            long_unit(exclusive=("subnet",)), quick_unit(exclusive=("subnet",)), id="shares"
        ),
        pytest.param(long_unit(), quick_unit(STORAGE, destroying), id="destructive"),
    ],
)
def test_what_is_not_independent_is_left_to_the_main_run(
    tmp_path: Path, mine: Unit, theirs: Unit
) -> None:
    here = two(tmp_path, mine, theirs)
    main, aside = both(here)
    assert why(main) == [("Repaired", "")]
    assert why(aside) == [("Deferred", "OtherRun")]
    assert aside["units"] == []
    assert here.records.intents("prod") == ()


def test_what_needs_a_person_is_left_to_the_main_run(tmp_path: Path) -> None:
    here = two(tmp_path, long_unit(), quick_unit(), RELINK_MODE="approve")
    here.run(MAIN)
    asked = here.records.approval("prod")
    aside = here.run(ASIDE)
    assert why(aside) == [("Deferred", "OtherRun")]
    assert here.records.approval("prod") == asked


def test_a_unit_that_has_ended_is_free_for_the_other_run(tmp_path: Path) -> None:
    """What the main run closed and somebody opened again is not its business any more."""
    here = two(tmp_path, long_unit(steps=(*quick_unit().steps, *long_unit().steps)), quick_unit())
    here.azure.script[rid(STORAGE)] = [Done()]
    here.call("assess", {"trigger": dump(MAIN), "round": 1})
    errand = {"run": "main", "environment": "prod", "round": 1, "unit": "long"}
    here.call("start_step", {**errand, "step": 0})
    assert why(here.run(ASIDE)) == [("Deferred", "OtherRun")]
    here.azure.script[rid(ENDPOINT)] = [Done()]
    here.call("start_step", {**errand, "step": 1})
    again = wish("again", remediators=("quick",), beside=True)
    assert why(here.run(again)) == [("Repaired", "")]


@pytest.mark.parametrize("first", ["main", "aside"])
def test_of_two_that_looked_at_once_one_goes_ahead_and_one_waits(
    tmp_path: Path, first: str
) -> None:
    """Neither look saw the other: it was stored only afterwards."""
    here = two(tmp_path, long_unit(), quick_unit(ENDPOINT))
    here.call("assess", {"trigger": dump(MAIN), "round": 1})
    here.records.release_lease("prod", "main")
    seen = here.call("assess", {"trigger": dump(ASIDE), "round": 1})
    assert list(seen["units"]) == ["quick"]
    here.records.acquire_lease("prod", "main", 900)

    def start(trigger: Trigger, name: str) -> str:
        errand = {"run": trigger.id, "environment": "prod", "round": 1, "unit": name, "step": 0}
        begun = here.call("start_step", {**errand, "beside": trigger.beside})
        return str(begun.get("why", begun["kind"]))

    order = [(MAIN, "long"), (ASIDE, "quick")]
    order = order if first == "main" else order[::-1]
    assert [start(*each) for each in order] == ["OtherRun", "Waiting"]
    assert len(here.azure.started) == 1


def test_the_leases_of_both_kinds_are_independent(tmp_path: Path) -> None:
    records = world(tmp_path).records
    assert isinstance(records.acquire_lease("prod", "main", 60), Lease)
    assert isinstance(records.acquire_lease("prod", "aside", 60, beside=True), Lease)
    assert isinstance(records.acquire_lease("prod", "other", 60, beside=True), HeldBy)
    assert records.renew_lease("prod", "aside", 60) == records.acquire_lease("prod", "x", 60)
    assert (records.holder("prod"), records.holder("prod", beside=True)) == ("main", "aside")
    assert records.release_lease("prod", "aside") is False
    assert records.release_lease("prod", "aside", beside=True) is True
    assert records.holder("prod", beside=True) == ""


def test_an_environment_that_only_has_what_is_not_urgent_is_not_looked_at_beside(
    tmp_path: Path,
) -> None:
    here = two(tmp_path, long_unit(), quick_unit(VAULT))
    aside = here.run(wish("aside", remediators=("long",), beside=True))
    assert (aside["outcome"], aside["units"]) == ("NotNeeded", [])
    assert here.azure.started == []


def test_a_run_that_waits_for_long_is_not_taken_for_over(tmp_path: Path) -> None:
    """Azure asked for most of an hour, the lease ended, and both wrote the same."""
    here = two(tmp_path, long_unit(steps=quick_unit().steps), quick_unit())
    here.azure.script[rid(STORAGE)] = [Waiting({"n": 1}, 3000)]
    here.call("assess", {"trigger": dump(MAIN), "round": 1})
    errand = {"run": "main", "environment": "prod", "round": 1, "unit": "long", "step": 0}
    here.call("start_step", errand)
    for _ in range(2):
        here.clock.advance(2999)
        here.call("assess", {"trigger": dump(wish("other")), "round": 1})
        assert here.records.holder("prod") == "main"
        here.clock.advance(1)
        here.call("look_step", {"errand": errand, "token": {"n": 1}})
    here.clock.advance(2999)
    assert why(here.run(ASIDE)) == [("Deferred", "OtherRun")]
    assert len(here.azure.started) == 1
