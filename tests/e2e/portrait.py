"""Owns what a whole simulated Azure looks like, so that before and after can be compared.

Read from the simulator's own store and never through the product: a shared mistake would cancel
out. What Azure renews with every creation (guids, addresses, principals, times) is written as what
it belongs to; everything else, declared or not, ours or not, has to come out as it went in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from simulator.cloud import Cloud

type Portrait = dict[str, Any]

_RENEWED = frozenset(
    {"etag", "systemData", "createdOn", "modifiedOn", "updatedOn", "createdBy", "updatedBy"}
    | {"resourceGuid", "name"}
)
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NUMBERED = re.compile(
    rf"(privateEndpointConnections/[\w-]+|networkInterfaces/[\w-]+(?:\.nic)?)\.{_GUID}"
)
_ASSIGNMENT = re.compile(rf"(roleAssignments)/({_GUID})")


def portrait(cloud: Cloud) -> Portrait:
    """Everything that exists, by id: equal portraits mean that nothing is different."""
    bodies = {resource.id: cloud.get(resource.id) for resource in cloud.store}
    stable = dict(_renamings(cloud))
    drawn: Portrait = {}
    for resource_id, body in bodies.items():
        text = json.dumps([resource_id, _without_renewed(body)], sort_keys=True)
        for before, after in stable.items():
            text = text.replace(before, after)
        key, shown = json.loads(_NUMBERED.sub(r"\1", text))
        drawn[_ASSIGNMENT.sub(_role_of(shown), key)] = _sorted(shown)
    for resource in cloud.store.of_type("Microsoft.MachineLearningServices/workspaces/computes"):
        seen = cloud.inspect(resource.id)
        drawn[resource.id]["reaches its cluster"] = seen.get("alive") if seen else None
    return drawn


def differences(before: Portrait, after: Portrait) -> list[str]:
    """A line for each thing that is not as it was."""
    found = []
    for key in sorted({*before, *after}):
        was, now = dict(_leaves(before.get(key))), dict(_leaves(after.get(key)))
        short = key.split("/providers/", 1)[-1]
        found += [
            f"{short}{path}: was {was.get(path)!r}, is {now.get(path)!r}"
            for path in sorted({*was, *now})
            if was.get(path) != now.get(path)
        ]
    return found


def _renamings(cloud: Cloud) -> Iterator[tuple[str, str]]:
    """Each address and each principal → whose it is."""
    for interface in cloud.store.of_type("Microsoft.Network/networkInterfaces"):
        endpoint = interface.properties["privateEndpoint"]["id"].rsplit("/", 1)[1]
        for place, config in enumerate(interface.properties["ipConfigurations"]):
            address = config["properties"]["privateIPAddress"]
            yield f'"{address}"', f'"address {place} of {endpoint}"'
    for compute in cloud.store.of_type("Microsoft.MachineLearningServices/workspaces/computes"):
        principal = compute.body.get("identity", {}).get("principalId")
        if principal:
            yield f'"{principal}"', f'"principal of {compute.name}"'


def _role_of(body: Any) -> str:  # noqa: ANN401 - JSON
    """A role assignment is known by what it gives to whom; its own name is a random guid."""
    properties = body.get("properties", {})
    role = str(properties.get("roleDefinitionId", "")).rsplit("/", 1)[-1]
    return rf"\1/{role} for {properties.get('principalId', '')}"


def _without_renewed(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in _RENEWED and not _named(k, value)}
        return {key: _without_renewed(each) for key, each in kept.items()}
    if isinstance(value, list):
        return [_without_renewed(each) for each in value]
    return value


def _named(key: str, value: dict[str, Any]) -> bool:
    """A role assignment's id says its random name."""
    return key == "id" and "/roleAssignments/" in str(value["id"])


def _sorted(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Lists of ids have no order."""
    if isinstance(value, dict):
        return {key: _sorted(_parted(key, each)) for key, each in value.items()}
    if isinstance(value, list):
        return sorted((_sorted(each) for each in value), key=json.dumps)
    return value


def _parted(key: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    """A storage account's bypass is a set written as a comma list (domain.md 5)."""
    return [word.strip() for word in value.split(",")] if key == "bypass" else value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for place, each in enumerate(value):
            yield from _leaves(each, f"{path}[{place}]")
    elif value is not None:
        yield path, value
