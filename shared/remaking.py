"""Owns the doubt before destruction: locks, permissions and states that make things irreplaceable.

Degraded stays degraded rather than gone: before the first destructive step of a unit, everything
that is needed to make the thing again has to be seen in order. Whatever could not be read counts
as a no (design, "Cannot be made again"): for now, where it may be read later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from shared.model.actual import Absent, Actual, Found, Observation, Question, Read, Unreadable
from shared.model.arm import SUCCEEDED, provisioning_state
from shared.model.json import dig
from shared.model.permissions import effective
from shared.model.plan import Need, Requirement, Unit
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase_of
from shared.model.step import DESTRUCTIVE

_ATTACHED: Final = MappingProxyType(
    {
        "Microsoft.Insights/diagnosticSettings": "diagnostic setting",
        "Microsoft.Authorization/roleAssignments": "role assignment",
    }
)
"""Extension resources that a deletion takes along, and what a person calls one. Locks object by themselves."""
_ML_EXTENSION = "microsoft.azureml.kubernetes"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a unit may not go ahead. ``passes``: it could not be read, and may be read later."""

    why: str
    message: str
    passes: bool = False


def _graver(objection: Objection) -> bool:
    """What needs a person sorts before what only has to be read again."""
    return objection.passes


def _unread(why: str, message: str, *answers: Observation | None) -> Objection:
    """It could not be read; it passes unless one of ``answers`` will never come."""
    lacking = [answer for answer in answers if not isinstance(answer, Found)]
    passes = all(isinstance(answer, Unreadable) and answer.passes for answer in lacking)
    code = next((answer.code for answer in lacking if isinstance(answer, Unreadable)), "")
    return Objection(why, f"{message} ({code})" if code else message, passes)


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


def lock_objection(unit: Unit, actual: Actual) -> Objection | None:
    """Whether a lock forbids one of the unit's steps (domain.md 6: Relink removes no lock)."""
    for step in unit.steps:
        if step.kind == "AwaitState":
            continue
        locks = _locks_over(step.resource, actual)
        if locks is None and isinstance(step, DESTRUCTIVE):
            message = (
                f"{unit.title}: the locks over {step.resource} could not be read, so it is not"
                " known whether what is deleted could be made again"
            )
            listed = [actual.answer(scope, Question.LOCKS) for scope in _scopes(step.resource)]
            return max((_unread("LocksUnreadable", message, each) for each in listed), key=_graver)
        for level, scope, name in locks or ():
            if level == "readonly" or isinstance(step, DESTRUCTIVE):
                message = (
                    f"{unit.title}: the lock '{name}' ({level}) on {scope} forbids it. Only an"
                    " owner may remove the lock; Relink does not."
                )
                return Objection("ScopeLocked", message)
    return None


def _locks_over(
    resource: ResourceId, actual: Actual
) -> tuple[tuple[str, ResourceId, str], ...] | None:
    """(level, scope, name) of each lock on ``resource`` or above it; nothing if unreadable."""
    listed = [actual.items(scope, Question.LOCKS) for scope in _scopes(resource)]
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


def _scopes(resource: ResourceId) -> tuple[ResourceId, ResourceId]:
    """Where its locks are listed: its subscription, else its group."""
    return ResourceId.parse(f"/subscriptions/{resource.subscription}"), resource.scope.group


def requirement_objection(unit: Unit, actual: Actual) -> Objection | None:
    """Why the thing could not be made again, if so; doubt counts as a no.

    What needs a person goes before what only has to be read again.
    """
    if not unit.destructive:
        return None
    listed = (_shortfall(requirement, actual) for requirement in unit.requires)
    found = sorted((each for each in listed if each is not None), key=_graver)
    if not found:
        return None
    then = "as it is not known" if found[0].passes else "as it could not be made again"
    return replace(
        found[0], message=f"{unit.title}: {found[0].message}. Nothing is deleted, {then}."
    )


def _shortfall(requirement: Requirement, actual: Actual) -> Objection | None:
    resource = requirement.resource
    match requirement.need:
        case Need.PERMISSION:
            return _permission_shortfall(resource, requirement.detail, actual)
        case Need.EXISTS | Need.SUCCEEDED:
            return _state_shortfall(resource, requirement.need, actual)
        case Need.EXTENSION:
            return _extension_shortfall(resource, actual)
        case Need.BARE | Need.IDLE:
            judge = _attached if requirement.need is Need.BARE else _busy
            return judge(resource, actual)


def _permission_shortfall(resource: ResourceId, action: str, actual: Actual) -> Objection | None:
    answer = actual.answer(resource, Question.PERMISSIONS)
    if not isinstance(answer, Found):
        message = f"Relink's own permissions at {resource} could not be read"
        return _unread("PermissionsUnreadable", message, answer)
    if effective(answer.body, action):
        return None
    return Objection("MissingPermission", f"Relink lacks {action} at {resource}")


def _state_shortfall(resource: ResourceId, need: Need, actual: Actual) -> Objection | None:
    answer = actual.answer(resource)
    if isinstance(answer, Unreadable) or answer is None:
        return _unread("TargetUnreadable", f"{resource} could not be read", answer)
    if isinstance(answer, Absent):
        return Objection("TargetGone", f"{resource} does not exist")
    state = provisioning_state(answer.body)
    if need is Need.EXISTS or state == SUCCEEDED:
        return None
    return Objection("TargetNotReady", f"{resource} is in state '{state}'")


def _extension_shortfall(cluster: ResourceId, actual: Actual) -> Objection | None:
    extensions = actual.items(cluster, Question.EXTENSIONS)
    if extensions is None:
        message = f"the extensions of {cluster} could not be read"
        answer = actual.answer(cluster, Question.EXTENSIONS)
        return _unread("ExtensionUnreadable", message, answer)
    for extension in extensions:
        kind = str(dig(extension, "properties.extensionType") or "").lower()
        if kind == "microsoft.azureml.kubernetes":
            state = provisioning_state(extension)
            if state == SUCCEEDED:
                return None
            message = f"the AzureML extension on {cluster} is '{state}'"
            return Objection("ExtensionNotReady", message)
    message = f"the AzureML extension is not installed on {cluster}"
    return Objection("ExtensionMissing", message)


def _attached(resource: ResourceId, actual: Actual) -> Objection | None:
    """Diagnostic settings and role assignments of the resource itself (domain.md 4: lost on delete).

    Assignments further up are listed too; those stay.
    """
    names = []
    for kind, word in _ATTACHED.items():
        listed = actual.items(resource, Question.LIST, kind)
        if listed is None:
            message = f"the {word}s of {resource} could not be read"
            answer = actual.answer(resource, Question.LIST, kind)
            return _unread("ExtensionResourcesUnreadable", message, answer)
        for each in listed:
            own = ResourceId.maybe(each.get("id"))
            scope = ResourceId.maybe(dig(each, "properties.scope")) or (own.scope if own else None)
            if scope is None or scope == resource:
                names.append(f"{word} '{own.name if own else each.get('name')}'")
    if not names:
        return None
    shown = ", ".join(sorted(names))
    return Objection("ExtensionResources", f"{resource} carries {shown}, which would go with it")


def _busy(compute: ResourceId, actual: Actual) -> Objection | None:
    jobs = actual.items(compute, Question.JOBS)
    deployments = actual.items(compute, Question.DEPLOYMENTS)
    if jobs:
        return Objection("JobsRunning", f"{len(jobs)} unfinished job(s) run on {compute}")
    if jobs is None or deployments is None:
        message = f"jobs and deployments on {compute} could not be read"
        asked = (Question.JOBS, Question.DEPLOYMENTS)
        answers = (actual.answer(compute, question) for question in asked)
        return _unread("ComputeUseUnknown", message, *answers)
    updating = [d for d in deployments if phase_of(d) not in {Phase.GOOD, Phase.BAD}]
    if updating:
        message = f"{len(updating)} deployment(s) on {compute} are being changed"
        return Objection("DeploymentUpdating", message)
    return None
