"""Owns whether a live environment clearly is the documented scenario in which everything is private.

It is judged as a look would judge it, on what would be declared. What is less than that is left for a
person to say: a scenario that the environment contradicts would be reported from the first look on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from shared.model.actual import Actual
from shared.model.environment import API_VERSION, Environment, Workspace
from shared.model.parts import CLOSED
from shared.remediation.isolating import Member, members, missing_paths


def isolation_of(sections: Mapping[str, Iterable[Mapping[str, Any]]], actual: Actual) -> str:
    """``private`` where all is closed and reached from the clusters' networks; empty otherwise."""
    document = {name: list(items) for name, items in sections.items()}
    try:
        declared = Environment.model_validate(
            {"apiVersion": API_VERSION, "name": "captured", **document}
        )
    except ValidationError:  # told as a problem of the text; no scenario is claimed for it
        return ""
    aks = [cluster for cluster in declared.clusters if cluster.is_aks]
    parts = members(declared)
    used = any(not isinstance(part, Workspace) for part in parts)
    inside = all(_inside(part, declared, actual) for part in parts)
    return "private" if aks and used and inside and all(each.private for each in aks) else ""


def _inside(part: Member, declared: Environment, actual: Actual) -> bool:
    closed = part.public_network_access in CLOSED
    return closed and not any(missing_paths(part, declared, actual))
