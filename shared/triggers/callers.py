"""Owns who is calling: in Azure an Entra identity, on the embedded host the holder of its key.

Approving, rejecting, pausing and resuming are decisions; the record names who took them. In Azure
the name comes from App Service authentication, which strips the header from outside requests;
without it switched on these routes are closed, as anybody with a function key could claim a name.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

import azure.functions as func

from shared.model.json import clean

_PRINCIPAL = "x-ms-client-principal"
_LONGEST = 100_000
_LONGEST_NAME = 256
_NAMES = ("preferred_username", "upn", "name")
_OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"


_AZURE = ("WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME", "WEBSITE_SKU")
"""Any of them says Azure: a Flex Consumption app has no WEBSITE_INSTANCE_ID. CONTAINER_NAME, which
it has too, says nothing: ordinary containers set it."""


def in_azure(environ: Mapping[str, str]) -> bool:
    """Whether App Service runs us; so it is taken to be unless the host says that it develops.

    The embedded host and Core Tools set ``AZURE_FUNCTIONS_ENVIRONMENT`` to Development, Azure does
    not; in doubt a decision needs an identity.
    """
    local = environ.get("AZURE_FUNCTIONS_ENVIRONMENT", "").lower() == "development"
    return not local or any(environ.get(name) for name in _AZURE)


def caller(request: func.HttpRequest, environ: Mapping[str, str]) -> str | None:
    """A name for the record; nothing when a decision may not be taken by this request."""
    if not in_azure(environ):
        return "the holder of the host key"
    if environ.get("WEBSITE_AUTH_ENABLED", "").lower() != "true":
        return None
    return _identity(request.headers.get(_PRINCIPAL, ""))


def _identity(header: str) -> str | None:
    """``name (object id)`` of App Service's client principal header (base64 JSON)."""
    if not header or len(header) > _LONGEST:
        return None
    try:
        principal = json.loads(base64.b64decode(header, validate=True))
        claims = {claim["typ"]: claim["val"] for claim in principal["claims"]}
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        return None
    texts = {
        key: clean(value)[:_LONGEST_NAME] for key, value in claims.items() if isinstance(value, str)
    }
    object_id = texts.get(_OBJECT_ID) or texts.get("oid")
    name = next((texts[key] for key in _NAMES if key in texts), None)
    return f"{name} ({object_id})" if name and object_id else object_id
