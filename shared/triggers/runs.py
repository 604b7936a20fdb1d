"""Owns the routes about runs: what became of one, and a person's yes or no to its plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.client import OrchestrationState, OrchestrationStatus

from shared.model.codec import dump, load
from shared.model.json import JsonObject
from shared.model.trigger import Cause, Trigger
from shared.records import ApprovalError, ApprovalUnknownError
from shared.triggers.bodies import BadBodyError, ReasonBody, read_body
from shared.triggers.callers import caller
from shared.triggers.ids import new_id
from shared.triggers.problems import answer, problem
from shared.triggers.queueing import enqueue, state_of
from shared.workflow.papers import Papers
from shared.workflow.services import Services

type Client = df.DurableFunctionsClient
_ENDED = frozenset(
    {OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED}
)
"""Ended without a record: broken, whatever the engine calls it."""


def runs_blueprint(services: Callable[[], Services], environ: Mapping[str, str]) -> df.Blueprint:
    """The routes about runs."""
    blueprint = df.Blueprint()

    @blueprint.function_name("show_run")
    @blueprint.route(route="runs/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
    @blueprint.durable_client_input(client_name="client")
    async def show_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """Queued, merged into another, running, or finished with its record."""
        return await _status(services(), req.route_params["id"], client)

    @blueprint.function_name("approve_run")
    @blueprint.route(
        route="runs/{id}/approve", methods=["POST"], auth_level=func.AuthLevel.FUNCTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def approve_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """Let a new run carry out the plan, if it is still the same."""
        return await _decide(services(), req, client, _Decision(caller(req, environ), yes=True))

    @blueprint.function_name("reject_run")
    @blueprint.route(route="runs/{id}/reject", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
    @blueprint.durable_client_input(client_name="client")
    async def reject_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """The plan is not to be carried out."""
        return await _decide(services(), req, client, _Decision(caller(req, environ), yes=False))

    return blueprint


async def _status(services: Services, run_id: str, client: Client) -> func.HttpResponse:
    record = services.records.run(run_id)
    if record is not None:
        return _finished(run_id, record)
    taken_by = services.records.request(run_id)
    if taken_by is not None:
        return _merged(run_id, taken_by)
    instance = await client.get_orchestration_state(run_id)
    if instance is not None:
        return await _of_instance(services, instance, client)
    for name in services.manifests.current().environments:
        queue = await state_of(client, name)
        if run_id in queue.taken:
            return _merged(run_id, queue.running)
        if queue.pending is not None and run_id in queue.pending.requests:
            return answer({"id": run_id, "status": "queued", "environment": name})
    return problem(404, f"no run or request has the id '{run_id[:80]}'")


async def _of_instance(
    services: Services, instance: OrchestrationState, client: Client
) -> func.HttpResponse:
    """What the engine has of a run that had no record a moment ago."""
    run_id = instance.instance_id
    record = services.records.run(run_id)
    if record is not None:  # it has ended since
        return _finished(run_id, record)
    status = "broken" if instance.runtime_status in _ENDED else "running"
    return answer({"id": run_id, "status": status, **await _progress(services, instance, client)})


async def _progress(
    services: Services, instance: OrchestrationState, client: Client
) -> dict[str, Any]:
    """How far a running run is: phase, units with their step, and what it found."""
    told: dict[str, Any] = json.loads(instance.serialized_custom_status or "{}")
    units = [{"unit": name, "state": why} for name, why in told.get("ended", {}).items()]
    for name, child_id in told.get("running", {}).items():
        child = await client.get_orchestration_state(child_id)
        step = json.loads(child.serialized_custom_status or "{}") if child else {}
        units.append({"unit": name, "state": "running", **step})
    first = Papers(services.records, instance.instance_id).get(1)
    return {
        "phase": told.get("phase", "starting"),
        "round": told.get("round", 0),
        "findings": [dump(finding) for finding in first.findings] if first else [],
        "plan": [{"unit": unit.id, "title": unit.title} for unit in first.plan.units]
        if first
        else [],
        "units": units,
    }


def _finished(run_id: str, record: JsonObject) -> func.HttpResponse:
    return answer(
        {"id": run_id, "status": "finished", "outcome": record["outcome"], "record": record}
    )


def _merged(run_id: str, into: str) -> func.HttpResponse:
    location = f"/api/runs/{into}"
    body = {"id": run_id, "status": "merged", "into": into}
    return answer(body, headers={"Location": location})


class ApprovalSupersededError(ApprovalError):
    """Another plan is asked about by now."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """A person's word on a run's plan; ``by`` is nothing when nobody may be named."""

    by: str | None
    yes: bool


async def _decide(
    services: Services, req: func.HttpRequest, client: Client, decision: _Decision
) -> func.HttpResponse:
    run_id = req.route_params["id"]
    record = services.records.run(run_id)
    if decision.by is None:
        return problem(
            403, "a decision needs an Entra identity: switch on the app's authentication"
        )
    if record is None:
        return problem(404, f"no finished run has the id '{run_id[:80]}'")
    try:
        body = read_body(ReasonBody, req)
        approval = services.records.decide_approval(
            record["environment"],
            _asking(services, record),
            approved=decision.yes,
            by=decision.by,
        )
    except BadBodyError as error:
        return error.response
    except ApprovalError as error:
        return problem(404 if isinstance(error, ApprovalUnknownError) else 409, str(error))
    told: dict[str, Any] = {"run": run_id, "approval": dump(approval)}
    if not decision.yes:
        return answer(told)
    wish = _again(services, record, decision.by, body.reason)
    await enqueue(client, [wish], services.settings.settle_seconds)
    location = f"/api/runs/{wish.id}"
    return answer({**told, "id": wish.id, "status": location}, 202, {"Location": location})


def _asking(services: Services, record: JsonObject) -> str:
    """The run that asked about the plan of this record: a later look at the same asks no more.

    Raises:
        ApprovalSupersededError: when another plan is asked about by now.
    """
    hashes = {seen["approvalHash"] for seen in record["rounds"]} - {""}
    approval = services.records.approval(record["environment"])
    if approval is None or not hashes:
        return str(record["id"])
    if approval.plan_hash not in hashes:
        raise ApprovalSupersededError(
            f"the plan of run {record['id']} is not the plan any more; run {approval.run} asks"
            " about the present one"
        )
    return approval.run


def _again(services: Services, record: JsonObject, by: str, reason: str) -> Trigger:
    """A new run that looks at the same and acts only if the plan is still the approved one."""
    before = load(Trigger, record["trigger"])
    return Trigger(
        id=new_id(),
        environment=before.environment,
        cause=Cause.APPROVAL,
        at=services.clock(),
        resources=before.resources,
        remediators=before.remediators,
        by=by,
        note=reason,
    )
