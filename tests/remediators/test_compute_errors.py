from __future__ import annotations

from typing import Any

import pytest

from remediators.kubernetes_compute import REMEDIATOR
from shared.remediation.compute_errors import FIRST
from tests.remediators.estate import ASSIGNED, CPU, GPU, USER, compute_body, declared
from tests.remediators.world import World

STATE = "properties.provisioningState"


def failed(*codes: str) -> str:
    """What is said of a compute that failed with these errors."""
    errors = [{"error": {"code": code}} for code in codes]
    world = World().set(GPU, STATE, "Failed").set(GPU, "properties.provisioningErrors", errors)
    (finding,) = world.find(REMEDIATOR)
    return finding.message


@pytest.mark.parametrize("code", FIRST)
def test_a_documented_error_says_what_to_do_first(code: str) -> None:
    assert FIRST[code] in failed(code)
    assert FIRST[code] in failed(code.lower(), "SomethingElse")


def test_an_unknown_error_is_named_and_not_explained() -> None:
    said = failed("SomethingElse")
    assert "SomethingElse" in said
    assert not any(text in said for text in FIRST.values())


def test_the_same_error_is_explained_once() -> None:
    assert failed("ClusterNotFound", "clusternotfound").count(FIRST["ClusterNotFound"]) == 1


def test_the_namespace_is_named_as_not_checked() -> None:
    assert "That the namespace 'ml' exists is not checked." in failed()
    (finding,) = World().without(GPU).find(REMEDIATOR)
    assert "namespace 'ml'" in finding.message


def test_of_several_identities_the_first_is_said_to_count() -> None:
    assigned: dict[str, Any] = {ASSIGNED.text: {}, f"{ASSIGNED.text}-2": {}}
    both = {**USER, "userAssignedIdentities": assigned}
    env = declared("computes", CPU, body=compute_body(both))
    (finding,) = World().without(CPU).find(REMEDIATOR, env)
    assert f"Of its 2 identities only the first counts: {ASSIGNED}." in finding.message
