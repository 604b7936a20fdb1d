import pytest

from benchmarks.bypass import purpose
from benchmarks.critical import Took, critical_path
from benchmarks.world import Answered, busy


def unit(name: str, *, exclusive: str = "") -> dict[str, object]:
    steps = [{"kind": "DeleteResource", "resource": f"/{name.upper()}"}]
    return {"id": name, "steps": steps, "exclusive": [exclusive] if exclusive else []}


@pytest.mark.parametrize(
    ("seconds", "rounded"), [(10.0, 10), (10.000004, 10), (10.1, 12), (7.5, 8), (0.5, 2)]
)
def test_an_operation_is_known_to_have_ended_at_the_next_look(
    seconds: float, rounded: float
) -> None:
    assert Took("/a", "delete", seconds, 2.0).rounded == rounded


def test_units_of_one_target_wait_for_each_other_and_others_only_for_what_they_follow() -> None:
    names = ("a", "b", "c", "d")
    took = [Took(f"/{name}", "delete", 10.0 * (n + 1), 10.0) for n, name in enumerate(names)]
    units = [unit("a", exclusive="t"), unit("b", exclusive="t"), unit("c"), unit("d")]
    assert critical_path({"units": units, "after": {}}, took) == 40
    assert critical_path({"units": units[:3], "after": {}}, took) == 30
    assert critical_path({"units": units, "after": {"c": ["a", "b"], "d": ["a"]}}, took) == 60


def test_time_in_overlapping_answers_counts_once() -> None:
    answers = [Answered("GET", "/a", 200, *span) for span in ((0, 2), (1, 3), (5, 6), (5.2, 5.5))]
    assert busy(answers) == 4


def test_each_call_has_its_purpose() -> None:
    asked = [("GET", "/s"), ("GET", "/x/locks"), ("PATCH", "/s"), ("GET", "/s")]
    answers = [Answered(verb, path, 200, at, at) for at, (verb, path) in enumerate(asked)]
    assert purpose(answers) == ["read", "lock", "write", "read-back"]
