"""Owns the resources that exist, found by id without case and by type."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from simulator.paths import Path
from simulator.wire import Json


@dataclass(slots=True)
class Resource:
    """One ARM resource: `body` is what a GET is made of, `hidden` what Azure knows and ARM never shows."""

    id: str
    type: str
    body: Json
    created: datetime
    hidden: Json = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The id in lower case."""
        return self.id.lower()

    @property
    def name(self) -> str:
        """The last segment of the id."""
        return self.id.rsplit("/", 1)[-1]

    @property
    def properties(self) -> Json:
        """The `properties` of the body, made when absent."""
        found: Json = self.body.setdefault("properties", {})
        return found

    @property
    def path(self) -> Path:
        """The id, parsed."""
        return Path.parse(self.id)


class Store:
    """Resources in order of creation."""

    def __init__(self) -> None:
        self._all: dict[str, Resource] = {}
        self._types: dict[str, dict[str, Resource]] = {}

    def get(self, resource_id: str | None) -> Resource | None:
        """Return the resource with this id, or None."""
        return self._all.get((resource_id or "").rstrip("/").lower())

    def put(self, resource: Resource) -> Resource:
        """Keep a resource under its id."""
        self._all[resource.key] = resource
        self._types.setdefault(resource.type.lower(), {})[resource.key] = resource
        return resource

    def remove(self, resource_id: str) -> list[Resource]:
        """Drop a resource with everything under it; returns what went."""
        key = resource_id.lower()
        gone = [r for r in self._all.values() if r.key == key or r.key.startswith(key + "/")]
        for resource in gone:
            del self._all[resource.key]
            del self._types[resource.type.lower()][resource.key]
        return gone

    def of_type(self, type_name: str, under: str = "") -> list[Resource]:
        """Return the resources of a type whose id lies under a scope."""
        found = self._types.get(type_name.lower(), {})
        prefix = under.rstrip("/").lower() + "/"
        return [r for r in found.values() if r.key.startswith(prefix)]

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)
