"""HTTP triggers: from the routes of the app's functions to requests and responses.

Owns route templates, keys, body limits and what a function's response becomes.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devhost.calls import Calls, refused
from devhost.keys import HostKey
from devhost.worker import Answer, Datum, Function, Trigger, datum

# The default of the Functions host.
MAX_BODY = 100 * 1024 * 1024

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
_PARAMETER = re.compile(r"\{(\*{0,2})([^}:?=]+)(?::([^}?=]+))?(\?)?\}")
_CONSTRAINTS = {"int": ":int", "long": ":int", "guid": ":uuid"}
# What the server writes itself.
_OWN_HEADERS = ("content-length", "transfer-encoding", "connection")


def offered_key(request: Request) -> str | None:
    """The key that a request brings, in the header or the query."""
    return request.headers.get("x-functions-key") or request.query_params.get("code")


async def read_body(request: Request, limit: int) -> bytes:
    """The body, read no further than the limit.

    Raises:
        HTTPException: 413, the body is larger.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise HTTPException(413)
    return bytes(body)


def problem(status: int, detail: str) -> Response:
    """What is wrong with a request, as problem+json (RFC 9457)."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail[:500]}
    return JSONResponse(body, status, media_type="application/problem+json")


def function_routes(
    functions: Iterable[Function], calls: Calls, key: HostKey, prefix: str
) -> list[Route]:
    """The routes of the HTTP functions, the more literal ones first."""
    found: list[tuple[tuple[int, ...], Route]] = []
    for function in functions:
        if function.trigger is not Trigger.HTTP:
            continue
        template = function.text("route", function.name).strip("/")
        for path in _paths("/" + "/".join(part for part in (prefix, template) if part)):
            route = Route(path, _endpoint(function, calls, key), methods=_methods(function))
            found.append((_rank(path), route))
    return [route for _, route in sorted(found, key=lambda each: each[0])]


def _methods(function: Function) -> list[str]:
    methods = function.binding.get("methods")
    return [str(each).upper() for each in methods] if isinstance(methods, list) else [*_METHODS]


def _paths(template: str) -> list[str]:
    """Starlette's paths for an ASP.NET template; an optional last parameter makes two."""

    def parameter(found: re.Match[str]) -> str:
        if found[1]:
            return f"{{{found[2]}:path}}"
        return f"{{{found[2]}{_CONSTRAINTS.get(found[3] or '', '')}}}"

    optional = re.search(r"/\{[^}]+\?\}$", template)
    paths = [_PARAMETER.sub(parameter, template)]
    if optional:
        paths.append(_PARAMETER.sub(parameter, template[: optional.start()]) or "/")
    return paths


def _rank(path: str) -> tuple[int, ...]:
    return tuple(
        2 if ":path}" in part else 1 if "{" in part else 0 for part in path.strip("/").split("/")
    )


def _endpoint(
    function: Function, calls: Calls, key: HostKey
) -> Callable[[Request], Awaitable[Response]]:
    open_to_all = function.text("authLevel", "function").lower() == "anonymous"

    async def endpoint(request: Request) -> Response:
        if not open_to_all and not key.opens(offered_key(request)):
            raise HTTPException(401)
        body = await read_body(request, MAX_BODY)
        return _response(await calls.run(function, _request(request, body)))

    return endpoint


def _request(request: Request, body: bytes) -> Datum:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return datum(
        {
            "method": datum(request.method, "string"),
            "url": datum(_url(request), "string"),
            "headers": _texts(headers),
            "query": _texts(dict(request.query_params)),
            "params": _texts({name: str(value) for name, value in request.path_params.items()}),
            "body": datum(body, "bytes"),
        },
        "http",
    )


def _url(request: Request) -> str:
    """The URL as it was asked for: the server's own form has lost its escapes."""
    path = request.scope["raw_path"].decode("ascii", "replace")
    query = request.url.query
    return f"{request.url.scheme}://{request.url.netloc}{path}" + (f"?{query}" if query else "")


def _texts(values: dict[str, str]) -> dict[str, Datum]:
    return {name: datum(value, "string") for name, value in values.items()}


def _response(answer: Answer) -> Response:
    if answer.failure:
        return Response(status_code=503 if refused(answer) else 500)
    returned = answer.returned
    if returned is None or returned.value is None:
        return Response(status_code=204)
    if returned.type != "http":
        return Response(returned.value, media_type="text/plain")
    value = returned.value
    headers = {
        name: each.value
        for name, each in value["headers"].items()
        if name.lower() not in _OWN_HEADERS
    }
    response = Response(value["body"].value, int(value["status_code"].value), headers)
    for cookie in value.get("cookies") or ():
        for morsel in cookie.values():
            response.headers.append("set-cookie", morsel.OutputString())
    return response
