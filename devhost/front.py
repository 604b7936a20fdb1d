"""The HTTP front: the app's functions and the host's own routes, behind one door.

Owns which routes there are and the errors that are not a function's.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response

from devhost.calls import Calls
from devhost.http import LOOPBACK_NAMES, function_routes
from devhost.hub.backend import TaskHub
from devhost.keys import HostKey
from devhost.settings import HostSettings
from devhost.worker import Worker


def application(
    worker: Worker, hub: TaskHub, calls: Calls, key: HostKey, settings: HostSettings
) -> Starlette:
    """The ASGI application."""
    prefix = settings.extension("http", "routePrefix")
    prefix = prefix.strip("/") if isinstance(prefix, str) else "api"
    functions = worker.functions.values()
    return Starlette(
        routes=[*function_routes(functions, calls, key, prefix)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK_NAMES])],
        exception_handlers={HTTPException: _refusal},
    )


async def _refusal(_request: Request, error: Exception) -> Response:
    """A bare status; as on the Functions host, a method that no function takes is a 404."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return Response(status_code=404 if status == 405 else status)  # noqa: PLR2004 -- the statuses' names are no clearer
