"""Owns the routes of the seams: health, environments, reconcile, pause and resume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from shared.guards import mode_of
from shared.manifests import Declared
from shared.model.codec import dump
from shared.model.trigger import Cause, Trigger
from shared.records import Pause, StoreError
from shared.triggers.answering import answered
from shared.triggers.bodies import (
    ReasonBody,
    ReconcileBody,
    read_body,
    unknown_remediators,
)
from shared.triggers.callers import caller
from shared.triggers.health import read_health
from shared.triggers.ids import new_id
from shared.triggers.problems import answer, problem
from shared.triggers.queueing import ask, state_of, tell
from shared.triggers.waiting import of_engine, off_loop
from shared.workflow.entity import RECONCILE
from shared.workflow.services import Services

type Client = df.DurableFunctionsClient


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
    @blueprint.durable_client_input(client_name="client")
    async def health(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """Alive, what is away, and whether the manifests are in order; names no resource."""
        del req
        return await read_health(services, client)

    @blueprint.function_name("list_environments")
    @blueprint.route(route="environments", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
    async def list_environments(req: func.HttpRequest) -> func.HttpResponse:
        """Every environment in force, and what is wrong with the manifests."""
        del req
        return await answered(off_loop(lambda: _list(services())))

    @blueprint.function_name("show_environment")
    @blueprint.route(
        route="environments/{name}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def show_environment(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """One environment: version, modes, what is queued, debts, the last run."""
        return await answered(_show(services, req, client))


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
        by = caller(req, environ) or "a function key"
        return await answered(_reconcile(services, req, client, by))

    @blueprint.function_name("pause_environment")
    @blueprint.route(
        route="environments/{name}/pause", methods=["POST"], auth_level=func.AuthLevel.FUNCTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def pause_environment(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """Begin nothing more in an environment until it is resumed."""
        by = caller(req, environ)
        return await answered(_pause(services, req, client, by, "pause"))

    @blueprint.function_name("resume_environment")
    @blueprint.route(
        route="environments/{name}/resume", methods=["POST"], auth_level=func.AuthLevel.FUNCTION
    )
    @blueprint.durable_client_input(client_name="client")
    async def resume_environment(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        """Go on with what was wanted in the meantime."""
        by = caller(req, environ)
        return await answered(_pause(services, req, client, by, "resume"))


def _list(services: Services) -> func.HttpResponse:
    """Every environment. Where the records of one cannot be read, ``unread`` says why.

    Raises:
        StoreError: when those of none can be read.
    """
    manifests = services.manifests.current()
    listed: list[dict[str, Any]] = []
    unread: list[StoreError] = []
    for name, declared in sorted(manifests.environments.items()):
        try:
            listed.append(_brief(services, name, declared))
        except StoreError as error:
            unread.append(error)
            listed.append({**_declaration(services, name, declared), "unread": str(error)})
    if unread and len(unread) == len(listed):
        raise unread[0]
    return answer({"environments": listed, "problems": [dump(each) for each in manifests.problems]})


def _brief(services: Services, name: str, declared: Declared) -> dict[str, Any]:
    last = next(iter(services.records.runs(name, 1)), None)
    paused = services.records.paused(name)
    return {
        **_declaration(services, name, declared),
        "paused": dump(paused) if paused else None,
        "lastRun": {key: last[key] for key in ("id", "outcome", "finishedAt")} if last else None,
    }


def _declaration(services: Services, name: str, declared: Declared) -> dict[str, Any]:
    return {
        "name": name,
        "manifest": {
            "source": declared.source,
            "version": declared.version,
            "stale": declared.stale,
        },
        "mode": min_mode(services, declared),
    }


def min_mode(services: Services, declared: Declared) -> dict[str, str]:
    """The mode in force of each remediator."""
    environment = declared.environment
    return {
        remediator.name: mode_of(remediator.name, environment, services.settings.mode).value
        for remediator in services.catalogue
    }


async def _show(
    services: Callable[[], Services], req: func.HttpRequest, client: Client
) -> func.HttpResponse:
    name = req.route_params["name"]
    kept = await off_loop(lambda: _kept(services(), name))
    queue = await state_of(client, name)
    shown = {
        "running": queue.running or None,
        "beside": queue.beside or None,
        "pending": list(queue.pending.requests) if queue.pending else [],
        "wakeAt": queue.wake_at.isoformat() if queue.wake_at else None,
    }
    return answer({**kept, "queue": shown})


def _kept(services: Services, name: str) -> dict[str, Any]:
    """What manifests and records say of an environment.

    Raises:
        UnknownEnvironmentError: no manifest declares it.
    """
    declared, records = services.declared(name), services.records
    approval = records.approval(name)
    return {
        **_brief(services, name, declared),
        "debts": [dump(debt) for debt in records.debts(name)],
        "intents": [intent.resource.text for intent in records.intents(name)],
        "approval": dump(approval) if approval else None,
    }


async def _reconcile(
    services: Callable[[], Services], req: func.HttpRequest, client: Client, by: str
) -> func.HttpResponse:
    name = req.route_params["name"]
    here = await off_loop(lambda: _knowing(services(), name))
    body = read_body(ReconcileBody, req)
    refused = unknown_remediators(body.remediators, here.catalogue)
    if refused is not None:
        return refused
    wish = Trigger(
        id=new_id(),
        environment=name,
        cause=Cause.MANUAL,
        at=here.clock(),
        remediators=tuple(body.remediators),
        dry_run=body.dry_run,
        by=by,
        note=body.reason,
    )
    if body.dry_run:
        await of_engine(
            client.schedule_new_orchestration(RECONCILE, input=dump(wish), instance_id=wish.id)
        )
    else:
        await ask(here, client, wish)
    location = f"/api/runs/{wish.id}"
    return answer({"id": wish.id, "status": location}, 202, {"Location": location})


def _knowing(services: Services, name: str) -> Services:
    """The services, which know the environment.

    Raises:
        UnknownEnvironmentError: no manifest declares it.
    """
    services.declared(name)
    return services


async def _pause(
    services: Callable[[], Services],
    req: func.HttpRequest,
    client: Client,
    by: str | None,
    word: str,
) -> func.HttpResponse:
    name = req.route_params["name"]
    if by is None:
        return problem(
            403, f"to {word} needs an Entra identity: switch on authentication of the app"
        )
    here = await off_loop(lambda: _knowing(services(), name))
    body = read_body(ReasonBody, req)

    def note() -> Pause | None:
        if word == "pause":
            return here.records.pause(name, by, body.reason)
        here.records.resume(name, by)
        return here.records.paused(name)

    paused = await off_loop(note)
    await tell(client, name, word, here.clock())
    return answer({"environment": name, "paused": dump(paused) if paused else None})
