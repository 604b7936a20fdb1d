"""Owns the roles of workspaces, clusters and user-assigned identities; computes keep their own.

A declared role on the closed list is assigned to the identity as it is now; another is reported
with the command, as it could change networks or grant roles. Never removed: an assignment. What
the documents ask of a workspace's identity is looked at where roles of the identity are declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.environment import Cluster, Environment, Role, UserIdentity, Workspace
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.model.plan import Unit
from shared.model.roles import role_name
from shared.remediation import sources
from shared.remediation.assignments import (
    assignments,
    create_command,
    label,
    missing,
    put_role,
    role_reads,
)
from shared.remediation.differences import (
    Difference,
    Obstacle,
    finding,
    get,
    held,
    repairs_of,
    unanswered,
    unread,
)
from shared.remediation.documented_roles import (
    DOCUMENTED,
    documented_reads,
    of_high_impact,
    of_primary_identity,
)
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "identity_roles"

type _Holder = Workspace | Cluster | UserIdentity


def _declared(environment: Environment) -> tuple[_Holder, ...]:
    """What has declared roles and is no compute, in the order of ids."""
    parts: tuple[_Holder, ...] = (
        *environment.workspaces,
        *environment.clusters,
        *environment.identities,
    )
    return tuple(sorted((part for part in parts if part.roles), key=lambda part: part.id))


def principal_of(holder: _Holder, body: JsonObject) -> str:
    """Who the roles are for; empty when the resource has no identity of its own.

    A cluster runs as its system-assigned identity or as the one user-assigned identity that its
    body names (managedClusters 2025-08-01, ``identity``).
    """
    if isinstance(holder, UserIdentity):
        return str(dig(body, "properties.principalId") or "")
    own = str(dig(body, "identity.principalId") or "")
    if own or isinstance(holder, Workspace):
        return own
    assigned = dig(body, "identity.userAssignedIdentities") or {}
    found = (str(dig(each, "principalId") or "") for each in assigned.values())
    return next(filter(None, found), "")


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Each holder, the roles of its principal at the declared scopes, and what documents ask."""
    wanted = (r for h in _declared(environment) for r in _reads(environment, h, actual))
    yield from unanswered(actual, wanted)


def _reads(environment: Environment, holder: _Holder, actual: Actual) -> Iterator[Read]:
    yield get(holder.id)
    body = actual.body(holder.id)
    if body is not None:
        principal = principal_of(holder, body)
        yield from role_reads(holder, principal)
        if isinstance(holder, UserIdentity):
            yield from documented_reads(environment, holder, principal, actual)


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every declared role that nobody gave, and every documented one that is lacking."""
    found = [
        finding(_NAME, holder.id, item, owned=holder.owned)
        for holder in _declared(environment)
        for item in _differences(environment, holder, actual)
    ]
    for compute in sorted(environment.computes, key=lambda compute: compute.id):
        items = of_high_impact(compute, actual)
        found += [finding(_NAME, compute.id, item, owned=compute.owned) for item in items]
    return found


def _differences(environment: Environment, holder: _Holder, actual: Actual) -> Iterator[Difference]:
    match actual.answer(holder.id):
        case Found(body=body):
            yield from _of_roles(holder, body, actual)
            if isinstance(holder, UserIdentity):
                principal = principal_of(holder, body)
                yield from of_primary_identity(environment, holder, principal, actual)
        case Absent():
            seen = Evidence("resource", "none (404)", "one with the declared roles")
            yield Difference("HolderGone", (seen,), "", Disposition.REPORT, "ResourceGone")
        case Unreadable() as answer:
            yield held(Difference("HolderUnreadable", ()), unread("resource", answer))
        case None:
            return


def _of_roles(holder: _Holder, body: JsonObject, actual: Actual) -> Iterator[Difference]:
    principal = principal_of(holder, body)
    if not principal:
        seen = Evidence("identity", "no principal", "one that holds the declared roles")
        yield Difference("PrincipalMissing", (seen,), "", Disposition.REPORT, "ByHand")
        return
    views = assignments(holder, principal, actual)
    if views is None:
        yield held(Difference("RolesUnreadable", ()), _unread_roles(holder, principal, actual))
        return
    lacking = missing(holder, views)
    given = [role for role in lacking if role_name(role.role) is not None]
    others = [role for role in lacking if role_name(role.role) is None]
    if given:
        repair = "Relink assigns what is missing."
        yield Difference("RoleMissing", _seen(given, principal), repair)
    if others:
        commands = "; ".join(create_command(role, principal) for role in others)
        report = Disposition.REPORT
        unseen = _seen(others, principal)
        yield Difference("RoleToAssign", unseen, "", report, "RoleNotListed", commands)


def _seen(roles: Sequence[Role], principal: str) -> tuple[Evidence, ...]:
    return tuple(Evidence(label(role), "not assigned", f"to {principal}") for role in roles)


def _unread_roles(holder: _Holder, principal: str, actual: Actual) -> Obstacle:
    unseen = next(
        read
        for read in role_reads(holder, principal)
        if actual.items(read.resource, read.question, read.detail) is None
    )
    answer = actual.answer(unseen.resource, unseen.question, unseen.detail)
    return unread(f"role assignments at {unseen.resource}", answer)


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per holder: an assignment for each role that is missing and on the list."""
    units = []
    for holder in _declared(environment):
        mine = repairs_of(findings, holder.id)
        body = actual.body(holder.id)
        if mine and holder.owned and body is not None:
            units.append(_unit(holder, principal_of(holder, body), actual, mine))
    return units


def _unit(holder: _Holder, principal: str, actual: Actual, mine: Sequence[Finding]) -> Unit:
    lacking = missing(holder, assignments(holder, principal, actual) or ())
    given = [role for role in lacking if role_name(role.role) is not None]
    return Unit(
        id=f"{_NAME}:assign:{holder.id.key}",
        remediator=_NAME,
        title=f"Assign the roles of {holder.id.name}",
        resource=holder.id,
        findings=tuple(item.key for item in mine),
        steps=tuple(put_role(holder, role, f"to {principal.lower()}", principal) for role in given),
        follows=(holder.id,),
    )


REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleAssignments/delete",
        "Microsoft.ManagedIdentity/userAssignedIdentities/write",
        "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
        "Microsoft.MachineLearningServices/workspaces/write",
        "Microsoft.ContainerService/managedClusters/write",
    ),
    permissions=("Microsoft.Authorization/roleAssignments/write",),
    read_permissions=(
        "Microsoft.Authorization/roleAssignments/read",
        "Microsoft.Authorization/locks/read",
        "Microsoft.ManagedIdentity/userAssignedIdentities/read",
        "Microsoft.MachineLearningServices/workspaces/read",
        "Microsoft.ContainerService/managedClusters/read",
        "Microsoft.Kubernetes/connectedClusters/read",
    ),
    reads=reads,
    detect=detect,
    plan=plan,
    reasons={
        "RoleMissing": Reason(
            "Its identity lacks a declared role.",
            f"{sources.ATTACH}: Azure roles of the managed identity",
        ),
        "RoleToAssign": Reason(
            "Its identity lacks a declared role that Relink may not give.",
            f"{sources.VNET_INFERENCE}: Network Contributor on the network's group",
            Response.REPORTED,
        ),
        "PrincipalMissing": Reason(
            "Roles are declared for its identity, and it has none.",
            f"{sources.ATTACH}: Azure roles of the managed identity",
            Response.REPORTED,
        ),
        "HolderGone": Reason(
            "What the roles are declared for does not exist.",
            f"{sources.ATTACH}: Azure roles of the managed identity",
            Response.REPORTED,
        ),
        "HolderUnreadable": Reason(
            "What the roles are declared for could not be read.", sources.RELINK, Response.STATE
        ),
        "RolesUnreadable": Reason(
            "The roles of its identity could not be read.", sources.RELINK, Response.STATE
        ),
        **DOCUMENTED,
    },
)
