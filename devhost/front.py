"""The HTTP front: the app's functions and the host's own routes, behind one door.

Owns which routes there are and the errors that are not a function's. Refuses host names other than
loopback ones, against DNS rebinding.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response

from devhost.eventgrid import event_grid_route
from devhost.http import function_routes
from devhost.management import Management
from devhost.settings import HostSettings

_LOOPBACK_NAMES = ("127.0.0.1", "localhost")
_METHOD_NOT_ALLOWED = 405


def application(management: Management, settings: HostSettings) -> Starlette:
    """The ASGI application."""
    prefix = settings.extension("http", "routePrefix")
    prefix = prefix.strip("/") if isinstance(prefix, str) else "api"
    functions, calls, key = management.worker.functions, management.calls, management.key
    return Starlette(
        routes=[
            event_grid_route(functions, calls, key),
            *management.routes(),
            *function_routes(functions.values(), calls, key, prefix),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[*_LOOPBACK_NAMES])],
        exception_handlers={HTTPException: _refusal},
    )


async def _refusal(_request: Request, error: Exception) -> Response:
    """A bare status; as on the Functions host, a method that no function takes is a 404."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return Response(status_code=404 if status == _METHOD_NOT_ALLOWED else status)
