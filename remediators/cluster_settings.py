"""Owns what Azure ML requires of an AKS cluster itself: reported, never written.

A cluster takes a PUT of everything only, so a person changes it with a command. Read is the cluster,
which others read anyway, and its network where that is declared. Arc clusters have no such
settings; what is installed on a cluster is ``cluster_extension``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.arm import ClusterView, provisioning_state
from shared.model.environment import Cluster, Environment
from shared.model.finding import Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.remediation import sources
from shared.remediation.commands import az, az_make_private
from shared.remediation.differences import (
    Difference,
    finding,
    get,
    held,
    unanswered,
    unread,
    unsettled,
)
from shared.remediation.reporting import no_units, reported
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "cluster_settings"
_ACCESS: Final = "properties.apiServerAccessProfile"
_NETWORK: Final = "properties.networkProfile"


def _declared(environment: Environment) -> tuple[Cluster, ...]:
    found = (cluster for cluster in environment.clusters if cluster.is_aks)
    return tuple(sorted(found, key=lambda cluster: cluster.id))


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Clusters declared private, and the declared networks of clusters that somebody read."""
    wanted = (read for c in _declared(environment) for read in _reads(environment, c, actual))
    yield from unanswered(actual, wanted)


def _reads(environment: Environment, cluster: Cluster, actual: Actual) -> Iterator[Read]:
    if cluster.private is not None:
        yield get(cluster.id)
        yield from (get(network) for network in _networks(environment, cluster, actual))


def _networks(environment: Environment, cluster: Cluster, actual: Actual) -> tuple[ResourceId, ...]:
    """The declared networks that the cluster's nodes lie in."""
    found = ClusterView.of(actual.body(cluster.id) or {}).node_networks
    return tuple(sorted(n.id for n in environment.virtual_networks if n.id in found))


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every setting that Azure ML does not work with, of every cluster that was read."""
    return [
        finding(_NAME, cluster.id, item, owned=cluster.owned)
        for cluster in _declared(environment)
        for item in _differences(environment, cluster, actual)
    ]


def _differences(
    environment: Environment, cluster: Cluster, actual: Actual
) -> Iterator[Difference]:
    match actual.answer(cluster.id):
        case Found(body=body):
            yield from _of_state(cluster, body)
            yield from _of_access(cluster, body)
            yield from _of_identity(cluster, body)
            yield from _of_place(environment, cluster, body, actual)
            yield from _of_ranges(environment, cluster, body, actual)
        case Absent() if cluster.private is not None:
            seen = Evidence("cluster", "none (404)", "one as declared")
            yield reported("ClusterGone", seen, why="ResourceGone")
        case Unreadable() as answer if cluster.private is not None:
            yield held(Difference("ClusterUnreadable", ()), unread("cluster", answer))
        case _:
            return


def _of_state(cluster: Cluster, body: JsonObject) -> Iterator[Difference]:
    """What Azure is at work on is no matter of settings; what it gave up is a person's."""
    state = provisioning_state(body)
    if phase(state) is Phase.BAD:
        seen = Evidence("provisioningState", state, "succeeded")
        yield reported("ClusterFailed", seen, command=az("aks update", cluster.id))
    if phase(state) is Phase.UNKNOWN:
        yield from unsettled("ClusterUnsettled", state)


def _of_access(cluster: Cluster, body: JsonObject) -> Iterator[Difference]:
    private = dig(body, f"{_ACCESS}.enablePrivateCluster") is True
    integrated = dig(body, f"{_ACCESS}.enableVnetIntegration") is True or cluster.vnet_integration
    if cluster.private and not private:
        seen = Evidence("enablePrivateCluster", "false", "true")
        yield reported(
            "ClusterPublic", seen, command=az_make_private(cluster.id, integrated=integrated)
        )
    if cluster.private is False and private:
        seen = Evidence("enablePrivateCluster", "true", "false")
        yield reported("ClusterPrivate", seen, why="ClusterFixed")
    named = dig(body, f"{_ACCESS}.enablePrivateClusterPublicFQDN")
    # Without a private zone the public name is the only one, and Azure refuses to take it away
    # (learn.microsoft.com/azure/aks/private-clusters: "none" needs the public FQDN).
    zoned = str(dig(body, f"{_ACCESS}.privateDNSZone") or "").lower() != "none"
    if private and zoned and not integrated and named is not False:
        found = "absent, which is on" if named is None else "true"
        seen = Evidence("enablePrivateClusterPublicFQDN", found, "false")
        command = az("aks update", cluster.id, "--disable-public-fqdn")
        yield reported("PublicFqdnEnabled", seen, command=command)
    if dig(body, "properties.disableLocalAccounts") is True:
        seen = Evidence("disableLocalAccounts", "true", "false")
        command = az("aks update", cluster.id, "--enable-local-accounts")
        yield reported("LocalAccountsDisabled", seen, command=command)


def _of_identity(cluster: Cluster, body: JsonObject) -> Iterator[Difference]:
    kind = str(dig(body, "identity.type") or "None")
    if kind.lower() == "none":
        client = dig(body, "properties.servicePrincipalProfile.clientId")
        found = f"service principal {client}" if client else "none"
        command = az("aks update", cluster.id, "--enable-managed-identity")
        seen = Evidence("identity", found, "a managed identity")
        yield reported("ServicePrincipalCluster", seen, command=command)


def _of_place(
    environment: Environment, cluster: Cluster, body: JsonObject, actual: Actual
) -> Iterator[Difference]:
    spaces = {c.workspace for c in environment.computes if c.cluster == cluster.id}
    far = [w for w in sorted(spaces) if w.subscription.lower() != cluster.id.subscription.lower()]
    if far:
        wanted = ", ".join(f"{workspace.subscription} of {workspace}" for workspace in far)
        seen = Evidence("subscription", cluster.id.subscription, wanted)
        command = az("connectedk8s connect", cluster.id)
        yield reported("ClusterInOtherSubscription", seen, command=command)
    linked = {endpoint.target for endpoint in environment.private_endpoints}
    here = _region(body)
    there = {
        _region(space): workspace
        for workspace in sorted(spaces & linked)
        if (space := actual.body(workspace)) is not None and _region(space)
    }
    for region, workspace in sorted(there.items()):
        if here and region != here:
            seen = Evidence("location", here, f"{region} of {workspace}, which has an endpoint")
            yield reported("ClusterInOtherRegion", seen, why="ClusterFixed")
            return


def _region(body: JsonObject) -> str:
    return str(dig(body, "location") or "").replace(" ", "").lower()


def _of_ranges(
    environment: Environment, cluster: Cluster, body: JsonObject, actual: Actual
) -> Iterator[Difference]:
    services = _range(dig(body, f"{_NETWORK}.serviceCidr"))
    if services is None:
        return
    clashes = tuple(
        Evidence(f"subnet {name}", f"{taken} overlaps serviceCidr {services}", "no overlap")
        for network in _networks(environment, cluster, actual)
        for name, taken in _subnets(actual.body(network) or {})
        if taken.version == services.version and taken.overlaps(services)
    )
    if clashes:
        yield reported("ServiceCidrOverlaps", *clashes, why="ClusterFixed")
    address = dig(body, f"{_NETWORK}.dnsServiceIP")
    if address and not _inside(str(address), services):
        seen = Evidence("dnsServiceIP", str(address), f"an address inside {services}")
        yield reported("DnsServiceIpOutside", seen, why="ClusterFixed")


def _range(text: object) -> Any:  # noqa: ANN401 - a network of either version, or nothing
    try:
        return ip_network(str(text), strict=False)
    except ValueError:
        return None


def _subnets(network: JsonObject) -> Iterator[tuple[str, Any]]:
    """Each subnet's name with each of its ranges."""
    for subnet in dig(network, "properties.subnets") or ():
        several = dig(subnet, "properties.addressPrefixes") or ()
        for text in {str(dig(subnet, "properties.addressPrefix")), *map(str, several)}:
            taken = _range(text)
            if taken is not None:
                yield str(dig(subnet, "name")), taken


def _inside(address: str, services: Any) -> bool:  # noqa: ANN401 - a network
    try:
        return ip_address(address) in services
    except ValueError:
        return True


REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.ContainerService/managedClusters/write",
        "Microsoft.ContainerService/managedClusters/delete",
    ),
    permissions=(),
    read_permissions=(
        "Microsoft.ContainerService/managedClusters/read",
        "Microsoft.Network/virtualNetworks/read",
    ),
    reads=reads,
    detect=detect,
    plan=no_units,
    reasons={
        "ClusterPublic": Reason(
            "Its API server is public and was declared private.",
            f"{sources.SECURE_INFERENCE}: scenarios of network access",
            Response.REPORTED,
        ),
        "ClusterPrivate": Reason(
            "Its API server is private and was declared public.",
            f"{sources.SECURE_INFERENCE}: scenarios of network access",
            Response.REPORTED,
        ),
        "PublicFqdnEnabled": Reason(
            "A private cluster keeps a public name, which Azure Machine Learning does not support.",
            f"{sources.SECURE_INFERENCE}: limitations",
            Response.REPORTED,
        ),
        "LocalAccountsDisabled": Reason(
            "Its local accounts are off, and a workspace attaches with them.",
            f"{sources.EXTENSION}: prerequisites and limitations",
            Response.REPORTED,
        ),
        "ServicePrincipalCluster": Reason(
            "It runs as a service principal; the extension needs a managed identity.",
            f"{sources.EXTENSION}: prerequisites and limitations",
            Response.REPORTED,
        ),
        "ClusterInOtherRegion": Reason(
            "It lies in another region than a workspace that has a private endpoint.",
            f"{sources.SECURE_INFERENCE}: limitations",
            Response.REPORTED,
        ),
        "ClusterInOtherSubscription": Reason(
            "It lies in another subscription than the workspace; only Arc clusters may.",
            f"{sources.EXTENSION}: prerequisites and limitations",
            Response.REPORTED,
        ),
        "ServiceCidrOverlaps": Reason(
            "The addresses of its services overlap a subnet of its network.",
            f"{sources.VNET_INFERENCE}: Kubernetes service address range",
            Response.REPORTED,
        ),
        "DnsServiceIpOutside": Reason(
            "The address of its DNS service is not among those of its services.",
            f"{sources.VNET_INFERENCE}: Kubernetes DNS service address",
            Response.REPORTED,
        ),
        "ClusterFailed": Reason(
            "Its last operation failed, so Azure does not vouch for it.",
            f"{sources.SECURE_INFERENCE}: scenarios of network access",
            Response.REPORTED,
        ),
        "ClusterUnsettled": Reason(
            "It shows a state that Relink does not know.", sources.RELINK, Response.STATE
        ),
        "ClusterGone": Reason(
            "The declared cluster does not exist.",
            f"{sources.SECURE_INFERENCE}: scenarios of network access",
            Response.REPORTED,
        ),
        "ClusterUnreadable": Reason(
            "It could not be read, so nothing is known of its settings.",
            sources.RELINK,
            Response.STATE,
        ),
    },
)
