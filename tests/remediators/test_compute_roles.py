from __future__ import annotations

from remediators.kubernetes_compute import REMEDIATOR
from shared.model.actual import Memory, Question
from shared.model.intent import Intent
from shared.model.step import Known, reference
from tests.remediators.estate import (
    ACR_PULL,
    BLOB_READER,
    GPU,
    NOW,
    PRINCIPAL,
    REGISTRY,
    STORAGE,
    SYSTEM,
    assignment,
    compute_body,
    declared,
)
from tests.remediators.world import (
    World,
    named,
    reasons,
)

STATE = "properties.provisioningState"
FORMER = "bbbbbbbb-0000-4000-8000-000000000002"


def test_the_roles_go_to_the_new_principal_under_names_that_are_always_the_same() -> None:
    world = World().set(GPU, STATE, "Failed")
    (unit,) = world.plan(REMEDIATOR)
    puts = [step for step in unit.steps if step.kind == "PutResource"]
    assert [step.resource.scope for step in puts] == [REGISTRY, STORAGE]
    given = puts[0].body["properties"]
    assert given["principalId"] == reference(GPU, Known.PRINCIPAL)
    assert given["principalType"] == "ServicePrincipal"
    assert given["roleDefinitionId"] == (
        f"/subscriptions/{REGISTRY.subscription}/providers/Microsoft.Authorization"
        f"/roleDefinitions/{ACR_PULL}"
    )
    (again,) = world.plan(REMEDIATOR)
    assert [s.resource for s in again.steps] == [s.resource for s in unit.steps]
    missing = World(roles=[])
    (other,) = missing.plan(REMEDIATOR)
    assert not {s.resource for s in other.steps} & {s.resource for s in puts}


def test_a_missing_role_is_assigned_to_the_live_principal() -> None:
    world = World(roles=[assignment(ACR_PULL, REGISTRY, PRINCIPAL, "pull")])
    assert reasons(world.find(REMEDIATOR)) == {("RoleMissing", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    (step,) = unit.steps
    assert step.resource.scope == STORAGE
    assert not unit.destructive
    assert unit.follows == (GPU,)


def test_a_role_at_an_enclosing_scope_is_good_enough() -> None:
    held = [
        assignment(ACR_PULL, REGISTRY.group, PRINCIPAL, "pull"),
        assignment(BLOB_READER, STORAGE, PRINCIPAL, "read"),
    ]
    assert World(roles=held).find(REMEDIATOR) == []


def test_a_role_under_a_condition_that_was_not_declared_is_not() -> None:
    world = World()
    world.roles[0]["properties"]["condition"] = "@Resource[x] StringEquals 'y'"
    assert named(world.find(REMEDIATOR)) == {"RoleMissing"}


def test_a_declared_condition_goes_with_the_role() -> None:
    condition = "@Resource[x] StringEquals 'y'"
    roles = [{"role": ACR_PULL, "scope": REGISTRY.text, "condition": condition}]
    (unit,) = World(roles=[]).plan(REMEDIATOR, declared("computes", GPU, roles=roles))
    (step,) = unit.steps
    assert step.kind == "PutResource"
    given = step.body["properties"]
    assert (given["condition"], given["conditionVersion"]) == (condition, "2.0")


def orphaned() -> World:
    """A run detached the compute of ``FORMER`` and was killed before it removed the orphans."""
    world = World()
    world.roles += [
        assignment(ACR_PULL, REGISTRY, FORMER, "old-pull"),
        assignment(ACR_PULL, REGISTRY.group, FORMER, "not-ours"),
        assignment("17d1049b-9a84-46fb-8f53-869881c3d3ab", REGISTRY, FORMER, "not-declared"),
    ]
    intent = Intent(GPU, compute_body(SYSTEM), "2026-10-01", FORMER, "run", NOW)
    world.memory = Memory(intents=(intent,))
    return world


def test_orphans_of_the_principal_before_are_removed_and_nothing_else() -> None:
    world = orphaned()
    assert reasons(world.find(REMEDIATOR)) == {("OrphanRole", "repair", "")}
    (unit,) = world.plan(REMEDIATOR)
    assert [(s.kind, s.resource.name) for s in unit.steps] == [("DeleteResource", "old-pull")]


def test_assignments_of_somebody_else_in_the_answer_are_neither_counted_nor_removed() -> None:
    """A list by principal also names what its groups were given."""
    world = orphaned()
    world.everybody = True
    (unit,) = world.plan(REMEDIATOR)
    assert [(s.kind, s.resource.name) for s in unit.steps] == [("DeleteResource", "old-pull")]
    alone = World(roles=[assignment(ACR_PULL, REGISTRY, FORMER, "other")], everybody=True)
    assert named(alone.find(REMEDIATOR)) == {"RoleMissing"}


def test_the_same_principal_leaves_no_orphans() -> None:
    world = World()
    intent = Intent(GPU, compute_body(SYSTEM), "2026-10-01", PRINCIPAL.upper(), "run", NOW)
    world.memory = Memory(intents=(intent,))
    assert world.find(REMEDIATOR) == []


def test_a_killed_reattachment_is_finished_from_its_intent() -> None:
    world = orphaned().without(GPU)
    kept = {**compute_body(SYSTEM), "tags": {"team": "ml"}}
    intent = Intent(GPU, kept, "2026-10-01", FORMER, "run", NOW)
    world.memory = Memory(intents=(intent,))
    assert named(world.find(REMEDIATOR)) == {"ComputeMissing", "OrphanRole"}
    (unit,) = world.plan(REMEDIATOR)
    attach = unit.steps[0]
    assert attach.kind == "AttachCompute"
    assert attach.body["tags"] == {"team": "ml"}
    assert [s.resource.name for s in unit.steps if s.kind == "DeleteResource"] == ["old-pull"]


def test_a_name_that_a_dead_principal_holds_is_freed_before_it_is_used() -> None:
    world = World().without(GPU)
    (first,) = world.plan(REMEDIATOR)
    taken = first.steps[2].resource
    world.roles.append(assignment(ACR_PULL, REGISTRY, FORMER, taken.name))
    (unit,) = world.plan(REMEDIATOR)
    steps = [(s.kind, s.resource) for s in unit.steps]
    assert steps.index(("DeleteResource", taken)) < steps.index(("PutResource", taken))


def test_unreadable_roles_block_a_reattachment() -> None:
    world = World().set(GPU, STATE, "Failed").deny(Question.ROLES, STORAGE)
    assert reasons(world.find(REMEDIATOR)) == {
        ("ComputeFailed", "block", "Unreadable"),
        ("RolesUnreadable", "block", "Unreadable"),
    }
