"""Owns who takes part in an environment's isolation, and which private ways lead to whom.

A way is a declared private endpoint in the network of the cluster or one that a declared peering
connects with it, or, for storage, vault and registry, a declared subnet of such a network that is let
in (a service endpoint). Where no cluster's network is known, any network counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from shared.model.actual import Actual
from shared.model.arm import ClusterView
from shared.model.environment import (
    Environment,
    KeyVault,
    PrivateEndpoint,
    Registry,
    StorageAccount,
    Workspace,
)
from shared.model.json import JsonObject, dig
from shared.model.parts import CLOSED
from shared.model.resource_id import ResourceId
from shared.remediation.commands import az, run

type Member = Workspace | StorageAccount | KeyVault | Registry

_COMMAND: Final = MappingProxyType(
    {
        StorageAccount: "storage account update",
        KeyVault: "keyvault update",
        Registry: "acr update",
        Workspace: "ml workspace update",
    }
)
_GROUP: Final = MappingProxyType(
    {KeyVault: "vault", Registry: "registry", Workspace: "amlworkspace"}
)
_RULES: Final = "properties.networkAcls"


def members(environment: Environment) -> tuple[Member, ...]:
    """The workspaces and what they use, in the order of their ids."""
    found: tuple[Member, ...] = (
        *environment.workspaces,
        *environment.storage_accounts,
        *environment.key_vaults,
        *environment.registries,
    )
    return tuple(sorted(found, key=lambda part: part.id))


def declared_closed(part: Member) -> bool | None:
    """Whether the manifest closes it to the public; nothing where it does not say."""
    if part.public_network_access in CLOSED:
        return True
    denied = None if isinstance(part, Workspace) else part.default_action
    if denied == "Deny":
        return True
    return False if part.public_network_access == "Enabled" or denied == "Allow" else None


def live_closed(part: Member, body: JsonObject) -> bool:
    """Whether it is closed: by the switch, by a perimeter, or by rules that deny by default."""
    access = str(dig(body, "properties.publicNetworkAccess") or "Enabled").lower()
    if access != "enabled":
        return True
    if isinstance(part, Workspace):
        return False
    rules = "properties.networkRuleSet" if isinstance(part, Registry) else _RULES
    return str(dig(body, f"{rules}.defaultAction") or "Allow").lower() == "deny"


def close_command(part: Member) -> str:
    """What closes it to the public."""
    return _switch(part, on=False)


def open_command(part: Member) -> str:
    """What opens it to the public."""
    return _switch(part, on=True)


def _switch(part: Member, *, on: bool) -> str:
    match part:
        case StorageAccount() | KeyVault():
            option = ("--public-network-access", "Enabled" if on else "Disabled")
        case Registry():
            option = ("--public-network-enabled", "true" if on else "false")
        case Workspace():
            option = ("--public-network-access", "Enabled" if on else "Disabled")
    return az(_COMMAND[type(part)], part.id, *option)


def endpoints_to(part: Member, environment: Environment) -> tuple[PrivateEndpoint, ...]:
    """The declared private endpoints that lead to it."""
    return tuple(e for e in environment.private_endpoints if e.target == part.id)


def paths_read(environment: Environment, actual: Actual) -> bool:
    """Whether the network of every AKS cluster is known as far as it can be."""
    aks = [cluster for cluster in environment.clusters if cluster.is_aks]
    return all(actual.body(cluster.id) is not None for cluster in aks)


def missing_paths(
    part: Member, environment: Environment, actual: Actual
) -> Iterator[tuple[str, str]]:
    """Each group (``blob``) that no private way leads to, with the command that makes one."""
    near = _near(environment, actual)
    if not isinstance(part, Workspace) and any(_within(s, near) for s in part.allowed_subnets):
        return
    led = {
        group.lower()
        for endpoint in endpoints_to(part, environment)
        if _within(endpoint.subnet, near)
        for group in endpoint.group_ids
    }
    for group in _groups(part, environment, led):
        yield group, _make(part.id, group)


def _groups(part: Member, environment: Environment, led: set[str]) -> tuple[str, ...]:
    """What is still to be led to. A default account needs blob and file, a further one any."""
    if not isinstance(part, StorageAccount):
        wanted: tuple[str, ...] = (_GROUP[type(part)],)
    elif any(workspace.storage_account == part.id for workspace in environment.workspaces):
        wanted = ("blob", "file")
    else:
        wanted = () if led else ("blob",)
    return tuple(group for group in wanted if group not in led)


def _near(environment: Environment, actual: Actual) -> frozenset[ResourceId] | None:
    """The networks of the clusters and those peered with them; nothing where none is known."""
    own: set[ResourceId] = set()
    for cluster in environment.clusters:
        own |= ClusterView.of(actual.body(cluster.id) or {}).node_networks
    if not own:
        return None
    peered = {
        other
        for network in environment.virtual_networks
        for peering in network.peerings
        for one, other in ((network.id, peering.remote), (peering.remote, network.id))
        if one in own
    }
    return frozenset(own | peered)


def _within(subnet: ResourceId, near: frozenset[ResourceId] | None) -> bool:
    return near is None or subnet.parent in near


def _make(target: ResourceId, group: str) -> str:
    words = ["--name", f"{target.name}-{group}-pe", "--resource-group", target.resource_group]
    words += ["--subscription", target.subscription, "--subnet", "SUBNET_ID"]
    words += ["--private-connection-resource-id", target.text, "--group-id", group]
    words += ["--connection-name", f"{target.name}-{group}"]
    return run("az network private-endpoint create", *words)
