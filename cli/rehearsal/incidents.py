"""Owns the incidents of a rehearsal: what somebody does, to what, and how it has to end."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cli.demo.azure import Person
from cli.demo.scenes import restart, settle_writes
from cli.local_azure import LocalAzure
from shared.model.environment import Access, Cluster, Environment, PrivateEndpoint, Workspace
from shared.model.json import dig
from shared.model.resource_id import ResourceId

_BEGIN_SECONDS = 40.0


class Ending(StrEnum):
    """How an incident has to end."""

    REPAIRED = "everything is as before"
    REPORTED = "reported, and nothing was made up"


@dataclass(frozen=True, slots=True)
class Incident:
    """``targets`` are what it strikes: none, and it cannot happen to this environment.

    ``after`` is what goes on once Relink has begun to repair.
    """

    name: str
    title: str
    targets: Callable[[Environment], tuple[ResourceId, ...]]
    play: Callable[[Person, Environment], None]
    ending: Ending = Ending.REPAIRED
    after: Callable[[LocalAzure, str], None] | None = None


def clusters(environment: Environment) -> tuple[ResourceId, ...]:
    """The AKS clusters."""
    return tuple(each.id for each in environment.clusters if each.is_aks)


def endpoint(environment: Environment) -> tuple[ResourceId, ...]:
    """One endpoint that does not lead to a cluster, else one that does."""
    owned = [each for each in environment.private_endpoints if each.owned]
    first: PrivateEndpoint | None = next((e for e in owned if not e.to_cluster), None)
    chosen = first or next(iter(owned), None)
    return (chosen.id,) if chosen else ()


def closed(environment: Environment) -> tuple[ResourceId, ...]:
    """Everything that is declared closed to the public."""
    parts = [p for p in environment.parts() if isinstance(p, Access | Workspace) and p.owned]
    return tuple(p.id for p in parts if p.public_network_access == "Disabled")


def trusting(environment: Environment) -> tuple[ResourceId, ...]:
    """Everything that is declared to let trusted services in."""
    found = [(p.id, p.owned and p.trusted_services) for p in environment.storage_accounts]
    found += [(p.id, p.owned and p.trusted_services) for p in environment.key_vaults]
    found += [(p.id, p.owned and p.trusted_services) for p in environment.registries]
    return tuple(resource for resource, holds in found if holds)


def group(environment: Environment) -> tuple[ResourceId, ...]:
    """The resource group of the first workspace, as everything declared that lies in it.

    Clusters are not among it: their absence is reported by what leads to them.
    """
    first: Workspace | None = next(iter(environment.workspaces), None)
    if first is None:
        return ()
    return tuple(
        each.id
        for each in environment.parts()
        if not isinstance(each, Cluster)
        and _group_of(each.id).lower() == _group_of(first.id).lower()
    )


def _group_of(resource: ResourceId) -> str:
    return f"/subscriptions/{resource.subscription}/resourceGroups/{resource.resource_group}"


def delete_endpoint(person: Person, environment: Environment) -> None:
    """Delete the endpoint; its zone group and records go along."""
    for each in endpoint(environment):
        person.call("DELETE", each)
        person.wait_gone(each)


def open_access(person: Person, environment: Environment) -> None:
    """Enable public network access."""
    for each in closed(environment):
        person.call("PATCH", each, {"properties": {"publicNetworkAccess": "Enabled"}})


def drop_trust(person: Person, environment: Environment) -> None:
    """Switch the exception for trusted services off, as the portal does: the whole object is sent."""
    for each in trusting(environment):
        change: dict[str, Any] = {"networkRuleBypassOptions": "None"}
        if not each.type.endswith("/registries"):
            acls = copy.deepcopy(dig(person.call("GET", each), "properties.networkAcls"))
            change = {"networkAcls": {**acls, "bypass": "None"}}
        person.call("PATCH", each, {"properties": change})


def throttle(person: Person, environment: Environment) -> None:
    """ARM refuses reads and writes for a while, and an endpoint is deleted meanwhile."""
    delete_endpoint(person, environment)
    for method, times in (("GET", 4), ("PUT", 2)):
        fault = {"kind": "throttle", "method": method, "times": times, "retryAfter": 2}
        person.control("POST", "faults", fault)


def delete_group(person: Person, environment: Environment) -> None:
    """Delete the whole group."""
    targets = group(environment)
    person.call("DELETE", _group_of(targets[0]))
    person.wait_gone(targets[0])


def lose_much(person: Person, environment: Environment) -> None:
    """Enough to be half-way through: access is opened, an endpoint deleted, the clusters restarted."""
    open_access(person, environment)
    settle_writes(person, environment)
    delete_endpoint(person, environment)
    restart(person, environment)


def kill_worker(local: LocalAzure, name: str) -> None:
    """Kill the app when a repair is half-way, and start it again."""
    deadline = time.monotonic() + _BEGIN_SECONDS
    while time.monotonic() < deadline and not any(_under_way(local, name)):
        time.sleep(0.05)
    local.kill_host()
    local.start_host_again()


def _under_way(local: LocalAzure, name: str) -> Iterator[bool]:
    """Of each unit of the running run, whether it has begun and has not ended."""
    state = local.app.get(f"/api/environments/{name}").raise_for_status().json()
    running = state["queue"]["running"]
    run = local.app.get(f"/api/runs/{running}").json() if running else {}
    yield from (unit["state"] == "running" for unit in run.get("units", []))


INCIDENTS = (
    Incident("cluster-restart", "The clusters are stopped and started", clusters, restart),
    Incident("endpoint-deleted", "A private endpoint is deleted", endpoint, delete_endpoint),
    Incident("public-access", "Public network access is enabled", closed, open_access),
    Incident("trusted-services", "The trusted-services exception is dropped", trusting, drop_trust),
    Incident("throttled-arm", "An endpoint is deleted while ARM throttles", endpoint, throttle),
    Incident(
        "worker-killed", "Much breaks, and the app is killed half-way", endpoint, lose_much,
        after=kill_worker,
    ),
    Incident(
        "group-deleted", "The workspace's resource group is deleted", group, delete_group,
        Ending.REPORTED,
    ),
)  # fmt: skip
"""In the order in which they are played: nothing can come after a deleted group."""
