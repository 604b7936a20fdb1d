"""Owns the drift of private endpoints to anything but a cluster: storage, vault, registry, workspace.

An endpoint that is gone, cut off or failed is made again as declared, with its zone group. It
never touches a pending connection, never makes a zone, and leaves targets that are clusters to
``cluster_endpoint``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read
from shared.model.environment import Environment, PrivateEndpoint
from shared.model.finding import Finding
from shared.model.plan import Unit
from shared.remediation import sources
from shared.remediation.differences import finding, unanswered
from shared.remediation.endpoints import (
    REASONS,
    differences,
    gone,
    hold,
    reads_of,
)
from shared.remediation.replacing import APPROVALS, endpoint_units
from shared.remediation.zone_groups import group_of
from shared.remediation.zones import of_zones
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "private_endpoint"


def _declared(environment: Environment) -> tuple[PrivateEndpoint, ...]:
    found = (e for e in environment.private_endpoints if not e.to_cluster)
    return tuple(sorted(found, key=lambda endpoint: endpoint.id))


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """The endpoints with their targets, zone groups and zones; interfaces of broken ones."""
    wanted = (read for e in _declared(environment) for read in reads_of(e, actual))
    yield from unanswered(actual, wanted)


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every difference of every declared endpoint that does not lead to a cluster."""
    found: list[Finding] = []
    for endpoint in _declared(environment):
        items = [*differences(endpoint, actual), *gone(endpoint, actual)]
        group = group_of(endpoint, actual)
        if group is not None and isinstance(actual.answer(endpoint.id), Found | Absent):
            items += of_zones(environment, endpoint, group)
        settled = hold(endpoint, actual, items, None)
        found += [finding(_NAME, endpoint.id, item, owned=endpoint.owned) for item in settled]
    return found


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per endpoint: replace it, create it, or write its zone group."""
    return endpoint_units(_NAME, _declared(environment), environment, actual, findings)


REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.Network/privateEndpoints/write",
        "Microsoft.Network/privateEndpoints/delete",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/delete",
        "Microsoft.Network/privateDnsZones/write",
        "Microsoft.Network/privateDnsZones/delete",
        *(
            f"{kind}/privateEndpointConnections/{verb}"
            for kind in (
                "Microsoft.Storage/storageAccounts",
                "Microsoft.KeyVault/vaults",
                "Microsoft.ContainerRegistry/registries",
                "Microsoft.MachineLearningServices/workspaces",
            )
            for verb in ("write", "delete")
        ),
    ),
    permissions=(
        "Microsoft.Network/privateEndpoints/write",
        "Microsoft.Network/privateEndpoints/delete",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write",
        "Microsoft.Network/privateDnsZones/join/action",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
        *(
            f"{kind}/privateEndpointConnectionsApproval/action"
            for kind in APPROVALS.values()
            if not kind.endswith("/managedClusters")
        ),
    ),
    read_permissions=(
        "Microsoft.Network/privateEndpoints/read",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/read",
        "Microsoft.Network/networkInterfaces/read",
        "Microsoft.Network/privateDnsZones/read",
        "Microsoft.Network/virtualNetworks/read",
        "Microsoft.Network/virtualNetworks/subnets/read",
        "Microsoft.Storage/storageAccounts/read",
        "Microsoft.KeyVault/vaults/read",
        "Microsoft.ContainerRegistry/registries/read",
        "Microsoft.MachineLearningServices/workspaces/read",
        "Microsoft.Authorization/locks/read",
        "Microsoft.Authorization/permissions/read",
        # What hangs on an endpoint that is to be replaced.
        "Microsoft.Insights/diagnosticSettings/read",
        "Microsoft.Authorization/roleAssignments/read",
    ),
    reads=reads,
    detect=detect,
    plan=plan,
    reasons={
        **REASONS,
        "ZoneNotRecommended": Reason(
            "Its declared zone group leaves out a zone that its names belong in.",
            f"{sources.ENDPOINT_DNS}: recommended zone names, by cloud",
            Response.REPORTED,
        ),
    },
)
