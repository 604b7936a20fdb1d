"""Order, circles, conflicts, and which units may start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.actual import Actual, Question, Read
from shared.model.finding import Disposition
from shared.model.plan import Unit
from shared.reconcile import PlanningError, clash, conflicts, draw_plan, find, needed, startable
from tests.core.builders import (
    CLUSTER,
    CLUSTER_ENDPOINT,
    COMPUTE,
    ENDPOINT,
    STORAGE,
    VAULT,
    answers,
    environment,
    finding,
    plan,
    rid,
    tiny,
    unit,
)


def test_a_unit_comes_after_every_unit_that_writes_what_it_follows() -> None:
    drawn = plan(
        unit("c", COMPUTE, follows=(ENDPOINT, CLUSTER_ENDPOINT), remediator="computes"),
        unit("a", ENDPOINT),
        unit("b", CLUSTER_ENDPOINT, remediator="clusters"),
    )
    assert [each.id for each in drawn.units] == ["a", "b", "c"]
    assert drawn.after == {"a": (), "b": (), "c": ("a", "b")}


def test_writing_below_what_is_followed_counts_as_well() -> None:
    below = unit("a", f"{ENDPOINT}/privateDnsZoneGroups/default")
    drawn = plan(unit("b", COMPUTE, follows=(ENDPOINT,)), below)
    assert drawn.after["b"] == ("a",)


def test_following_what_nobody_writes_waits_for_nothing() -> None:
    assert plan(unit("a", COMPUTE, follows=(VAULT,))).after == {"a": ()}


def test_a_unit_does_not_wait_for_itself() -> None:
    assert plan(unit("a", ENDPOINT, follows=(ENDPOINT,))).after == {"a": ()}


def test_units_that_wait_for_each_other_are_a_planning_error() -> None:
    with pytest.raises(PlanningError, match=r"circle: a, b"):
        plan(unit("a", ENDPOINT, follows=(VAULT,)), unit("b", VAULT, follows=(ENDPOINT,)))


def test_two_units_of_one_id_are_a_planning_error() -> None:
    with pytest.raises(PlanningError, match="'a'"):
        plan(unit("a", ENDPOINT), unit("a", VAULT, remediator="other"))


def test_a_plan_names_its_units_by_id() -> None:
    drawn = plan(unit("a"))
    assert drawn.unit("a").id == "a"
    with pytest.raises(KeyError):
        drawn.unit("b")


@pytest.mark.parametrize("disposition", [d for d in Disposition if d is not Disposition.REPAIR])
def test_only_repairs_are_handed_to_planning(disposition: Disposition) -> None:
    planner = tiny([unit("a")])
    drawn = draw_plan((planner,), environment(), Actual(), [finding(disposition=disposition)])
    assert drawn.units == ()


def test_findings_of_another_remediator_are_not_handed_over() -> None:
    others = finding(remediator="other")
    assert draw_plan((tiny([unit("a")]),), environment(), Actual(), [others]).units == ()


def test_every_remediator_is_asked_what_it_finds() -> None:
    both = (tiny(name="one"), tiny(name="two"))
    assert [f.remediator for f in find(both, environment(), Actual())] == ["one", "two"]


def test_what_was_read_is_not_asked_for_again() -> None:
    read = Read(Question.GET, rid(STORAGE))
    asking = tiny(reads=(read, read))
    assert needed((asking, asking), environment(), Actual()) == {read}
    assert needed((asking,), environment(), Actual(answers({STORAGE: {}}))) == frozenset()


def test_steps_of_one_remediator_may_share_a_resource() -> None:
    assert conflicts(plan(unit("a"), unit("b"))) == {}


def test_steps_of_two_remediators_on_one_resource_are_named_on_both_units() -> None:
    found = conflicts(plan(unit("a"), unit("b", remediator="other"), unit("c", VAULT)))
    assert set(found) == {"a", "b"}
    assert ENDPOINT in found["a"]


# --- startable ---------------------------------------------------------------


def skeleton(after: tuple[str, ...] = (), *exclusive: str) -> dict[str, list[str]]:
    return {"after": list(after), "exclusive": list(exclusive)}


def test_units_that_follow_nothing_start_together() -> None:
    assert startable({"a": skeleton(), "b": skeleton()}, {}, []) == ["a", "b"]


def test_a_unit_starts_once_all_it_follows_has_succeeded() -> None:
    units = {"a": skeleton(), "b": skeleton(), "c": skeleton(("a", "b"))}
    assert startable(units, {"a": True}, ["b"]) == []
    assert startable(units, {"a": True, "b": True}, []) == ["c"]


def test_a_failure_stops_what_follows_and_nothing_else() -> None:
    units = {"a": skeleton(), "b": skeleton(("a",)), "c": skeleton()}
    assert startable(units, {"a": False}, []) == ["c"]


def test_what_follows_a_unit_that_is_not_in_the_plan_s_allowed_part_never_starts() -> None:
    assert startable({"b": skeleton(("held",))}, {}, []) == []


def test_two_users_of_one_thing_go_one_after_the_other() -> None:
    units = {n: skeleton((), "subnet") for n in "abc"}
    assert startable(units, {}, []) == ["a"]
    assert startable(units, {}, ["a"]) == []
    assert startable(units, {"a": False}, []) == ["b"]


def test_sharing_any_one_thing_is_enough_to_wait() -> None:
    units = {"a": skeleton((), "s1", "t1"), "b": skeleton((), "s2", "t1"), "c": skeleton((), "s2")}
    assert startable(units, {}, []) == ["a", "c"]


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.tuples(st.sets(st.sampled_from("abcdefgh")), st.sets(st.sampled_from("xyz"))),
    )
)
def test_everything_that_can_start_does_so_in_some_round(
    drawn: dict[str, tuple[set[str], set[str]]],
) -> None:
    names = sorted(drawn)
    units = {  # only earlier names are followed, so there is no circle
        name: skeleton(tuple(a for a in drawn[name][0] if a < name and a in drawn), *drawn[name][1])
        for name in names
    }
    ended: dict[str, bool] = {}
    for _ in names:
        chosen = startable(units, ended, [])
        used = [thing for name in chosen for thing in units[name]["exclusive"]]
        assert len(used) == len(set(used))
        ended |= dict.fromkeys(chosen, True)
    assert set(ended) == set(units)


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_remediators_does_not_change_what_comes_before_what(order: list[str]) -> None:
    made: dict[str, Unit] = {
        "a": unit("a", ENDPOINT, remediator="ra"),
        "b": unit("b", CLUSTER_ENDPOINT, remediator="rb", follows=(ENDPOINT,)),
        "c": unit("c", COMPUTE, remediator="rc", follows=(CLUSTER_ENDPOINT,)),
        "d": unit("d", VAULT, remediator="rd"),
    }
    drawn = plan(*(made[name] for name in order))
    assert drawn.after == {"a": (), "b": ("a",), "c": ("b",), "d": ()}
    places = [each.id for each in drawn.units]
    assert places.index("a") < places.index("b") < places.index("c")


def test_what_follows_a_resource_clashes_with_what_writes_a_part_of_it() -> None:
    """As one plan would put them one after the other."""
    part = unit("part", f"{ENDPOINT}/privateDnsZoneGroups/default")
    follower = unit("follower", STORAGE, follows=(ENDPOINT,))
    other = unit("other", STORAGE, follows=(CLUSTER,))
    assert clash(part, follower)
    assert clash(follower, part)
    assert not clash(part, other)
