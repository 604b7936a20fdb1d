"""The Event Grid webhook, in both schemas, single and in batches.

Owns the two handshakes, which elements of a delivery are events, and the answer. Event Grid never
retries what is answered with 400, so that a bad element is counted and skipped, and only a function
that fails makes it deliver again (500).
"""

import asyncio
import json
import logging
from collections.abc import Mapping

from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devhost.calls import Calls
from devhost.http import offered_key, problem, read_body
from devhost.keys import HostKey
from devhost.settings import Json
from devhost.worker import Function, Trigger, datum

log = logging.getLogger("devhost")

PATH = "/runtime/webhooks/eventgrid"

# The largest batch that Event Grid sends (its documented preference ends at 1024 KB).
MAX_BATCH = 1024 * 1024

_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_PARALLEL = 16
_REASONS_TOLD = 10


def event_grid_route(functions: Mapping[str, Function], calls: Calls, key: HostKey) -> Route:
    """The webhook of every Event Grid function; `?functionName=` says which."""

    async def endpoint(request: Request) -> Response:
        if not key.opens(offered_key(request)):
            raise HTTPException(401)
        function = _function(functions, request.query_params.get("functionName", ""))
        if request.method == "OPTIONS":
            return _allow(request)
        body = await read_body(request, MAX_BATCH)
        return await _deliver(function, calls, request.headers.get("aeg-event-type", ""), body)

    return Route(PATH, endpoint, methods=["POST", "OPTIONS"])


def _function(functions: Mapping[str, Function], name: str) -> Function:
    # The names of functions are compared without case.
    for function in functions.values():
        if function.trigger is Trigger.EVENT_GRID and function.name.lower() == name.lower():
            return function
    raise HTTPException(404)


def _allow(request: Request) -> Response:
    """CloudEvents' abuse protection: the origin that asks may send, at any rate."""
    origin = request.headers.get("webhook-request-origin")
    if not origin:
        raise HTTPException(400)
    return Response(
        headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"},
    )


async def _deliver(function: Function, calls: Calls, kind: str, body: bytes) -> Response:
    try:
        delivered: Json = json.loads(body)
    except (ValueError, RecursionError) as error:
        log.warning("function %s: a delivery is not JSON: %s", function.name, error)
        return problem(400, f"the body is not JSON: {error}")
    elements: list[Json] = delivered if isinstance(delivered, list) else [delivered]
    if code := _validation_code(kind, elements):
        return JSONResponse({"validationResponse": code})
    rejected = [why for element in elements if (why := _fault(element))]
    accepted = [element for element in elements if not _fault(element)]
    if function.text("cardinality").lower() == "many":
        failed = not await _succeeds(function, calls, accepted) if accepted else False
    else:
        failed = not all(await _each(function, calls, accepted))
    return Response(status_code=500) if failed else _answer(function, accepted, rejected)


def _answer(function: Function, accepted: list[Json], rejected: list[str]) -> Response:
    for why in rejected:
        log.warning("function %s: an event was skipped: %s", function.name, why)
    told = {"accepted": len(accepted), "rejected": len(rejected)}
    return JSONResponse({**told, "reasons": rejected[:_REASONS_TOLD]} if rejected else told)


def _validation_code(kind: str, elements: list[Json]) -> str | None:
    """The code of a subscription's handshake, None when this is none."""
    if kind not in ("", "SubscriptionValidation") or len(elements) != 1:
        return None
    element = elements[0]
    if not isinstance(element, dict) or element.get("eventType") != _VALIDATION:
        return None
    content = element.get("data")
    code = content.get("validationCode") if isinstance(content, dict) else None
    return code if isinstance(code, str) else None


def _fault(element: Json) -> str | None:
    """Why an element is not an event that a function can be given, None when it is one."""
    if not isinstance(element, dict):
        return f"an element is {type(element).__name__}, expected an object"
    kind = "type" if "specversion" in element else "eventType"
    for field in ("id", kind):
        if not isinstance(element.get(field), str) or not element[field]:
            return f"an element has no {field}"
    try:
        EventGridEventInConverter.decode(Datum(json.dumps(element), "json"), trigger_metadata={})
    except Exception as error:  # noqa: BLE001 -- whatever the worker's own reading of it raises
        return f"event {element['id']!r:.80} cannot be read: {error!s:.200}"
    return None


async def _each(function: Function, calls: Calls, events: list[Json]) -> list[bool]:
    turns = asyncio.Semaphore(_PARALLEL)

    async def one(event: Json) -> bool:
        async with turns:
            return await _succeeds(function, calls, event)

    return await asyncio.gather(*(one(event) for event in events))


async def _succeeds(function: Function, calls: Calls, given: Json) -> bool:
    answer = await calls.run(function, datum(json.dumps(given), "json"))
    return answer.failure is None
