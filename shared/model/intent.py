"""Owns intents: what is written down before something is destroyed, so that it can be made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.model.json import JsonObject
from shared.model.resource_id import ResourceId


@dataclass(frozen=True, slots=True)
class Intent:
    """``resource`` is about to be destroyed and made again from ``body``.

    ``body`` is the complete writable body (manifest fields win over the live ones, secrets are
    left out by an allow-list). ``incarnation`` names the one that may be destroyed: an endpoint's
    interface resourceGuid, a compute's createdOn. ``principal`` is the identity that dies with it,
    whose role assignments become orphans. ``run``, ``stored_at`` and ``remediator`` (whose unit it
    is, and who alone can say that it is settled) are filled in when it is stored.
    """

    resource: ResourceId
    body: JsonObject
    incarnation: str
    principal: str = ""
    run: str = ""
    stored_at: datetime | None = None
    remediator: str = ""
