"""Owns the picture of a declared environment as boxes and lines; how it is drawn is others' business.

Everything comes from the manifest: networks are those that endpoints lie in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from shared.model.environment import Environment
from shared.model.resource_id import ResourceId


class Sort(StrEnum):
    """What a box stands for."""

    NETWORK = "network"
    ENDPOINT = "endpoint"
    CLUSTER = "cluster"
    WORKSPACE = "workspace"
    STORE = "store"  # storage, vault, registry
    COMPUTE = "compute"


@dataclass(frozen=True, slots=True)
class Box:
    """One thing of the environment; ``inside`` is the network that an endpoint lies in."""

    id: ResourceId
    sort: Sort
    detail: str = ""
    inside: ResourceId | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.id.name


@dataclass(frozen=True, slots=True)
class Line:
    """``start`` leads to ``end``: an endpoint to its target, a compute to its cluster."""

    start: ResourceId
    end: ResourceId
    words: str = ""


@dataclass(frozen=True, slots=True)
class Topology:
    """The boxes, each once, and the lines between them."""

    name: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]

    def of(self, *sorts: Sort) -> tuple[Box, ...]:
        """The boxes of some sorts, in the manifest's order."""
        return tuple(box for box in self.boxes if box.sort in sorts)


def topology_of(environment: Environment) -> Topology:
    """The picture of ``environment``. A target that it does not list becomes a box as well."""
    boxes = {box.id: box for box in _boxes(environment)}
    lines = tuple(_lines(environment))
    for line in lines:
        boxes.setdefault(line.end, Box(line.end, Sort.STORE, line.end.type.rpartition("/")[2]))
    return Topology(environment.name, tuple(boxes.values()), lines)


def network_of(subnet: ResourceId) -> ResourceId:
    """The network that a subnet is part of."""
    return subnet.parent or subnet


def _boxes(environment: Environment) -> Iterator[Box]:
    for endpoint in environment.private_endpoints:
        yield Box(network_of(endpoint.subnet), Sort.NETWORK)
    for endpoint in environment.private_endpoints:
        groups = ", ".join(endpoint.group_ids)
        yield Box(endpoint.id, Sort.ENDPOINT, groups, network_of(endpoint.subnet))
    for cluster in environment.clusters:
        yield Box(cluster.id, Sort.CLUSTER, "AKS" if cluster.is_aks else "Arc")
    for workspace in environment.workspaces:
        yield Box(workspace.id, Sort.WORKSPACE, "workspace")
    for account in environment.storage_accounts:
        yield Box(account.id, Sort.STORE, "storage")
    for vault in environment.key_vaults:
        yield Box(vault.id, Sort.STORE, "key vault")
    for registry in environment.registries:
        yield Box(registry.id, Sort.STORE, "registry")
    for compute in environment.computes:
        yield Box(compute.id, Sort.COMPUTE, "compute")


def _lines(environment: Environment) -> Iterator[Line]:
    for endpoint in environment.private_endpoints:
        yield Line(endpoint.id, endpoint.target)
    for compute in environment.computes:
        yield Line(compute.id, compute.cluster, "attached from")
        yield Line(compute.workspace, compute.id)
    for workspace in environment.workspaces:
        for used in (workspace.storage_account, workspace.key_vault, workspace.container_registry):
            if used is not None:
                yield Line(workspace.id, used)
