"""Owns the roles that documents ask for, whether or not a manifest declares them: reported, never given.

Two cases: computes of a high-business-impact workspace, and a workspace that runs as a user-assigned
identity. Looked at only where roles of the compute or of that identity are declared, so that a
manifest without roles costs no reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shared.model.actual import Actual, Question, Read
from shared.model.arm import AssignmentView, ComputeView
from shared.model.environment import Cluster, Compute, Environment, Role, UserIdentity
from shared.model.finding import Disposition, Evidence
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from shared.remediation import sources
from shared.remediation.assignments import create_command, label
from shared.remediation.differences import Difference, get
from shared.remediator import Reason, Response

_BLOB_CONTRIBUTOR: Final = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
_ACCOUNT_CONTRIBUTOR: Final = "17d1049b-9a84-46fb-8f53-869881c3d3ab"
_OWNER: Final = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
_CONTRIBUTOR: Final = "b24988ac-6180-42a0-ab88-20f7382dd24c"
_READER: Final = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A role that a workspace's user-assigned identity needs on a cluster, and what includes it."""

    reason: str
    role: str
    instead: frozenset[str] = frozenset()


_ON_CLUSTER: Final = (
    _Asked("ClusterReaderMissing", _READER, frozenset({_CONTRIBUTOR, _OWNER})),
    _Asked(
        "ExtensionContributorMissing",
        "85cb6faf-e071-4c9b-8136-154b5a04f717",
        frozenset({_CONTRIBUTOR, _OWNER}),
    ),
    _Asked(
        "ClusterAdminMissing",
        "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8",
        frozenset({_CONTRIBUTOR, _OWNER}),
    ),
)
_TRUSTED: Final = _Asked("TrustedAccessRoleMissing", _CONTRIBUTOR, frozenset({_OWNER}))
_RELAY: Final = _Asked(
    "RelayOwnerMissing", "2787bf04-f1f5-4bfe-8383-c8a24483ee38", frozenset({_OWNER})
)
_HIGH_IMPACT: Final = MappingProxyType(
    {
        "HighImpactBlobRoleUndeclared": _BLOB_CONTRIBUTOR,
        "HighImpactAccountRoleUndeclared": _ACCOUNT_CONTRIBUTOR,
    }
)


def of_high_impact(compute: Compute, actual: Actual) -> Iterator[Difference]:
    """Roles that a compute of a high-business-impact workspace needs and does not declare.

    Says nothing where no roles are declared, the identity is not the system's, or the workspace
    was not read by anybody.
    """
    body = actual.body(compute.workspace)
    if not compute.roles or body is None or dig(body, "properties.hbiWorkspace") is not True:
        return
    account = ResourceId.maybe(dig(body, "properties.storageAccount"))
    if account is None or "systemassigned" not in compute.identity_type.lower():
        return
    principal = ComputeView.of(actual.body(compute.id) or {}).principal
    for reason, guid in _HIGH_IMPACT.items():
        role = Role(role=guid, scope=account)
        if not any(_includes(declared, role) for declared in compute.roles):
            seen = Evidence(label(role), "not declared", "under roles of the compute")
            command = create_command(role, principal) if principal else ""
            yield Difference(reason, (seen,), "", Disposition.REPORT, "DeclareRole", command)


def _includes(declared: Role, role: Role) -> bool:
    return declared.role.lower() == role.role and role.scope.within(declared.scope)


def _clusters(
    environment: Environment, identity: UserIdentity, actual: Actual
) -> tuple[Cluster, ...]:
    """The declared clusters that workspaces which run as ``identity`` attach computes from."""
    spaces = {
        workspace.id
        for workspace in environment.workspaces
        if _primary(workspace.id, actual) == identity.id
    }
    named = {compute.cluster for compute in environment.computes if compute.workspace in spaces}
    return tuple(cluster for cluster in environment.clusters if cluster.id in named)


def _primary(workspace: ResourceId, actual: Actual) -> ResourceId | None:
    found = dig(actual.body(workspace), "properties.primaryUserAssignedIdentity")
    return ResourceId.maybe(found)


def documented_reads(
    environment: Environment, identity: UserIdentity, principal: str, actual: Actual
) -> Iterator[Read]:
    """The workspaces, and where one runs as ``identity``, its clusters and what it may there."""
    if not environment.computes:
        return
    yield from (get(workspace.id) for workspace in environment.workspaces)
    for cluster in _clusters(environment, identity, actual):
        if cluster.is_aks:
            yield get(cluster.id)
        if principal:
            yield Read(Question.ROLES, _scope(cluster), principal)


def _scope(cluster: Cluster) -> ResourceId:
    """The cluster; with Arc its group, as the relay is made beside it."""
    return cluster.id if cluster.is_aks else cluster.id.group


def of_primary_identity(
    environment: Environment, identity: UserIdentity, principal: str, actual: Actual
) -> Iterator[Difference]:
    """Roles that a workspace's user-assigned identity lacks on a cluster; unread is no lack."""
    lacking: dict[str, list[Role]] = {}
    for cluster in _clusters(environment, identity, actual):
        items = actual.items(_scope(cluster), Question.ROLES, principal)
        if items is None:
            continue
        views = [view for item in items if (view := AssignmentView.of(item)) is not None]
        own = [view for view in views if view.principal == principal.lower()]
        for asked, scope in _asked(cluster, actual):
            if not any(_gives(view, asked, scope) for view in own):
                lacking.setdefault(asked.reason, []).append(Role(role=asked.role, scope=scope))
    for reason, roles in lacking.items():
        seen = tuple(Evidence(label(role), "not assigned", f"to {principal}") for role in roles)
        commands = "; ".join(create_command(role, principal) for role in roles)
        yield Difference(reason, seen, "", Disposition.REPORT, "ByHand", commands)


def _asked(cluster: Cluster, actual: Actual) -> Iterator[tuple[_Asked, ResourceId]]:
    for asked in _ON_CLUSTER:
        yield asked, cluster.id
    if not cluster.is_aks:
        yield _RELAY, cluster.id.group
    elif _needs_trusted_access(cluster, actual):
        yield _TRUSTED, cluster.id


def _needs_trusted_access(cluster: Cluster, actual: Actual) -> bool:
    """Whether the cluster shows a configuration that the workspace passes by trusted access only."""
    body = actual.body(cluster.id)
    ranges = dig(body, "properties.apiServerAccessProfile.authorizedIPRanges")
    return bool(ranges) or dig(body, "properties.disableLocalAccounts") is True


def _gives(view: AssignmentView, asked: _Asked, scope: ResourceId) -> bool:
    return view.role in {asked.role, *asked.instead} and scope.within(view.scope)


_PRIMARY: Final = f"{sources.ATTACH}: workspace with a user-assigned identity"
_HBI: Final = f"{sources.SECURE_INFERENCE}: special note on high-business-impact workspaces"

DOCUMENTED: Final = MappingProxyType(
    {
        "HighImpactBlobRoleUndeclared": Reason(
            "Computes of a high-business-impact workspace need Storage Blob Data Contributor.",
            _HBI,
            Response.REPORTED,
        ),
        "HighImpactAccountRoleUndeclared": Reason(
            "Computes of a high-business-impact workspace need Storage Account Contributor.",
            _HBI,
            Response.REPORTED,
        ),
        "ClusterReaderMissing": Reason(
            "The workspace runs as this identity, which lacks Reader on the cluster.",
            _PRIMARY,
            Response.REPORTED,
        ),
        "ExtensionContributorMissing": Reason(
            "Without Kubernetes Extension Contributor an attach says that the extension is missing.",
            _PRIMARY,
            Response.REPORTED,
        ),
        "ClusterAdminMissing": Reason(
            "Without AKS Cluster Admin an attach ends in an internal server error.",
            _PRIMARY,
            Response.REPORTED,
        ),
        "TrustedAccessRoleMissing": Reason(
            "The cluster is reached by trusted access only, and the identity lacks Contributor on it.",
            _PRIMARY,
            Response.REPORTED,
        ),
        "RelayOwnerMissing": Reason(
            "The identity lacks Azure Relay Owner in the group of the Arc cluster.",
            _PRIMARY,
            Response.REPORTED,
        ),
    }
)
