"""Owns the drift of the customer's private endpoints to AKS API servers, with their A records.

A stop deletes the cluster's private link service, and every such endpoint has to be made again
after the start (domain.md 2). A start alone proves nothing: ``shared.remediation.restarting`` says
what does. It never touches AKS's own endpoint, and nothing under API server VNet integration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Actual, Read
from shared.model.environment import Environment, PrivateEndpoint
from shared.model.finding import Finding
from shared.model.plan import Unit
from shared.remediation import cluster_endpoints, endpoints, restarting
from shared.remediation.cluster_endpoints import cluster_endpoint_reads, judge
from shared.remediation.differences import finding, unanswered
from shared.remediation.replacing import endpoint_units
from shared.remediator import Remediator

_NAME: Final = "cluster_endpoint"


def _declared(environment: Environment) -> tuple[PrivateEndpoint, ...]:
    found = (e for e in environment.private_endpoints if e.to_cluster)
    return tuple(sorted(found, key=lambda endpoint: endpoint.id))


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """The cluster first; its link and the logs only where they decide something."""
    declared = _declared(environment)
    wanted = (r for e in declared for r in cluster_endpoint_reads(environment, e, actual))
    yield from unanswered(actual, wanted)


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every difference of every declared endpoint to a cluster, and what its debts come to."""
    return [
        finding(_NAME, endpoint.id, item, owned=endpoint.owned)
        for endpoint in _declared(environment)
        for item in judge(environment, endpoint, actual)
    ]


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per endpoint: replace it, create it, or write its zone group and records."""
    return endpoint_units(_NAME, _declared(environment), environment, actual, findings)


REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.ContainerService/managedClusters/start/action",
        "Microsoft.ContainerService/managedClusters/stop/action",
        "Microsoft.ContainerService/managedClusters/write",
        "Microsoft.ContainerService/managedClusters/delete",
        "Microsoft.ContainerService/managedClusters/privateEndpointConnections/write",
        "Microsoft.ContainerService/managedClusters/privateEndpointConnections/delete",
        "Microsoft.Network/privateEndpoints/write",
        "Microsoft.Network/privateEndpoints/delete",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/delete",
        "Microsoft.Network/privateDnsZones/write",
        "Microsoft.Network/privateDnsZones/delete",
        "Microsoft.Network/privateDnsZones/A/write",
        "Microsoft.Network/privateDnsZones/A/delete",
    ),
    permissions=(
        "Microsoft.Network/privateEndpoints/write",
        "Microsoft.Network/privateEndpoints/delete",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write",
        "Microsoft.Network/privateDnsZones/join/action",
        "Microsoft.Network/privateDnsZones/A/write",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
        "Microsoft.ContainerService/managedClusters/privateEndpointConnectionsApproval/action",
    ),
    read_permissions=(
        "Microsoft.ContainerService/managedClusters/read",
        "Microsoft.ContainerService/managedClusters/privateLinkResources/read",
        "Microsoft.ContainerService/managedClusters/privateEndpointConnections/read",
        "Microsoft.Network/privateEndpoints/read",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/read",
        "Microsoft.Network/networkInterfaces/read",
        "Microsoft.Network/privateDnsZones/read",
        "Microsoft.Network/privateDnsZones/A/read",
        "Microsoft.Network/virtualNetworks/read",
        "Microsoft.Network/virtualNetworks/subnets/read",
        "Microsoft.Insights/eventtypes/values/read",
        "Microsoft.Authorization/locks/read",
        "Microsoft.Authorization/permissions/read",
        # What hangs on an endpoint that is to be replaced.
        "Microsoft.Insights/diagnosticSettings/read",
        "Microsoft.Authorization/roleAssignments/read",
    ),
    reads=reads,
    detect=detect,
    plan=plan,
    reasons={**endpoints.REASONS, **cluster_endpoints.REASONS, **restarting.REASONS},
)
