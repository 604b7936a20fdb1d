"""Owns the comparison of a live Kubernetes compute with its declaration (domain.md 3.1).

What differs here is fixed when the compute is attached; the documents say that an update silently
does nothing. So a difference is reported, never a reason to detach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.model.environment import Compute
from shared.model.finding import Evidence
from shared.model.json import JsonObject, canonical, dig
from shared.model.resource_id import ResourceId

_INNER: Final = "properties.properties"
ELSEWHERE: Final = frozenset({"cluster", "namespace"})
"""Differences that mean the compute is attached somewhere else than declared."""


def changes(compute: Compute, live: JsonObject) -> Iterator[Evidence]:
    """Each create-only field that the manifest declares and the live compute has otherwise."""
    cluster = ResourceId.maybe(dig(live, "properties.resourceId"))
    if cluster is not None and cluster != compute.cluster:
        yield Evidence("cluster", str(cluster), str(compute.cluster))
    for name in ("namespace", "defaultInstanceType"):
        wanted = dig(compute.body, f"{_INNER}.{name}")
        found = dig(live, f"{_INNER}.{name}")
        if wanted is not None and found != wanted:
            yield Evidence(name, str(found), str(wanted))
    types = dig(compute.body, f"{_INNER}.instanceTypes")
    if types is not None:
        yield from _instance_types(_plain(types), _plain(dig(live, f"{_INNER}.instanceTypes")))
    yield from _identity(compute, live)


def _instance_types(wanted: Any, found: Any) -> Iterator[Evidence]:  # noqa: ANN401 - JSON
    if wanted != found:
        yield Evidence("instanceTypes", canonical(found)[:400], canonical(wanted)[:400])


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """Without members that are null or empty, and numbers as text: Azure writes both ways."""
    if isinstance(value, Mapping):
        kept = {key: _plain(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, {}, "")}
    return value if value is None else str(value)


def _identity(compute: Compute, live: JsonObject) -> Iterator[Evidence]:
    if not compute.identity_type:
        return
    wanted, found = _identity_of(compute.body), _identity_of(live)
    if wanted != found:
        yield Evidence("identity", _shown(found), _shown(wanted))


def _identity_of(body: JsonObject) -> tuple[frozenset[str], frozenset[str]]:
    """Kinds and user-assigned ids, both in lower case."""
    kinds = str(dig(body, "identity.type") or "None").lower().split(",")
    assigned = dig(body, "identity.userAssignedIdentities") or {}
    return (
        frozenset(kind.strip() for kind in kinds),
        frozenset(str(name).lower() for name in assigned),
    )


def _shown(identity: tuple[frozenset[str], frozenset[str]]) -> str:
    return ", ".join([*sorted(identity[0]), *sorted(identity[1])])
