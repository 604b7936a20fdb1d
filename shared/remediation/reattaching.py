"""Owns the units that attach a Kubernetes compute again, with the roles of its new principal.

Detach and attach are one unit: identical body, then the roles of the new principal, then the
orphans of the old one. What must be true so that it can be attached again goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Actual
from shared.model.arm import AssignmentView, ComputeView
from shared.model.environment import Compute, Environment
from shared.model.intent import Intent
from shared.model.json import dig
from shared.model.plan import Need, Requirement, Unit
from shared.model.resource_id import ResourceId
from shared.model.step import (
    AttachCompute,
    AwaitState,
    Change,
    Condition,
    DeleteResource,
    DetachCompute,
    Step,
)
from shared.remediation.assignments import (
    assignment_id,
    assignments,
    missing,
    orphans,
    put_role,
    remove_orphan,
)
from shared.remediation.bodies import compute_body

NAME: Final = "kubernetes_compute"
_ML: Final = "Microsoft.MachineLearningServices/workspaces/computes"
_ROLES: Final = "Microsoft.Authorization/roleAssignments"


def reattachment(
    environment: Environment, compute: Compute, actual: Actual, keys: tuple[str, ...]
) -> Unit:
    """Detach, attach as it was declared, and give its new principal the declared roles."""
    live = actual.body(compute.id) or {}
    view = ComputeView.of(live)
    if not view.incarnation:  # detect holds such a finding back, so this is a planning error
        raise ValueError(f"{compute.id} is to be reattached, but its incarnation is not known")
    body = compute_body(compute, live)
    detach = DetachCompute(
        compute.id, view.incarnation, (Change("createdOn", view.incarnation, None),)
    )
    dying = (*_dying(compute, actual, view.principal), *(former(compute, actual) or ()))
    return Unit(
        id=f"{NAME}:reattach:{compute.id.key}",
        remediator=NAME,
        title=f"Reattach compute {compute.id.name}",
        resource=compute.id,
        findings=keys,
        steps=(
            detach,
            AwaitState(compute.id, Condition.GONE),
            AttachCompute(compute.id, body, (Change("createdOn", None, "when it is attached"),)),
            AwaitState(compute.id, Condition.SUCCEEDED),
            *(put_role(compute, role, f"after {view.incarnation}") for role in compute.roles),
            *(remove_orphan(orphan) for orphan in dying),
        ),
        follows=_follows(environment, compute),
        requires=tuple(sorted(set(_requirements(compute, body_identity(body), dying)))),
        intent=Intent(compute.id, body, view.incarnation, view.principal),
        counts_as=f"restart:{compute.cluster.key}",
    )


def attachment(
    environment: Environment, compute: Compute, actual: Actual, keys: tuple[str, ...]
) -> Unit:
    """Attach a compute that is gone, from the manifest and what an open intent kept of it."""
    intent = actual.memory.intent(compute.id)
    body = compute_body(compute, intent.body if intent else None)
    occasion = attach_occasion(compute, actual)
    dying = _dying(compute, actual, intent.principal if intent else "")
    stale = stale_names(compute, actual)
    return Unit(
        id=f"{NAME}:attach:{compute.id.key}",
        remediator=NAME,
        title=f"Attach compute {compute.id.name}",
        resource=compute.id,
        findings=keys,
        steps=(
            AttachCompute(compute.id, body, (Change("createdOn", None, "when it is attached"),)),
            AwaitState(compute.id, Condition.SUCCEEDED),
            *stale,
            *(put_role(compute, role, occasion) for role in compute.roles),
            *(remove_orphan(o) for o in dying if o.id not in {step.resource for step in stale}),
        ),
        follows=_follows(environment, compute),
        requires=tuple(sorted(set(_removals([*(s.resource for s in stale), *_ids(dying)])))),
    )


def role_change(compute: Compute, actual: Actual, keys: tuple[str, ...], reasons: set[str]) -> Unit:
    """Give the live principal its declared roles, and remove the orphans of the one before."""
    view = ComputeView.of(actual.body(compute.id) or {})
    steps: list[Step] = []
    if "RoleMissing" in reasons:
        held = assignments(compute, view.principal, actual) or ()
        occasion = f"of {view.incarnation}"
        steps += [put_role(compute, role, occasion) for role in missing(compute, held)]
    dying: tuple[AssignmentView, ...] = ()
    if "OrphanRole" in reasons:
        dying = former(compute, actual) or ()
        steps += [remove_orphan(orphan) for orphan in dying]
    return Unit(
        id=f"{NAME}:roles:{compute.id.key}",
        remediator=NAME,
        title=f"Put the roles of compute {compute.id.name} right",
        resource=compute.id,
        findings=keys,
        steps=tuple(steps),
        follows=(compute.id,),
        requires=tuple(sorted(set(_removals(_ids(dying))))),
    )


def former_principal(compute: Compute, actual: Actual) -> str:
    """The principal of the intent that is still open, if the live compute has another."""
    intent = actual.memory.intent(compute.id)
    if intent is None or not intent.principal:
        return ""
    body = actual.body(compute.id)
    if body is None:
        return intent.principal if actual.absent(compute.id) else ""
    same = ComputeView.of(body).principal.lower() == intent.principal.lower()
    return "" if same else intent.principal


def former(compute: Compute, actual: Actual) -> tuple[AssignmentView, ...] | None:
    """The orphans of the former principal; nothing if they could not be read."""
    held = assignments(compute, former_principal(compute, actual), actual)
    return None if held is None else orphans(compute, held)


def attach_occasion(compute: Compute, actual: Actual) -> str:
    """What names the role assignments of an attachment: the incarnation that went before."""
    intent = actual.memory.intent(compute.id)
    return f"after {intent.incarnation}" if intent and intent.incarnation else "first"


def stale_names(compute: Compute, actual: Actual) -> tuple[DeleteResource, ...]:
    """Assignments under names that an attachment is about to use: a dead principal's of ours.

    An assignment's principal cannot be changed, so such a one has to go first. It is removed only
    if it is what its name says: the declared role at the declared scope.
    """
    found = []
    for role in compute.roles:
        body = actual.body(assignment_id(compute, role, attach_occasion(compute, actual)))
        view = AssignmentView.of(body) if body is not None else None
        if view is not None and orphans(compute, [view]):
            found.append(remove_orphan(view))
    return tuple(found)


def body_identity(body: dict[str, object]) -> tuple[ResourceId, ...]:
    """The user-assigned identities of a body."""
    names = dig(body, "identity.userAssignedIdentities") or {}
    return tuple(found for name in names if (found := ResourceId.maybe(name)) is not None)


def _dying(compute: Compute, actual: Actual, principal: str) -> tuple[AssignmentView, ...]:
    held = assignments(compute, principal, actual) or ()
    return orphans(compute, held)


def _follows(environment: Environment, compute: Compute) -> tuple[ResourceId, ...]:
    """Every endpoint of its cluster: only then can the workspace reach it (domain.md 2)."""
    return tuple(sorted(e.id for e in environment.cluster_endpoints(compute.cluster)))


def _requirements(
    compute: Compute, identities: Sequence[ResourceId], dying: Sequence[AssignmentView]
) -> Iterator[Requirement]:
    """What must be true so that the compute can be attached again (domain.md 3.1, 7)."""
    for action in (f"{_ML}/write", f"{_ML}/delete"):
        yield Requirement(Need.PERMISSION, compute.workspace, action)
    admin = "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action"
    yield Requirement(Need.PERMISSION, compute.cluster, admin)
    assign = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
    yield from (Requirement(Need.PERMISSION, identity, assign) for identity in identities)
    for role in compute.roles:
        yield Requirement(Need.PERMISSION, role.scope, f"{_ROLES}/write")
    yield from _removals(_ids(dying))
    yield Requirement(Need.EXISTS, compute.workspace)
    yield Requirement(Need.SUCCEEDED, compute.cluster)
    yield Requirement(Need.EXTENSION, compute.cluster)
    yield Requirement(Need.IDLE, compute.id)


def _ids(views: Sequence[AssignmentView]) -> list[ResourceId]:
    return [view.id for view in views]


def _removals(removed: Sequence[ResourceId]) -> Iterator[Requirement]:
    for assignment in removed:
        yield Requirement(Need.PERMISSION, assignment.scope, f"{_ROLES}/delete")


def role_names_to_read(compute: Compute, actual: Actual) -> tuple[ResourceId, ...]:
    """The assignment ids that an attachment would use, to see whether they are taken."""
    if not actual.absent(compute.id):
        return ()
    occasion = attach_occasion(compute, actual)
    return tuple(assignment_id(compute, role, occasion) for role in compute.roles)
