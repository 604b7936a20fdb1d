"""Owns what contradicts the isolation that a manifest names: live or in the manifest itself. Reported only.

The three scenarios are those of how-to-secure-kubernetes-inferencing-environment: no virtual network,
everything but the workspace in one, everything in one. A setting that is declared is kept by the
remediator of the resource; here it is judged whether what is declared, or left open, fits the scenario.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.environment import Cluster, Environment, Isolation, Workspace
from shared.model.finding import Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.remediation import sources
from shared.remediation.commands import az_make_private
from shared.remediation.differences import Difference, finding, get, held, unanswered, unread
from shared.remediation.isolating import (
    Member,
    close_command,
    declared_closed,
    endpoints_to,
    live_closed,
    members,
    missing_paths,
    open_command,
    paths_read,
)
from shared.remediation.reporting import no_units, reported
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "isolation"
_PRIVATE: Final = "properties.apiServerAccessProfile.enablePrivateCluster"


def _clusters(environment: Environment) -> tuple[Cluster, ...]:
    found = (cluster for cluster in environment.clusters if cluster.is_aks)
    return tuple(sorted(found, key=lambda cluster: cluster.id))


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """What says nothing of its own access, and the clusters: whose network is to be reached."""
    if environment.isolation is None:
        return
    open_ended = (part.id for part in members(environment) if declared_closed(part) is None)
    wanted = [*open_ended, *(cluster.id for cluster in _clusters(environment))]
    yield from unanswered(actual, (get(resource) for resource in wanted))


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every member of the environment that contradicts the named scenario."""
    scenario = environment.isolation
    if scenario is None:
        return []
    found = [
        finding(_NAME, part.id, item, owned=part.owned)
        for part in members(environment)
        for item in _of_member(part, scenario, environment, actual)
    ]
    found += [
        finding(_NAME, cluster.id, item, owned=cluster.owned)
        for cluster in _clusters(environment)
        for item in _of_cluster(cluster, scenario, actual)
    ]
    return found


def _of_member(
    part: Member, scenario: Isolation, environment: Environment, actual: Actual
) -> Iterator[Difference]:
    inside = scenario is Isolation.PRIVATE or (
        scenario is Isolation.DEPENDENCIES and not isinstance(part, Workspace)
    )
    yield from _of_access(part, scenario, actual, inside=inside)
    if inside:
        if paths_read(environment, actual):
            yield from _of_paths(part, scenario, environment, actual)
    elif scenario is Isolation.NONE:
        for endpoint in endpoints_to(part, environment):
            seen = Evidence("private endpoint", str(endpoint.id), f"none, as it is '{scenario}'")
            yield reported("EndpointUnexpected", seen, why="ManifestContradicts")
            return


def _of_access(
    part: Member, scenario: Isolation, actual: Actual, *, inside: bool
) -> Iterator[Difference]:
    """One that is declared as the scenario has it is kept so by its own remediator."""
    declared = declared_closed(part)
    wanted = "closed" if inside else "open"
    expected = f"{wanted}, as the isolation is '{scenario}'"
    if declared is not None:
        if declared is not inside:
            seen = Evidence("declared access", "closed" if declared else "open", expected)
            line = "Disabled" if inside else "Enabled"
            more = Evidence("manifest", f"{part.id.name} needs publicNetworkAccess: {line}")
            reason = "DeclaredClosed" if declared else "DeclaredOpen"
            yield reported(reason, seen, more, why="ManifestContradicts")
        return
    match actual.answer(part.id):
        case Found(body=body) if live_closed(part, body) is not inside:
            seen = Evidence("publicNetworkAccess", "open" if inside else "closed", expected)
            command = close_command(part) if inside else open_command(part)
            yield reported("OpenToPublic" if inside else "ClosedToPublic", seen, command=command)
        case Unreadable() as answer:
            yield held(Difference("MemberUnreadable", ()), unread("resource", answer))
        case Found() | Absent() | None:
            return


def _of_paths(
    part: Member, scenario: Isolation, environment: Environment, actual: Actual
) -> Iterator[Difference]:
    lacking = tuple(missing_paths(part, environment, actual))
    if lacking:
        seen = tuple(
            Evidence(f"private path ({group})", "none declared", f"one, as it is '{scenario}'")
            for group, _ in lacking
        )
        command = " && ".join(command for _, command in lacking)
        yield reported("PrivatePathMissing", *seen, command=command)


def _of_cluster(cluster: Cluster, scenario: Isolation, actual: Actual) -> Iterator[Difference]:
    """A cluster that is declared private and is not is reported with its other settings."""
    inside = scenario is not Isolation.NONE
    if cluster.private is not None:
        if cluster.private is not inside:
            wanted = f"{str(inside).lower()}, as the isolation is '{scenario}'"
            seen = Evidence("declared private", str(cluster.private).lower(), wanted)
            reason = "DeclaredOpen" if inside else "DeclaredClosed"
            yield reported(reason, seen, why="ManifestContradicts")
        return
    match actual.answer(cluster.id):
        case Found(body=body):
            yield from _of_live_cluster(cluster, scenario, body, inside=inside)
        case Unreadable() as answer:
            yield held(Difference("MemberUnreadable", ()), unread("cluster", answer))
        case Absent() | None:
            return


def _of_live_cluster(
    cluster: Cluster, scenario: Isolation, body: JsonObject, *, inside: bool
) -> Iterator[Difference]:
    private = dig(body, _PRIVATE) is True
    if private is inside:
        return
    wanted = f"{str(inside).lower()}, as the isolation is '{scenario}'"
    seen = Evidence("enablePrivateCluster", str(private).lower(), wanted)
    if private:
        yield reported("ClusterNotPublic", seen, why="ClusterFixed")
        return
    integrated = dig(body, "properties.apiServerAccessProfile.enableVnetIntegration") is True
    command = az_make_private(cluster.id, integrated=integrated)
    yield reported("ClusterNotPrivate", seen, command=command)


_TABLE: Final = f"{sources.SECURE_INFERENCE}: the table of scenarios"

REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.MachineLearningServices/workspaces/write",
        "Microsoft.Storage/storageAccounts/write",
        "Microsoft.KeyVault/vaults/write",
        "Microsoft.ContainerRegistry/registries/write",
        "Microsoft.ContainerService/managedClusters/write",
    ),
    permissions=(),
    read_permissions=(
        "Microsoft.MachineLearningServices/workspaces/read",
        "Microsoft.Storage/storageAccounts/read",
        "Microsoft.KeyVault/vaults/read",
        "Microsoft.ContainerRegistry/registries/read",
        "Microsoft.ContainerService/managedClusters/read",
    ),
    reads=reads,
    detect=detect,
    plan=no_units,
    reasons={
        "OpenToPublic": Reason(
            "It is open to the public, and the named isolation has it closed.",
            _TABLE,
            Response.REPORTED,
        ),
        "ClosedToPublic": Reason(
            "It is closed to the public, and the named isolation has it open.",
            _TABLE,
            Response.REPORTED,
        ),
        "DeclaredOpen": Reason(
            "The manifest declares it open, and names an isolation that has it closed.",
            _TABLE,
            Response.REPORTED,
        ),
        "DeclaredClosed": Reason(
            "The manifest declares it closed, and names an isolation that has it open.",
            _TABLE,
            Response.REPORTED,
        ),
        "PrivatePathMissing": Reason(
            "No private endpoint or service endpoint leads to it from the network of the cluster.",
            f"{sources.SECURE_INFERENCE}: limitations, and how to configure the environment",
            Response.REPORTED,
        ),
        "EndpointUnexpected": Reason(
            "A private endpoint to it is declared, and the named isolation has no network.",
            _TABLE,
            Response.REPORTED,
        ),
        "ClusterNotPrivate": Reason(
            "The cluster has a public address, and the named isolation has it private.",
            _TABLE,
            Response.REPORTED,
        ),
        "ClusterNotPublic": Reason(
            "The cluster is private, and the named isolation has no network.",
            _TABLE,
            Response.REPORTED,
        ),
        "MemberUnreadable": Reason(
            "It could not be read, so nothing is known of its isolation.",
            sources.RELINK,
            Response.STATE,
        ),
    },
)
