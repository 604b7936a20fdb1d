"""Owns the interpreter: which code carries out which kind of step. The list of kinds is closed."""

from __future__ import annotations

from functools import partial
from typing import assert_never

from shared.azure.awaiting import await_state
from shared.azure.computes import attach, detach
from shared.azure.containerservice import resolve_link
from shared.azure.errors import Terminal
from shared.azure.patches import patch
from shared.azure.polling import progress_of
from shared.azure.puts import put
from shared.azure.removals import delete
from shared.azure.room import Room
from shared.azure.wire import ask, sent
from shared.model.progress import Progress
from shared.model.step import (
    AttachCompute,
    AwaitState,
    DeleteResource,
    DetachCompute,
    InvokeAction,
    PatchResource,
    PutResource,
    Step,
)

_ACTIONS = {
    ("microsoft.containerservice/managedclusters", "resolveprivatelinkserviceid"): resolve_link
}


def start(room: Room, step: Step) -> Progress:  # noqa: PLR0911 - one line a kind
    """Begin ``step``: reads what has to be read now, and at most one write.

    Raises:
        RemediationError: what Azure answered, or a step outside the closed lists.
    """
    match step:
        case PutResource():
            return put(room, step)
        case PatchResource():
            return patch(room, step)
        case DeleteResource():
            return delete(room, step)
        case InvokeAction():
            return _invoke(room, step)
        case AttachCompute():
            return attach(room, step)
        case DetachCompute():
            return detach(room, step)
        case AwaitState():
            return await_state(room, step)
        case other:
            assert_never(other)


def _invoke(room: Room, step: InvokeAction) -> Progress:
    operation = _ACTIONS.get((step.resource.type, step.action.lower()))
    if operation is None:
        raise Terminal("UnsupportedStep", f"the action '{step.action}' is never invoked by Relink")
    answer = ask(partial(operation, room.clients, step.resource, sent(step.body)))
    return progress_of(room, step, answer, changes=step.changes)
