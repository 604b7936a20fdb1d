"""Owns the managed-identity endpoint, in App Service's protocol (api-version 2019-08-01), over plain http."""

import hmac
import json

from simulator.call import split_url
from simulator.cloud import Cloud
from simulator.directory import RELINK, TOKEN_LIFETIME
from simulator.wire import Json, Request, Response


class IdentityEndpoint:
    """Gives Relink's identity its tokens, to whoever knows the secret header."""

    def __init__(self, cloud: Cloud, *, secret: str) -> None:
        self.secret = secret
        self._cloud = cloud

    def answer(self, request: Request) -> Response | None:
        """Answer `/msi/token`; None for anything else."""
        path, query = split_url(request.url)
        if path.rstrip("/") != "/msi/token":
            return None
        if not hmac.compare_digest(request.header("X-IDENTITY-HEADER") or "", self.secret):
            return _reply(
                401, {"statusCode": 401, "message": "X-IDENTITY-HEADER is missing or wrong."}
            )
        resource = query.get("resource", "")
        if not resource or query.get("api-version") != "2019-08-01":
            return _reply(
                400,
                {"statusCode": 400, "message": "resource and api-version=2019-08-01 are required."},
            )
        client = query.get("client_id", RELINK.app_id)
        if client.lower() != RELINK.app_id:
            return _reply(
                400, {"statusCode": 400, "message": f"No managed identity has client id {client}."}
            )
        token = self._cloud.token(RELINK, resource)
        expires = self._cloud.context.now() + TOKEN_LIFETIME
        return _reply(
            200,
            {
                "access_token": token,
                "expires_on": str(int(expires.timestamp())),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": RELINK.app_id,
            },
        )


def _reply(status: int, body: Json) -> Response:
    return Response(status, {"Content-Type": "application/json"}, json.dumps(body).encode())
