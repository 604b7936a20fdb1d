"""Owns the answer to a request whatever becomes of it: refused, not found, or the stores are away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Final

import azure.functions as func

from shared.records import StoreError
from shared.triggers.bodies import BadBodyError
from shared.triggers.problems import problem
from shared.triggers.waiting import EngineAwayError
from shared.workflow.services import UnknownEnvironmentError

_WHOLE_SECONDS: Final = 30.0
_LOG: Final = logging.getLogger("relink.http")


async def answered(work: Awaitable[func.HttpResponse]) -> func.HttpResponse:
    """What ``work`` answers; 503 when stores or engine did not answer it in time."""
    try:
        async with asyncio.timeout(_WHOLE_SECONDS):
            return await work
    except BadBodyError as error:
        return error.response
    except UnknownEnvironmentError as error:
        return problem(404, str(error))
    except (StoreError, EngineAwayError, TimeoutError) as error:
        _LOG.warning("a request could not be answered: %s", error)
        return problem(503, f"not to be had at the moment, ask again: {error}"[:500])
