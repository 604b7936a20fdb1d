"""Owns the doubt before destruction: locks, permissions and states that make things irreplaceable.

Degraded stays degraded rather than gone: before the first destructive step of a unit, everything
that is needed to make the thing again has to be seen in order. Whatever could not be read counts
as a no (design, "Cannot be made again").
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from shared.model.actual import Absent, Actual, Found, Question, Read, Unreadable
from shared.model.arm import SUCCEEDED, provisioning_state
from shared.model.json import dig
from shared.model.permissions import effective
from shared.model.plan import Need, Requirement, Unit
from shared.model.resource_id import ResourceId
from shared.model.step import DESTRUCTIVE

_BUSY_STATES = frozenset({"creating", "updating", "deleting", "scaling"})
_ATTACHED: Final = MappingProxyType(
    {
        "Microsoft.Insights/diagnosticSettings": "diagnostic setting",
        "Microsoft.Authorization/roleAssignments": "role assignment",
    }
)
"""Extension resources that a deletion takes along, and what a person calls one. Locks object by themselves."""
_ML_EXTENSION = "microsoft.azureml.kubernetes"

type Objection = tuple[str, str]
"""(why, message); an empty ``why`` is no objection."""

NONE: Objection = ("", "")


def lock_reads(resource: ResourceId, actual: Actual) -> Iterator[Read]:
    """Locks of the subscription; of the group alone where the subscription is not ours to read."""
    subscription = ResourceId.parse(f"/subscriptions/{resource.subscription}")
    yield Read(Question.LOCKS, subscription)
    refused = isinstance(actual.answer(subscription, Question.LOCKS), Unreadable)
    if refused and resource.resource_group:
        yield Read(Question.LOCKS, resource.scope.group)


def requirement_reads(requirement: Requirement) -> Iterator[Read]:
    """What must be read to judge one requirement."""
    match requirement.need:
        case Need.PERMISSION:
            yield Read(Question.PERMISSIONS, requirement.resource)
        case Need.EXISTS | Need.SUCCEEDED:
            yield Read(Question.GET, requirement.resource)
        case Need.EXTENSION:
            yield Read(Question.EXTENSIONS, requirement.resource)
        case Need.BARE:
            yield from (Read(Question.LIST, requirement.resource, kind) for kind in _ATTACHED)
        case Need.IDLE:
            yield Read(Question.JOBS, requirement.resource)
            yield Read(Question.DEPLOYMENTS, requirement.resource)


def lock_objection(unit: Unit, actual: Actual) -> Objection:
    """Whether a lock forbids one of the unit's steps (domain.md 6: Relink removes no lock)."""
    for step in unit.steps:
        if step.kind == "AwaitState":
            continue
        locks = _locks_over(step.resource, actual)
        if locks is None and isinstance(step, DESTRUCTIVE):
            message = (
                f"{unit.title}: the locks over {step.resource} could not be read, so it is not"
                " known whether what is deleted could be made again."
            )
            return "LocksUnreadable", message
        for level, scope, name in locks or ():
            if level == "readonly" or isinstance(step, DESTRUCTIVE):
                message = (
                    f"{unit.title}: the lock '{name}' ({level}) on {scope} forbids it. Only an"
                    " owner may remove the lock; Relink does not."
                )
                return "ScopeLocked", message
    return NONE


def _locks_over(
    resource: ResourceId, actual: Actual
) -> tuple[tuple[str, ResourceId, str], ...] | None:
    """(level, scope, name) of each lock on ``resource`` or above it; nothing if unreadable."""
    listed = [
        actual.items(scope, Question.LOCKS)
        for scope in (
            ResourceId.parse(f"/subscriptions/{resource.subscription}"),
            resource.scope.group,
        )
    ]
    answered = [items for items in listed if items is not None]
    if not answered:
        return None
    found = set()
    for lock in (lock for items in answered for lock in items):
        lock_id = ResourceId.maybe(lock.get("id"))
        level = str(dig(lock, "properties.level") or "").lower()
        if lock_id is not None and level and resource.within(lock_id.scope):
            found.add((level, lock_id.scope, lock_id.name))
    return tuple(sorted(found))


def requirement_objection(unit: Unit, actual: Actual) -> Objection:
    """Why the thing could not be made again, if so; doubt counts as a no."""
    if not unit.destructive:
        return NONE
    for requirement in unit.requires:
        why, message = _shortfall(requirement, actual)
        if why:
            text = f"{unit.title}: {message}. Nothing is deleted, as it could not be made again."
            return why, text
    return NONE


def _shortfall(requirement: Requirement, actual: Actual) -> Objection:
    resource = requirement.resource
    match requirement.need:
        case Need.PERMISSION:
            held = actual.body(resource, Question.PERMISSIONS)
            if held is None or not effective(held, requirement.detail):
                return "MissingPermission", f"Relink lacks {requirement.detail} at {resource}"
        case Need.EXISTS:
            if not isinstance(actual.answer(resource), Found):
                return "TargetGone", f"{resource} {_state_of(resource, actual)}"
        case Need.SUCCEEDED:
            body = actual.body(resource)
            if body is None or provisioning_state(body) != SUCCEEDED:
                return "TargetNotReady", f"{resource} {_state_of(resource, actual)}"
        case Need.EXTENSION:
            return _extension_shortfall(resource, actual)
        case Need.BARE | Need.IDLE:
            judge = _attached if requirement.need is Need.BARE else _busy
            return judge(resource, actual)
    return NONE


def _state_of(resource: ResourceId, actual: Actual) -> str:
    answer = actual.answer(resource)
    match answer:
        case Found(body=body):
            return f"is in state '{provisioning_state(body)}'"
        case Absent():
            return "does not exist"
        case Unreadable(code=code):
            return f"could not be read ({code})"
        case None:
            return "was not read"


def _extension_shortfall(cluster: ResourceId, actual: Actual) -> Objection:
    extensions = actual.items(cluster, Question.EXTENSIONS)
    if extensions is None:
        return "ExtensionUnreadable", f"the extensions of {cluster} could not be read"
    for extension in extensions:
        kind = str(dig(extension, "properties.extensionType") or "").lower()
        if kind == "microsoft.azureml.kubernetes":
            state = provisioning_state(extension)
            if state == SUCCEEDED:
                return NONE
            return "ExtensionNotReady", f"the AzureML extension on {cluster} is '{state}'"
    return "ExtensionMissing", f"the AzureML extension is not installed on {cluster}"


def _attached(resource: ResourceId, actual: Actual) -> Objection:
    """Diagnostic settings and role assignments of the resource itself (domain.md 4: lost on delete).

    Assignments further up are listed too; those stay.
    """
    names = []
    for kind, word in _ATTACHED.items():
        listed = actual.items(resource, Question.LIST, kind)
        if listed is None:
            return "ExtensionResourcesUnreadable", f"the {word}s of {resource} could not be read"
        for each in listed:
            own = ResourceId.maybe(each.get("id"))
            scope = ResourceId.maybe(dig(each, "properties.scope")) or (own.scope if own else None)
            if scope is None or scope == resource:
                names.append(f"{word} '{own.name if own else each.get('name')}'")
    if not names:
        return NONE
    shown = ", ".join(sorted(names))
    return "ExtensionResources", f"{resource} carries {shown}, which would go with it"


def _busy(compute: ResourceId, actual: Actual) -> Objection:
    jobs = actual.items(compute, Question.JOBS)
    deployments = actual.items(compute, Question.DEPLOYMENTS)
    if jobs is None or deployments is None:
        return "ComputeUseUnknown", f"jobs and deployments on {compute} could not be read"
    if jobs:
        return "JobsRunning", f"{len(jobs)} unfinished job(s) run on {compute}"
    updating = [d for d in deployments if provisioning_state(d) in _BUSY_STATES]
    if updating:
        return "DeploymentUpdating", f"{len(updating)} deployment(s) on {compute} are being changed"
    return NONE
