"""Owns what every group of records shares: the documents, the clock and the layout of the keys.

environments/<name>/lease.json, lease-beside.json, approval.json, pause.json, accepted-version.json
environments/<name>/{debts,intents,links,attempts,watermarks}/<id>.json
environments/<name>/newest/<time, newest first>~<run>.json
runs/<run>.json         newest/<time, newest first>~<run>.json
papers/<run>/<name>.json        requests/<request>.json
manifests/<file>.json           events/rejected.json
aside/<kind>/<hash>.json        what could not be used, of every kind
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.model.resource_id import ResourceId
from shared.records.documents import Documents, segment, slug


@dataclass(frozen=True, slots=True)
class Shelf:
    """One group of records. ``clock`` gives aware datetimes."""

    documents: Documents
    clock: Callable[[], datetime]

    def key(self, environment: str, *names: str) -> str:
        """The key of a document of one environment."""
        return "/".join(["environments", segment(environment), *names]) + ".json"

    def prefix(self, environment: str, kind: str) -> str:
        """What the keys of one kind of documents of one environment begin with."""
        return f"environments/{segment(environment)}/{kind}/"

    def resource_key(self, environment: str, kind: str, resource: ResourceId) -> str:
        """The key of what is kept about one resource."""
        return self.key(environment, kind, slug(resource.name, resource.key))
