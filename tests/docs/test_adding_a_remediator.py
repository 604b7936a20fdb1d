"""The remediator that docs/adding-a-remediator.md builds keeps what every remediator promises."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from remediators import REMEDIATORS
from shared.model.actual import Question
from shared.model.codec import dump, load
from shared.model.edits import patch_body
from shared.model.finding import Disposition
from shared.model.plan import Unit
from shared.model.step import PatchResource
from shared.reconcile import conflicts, draw_plan
from shared.remediator import Remediator
from tests.contract import test_remediators as contract
from tests.remediators.estate import STORAGE, disowned, environment
from tests.remediators.world import World, reasons

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/adding-a-remediator.md"
SWITCH = "properties.allowBlobPublicAccess"


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def remediator(tmp_path_factory: pytest.TempPathFactory) -> Remediator:
    """The page's code as a module of its own."""
    (code,) = blocks()
    file = tmp_path_factory.mktemp("page") / "anonymous_access.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location("anonymous_access_of_the_page", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.REMEDIATOR
    assert isinstance(found, Remediator)
    return found


def opened() -> World:
    return World().set(STORAGE, SWITCH, value=True)


PROMISES: tuple[Callable[[Remediator], None], ...] = (
    contract.test_a_healthy_environment_gives_no_findings,
    contract.test_nothing_read_means_nothing_found_and_nothing_planned,
    contract.test_an_environment_that_declares_nothing_is_left_alone,
    contract.test_what_it_needs_is_named_as_azure_names_it,
)


@pytest.mark.parametrize("assert_kept", PROMISES, ids=lambda promise: promise.__name__)
def test_it_keeps_the_promises_of_every_remediator(
    remediator: Remediator, assert_kept: Callable[[Remediator], None]
) -> None:
    assert_kept(remediator)


@pytest.mark.parametrize("off", [False, None])
def test_a_closed_account_is_in_order_whether_the_field_is_there_or_not(
    remediator: Remediator, *, off: bool | None
) -> None:
    assert World().set(STORAGE, SWITCH, off).find(remediator) == []


def test_an_open_account_is_found_with_its_evidence(remediator: Remediator) -> None:
    (found,) = opened().find(remediator)
    assert (found.reason, found.resource) == ("AnonymousAccessAllowed", STORAGE)
    assert found.reason in remediator.reasons
    assert [str(item) for item in found.evidence] == [
        "allowBlobPublicAccess: found true, expected false"
    ]
    assert str(STORAGE) in found.message


def test_its_plan_is_one_field_and_survives_json(remediator: Remediator) -> None:
    world = opened()
    (unit,) = world.plan(remediator)
    (step,) = unit.steps
    assert isinstance(step, PatchResource)
    assert patch_body(world.bodies[STORAGE], step.edits) == {
        "properties": {"allowBlobPublicAccess": False}
    }
    assert [(c.field, c.before, c.after) for c in step.changes] == [(SWITCH, True, False)]
    assert load(Unit, json.loads(json.dumps(dump(unit)))) == unit
    assert opened().plan(remediator) == [unit]
    assert not unit.destructive


def test_what_another_manifest_owns_is_reported_and_not_written(remediator: Remediator) -> None:
    assert reasons(opened().find(remediator, disowned())) == {
        ("AnonymousAccessAllowed", "report", "NotOwned")
    }
    assert opened().plan(remediator, disowned()) == []


def test_an_account_that_cannot_be_read_is_said_to_be_unknown(remediator: Remediator) -> None:
    world = opened().deny(Question.GET, STORAGE)
    (found,) = world.find(remediator)
    assert found.reason in remediator.reasons
    assert (found.disposition, found.why) == (Disposition.BLOCK, "Unreadable")
    assert world.plan(remediator) == []


def test_beside_another_writer_of_the_account_neither_goes_ahead(remediator: Remediator) -> None:
    access = next(each for each in REMEDIATORS if each.name == "network_access")
    world, env = opened().set(STORAGE, contract.PUBLIC, "Enabled"), environment()
    actual = world.look(remediator, env)
    found = [*access.detect(env, actual), *remediator.detect(env, actual)]
    clashes = conflicts(draw_plan((access, remediator), env, actual, found))
    assert {name.split(":")[0] for name in clashes} == {"network_access", "anonymous_access"}


def test_the_page_keeps_the_house_rules() -> None:
    (code,) = blocks()
    assert max(len(line) for line in code.splitlines()) <= 100
    assert len(code.splitlines()) <= 150
