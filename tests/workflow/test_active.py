"""Which remediators look: modes, the trigger's choice, and what one needs of another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from remediators import REMEDIATORS
from shared.model.environment import Environment, Mode
from shared.model.trigger import Cause, Trigger
from shared.workflow.assess import active
from shared.workflow.services import Services

ALL = tuple(remediator.name for remediator in REMEDIATORS)
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def looking(
    *chosen: str, modes: Mapping[str, str] | None = None, ceiling: Mode = Mode.REMEDIATE
) -> tuple[str, ...]:
    """The names of those that look."""
    declared: dict[str, Any] = {"apiVersion": "relink/v1", "name": "prod", "modes": modes or {}}
    environment = Environment.model_validate(declared)
    services = SimpleNamespace(catalogue=REMEDIATORS, settings=SimpleNamespace(mode=ceiling))
    trigger = Trigger("run", "prod", Cause.MANUAL, NOW, remediators=chosen)
    found = active(cast("Services", services), trigger, environment)
    return tuple(remediator.name for remediator in found)


def test_everything_looks_unless_something_says_otherwise() -> None:
    assert looking() == ALL


@pytest.mark.parametrize("ceiling", [Mode.OBSERVE, Mode.APPROVE])
def test_observing_is_looking(ceiling: Mode) -> None:
    assert looking(ceiling=ceiling) == ALL


def test_what_is_off_does_not_look() -> None:
    assert looking(ceiling=Mode.OFF) == ()
    assert looking(modes={"network_access": "off"}) == ALL[1:]


def test_a_choice_brings_along_what_it_needs() -> None:
    assert looking("network_access") == ("network_access",)
    assert looking("kubernetes_compute") == ("cluster_endpoint", "kubernetes_compute")


def test_what_needs_something_that_is_off_does_not_look() -> None:
    off = {"cluster_endpoint": "off"}
    without = {"cluster_endpoint", "kubernetes_compute"}
    assert looking(modes=off) == tuple(name for name in ALL if name not in without)
    assert looking("kubernetes_compute", modes=off) == ()


def test_needs_name_remediators_that_exist() -> None:
    names = {remediator.name for remediator in REMEDIATORS}
    assert names.issuperset(need for remediator in REMEDIATORS for need in remediator.needs)
