"""Owns the seven scenes: what somebody does, and how each has to end."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cli.demo.azure import Person, guarded
from shared.model.environment import Environment
from shared.model.json import dig
from shared.model.resource_id import ResourceId


class Ending(StrEnum):
    """How a scene has to end."""

    REPAIRED = "everything is as before"
    UNTOUCHED = "nothing was written, and nothing had to be"
    PLANNED = "planned, and nothing was written"


@dataclass(frozen=True, slots=True)
class Scene:
    """One incident. ``outcome`` is what Relink has to report, ``storm`` doubles and shuffles events."""

    number: int
    title: str
    play: Callable[[Person, Environment], None]
    ending: Ending
    outcome: str
    environment: str = "production"
    storm: bool = False


def restart(person: Person, environment: Environment) -> None:
    """Stop and start the cluster."""
    for cluster in environment.clusters:
        person.call("POST", cluster.id, tail="/stop")
        person.wait_until(cluster.id, "properties.powerState.code", "Stopped")
        person.call("POST", cluster.id, tail="/start")
        person.wait_until(cluster.id, "properties.powerState.code", "Running")


def start_running(person: Person, environment: Environment) -> None:
    """Start a cluster that runs: Azure says yes and does nothing."""
    for cluster in environment.clusters:
        person.call("POST", cluster.id, tail="/start")


def delete_endpoint(person: Person, environment: Environment) -> None:
    """Delete the blob endpoint; its zone group and records go along."""
    endpoint = _blob(environment)
    person.call("DELETE", endpoint)
    person.wait_gone(endpoint)


def open_public_access(person: Person, environment: Environment) -> None:
    """Enable public network access everywhere."""
    body = {"properties": {"publicNetworkAccess": "Enabled"}}
    for resource in guarded(environment):
        person.call("PATCH", resource, body)


def drop_trusted_services(person: Person, environment: Environment) -> None:
    """Switch off the exception for trusted services, as the portal does: the whole object is sent."""
    for account in environment.storage_accounts:
        acls = copy.deepcopy(dig(person.call("GET", account.id), "properties.networkAcls"))
        acls["bypass"] = "Logging, Metrics"
        person.call("PATCH", account.id, {"properties": {"networkAcls": acls}})
    for vault in environment.key_vaults:
        acls = copy.deepcopy(dig(person.call("GET", vault.id), "properties.networkAcls"))
        person.call("PATCH", vault.id, {"properties": {"networkAcls": {**acls, "bypass": "None"}}})
    for registry in environment.registries:
        body: dict[str, Any] = {"properties": {"networkRuleBypassOptions": "None"}}
        person.call("PATCH", registry.id, body)


def everything(person: Person, environment: Environment) -> None:
    """All of it at once."""
    for cluster in environment.clusters:
        person.call("POST", cluster.id, tail="/stop")
    settle_writes(person, environment)
    open_public_access(person, environment)
    settle_writes(person, environment)
    drop_trusted_services(person, environment)
    person.call("DELETE", _blob(environment))
    for cluster in environment.clusters:
        person.wait_until(cluster.id, "properties.powerState.code", "Stopped")
        person.call("POST", cluster.id, tail="/start")
        person.wait_until(cluster.id, "properties.powerState.code", "Running")


def settle_writes(person: Person, environment: Environment) -> None:
    """Registry and workspace take their time over a PATCH and refuse another meanwhile."""
    for resource in guarded(environment):
        person.wait_until(resource, "properties.provisioningState", "Succeeded")


def _blob(environment: Environment) -> ResourceId:
    return next(each.id for each in environment.private_endpoints if "blob" in each.group_ids)


SCENES = (
    Scene(1, "The cluster is stopped and started", restart, Ending.REPAIRED, "Repaired"),
    Scene(2, "A running cluster is started", start_running, Ending.UNTOUCHED, "NotNeeded"),
    Scene(3, "A private endpoint is deleted", delete_endpoint, Ending.REPAIRED, "Repaired"),
    Scene(4, "Public access is enabled", open_public_access, Ending.REPAIRED, "Repaired"),
    Scene(
        5, "The trusted-services exception is dropped", drop_trusted_services, Ending.REPAIRED,
        "Repaired",
    ),
    Scene(
        6, "All at once, events doubled and shuffled", everything, Ending.REPAIRED, "Repaired",
        storm=True,
    ),
    Scene(
        7, "The same in observe mode", everything, Ending.PLANNED, "Planned",
        environment="watched", storm=True,
    ),
)  # fmt: skip
