"""Owns the routes about runs: what became of one, and a person's yes or no to its plan."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.client import OrchestrationState, OrchestrationStatus

from shared.model.codec import dump, load
from shared.model.json import JsonObject, clean
from shared.model.trigger import Cause, Trigger
from shared.records import Approval, ApprovalError, ApprovalUnknownError
from shared.triggers.answering import answered
from shared.triggers.bodies import ReasonBody, read_body
from shared.triggers.callers import caller
from shared.triggers.ids import new_id
from shared.triggers.problems import answer, problem
from shared.triggers.queueing import enqueue, state_of
from shared.triggers.waiting import of_engine, off_loop
from shared.workflow.papers import Papers
from shared.workflow.services import Services

type Client = df.DurableFunctionsClient
_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,300}")
"""What the engine can be asked for at all."""
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
        return await answered(_status(services, req.route_params["id"], client))

    @blueprint.function_name("approve_run")
    @blueprint.route(
        route="runs/{id}/approve", methods=["POST"], auth_level=func.AuthLevel.FUNCTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def approve_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """Let a new run carry out the plan, if it is still the same."""
        decision = _Decision(caller(req, environ), yes=True)
        return await answered(_decide(services, req, client, decision))

    @blueprint.function_name("reject_run")
    @blueprint.route(route="runs/{id}/reject", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
    @blueprint.durable_client_input(client_name="client")
    async def reject_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """The plan is not to be carried out."""
        decision = _Decision(caller(req, environ), yes=False)
        return await answered(_decide(services, req, client, decision))

    return blueprint


async def _status(
    services: Callable[[], Services], run_id: str, client: Client
) -> func.HttpResponse:
    unknown = problem(404, f"no run or request has the id '{clean(run_id)[:80]}'")
    if not _ID.fullmatch(run_id):
        return unknown
    here = await off_loop(services)
    known = await off_loop(lambda: _recorded(here, run_id))
    if known is not None:
        return known
    instance = await of_engine(client.get_orchestration_state(run_id))
    if instance is not None:
        return await _of_instance(here, instance, client)
    manifests = await off_loop(here.manifests.current)
    for name in manifests.environments:
        queue = await state_of(client, name)
        if run_id in queue.taken:
            return _merged(run_id, queue.running)
        if queue.pending is not None and run_id in queue.pending.requests:
            return answer({"id": run_id, "status": "queued", "environment": name})
    return unknown


def _recorded(services: Services, run_id: str) -> func.HttpResponse | None:
    """What the records say of a run or a request."""
    record = services.records.run(run_id)
    if record is not None:
        return _finished(run_id, record)
    taken_by = services.records.request(run_id)
    return _merged(run_id, taken_by) if taken_by is not None else None


async def _of_instance(
    services: Services, instance: OrchestrationState, client: Client
) -> func.HttpResponse:
    """What the engine has of a run that had no record a moment ago."""
    run_id = instance.instance_id
    record = await off_loop(lambda: services.records.run(run_id))
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
        child = await of_engine(client.get_orchestration_state(child_id))
        step = json.loads(child.serialized_custom_status or "{}") if child else {}
        units.append({"unit": name, "state": "running", **step})
    first = await off_loop(lambda: Papers(services.records, instance.instance_id).get(1))
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
    services: Callable[[], Services], req: func.HttpRequest, client: Client, decision: _Decision
) -> func.HttpResponse:
    run_id = req.route_params["id"]
    if decision.by is None:
        return problem(
            403, "a decision needs an Entra identity: switch on the app's authentication"
        )
    here = await off_loop(services)
    record = await off_loop(lambda: here.records.run(run_id))
    if record is None:
        return problem(404, f"no finished run has the id '{clean(run_id)[:80]}'")
    body = read_body(ReasonBody, req)
    try:
        approval = await off_loop(lambda: _decided(here, record, decision))
    except ApprovalError as error:
        return problem(404 if isinstance(error, ApprovalUnknownError) else 409, str(error))
    told: dict[str, Any] = {"run": run_id, "approval": dump(approval)}
    if not decision.yes:
        return answer(told)
    wish = _again(here, record, decision.by or "", body.reason)
    await enqueue(client, [wish], here.settings.settle_seconds)
    location = f"/api/runs/{wish.id}"
    return answer({**told, "id": wish.id, "status": location}, 202, {"Location": location})


def _decided(services: Services, record: JsonObject, decision: _Decision) -> Approval:
    return services.records.decide_approval(
        record["environment"],
        _asking(services, record),
        approved=decision.yes,
        by=decision.by or "",
    )


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
