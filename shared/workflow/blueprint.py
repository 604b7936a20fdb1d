"""Owns the registration of the durable functions: names and bindings, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import azure.durable_functions as df

from shared.workflow.activities import ACTIVITIES, Activity
from shared.workflow.delivering import outbox_entity
from shared.workflow.entity import ENTITY, OUTBOX, EnvironmentQueue
from shared.workflow.orchestrators import ORCHESTRATORS
from shared.workflow.services import Services


def workflow_blueprint(services: Callable[[], Services]) -> df.Blueprint:
    """The entities, the orchestrators and the activities. ``services`` is called when one runs."""
    blueprint = df.Blueprint()
    for name, entity in ((ENTITY, EnvironmentQueue), (OUTBOX, outbox_entity(services))):
        served = blueprint.entity_trigger(context_name="context", entity_name=name)
        blueprint.function_name(name)(served(entity))
    for name, orchestrator in ORCHESTRATORS.items():
        trigger = blueprint.orchestration_trigger(context_name="context", orchestration=name)
        blueprint.function_name(name)(trigger(orchestrator))
    for name, activity in ACTIVITIES.items():
        trigger = blueprint.activity_trigger(input_name="message", activity=name)
        blueprint.function_name(name)(trigger(_bound(activity, services)))
    return blueprint


def _bound(activity: Activity, services: Callable[[], Services]) -> Callable[..., dict[str, Any]]:
    """The activity as the worker calls it: one JSON object in, one out."""

    def run(message: dict) -> dict:  # type: ignore[type-arg] # the worker indexes plain types only
        return activity(services(), message)

    run.__name__ = activity.__name__
    run.__doc__ = activity.__doc__
    return run
