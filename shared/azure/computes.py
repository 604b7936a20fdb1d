"""Owns attaching and detaching Kubernetes computes; never deletes what they were attached from."""

from __future__ import annotations

from functools import partial

from shared.azure.errors import Terminal, Transient
from shared.azure.kinds import kind_of
from shared.azure.polling import gone, leaving, progress_of, settling
from shared.azure.questions import absent, fetch
from shared.azure.removals import ANOTHER, GONE_ALREADY
from shared.azure.room import Room
from shared.azure.wire import Operation, ask, sent
from shared.model.arm import SUCCEEDED, ComputeView, moment
from shared.model.json import JsonObject, dig
from shared.model.progress import Done, Progress
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.model.step import AttachCompute, DetachCompute

_COMPUTE = "microsoft.machinelearningservices/workspaces/computes"


def attach(room: Room, step: AttachCompute) -> Progress:
    """PUT the recorded body, unchanged, unless the compute is attached or being attached.

    Raises:
        Transient: the compute of that name is still being detached.
        RemediationError: what Azure answered.
    """
    operation = _operation(step.resource, "put")
    body = fetch(room.clients, step.resource)
    state = ComputeView.of(body).state if body is not None else ""
    if state == SUCCEEDED:
        return Done(note="already attached")
    if body is not None and leaving(body):
        raise Transient("StillDetaching", f"{step.resource} is still being detached")
    if body is not None and phase(state) not in {Phase.BAD, Phase.UNKNOWN}:
        return settling(room, step, note="attached by an earlier delivery")
    answer = ask(partial(operation, room.clients, step.resource, sent(step.body)))
    return progress_of(room, step, answer, changes=step.changes)


def detach(room: Room, step: DetachCompute) -> Progress:
    """Detach the compute that was created on ``step.incarnation``; leave any other alone.

    Raises:
        RemediationError: not a Kubernetes compute, or what Azure answered.
    """
    operation = _operation(step.resource, "delete")
    body = fetch(room.clients, step.resource)
    if body is None:
        return Done(note=GONE_ALREADY)
    if not _same(ComputeView.of(body).incarnation, step.incarnation):
        return Done(note=ANOTHER)
    if leaving(body):
        return gone(room, step)
    _kubernetes_only(step, body)
    try:
        answer = ask(partial(operation, room.clients, step.resource))
    except Terminal as error:
        if absent(error):
            return Done(note=GONE_ALREADY)
        raise
    return progress_of(room, step, answer, changes=step.changes)


def _operation(resource: ResourceId, name: str) -> Operation:
    if resource.type != _COMPUTE:
        raise Terminal("UnsupportedStep", f"{resource}: found a '{resource.type}', not a compute")
    operation: Operation = getattr(kind_of(resource), name)
    return operation


def _same(found: str, judged: str) -> bool:
    """Whether both are one moment, however it was written."""
    moments = moment(found), moment(judged)
    return moments[0] == moments[1] if all(moments) else bool(found) and found == judged


def _kubernetes_only(step: DetachCompute, body: JsonObject) -> None:
    found = str(dig(body, "properties.computeType") or "")
    if found.lower() != "kubernetes":
        raise Terminal(
            "UnsupportedStep", f"{step.resource}: found a compute of type '{found}', not Kubernetes"
        )
