"""Owns HTTP answers: JSON bodies, and errors as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import azure.functions as func


def answer(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """A JSON answer."""
    return func.HttpResponse(
        json.dumps(body, default=str),
        status_code=status,
        headers=dict(headers or {}),
        mimetype="application/json",
    )


def problem(
    status: int, detail: str, errors: Sequence[Mapping[str, Any]] = ()
) -> func.HttpResponse:
    """An error that says what was found and what is allowed; ``errors`` name the fields."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return func.HttpResponse(
        json.dumps(body), status_code=status, mimetype="application/problem+json"
    )
