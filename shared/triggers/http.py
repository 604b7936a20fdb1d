"""Owns the routes of the seams: health, environments, reconcile, pause and resume."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from shared.guards import mode_of
from shared.manifests import Declared
from shared.model.codec import dump
from shared.model.trigger import Cause, Trigger
from shared.settings import SettingsError
from shared.triggers.bodies import (
    BadBodyError,
    ReasonBody,
    ReconcileBody,
    read_body,
    unknown_remediators,
)
from shared.triggers.callers import caller
from shared.triggers.ids import new_id
from shared.triggers.problems import answer, problem
from shared.triggers.queueing import ask, state_of, tell
from shared.workflow.entity import RECONCILE
from shared.workflow.services import Services, UnknownEnvironmentError

type Client = df.DurableFunctionsClient
_LOG = logging.getLogger("relink.http")


def http_blueprint(services: Callable[[], Services], environ: Mapping[str, str]) -> df.Blueprint:
    """The routes about environments."""
    blueprint = df.Blueprint()
    _add_looking(blueprint, services)
    _add_wishing(blueprint, services, environ)
    return blueprint


def _add_looking(blueprint: df.Blueprint, services: Callable[[], Services]) -> None:
    """What only shows."""

    @blueprint.function_name("health")
    @blueprint.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    def health(req: func.HttpRequest) -> func.HttpResponse:
        """Alive, and whether the manifests are in order; names no resource."""
        del req
        return _health(services)

    @blueprint.function_name("list_environments")
    @blueprint.route(route="environments", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
    def list_environments(req: func.HttpRequest) -> func.HttpResponse:
        """Every environment in force, and what is wrong with the manifests."""
        del req
        return _list(services())

    @blueprint.function_name("show_environment")
    @blueprint.route(
        route="environments/{name}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def show_environment(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """One environment: version, modes, what is queued, debts, the last run."""
        return await _show(services(), req, client)


def _add_wishing(
    blueprint: df.Blueprint, services: Callable[[], Services], environ: Mapping[str, str]
) -> None:
    """What has consequences."""

    @blueprint.function_name("reconcile_environment")
    @blueprint.route(
        route="environments/{name}/reconcile", methods=["POST"], auth_level=func.AuthLevel.FUNCTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def reconcile_environment(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """Ask for a run; a dry run does not enter the queue."""
        return await _reconcile(services(), req, client, caller(req, environ) or "a function key")

    @blueprint.function_name("pause_environment")
    @blueprint.route(
        route="environments/{name}/pause", methods=["POST"], auth_level=func.AuthLevel.FUNCTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def pause_environment(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """Begin nothing more in an environment until it is resumed."""
        return await _pause(services(), req, client, caller(req, environ), "pause")

    @blueprint.function_name("resume_environment")
    @blueprint.route(
        route="environments/{name}/resume", methods=["POST"], auth_level=func.AuthLevel.FUNCTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def resume_environment(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """Go on with what was wanted in the meantime."""
        return await _pause(services(), req, client, caller(req, environ), "resume")


def _health(services: Callable[[], Services]) -> func.HttpResponse:
    try:
        services()
    except SettingsError as error:
        _LOG.error("the settings cannot be used: %s", error)
        return answer({"status": "misconfigured", "see": "the app's log"}, 503)
    manifests = services().manifests.current()
    status = "degraded" if manifests.problems else "ok"
    body = {
        "status": status,
        "environments": len(manifests.environments),
        "manifestProblems": len(manifests.problems),
    }
    return answer(body)


def _list(services: Services) -> func.HttpResponse:
    manifests = services.manifests.current()
    return answer(
        {
            "environments": [
                _brief(services, name, declared)
                for name, declared in sorted(manifests.environments.items())
            ],
            "problems": [dump(each) for each in manifests.problems],
        }
    )


def _brief(services: Services, name: str, declared: Declared) -> dict[str, Any]:
    last = next(iter(services.records.runs(name, 1)), None)
    paused = services.records.paused(name)
    return {
        "name": name,
        "manifest": {
            "source": declared.source,
            "version": declared.version,
            "stale": declared.stale,
        },
        "mode": min_mode(services, declared),
        "paused": dump(paused) if paused else None,
        "lastRun": {key: last[key] for key in ("id", "outcome", "finishedAt")} if last else None,
    }


def min_mode(services: Services, declared: Declared) -> dict[str, str]:
    """The mode in force of each remediator."""
    environment = declared.environment
    return {
        remediator.name: mode_of(remediator.name, environment, services.settings.mode).value
        for remediator in services.catalogue
    }


async def _show(services: Services, req: func.HttpRequest, client: Client) -> func.HttpResponse:
    name = req.route_params["name"]
    try:
        declared = services.declared(name)
    except UnknownEnvironmentError as error:
        return problem(404, str(error))
    queue = await state_of(client, name)
    approval = services.records.approval(name)
    return answer(
        {
            **_brief(services, name, declared),
            "queue": {
                "running": queue.running or None,
                "pending": list(queue.pending.requests) if queue.pending else [],
                "wakeAt": queue.wake_at.isoformat() if queue.wake_at else None,
            },
            "debts": [dump(debt) for debt in services.records.debts(name)],
            "intents": [intent.resource.text for intent in services.records.intents(name)],
            "approval": dump(approval) if approval else None,
        }
    )


async def _reconcile(
    services: Services, req: func.HttpRequest, client: Client, by: str
) -> func.HttpResponse:
    name = req.route_params["name"]
    try:
        services.declared(name)
        body = read_body(ReconcileBody, req)
    except UnknownEnvironmentError as error:
        return problem(404, str(error))
    except BadBodyError as error:
        return error.response
    refused = unknown_remediators(body.remediators, services.catalogue)
    if refused is not None:
        return refused
    wish = Trigger(
        id=new_id(),
        environment=name,
        cause=Cause.MANUAL,
        at=services.clock(),
        remediators=tuple(body.remediators),
        dry_run=body.dry_run,
        by=by,
        note=body.reason,
    )
    if body.dry_run:
        await client.schedule_new_orchestration(RECONCILE, input=dump(wish), instance_id=wish.id)
    else:
        await ask(services, client, wish)
    location = f"/api/runs/{wish.id}"
    return answer({"id": wish.id, "status": location}, 202, {"Location": location})


async def _pause(
    services: Services, req: func.HttpRequest, client: Client, by: str | None, word: str
) -> func.HttpResponse:
    name = req.route_params["name"]
    if by is None:
        return problem(
            403, f"to {word} needs an Entra identity: switch on authentication of the app"
        )
    try:
        services.declared(name)
        body = read_body(ReasonBody, req)
    except UnknownEnvironmentError as error:
        return problem(404, str(error))
    except BadBodyError as error:
        return error.response
    if word == "pause":
        services.records.pause(name, by, body.reason)
    else:
        services.records.resume(name, by)
    await tell(client, name, word, services.clock())
    paused = services.records.paused(name)
    return answer({"environment": name, "paused": dump(paused) if paused else None})
